//! `haul cache`.

pub(super) mod dir;
pub(super) mod migrate;

use clap::{Args, Subcommand};

use super::{CommandResult, Context};

/// Manage the cache
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    command: CacheCommand,
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    Dir(dir::DirArgs),
    Migrate(migrate::MigrateArgs),
}

impl CacheArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        match self.command {
            CacheCommand::Dir(args) => args.run(context),
            CacheCommand::Migrate(args) => args.run(context),
        }
    }
}
