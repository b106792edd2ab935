//! `status -c`: what differs between the cache and a remote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures::StreamExt;
use haul_storage::progress::Observer;
use haul_storage::transfer::{self, ObjectState, RequestCounts, TransferMode, TransferOptions};
use haul_storage::{CancellationToken, Layout, Oid};

use super::collect::{self, Purpose, Request};
use super::session::Stores;
use super::versioned;
use crate::git::RevisionSet;
use crate::ops::Failure;
use crate::{LockWait, Repo, Result, SelectOptions};

/// What to compare.
#[derive(Debug, Clone, Default)]
pub struct CloudStatusOptions {
    /// Which outs.
    pub select: SelectOptions,
    /// Revisions besides the workspace.
    pub revisions: RevisionSet,
    /// The remote; else the default one.
    pub remote: Option<String>,
    /// Requests under way at once.
    pub jobs: Option<usize>,
    /// How long to wait while another command reads or writes metafiles.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// How an object differs, in the order in which it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloudState {
    /// On the remote, not in the cache; of a cloud-versioned remote: recorded, and not there any more.
    Deleted,
    /// In the cache, not on the remote.
    New,
    /// Nowhere.
    Missing,
    /// On a cloud-versioned remote: a newer version has taken the place of the recorded one.
    Modified,
}

impl CloudState {
    /// Returns DVC's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Deleted => "deleted",
            Self::Missing => "missing",
            Self::Modified => "modified",
        }
    }
}

/// One object that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudStatusEntry {
    /// The path as DVC shows it.
    pub path: String,
    /// The object.
    pub oid: Oid,
    /// How it differs.
    pub state: CloudState,
}

/// What differs.
#[derive(Debug, Default)]
pub struct CloudStatusReport {
    /// The name of the remote.
    pub remote: String,
    /// Objects that differ, by path.
    pub entries: Vec<CloudStatusEntry>,
    /// Objects on the remote that are damaged: path and name.
    pub damaged: Vec<(String, Oid)>,
    /// Manifests that could not be read.
    pub failed: Vec<Failure>,
    /// Sentences for the user.
    pub warnings: Vec<String>,
    /// What it cost.
    pub requests: RequestCounts,
}

/// Looks which objects are in the cache and which on the remote. Manifests the cache lacks are fetched.
pub async fn cloud_status(
    repo: &Repo,
    options: &CloudStatusOptions,
    observer: &dyn Observer,
) -> Result<CloudStatusReport> {
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let request = Request {
        purpose: Purpose::Compare,
        select: &options.select,
        revisions: options.revisions,
        remote: options.remote.as_deref(),
        max_size_bytes: None,
        wait: options.wait,
    };
    let collected = collect::collect(&session, &request)?;
    let failed = Mutex::new(collected.failed);
    let mut report = CloudStatusReport { warnings: collected.warnings, ..CloudStatusReport::default() };
    for batch in &collected.batches {
        let transfer_options = TransferOptions {
            jobs: options.jobs.or(batch.jobs),
            check: batch.check,
            mode: TransferMode::DryRun,
            cancel: options.cancel.clone(),
            ..TransferOptions::default()
        };
        let on_failure = |failure| failed.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
        // The answer is by object; a person wants paths, all of them.
        let paths: Mutex<BTreeMap<String, BTreeSet<(Layout, Oid)>>> = Mutex::default();
        let groups = collect::groups(session, batch, &on_failure).inspect(|group| {
            if let Ok(group) = group {
                let mut paths = paths.lock().unwrap_or_else(PoisonError::into_inner);
                for member in group.directory.iter().chain(&group.members) {
                    let objects = paths.entry(member.path.to_string()).or_default();
                    objects.insert((group.layout, member.oid));
                }
            }
        });
        let compared =
            transfer::compare(session.cache, &batch.odb, groups.boxed(), &transfer_options, observer).await?;
        for (path, objects) in paths.into_inner().unwrap_or_else(PoisonError::into_inner) {
            // A path has an object in each revision; as in DVC there is one line for it, of what matters most.
            let entries = objects.into_iter().filter_map(|(layout, oid)| {
                let state = match compared.state(layout, &oid) {
                    ObjectState::Both => return None,
                    ObjectState::CacheOnly => CloudState::New,
                    ObjectState::RemoteOnly => CloudState::Deleted,
                    ObjectState::Missing => CloudState::Missing,
                };
                Some(CloudStatusEntry { path: path.clone(), oid, state })
            });
            report.entries.extend(entries.max_by_key(|entry| entry.state));
        }
        report.damaged.extend(compared.damaged.into_iter().map(|object| (object.path.into(), object.oid)));
        report.requests = compared.requests;
        report.remote.clone_from(&batch.remote);
    }
    report.failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    for batch in &collected.versioned {
        let (entries, failed, requests) = versioned::compare(&session, batch, options.jobs).await?;
        report.entries.extend(entries);
        report.failed.extend(failed);
        report.requests += requests;
        report.remote.clone_from(&batch.remote);
    }
    Ok(report)
}
