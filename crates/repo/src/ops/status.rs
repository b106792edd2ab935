//! `status`: what differs between the workspace and the metafiles.

use haul_storage::CancellationToken;
use haul_storage::progress::Observer;

use crate::ops::Failure;
use crate::{LockWait, Repo, Result, SelectOptions};

/// What to compare.
#[derive(Debug, Clone, Default)]
pub struct StatusOptions {
    /// Which stages.
    pub select: SelectOptions,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// How an out or dependency differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// There is no recorded hash.
    New,
    /// The content is another one.
    Modified,
    /// It is not in the workspace.
    Deleted,
    /// The recorded content is not in the cache.
    NotInCache,
}

impl EntryState {
    /// Returns DVC's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
            Self::NotInCache => "not in cache",
        }
    }
}

/// One out or dependency that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryStatus {
    /// The path as DVC shows it.
    pub path: String,
    /// How it differs.
    pub state: EntryState,
}

/// One stage with differences. DVC's JSON gives each non-empty list under its name: `changed deps`,
/// `changed outs`, then the plain strings `changed checksum`, `changed command` and `always changed`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageStatus {
    /// How DVC addresses the stage: `d.dvc`, `stage`, `sub/dvc.yaml:stage`.
    pub address: String,
    /// Dependencies that differ.
    pub changed_deps: Vec<EntryStatus>,
    /// Outs that differ.
    pub changed_outs: Vec<EntryStatus>,
    /// The checksum of the stage itself is another one.
    pub is_changed_checksum: bool,
    /// The command of a pipeline stage is another one.
    pub is_changed_command: bool,
    /// The stage is marked `always_changed`.
    pub is_always_changed: bool,
}

/// What differs.
#[derive(Debug, Default)]
pub struct StatusReport {
    /// Stages that differ, sorted by address.
    pub stages: Vec<StageStatus>,
    /// Number of stages that were looked at.
    pub n_stages: usize,
    /// Sentences for the user, as the one on frozen imports.
    pub warnings: Vec<String>,
    /// Files that could not be read.
    pub failed: Vec<Failure>,
}

/// Compares workspace, cache and metafiles. Writes nothing but the memo.
pub fn status(repo: &Repo, options: &StatusOptions, observer: &dyn Observer) -> Result<StatusReport> {
    let _ = (repo, options, observer);
    unimplemented!()
}
