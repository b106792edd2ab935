//! `haul remote default`.

use clap::Args;

use crate::command::level::LevelArgs;
use crate::command::{CommandResult, Context};
use crate::exit::ExitStatus;

/// Show, choose or unset the default remote
#[derive(Debug, Args)]
pub(crate) struct DefaultArgs {
    #[command(flatten)]
    level: LevelArgs,
    /// Unset the default remote
    #[arg(short, long)]
    unset: bool,
    /// Name of the remote
    name: Option<String>,
}

impl DefaultArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let mut stack = context.config_stack()?;
        let level = self.level.to_write();
        let edited = match &self.name {
            // As in DVC, `-u` wins over a name.
            _ if self.unset => stack.unset_default_remote(level)?,
            Some(name) => stack.set_default_remote(level, &name.to_lowercase())?,
            None => {
                let default = stack.default_remote(self.level.asked())?.map(|name| name.value);
                context.printer().line(default.as_deref().unwrap_or("No default remote set"))?;
                let status = if default.is_some() { ExitStatus::Success } else { ExitStatus::Failure };
                return Ok(status);
            }
        };
        context.report_edit(&edited);
        Ok(ExitStatus::Success)
    }
}
