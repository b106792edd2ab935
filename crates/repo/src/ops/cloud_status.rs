//! `status -c`: what differs between the cache and a remote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures::StreamExt;
use haul_storage::progress::Observer;
use haul_storage::transfer::{self, ObjectState, RequestCounts, TransferMode, TransferOptions};
use haul_storage::{CancellationToken, Layout, Oid};

use super::collect::{self, Item, Parts, Purpose, Request, SkippedOut};
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
    /// The names of the remotes that were looked at.
    pub remotes: Vec<String>,
    /// Objects that differ, by path.
    pub entries: Vec<CloudStatusEntry>,
    /// Objects on a remote that are damaged: path, name and remote.
    pub damaged: Vec<(String, Oid, String)>,
    /// Manifests that could not be read.
    pub failed: Vec<Failure>,
    /// Outs that were asked for, and that took no part.
    pub skipped: Vec<SkippedOut>,
    /// Number of outs that took part.
    pub n_outs: usize,
    /// Sentences for the user.
    pub warnings: Vec<String>,
    /// What it cost.
    pub requests: RequestCounts,
}

/// Looks which objects are in the cache and which on the remotes that a push would send them to. Manifests the cache lacks
/// are fetched.
///
/// Deviation: an out with a `remote` of its own is compared with that one, and an out of a revision with the default remote
/// of that revision. DVC leaves out the former, and looks for the latter on the default remote of the workspace; its `push`
/// then sends what its `status -c` did not see.
pub async fn cloud_status(
    repo: &Repo,
    options: &CloudStatusOptions,
    observer: &dyn Observer,
) -> Result<CloudStatusReport> {
    let stores = Stores::looking(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let request = Request {
        purpose: Purpose::Compare,
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
    let mut report = CloudStatusReport {
        warnings: collected.warnings,
        skipped: collected.skipped,
        n_outs,
        ..CloudStatusReport::default()
    };
    for batch in &collected.batches {
        let transfer_options = TransferOptions {
            jobs: options.jobs.or(batch.jobs),
            check: batch.check,
            mode: TransferMode::DryRun,
            cancel: options.cancel.clone(),
            ..TransferOptions::default()
        };
        let on_failure =
            |_: &Item, failure| failed.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
        // The answer is by object; a person wants paths, all of them.
        let paths: Mutex<BTreeMap<String, BTreeSet<(Layout, Oid)>>> = Mutex::default();
        let groups = collect::groups(session, batch, &parts, &on_failure).inspect(|group| {
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
        report.warnings.extend(compared.damaged_in_cache.iter().map(|path| {
            let path = path.display();
            format!("the copy in the cache is damaged, not the one on the remote: delete `{path}`, then type `haul fetch`")
        }));
        let damaged = compared.damaged.into_iter();
        report.damaged.extend(damaged.map(|object| (object.path.into(), object.oid, batch.remote.clone())));
        report.requests += compared.requests;
        report.remotes.push(batch.remote.clone());
    }
    report.failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.failed.extend(parts.into_failures());
    for batch in &collected.versioned {
        let (entries, failed, requests) = versioned::compare(&session, batch, options.jobs).await?;
        report.entries.extend(entries);
        report.failed.extend(failed);
        report.requests += requests;
        report.remotes.push(batch.remote.clone());
    }
    report.remotes.dedup();
    report.entries = one_for_each_path(report.entries);
    Ok(report)
}

/// Keeps what matters most of each path: revisions may have sent it to several remotes.
fn one_for_each_path(entries: Vec<CloudStatusEntry>) -> Vec<CloudStatusEntry> {
    let mut by_path: BTreeMap<String, CloudStatusEntry> = BTreeMap::new();
    for entry in entries {
        let known = by_path.entry(entry.path.clone()).or_insert_with(|| entry.clone());
        if entry.state > known.state {
            *known = entry;
        }
    }
    by_path.into_values().collect()
}
