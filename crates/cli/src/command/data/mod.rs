//! `haul data`.

mod status;

use clap::{Args, Subcommand};

use super::{CommandResult, Context};

/// Look at the data of the repository
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    Status(status::DataStatusArgs),
}

impl DataArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        match self.command {
            DataCommand::Status(args) => args.run(context),
        }
    }
}
