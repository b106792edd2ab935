//! `haul remote remove`.

use clap::Args;

use crate::command::level::LevelArgs;
use crate::command::{CommandResult, Context};
use crate::exit::ExitStatus;

/// Remove a remote; its data stays where it is
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    level: LevelArgs,
    /// Name of the remote
    name: String,
}

impl RemoveArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let mut stack = context.config_stack()?;
        let edited = stack.remove_remote(self.level.to_write(), &self.name.to_lowercase())?;
        context.report_edit(&edited);
        Ok(ExitStatus::Success)
    }
}
