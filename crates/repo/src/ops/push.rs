//! `push`: send what the remotes lack.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use haul_storage::progress::Observer;
use haul_storage::transfer::{self, DirTrust, RemoteCheck, TransferMode, TransferOptions, TransferReport};
use haul_storage::{CancellationToken, ErrorKind};

use super::collect::{self, Item, Parts, Purpose, Request, SkippedOut};
use super::run_cache::{self, Way};
use super::session::Stores;
use super::versioned;
use crate::git::RevisionSet;
use crate::ops::Failure;
use crate::{LockWait, Repo, Result, SelectOptions, TransferLock};

/// What to push, and how.
#[derive(Debug, Clone, Default)]
pub struct PushOptions {
    /// Which outs.
    pub select: SelectOptions,
    /// Revisions besides the workspace.
    pub revisions: RevisionSet,
    /// The remote (`-r`); outs that are bound to another one are passed over. Else each out's own remote,
    /// else the default one.
    pub remote: Option<String>,
    /// Requests under way at once (`-j`).
    pub jobs: Option<usize>,
    /// Send what the run cache has, too (`--run-cache`).
    pub run_cache: bool,
    /// Transfer or plan.
    pub mode: TransferMode,
    /// Believe that a directory's files are on the remote if its manifest is, as DVC does.
    pub trust_dir: bool,
    /// How far the remote is trusted to hold what it says.
    pub remote_check: RemoteCheck,
    /// How long to wait while unused objects are deleted, or another command reads or writes metafiles.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// What went to one remote.
#[derive(Debug)]
pub struct RemotePush {
    /// The name of the remote.
    pub remote: String,
    /// Where it is, as `s3://bucket/prefix`.
    pub location: String,
    /// What was sent, and what was not.
    pub transfer: TransferReport,
    /// Metafiles in which new versions were recorded (cloud-versioned remotes); absolute.
    pub recorded: Vec<PathBuf>,
}

/// What was pushed.
#[derive(Debug, Default)]
pub struct PushReport {
    /// Each remote that was used.
    pub remotes: Vec<RemotePush>,
    /// Outs that could not be taken part: a manifest that is nowhere or bad, an unknown revision.
    pub failed: Vec<Failure>,
    /// Outs that were asked for, and that took no part.
    pub skipped: Vec<SkippedOut>,
    /// Number of outs that took part.
    pub n_outs: usize,
    /// Number of runs that were sent.
    pub n_runs: u64,
    /// Sentences for the user.
    pub warnings: Vec<String>,
}

impl PushReport {
    /// Returns the number of objects that were sent.
    pub fn n_pushed(&self) -> u64 {
        self.remotes.iter().map(|remote| remote.transfer.n_transferred).sum::<u64>() + self.n_runs
    }

    /// Tells that everything that was asked for is on the remotes.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.remotes.iter().all(|remote| remote.transfer.is_complete())
    }
}

/// Sends the objects of the selected outs to their remotes.
pub async fn push(repo: &Repo, options: &PushOptions, observer: &dyn Observer) -> Result<PushReport> {
    let stores = Stores::for_mode(repo, options.mode);
    let session = stores.session(repo, observer, &options.cancel);
    let takes_lock = options.mode == TransferMode::Execute;
    let share = || TransferLock::share(session.memo.dir(), options.wait, &options.cancel);
    let _share = takes_lock.then(share).transpose()?;
    let n_runs = if options.run_cache {
        let remote = options.remote.as_deref();
        run_cache::transfer(&session, remote, options.jobs, Way::Push, options.mode).await?.n_runs
    } else {
        0
    };
    let request = Request {
        purpose: Purpose::Push,
        select: &options.select,
        revisions: options.revisions,
        remote: options.remote.as_deref(),
        max_size_bytes: None,
        kinds: &[],
        wait: options.wait,
    };
    let collected = collect::collect(&session, &request)?;
    let n_outs = collected.n_outs();
    let failed = Mutex::new(collected.failed);
    let parts = Parts::default();
    let mut report = PushReport {
        warnings: collected.warnings,
        skipped: collected.skipped,
        n_outs,
        n_runs,
        ..PushReport::default()
    };
    let is_one_of_many = collected.batches.len() + collected.versioned.len() > 1;
    for batch in &collected.batches {
        let transfer_options = TransferOptions {
            jobs: options.jobs.or(batch.jobs),
            check: batch.check,
            mode: options.mode,
            dir_trust: if options.trust_dir { DirTrust::TrustDir } else { DirTrust::CheckMembers },
            remote_check: options.remote_check,
            state_dir: Some(session.memo.dir().to_owned()),
            cancel: options.cancel.clone(),
            ..TransferOptions::default()
        };
        let on_failure =
            |_: &Item, failure| failed.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
        let groups = collect::groups(session, batch, &parts, &on_failure);
        let transfer = transfer::push(session.cache, &batch.odb, groups, &transfer_options, observer).await;
        let transfer = match transfer {
            Ok(transfer) => transfer,
            // The other remotes may well be reached.
            Err(error) if is_one_of_many && error.kind() != ErrorKind::Interrupted => {
                let failure = Failure { subject: batch.remote.clone(), path: None, error: error.into() };
                failed.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let location = batch.odb.location().to_owned();
        let remote = batch.remote.clone();
        report.remotes.push(RemotePush { remote, location, transfer, recorded: Vec::new() });
    }
    report.failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.failed.extend(parts.into_failures());
    for batch in &collected.versioned {
        let transfer_options = TransferOptions {
            jobs: options.jobs.or(batch.jobs),
            mode: options.mode,
            remote_check: options.remote_check,
            state_dir: Some(session.memo.dir().to_owned()),
            cancel: options.cancel.clone(),
            ..TransferOptions::default()
        };
        let versioned::Pushed { transfer, recorded, failed } =
            versioned::push(&session, batch, &transfer_options).await?;
        report.failed.extend(failed);
        let (remote, location) = (batch.remote.clone(), batch.store.location().to_owned());
        report.remotes.push(RemotePush { remote, location, transfer, recorded });
    }
    Ok(report)
}
