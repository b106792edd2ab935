//! `haul pull`.

use clap::Args;
use haul_repo::ops::{self, Failure, FetchOptions, FetchReport, PullOptions};

use super::fetch::transfers;
use super::message::Outcome;
use super::{Direction, ReportArgs, check, hint_of_missing, warn_of_missing, warn_of_skipped};
use crate::command::checkout::{self, Changes};
use crate::command::select::{RemoteArgs, RevisionArgs, RunCacheArgs, SelectArgs};
use crate::command::{CommandResult, Context};
use crate::command_error::{Detail, Verb};
use crate::exit::ExitStatus;

/// Get tracked data from a remote and write it into the workspace
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    revisions: RevisionArgs,
    #[command(flatten)]
    run_cache: RunCacheArgs,
    /// Overwrite and remove files whose content is nowhere else
    #[arg(short, long)]
    force: bool,
    /// Targets are shell patterns
    #[arg(long)]
    glob: bool,
    /// Do not fail because of data that exists nowhere
    #[arg(long)]
    allow_missing: bool,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    select: SelectArgs,
}

impl PullArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let options = PullOptions {
            fetch: FetchOptions {
                revisions: self.revisions.set(),
                remote: self.remote.name(),
                jobs: self.remote.n_jobs(),
                run_cache: self.run_cache.is_wanted(),
                kinds: Vec::new(),
                mode: self.report.mode(),
                max_size_bytes: None,
                select: self.select.into_options(self.glob),
                wait: context.lock_wait(),
                cancel: context.cancellation(),
            },
            force: self.force,
            allow_missing: self.allow_missing,
            wait: context.lock_wait(),
        };
        let report = context
            .observe_async(async |observer| ops::pull(&repo, &options, observer).await)
            .map_err(|error| Verb::PULL.error(error))?;
        let FetchReport { remotes, mut failed, skipped, n_outs, warnings } = report.fetch;
        // Both halves look at the same metafiles.
        let checkout_warnings = report.checkout.iter().flat_map(|checkout| &checkout.warnings);
        let checkout_warnings = checkout_warnings.filter(|warning| !warnings.contains(warning));
        for warning in warnings.iter().chain(checkout_warnings) {
            context.printer().warning(warning);
        }
        warn_of_skipped(context.printer(), &skipped);
        let transfers = transfers(&repo, remotes);
        warn_of_missing(context.printer(), &transfers);
        let changes = report.checkout.as_ref().map(Changes::new);
        let message = Outcome::new(Direction::Down, self.report.dry_run, &transfers, &failed, changes)
            .with_skipped(&skipped, n_outs);
        let pace = message.pace();
        context.printer().show(message)?;
        context.printer().aside(pace.as_deref());
        if report.checkout.is_some() {
            // The checkout says it as well.
            failed.retain(|failure| !matches!(failure.error, haul_repo::Error::TargetNotFound { .. }));
        }
        // What the workspace lacks says more than what the cache lacks.
        if let Some(checkout) = &report.checkout {
            let hint = failed.iter().find_map(|failure| failure.error.hint());
            let hint = hint.unwrap_or_else(|| hint_of_missing(Direction::Down, &transfers));
            checkout::check(checkout, Verb::PULL, &hint).map_err(|error| {
                failed.iter().fold(error, |made, failure| made.with_detail(Detail::of_target(failure)))
            })?;
        }
        let is_only_missing = only_missing(&transfers) && failed.iter().all(Failure::is_missing_data);
        if !(self.allow_missing && is_only_missing) {
            check(Verb::PULL, Direction::Down, &transfers, &failed)?;
        }
        Ok(ExitStatus::Success)
    }
}

/// Tells whether nothing went wrong but that some objects exist nowhere.
fn only_missing(transfers: &[super::RemoteTransfer]) -> bool {
    transfers.iter().all(|transfer| {
        let report = &transfer.report;
        report.failed.is_empty() && report.n_not_tried == 0 && !report.is_interrupted
    })
}
