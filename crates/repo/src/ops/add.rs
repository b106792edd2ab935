//! `add`: put files and directories under DVC's control.

use std::path::PathBuf;

use haul_storage::progress::Observer;
use haul_storage::{CancellationToken, Oid};

use crate::ops::Failure;
use crate::{LockWait, Repo, Result};

/// What to add, and how.
#[derive(Debug, Clone, Default)]
pub struct AddOptions {
    /// Files and directories as typed, relative to the working directory.
    pub targets: Vec<String>,
    /// Targets are shell patterns (`--glob`).
    pub glob: bool,
    /// Record the hash and store nothing (`--no-commit`).
    pub no_commit: bool,
    /// Leave the workspace files as they are instead of linking them from the cache (`--no-relink`).
    pub no_relink: bool,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// A target that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedTarget {
    /// The target as typed, or as its pattern gave it.
    pub target: String,
    /// The out that tracks it; a directory above the target for a target inside a tracked directory.
    pub out: PathBuf,
    /// The `.dvc` file.
    pub metafile: PathBuf,
    /// What is recorded now.
    pub oid: Oid,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Number of files.
    pub n_files: u64,
    /// Number of objects that were new to the cache.
    pub n_stored: u64,
    /// Tells that the `.dvc` file changed.
    pub is_changed: bool,
}

/// What was added.
#[derive(Debug, Default)]
pub struct AddReport {
    /// Targets that were added, in the order of the command.
    pub added: Vec<AddedTarget>,
    /// Files that Git should know: `.dvc` files and `.gitignore`s that were written; absolute.
    pub files_to_track: Vec<PathBuf>,
    /// Tells that they were staged in Git (`core.autostage`).
    pub is_staged: bool,
    /// `.dvc` files whose data could not be linked from the cache by any of the configured cache types; the
    /// data is stored and recorded nevertheless.
    pub link_failures: Vec<PathBuf>,
    /// Targets that could not be added.
    pub failed: Vec<Failure>,
    /// Sentences for the user, as `'d' is empty.`
    pub warnings: Vec<String>,
}

/// Hashes and stores targets, writes their `.dvc` files and makes Git ignore the data.
///
/// A target that fails does not stop the others. With [`AddOptions::cancel`] the targets that were finished
/// stay added.
pub fn add(repo: &Repo, options: &AddOptions, observer: &dyn Observer) -> Result<AddReport> {
    let _ = (repo, options, observer);
    unimplemented!()
}
