//! `haul remote default`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::command::level::LevelArgs;
use crate::command::{CommandResult, Context};
use crate::exit::ExitStatus;
use crate::ui::{Message, OriginLine, Page};

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
                let name = stack.default_remote(self.level.asked())?;
                let status = if name.is_some() { ExitStatus::Success } else { ExitStatus::Failure };
                let origin = name.as_ref().map(|name| (&name.origin).into());
                context.printer().show(DefaultRemote { name: name.map(|name| name.value), origin })?;
                return Ok(status);
            }
        };
        context.report_edit(&edited);
        Ok(ExitStatus::Success)
    }
}

/// The default remote.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::command) struct DefaultRemote {
    /// Its name; null if there is none.
    name: Option<String>,
    /// Where it is set.
    origin: Option<OriginLine>,
}

impl Message for DefaultRemote {
    fn text(&self, page: &mut Page) {
        page.line(self.name.as_deref().unwrap_or("No default remote set"));
    }
}
