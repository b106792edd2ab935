//! `haul commit`.

use clap::Args;
use haul_repo::ops::{self, CommitOptions};

use super::select::SelectArgs;
use super::{CommandResult, Context, fail};
use crate::command_error::Verb;

/// Record changes of tracked data, and store it in the cache
#[derive(Debug, Args)]
pub(crate) struct CommitArgs {
    /// Commit what changed; without it, changes are refused
    #[arg(short, long)]
    force: bool,
    /// Leave the files as they are, instead of linking them from the cache
    #[arg(long)]
    no_relink: bool,
    /// Pass over stages that have a command
    #[arg(long, hide = true)]
    data_only: bool,
    #[command(flatten)]
    select: SelectArgs,
}

impl CommitArgs {
    /// Deviation: DVC asks about each change on a terminal; haul refuses without `-f`, there as anywhere.
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let select = self.select.into_options(false);
        // DVC takes the targets one by one and so can name the one that failed.
        let operation = match select.targets.as_slice() {
            [target] => format!("failed to commit {target}"),
            _ => String::from("failed to commit"),
        };
        let options = CommitOptions {
            select,
            force: self.force,
            no_relink: self.no_relink,
            data_only: self.data_only,
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let report = context
            .observe(|observer| ops::commit(&repo, &options, observer))
            .map_err(|error| Verb::COMMIT.error(error).while_trying(&operation))?;
        for warning in &report.warnings {
            context.printer().warning(warning);
        }
        fail(Verb::COMMIT, report.failed).map_err(|error| error.while_trying(&operation))
    }
}
