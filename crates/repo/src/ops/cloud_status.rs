//! `status -c`: what differs between the cache and a remote.

use haul_storage::progress::Observer;
use haul_storage::transfer::RequestCounts;
use haul_storage::{CancellationToken, Oid};

use crate::git::RevisionSet;
use crate::ops::Failure;
use crate::{Repo, Result, SelectOptions};

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
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// How an object differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloudState {
    /// In the cache, not on the remote.
    New,
    /// On the remote, not in the cache.
    Deleted,
    /// Nowhere.
    Missing,
}

impl CloudState {
    /// Returns DVC's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Deleted => "deleted",
            Self::Missing => "missing",
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
    let _ = (repo, options, observer);
    unimplemented!()
}
