//! `haul remote rename`.

use clap::Args;

use crate::command::level::LevelArgs;
use crate::command::{CommandResult, Context};
use crate::exit::ExitStatus;

/// Rename a remote
#[derive(Debug, Args)]
pub(crate) struct RenameArgs {
    #[command(flatten)]
    level: LevelArgs,
    /// Name of the remote
    name: String,
    /// New name of the remote
    new: String,
}

impl RenameArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let mut stack = context.config_stack()?;
        let edited = stack.rename_remote(self.level.to_write(), &self.name.to_lowercase(), &self.new)?;
        context.report_edit(&edited);
        Ok(ExitStatus::Success)
    }
}
