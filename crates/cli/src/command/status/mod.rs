//! `haul status`.

mod cloud;
mod local;

use clap::Args;
use haul_repo::ops::{CloudStatusOptions, StatusOptions};

use super::select::{RemoteArgs, RevisionArgs, SelectArgs};
use super::{CommandResult, Context};
use crate::command_error::Verb;

/// Show what changed in the workspace, or what a remote lacks
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Compare the cache with a remote
    #[arg(short, long)]
    cloud: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    revisions: RevisionArgs,
    /// Do not look for newer versions of imported data
    #[arg(long)]
    no_updates: bool,
    #[command(flatten)]
    select: SelectArgs,
}

impl StatusArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let select = self.select.into_options(false);
        if self.cloud || self.remote.remote.is_some() {
            let options = CloudStatusOptions {
                select,
                revisions: self.revisions.set(),
                remote: self.remote.name(),
                jobs: self.remote.n_jobs(),
                wait: context.lock_wait(),
                cancel: context.cancellation(),
            };
            return cloud::run(context, &repo, &options);
        }
        let mut meaningless = self.revisions.given();
        if self.remote.n_jobs().is_some() {
            meaningless.push("--jobs");
        }
        if !meaningless.is_empty() {
            return Err(Verb::STATUS.failure(format!(
                "The following options are meaningless for local status: {}",
                meaningless.join(", ")
            )));
        }
        let options = StatusOptions {
            select,
            no_updates: self.no_updates,
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        local::run(context, &repo, &options)
    }
}

/// Formats a state as DVC does: a column of 20.
fn column(state: &str) -> String {
    format!("{:<20}", format!("{state}:"))
}
