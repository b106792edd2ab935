//! The locks of a repository, shared with DVC.

use std::path::{Path, PathBuf};

use crate::Result;

/// How long to wait for a lock somebody else holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LockWait {
    /// Try again every half second, six times, as DVC does.
    #[default]
    Briefly,
    /// Wait for ever (`--wait-for-lock`).
    Forever,
}

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct RepoLock {
    path: PathBuf,
}

impl RepoLock {
    /// Takes the lock at `path` (`.dvc/tmp/lock`).
    pub fn acquire(path: &Path, wait: LockWait) -> Result<Self> {
        let _ = (path, wait);
        unimplemented!()
    }

    /// Returns the file of the lock.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
