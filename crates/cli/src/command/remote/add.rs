//! `haul remote add`.

use clap::Args;
use haul_config::AddRemote;

use crate::command::level::LevelArgs;
use crate::command::{CommandResult, Context};
use crate::exit::ExitStatus;

/// Add a remote
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    level: LevelArgs,
    /// Make it the default remote
    #[arg(short, long)]
    default: bool,
    /// Replace a remote of the same name, with all its options
    #[arg(short, long)]
    force: bool,
    /// Name of the remote
    name: String,
    /// Where the remote is: s3://BUCKET[/KEY], or a folder
    url: String,
}

impl AddArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let name = self.name.to_lowercase();
        let how = AddRemote { force: self.force, default: self.default };
        let edited = context.config_stack()?.add_remote(self.level.to_write(), &name, &self.url, how)?;
        // Deviation: DVC says "Setting … as a default remote" before it has checked anything, also when it then refuses.
        if self.default {
            context.printer().line(format_args!("Setting '{name}' as a default remote."))?;
        }
        context.report_edit(&edited);
        Ok(ExitStatus::Success)
    }
}
