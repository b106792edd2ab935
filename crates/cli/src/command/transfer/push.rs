//! `haul push`.

use clap::Args;
use haul_repo::ops::{self, PushOptions};
use haul_storage::transfer::RemoteCheck;

use super::message::Outcome;
use super::{Direction, RemoteTransfer, ReportArgs, check, warn_of_missing, warn_of_skipped};
use crate::command::select::{RemoteArgs, RevisionArgs, RunCacheArgs, SelectArgs};
use crate::command::{CommandResult, Context};
use crate::command_error::Verb;
use crate::exit::ExitStatus;

/// Send tracked data from the cache to a remote
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    revisions: RevisionArgs,
    #[command(flatten)]
    run_cache: RunCacheArgs,
    /// Targets are shell patterns
    #[arg(long)]
    glob: bool,
    /// Believe that a folder's files are on the remote if its list is, as DVC does: fewer requests, but what
    /// is missing stays missing
    #[arg(long)]
    trust_dir: bool,
    /// Read what is on the remote, and send what is damaged again
    #[arg(long, conflicts_with = "trust_dir")]
    verify: bool,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    select: SelectArgs,
}

impl PushArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let options = PushOptions {
            revisions: self.revisions.set(),
            remote: self.remote.name(),
            jobs: self.remote.n_jobs(),
            run_cache: self.run_cache.is_wanted(),
            mode: self.report.mode(),
            trust_dir: self.trust_dir,
            remote_check: if self.verify { RemoteCheck::Content } else { RemoteCheck::Listing },
            select: self.select.into_options(self.glob),
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let report = context
            .observe_async(async |observer| ops::push(&repo, &options, observer).await)
            .map_err(|error| Verb::PUSH.error(error))?;
        for warning in &report.warnings {
            context.printer().warning(warning);
        }
        warn_of_skipped(context.printer(), &report.skipped);
        let transfers: Vec<RemoteTransfer> = report
            .remotes
            .into_iter()
            .map(|one| RemoteTransfer {
                is_versioned: false,
                remote: one.remote,
                location: one.location,
                report: one.transfer,
                recorded: one.recorded.iter().map(|path| repo.display_path(path)).collect(),
            })
            .collect();
        warn_of_missing(context.printer(), &transfers);
        let message = Outcome::new(Direction::Up, self.report.dry_run, &transfers, &report.failed, None)
            .with_skipped(&report.skipped, report.n_outs)
            .with_runs(report.n_runs);
        let pace = message.pace();
        context.printer().show(message)?;
        context.printer().aside(pace.as_deref());
        check(Verb::PUSH, Direction::Up, &transfers, &report.failed)?;
        Ok(ExitStatus::Success)
    }
}
