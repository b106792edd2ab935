//! `fetch`: get what the cache lacks.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use haul_storage::progress::Observer;
use haul_storage::transfer::{self, DirTrust, RemoteCheck, TransferMode, TransferOptions, TransferReport};
use haul_storage::{Cache, CancellationToken, ErrorKind, Layout, Oid};

use super::collect::{self, Collected, Item, Parts, Request, SkippedOut};
use super::import::{ImportChain, fetch_imports, fetch_repo_imports};
use super::run_cache::{self, Way};
use super::session::{Session, Stores};
use super::versioned;
use crate::git::RevisionSet;
use crate::ops::Failure;
use crate::{LockWait, OutKind, Repo, Result, SelectOptions, TransferLock};

/// What to fetch, and how.
#[derive(Debug, Clone, Default)]
pub struct FetchOptions {
    /// Which outs.
    pub select: SelectOptions,
    /// Revisions besides the workspace.
    pub revisions: RevisionSet,
    /// The remote (`-r`); outs that are bound to another one are passed over. Else each out's own remote,
    /// else the default one.
    pub remote: Option<String>,
    /// Requests under way at once (`-j`).
    pub jobs: Option<usize>,
    /// Get what the run cache of the remote has, too (`--run-cache`).
    pub run_cache: bool,
    /// Only outs of these kinds (`--type`); none means all.
    pub kinds: Vec<OutKind>,
    /// Transfer or plan.
    pub mode: TransferMode,
    /// Pass over outs whose recorded size in bytes is at least this (`--max-size`).
    pub max_size_bytes: Option<u64>,
    /// How long to wait while unused objects are deleted, or another command reads or writes metafiles.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// What came from one remote.
#[derive(Debug)]
pub struct RemoteFetch {
    /// The name of the remote.
    pub remote: String,
    /// Where it is, as `s3://bucket/prefix`.
    pub location: String,
    /// What came, and what did not.
    pub transfer: TransferReport,
}

/// What was fetched.
#[derive(Debug, Default)]
pub struct FetchReport {
    /// Each remote that was used.
    pub remotes: Vec<RemoteFetch>,
    /// Outs whose manifest is nowhere or bad, revisions that could not be read.
    pub failed: Vec<Failure>,
    /// Outs that were asked for, and that took no part.
    pub skipped: Vec<SkippedOut>,
    /// Number of outs that took part.
    pub n_outs: usize,
    /// Sentences for the user.
    pub warnings: Vec<String>,
}

impl FetchReport {
    /// Returns the number of objects that came.
    pub fn n_fetched(&self) -> u64 {
        self.remotes.iter().map(|remote| remote.transfer.n_transferred).sum()
    }

    /// Tells that everything that was asked for is in the cache.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.remotes.iter().all(|remote| remote.transfer.is_complete())
    }
}

/// Gets the objects of the selected outs from their remotes, each verified before it enters the cache.
pub async fn fetch(repo: &Repo, options: &FetchOptions, observer: &dyn Observer) -> Result<FetchReport> {
    let stores = Stores::for_mode(repo, options.mode);
    let session = stores.session(repo, observer, &options.cancel);
    let takes_lock = options.mode == TransferMode::Execute;
    let share = || TransferLock::share(session.memo.dir(), options.wait, &options.cancel);
    let _share = takes_lock.then(share).transpose()?;
    let mut warnings = Vec::new();
    if options.run_cache {
        let remote = options.remote.as_deref();
        let runs = run_cache::transfer(&session, remote, options.jobs, Way::Fetch, options.mode).await?;
        warnings = runs.warnings;
    }
    let mut collected = collect::collect(&session, &Request::of_fetch(options))?;
    collected.warnings.splice(0..0, warnings);
    fetch_collected(session, collected, options, &ImportChain::default()).await
}

/// Gets the objects of outs that were collected; `chain` are the imports that led to them.
pub(super) async fn fetch_collected(
    session: Session<'_>,
    collected: Collected,
    options: &FetchOptions,
    chain: &ImportChain,
) -> Result<FetchReport> {
    let observer = session.observer;
    let n_outs = collected.n_outs();
    let failed = Mutex::new(Vec::new());
    let parts = Parts::default();
    let mut report = FetchReport {
        warnings: collected.warnings,
        skipped: collected.skipped,
        n_outs,
        ..FetchReport::default()
    };
    let is_one_of_many = collected.batches.len() + collected.versioned.len() + collected.imports.len() > 1;
    for batch in &collected.batches {
        let transfer_options = TransferOptions {
            jobs: options.jobs.or(batch.jobs),
            check: batch.check,
            mode: options.mode,
            dir_trust: DirTrust::CheckMembers,
            remote_check: RemoteCheck::Listing,
            state_dir: Some(session.memo.dir().to_owned()),
            cancel: options.cancel.clone(),
            ..TransferOptions::default()
        };
        let on_failure = |item: &Item, failure| {
            let failure = ((item.layout, item.oid), failure);
            failed.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
        };
        let groups = collect::groups(session, batch, &parts, &on_failure);
        let transfer = transfer::fetch(session.cache, &batch.odb, groups, &transfer_options, observer).await;
        let transfer = match transfer {
            Ok(transfer) => transfer,
            // The other remotes may well be reached.
            Err(error) if is_one_of_many && error.kind() != ErrorKind::Interrupted => {
                report.failed.push(Failure {
                    subject: batch.remote.clone(),
                    path: None,
                    error: error.into(),
                });
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let location = batch.odb.location().to_owned();
        let is_ended = transfer.stopped_by.as_ref().is_some_and(ends_run);
        report.remotes.push(RemoteFetch { remote: batch.remote.clone(), location, transfer });
        if is_ended {
            report.failed.extend(collected.failed);
            let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
            report.failed.extend(failed.into_iter().map(|(_, failure)| failure));
            return Ok(report);
        }
    }
    report.failed.extend(collected.failed);
    report.failed.extend(without_those_that_came(
        session.cache,
        &mut report.remotes,
        failed.into_inner().unwrap_or_else(PoisonError::into_inner),
    ));
    report.failed.extend(parts.into_failures());
    for batch in &collected.versioned {
        let transfer_options = TransferOptions {
            jobs: options.jobs.or(batch.jobs),
            check: batch.check,
            mode: options.mode,
            state_dir: Some(session.memo.dir().to_owned()),
            cancel: options.cancel.clone(),
            ..TransferOptions::default()
        };
        let (transfer, failed) = versioned::fetch(&session, batch, &transfer_options).await?;
        report.failed.extend(failed);
        let (remote, location) = (batch.remote.clone(), batch.store.location().to_owned());
        let is_ended = transfer.stopped_by.as_ref().is_some_and(ends_run);
        report.remotes.push(RemoteFetch { remote, location, transfer });
        if is_ended {
            return Ok(report);
        }
    }
    fetch_imports(&session, &collected.imports, options, &mut report).await;
    // A repository may import from another, and that from the next.
    Box::pin(fetch_repo_imports(&session, &collected.repo_imports, options, chain, &mut report)).await;
    Ok(report)
}

/// Forgets what one remote lacks and another one had: revisions may name different remotes for the same data. Returns
/// the failures that remain of those of lists of files.
fn without_those_that_came(
    cache: &Cache,
    remotes: &mut [RemoteFetch],
    failed: Vec<((Layout, Oid), Failure)>,
) -> Vec<Failure> {
    let planned: HashSet<(Layout, Oid)> = remotes
        .iter()
        .flat_map(|remote| &remote.transfer.planned)
        .map(|object| (object.layout, object.oid))
        .collect();
    let is_nowhere = |layout: Layout, oid: Oid| {
        !planned.contains(&(layout, oid)) && !cache.check(layout, &oid).is_ok_and(|size| size.is_some())
    };
    for remote in remotes {
        remote.transfer.missing.retain(|object| is_nowhere(object.layout, object.oid));
    }
    let is_left = |((layout, oid), failure): &((Layout, Oid), Failure)| {
        !failure.is_missing_data() || is_nowhere(*layout, *oid)
    };
    failed.into_iter().filter(is_left).map(|(_, failure)| failure).collect()
}

/// Whether a transfer was ended by the machine, as by a full disk, which no other remote can help.
fn ends_run(error: &haul_storage::Error) -> bool {
    error.kind() == ErrorKind::Unwritable
}
