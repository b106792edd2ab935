//! `haul fetch`.

use clap::{Args, ValueEnum};
use haul_repo::ops::{self, FetchOptions, FetchReport};
use haul_repo::{OutKind, Repo};

use super::message::Outcome;
use super::{Direction, RemoteTransfer, ReportArgs, check, warn_of_missing, warn_of_skipped};
use crate::command::select::{RemoteArgs, RevisionArgs, RunCacheArgs, SelectArgs};
use crate::command::{CommandResult, Context};
use crate::command_error::Verb;
use crate::exit::ExitStatus;

/// Get tracked data from a remote into the cache
#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    revisions: RevisionArgs,
    #[command(flatten)]
    run_cache: RunCacheArgs,
    /// Pass over files and folders of this size or more
    #[arg(long, value_name = "bytes")]
    max_size: Option<u64>,
    /// Only metrics, or only plots; both if given twice
    #[arg(long = "type", value_name = "type")]
    types: Vec<DataType>,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    select: SelectArgs,
}

/// What data is for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DataType {
    Metrics,
    Plots,
}

impl DataType {
    fn kind(self) -> OutKind {
        match self {
            Self::Metrics => OutKind::Metric,
            Self::Plots => OutKind::Plot,
        }
    }
}

impl FetchArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let options = FetchOptions {
            revisions: self.revisions.set(),
            remote: self.remote.name(),
            jobs: self.remote.n_jobs(),
            run_cache: self.run_cache.is_wanted(),
            kinds: self.types.iter().map(|kind| kind.kind()).collect(),
            mode: self.report.mode(),
            max_size_bytes: self.max_size,
            select: self.select.into_options(false),
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let report = context
            .observe_async(async |observer| ops::fetch(&repo, &options, observer).await)
            .map_err(|error| Verb::FETCH.error(error))?;
        for warning in &report.warnings {
            context.printer().warning(warning);
        }
        let FetchReport { remotes, failed, skipped, n_outs, .. } = report;
        warn_of_skipped(context.printer(), &skipped);
        let transfers = transfers(&repo, remotes);
        warn_of_missing(context.printer(), &transfers);
        let message = Outcome::new(Direction::Down, self.report.dry_run, &transfers, &failed, None)
            .with_skipped(&skipped, n_outs);
        let pace = message.pace();
        context.printer().show(message)?;
        context.printer().aside(pace.as_deref());
        check(Verb::FETCH, Direction::Down, &transfers, &failed)?;
        Ok(ExitStatus::Success)
    }
}

pub(super) fn transfers(repo: &Repo, remotes: Vec<ops::RemoteFetch>) -> Vec<RemoteTransfer> {
    let is_versioned =
        |name: &str| repo.config().remote(Some(name)).is_ok_and(|remote| remote.is_cloud_versioned());
    remotes
        .into_iter()
        .map(|one| RemoteTransfer {
            is_versioned: is_versioned(&one.remote),
            remote: one.remote,
            location: one.location,
            report: one.transfer,
            recorded: Vec::new(),
        })
        .collect()
}
