//! `checkout`: make the workspace what the metafiles say.

use std::path::PathBuf;

use haul_storage::CancellationToken;
use haul_storage::progress::Observer;

use crate::ops::Failure;
use crate::{LockWait, Repo, Result, SelectOptions};

/// What to check out, and how.
#[derive(Debug, Clone, Default)]
pub struct CheckoutOptions {
    /// Which outs.
    pub select: SelectOptions,
    /// Overwrite and delete files whose content is nowhere else (`-f`).
    pub force: bool,
    /// Link all files again, by the cache types of now (`--relink`).
    pub relink: bool,
    /// Do not count objects that the cache lacks as a failure (`--allow-missing`).
    pub allow_missing: bool,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// An out that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutChange {
    /// The path, absolute.
    pub path: PathBuf,
    /// The path relative to the working directory, with `/` behind a directory: DVC's form.
    pub display: String,
}

/// Numbers of workspace files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckoutStats {
    /// Files that were replaced.
    pub n_modified: u64,
    /// Files that are new.
    pub n_added: u64,
    /// Files, and untracked outs, that were deleted.
    pub n_deleted: u64,
}

/// An out that is not what it should be.
#[derive(Debug)]
pub struct FailedOut {
    /// The path, absolute.
    pub path: PathBuf,
    /// The path relative to the working directory.
    pub display: String,
    /// Files of the out whose object is not in the cache; paths relative to the working directory.
    pub missing: Vec<String>,
    /// What else went wrong, file by file.
    pub failures: Vec<Failure>,
}

/// What the checkout did. Lists are sorted as DVC sorts them: directories first, then by name.
#[derive(Debug, Default)]
pub struct CheckoutReport {
    /// Outs that are new in the workspace.
    pub added: Vec<OutChange>,
    /// Outs that changed.
    pub modified: Vec<OutChange>,
    /// Outs that are gone, among them those that are tracked no longer.
    pub deleted: Vec<OutChange>,
    /// Numbers of files.
    pub stats: CheckoutStats,
    /// Outs that could not be checked out whole; the files that could be are there.
    pub failed: Vec<FailedOut>,
    /// Number of files linked again without a change of content (`--relink`).
    pub n_relinked: u64,
    /// Sentences for the user.
    pub warnings: Vec<String>,
    /// Tells that the cancellation token stopped it; the same command goes on from there.
    pub is_interrupted: bool,
}

/// Writes the recorded state of outs into the workspace.
///
/// Each file is replaced by a rename, so that a process that is killed leaves the old or the new file.
///
/// # Errors
///
/// [`Error::UnsavedFiles`](crate::Error::UnsavedFiles) before anything is written, if files would be
/// overwritten or deleted whose content is in no cache.
pub fn checkout(repo: &Repo, options: &CheckoutOptions, observer: &dyn Observer) -> Result<CheckoutReport> {
    let _ = (repo, options, observer);
    unimplemented!()
}
