//! What Git says about a path, without a `git` process.

use std::path::{Path, PathBuf};

use crate::Result;

pub mod gitignore;

/// The Git repository around a DVC repository.
#[derive(Debug)]
pub struct Git {
    work_dir: PathBuf,
}

/// A commit to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its name for messages: a branch, a tag or a commit id.
    pub name: String,
    /// The commit id in hex.
    pub commit: String,
}

/// Which revisions a command looks at besides the workspace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RevisionSet {
    /// `--all-branches`.
    pub all_branches: bool,
    /// `--all-tags`.
    pub all_tags: bool,
    /// `--all-commits`.
    pub all_commits: bool,
}

impl Git {
    /// Opens the Git repository whose work tree holds `directory`.
    pub fn discover(directory: &Path) -> Result<Option<Self>> {
        let _ = directory;
        unimplemented!()
    }

    /// Returns the root of the work tree.
    pub fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    /// Tells whether `path`, or anything below it, is in the index.
    pub fn is_tracked(&self, path: &Path) -> Result<bool> {
        let _ = path;
        unimplemented!()
    }

    /// Tells whether Git ignores `path`.
    pub fn is_ignored(&self, path: &Path, is_dir: bool) -> Result<bool> {
        let _ = (path, is_dir);
        unimplemented!()
    }

    /// Writes files into the index, as `git add` does; paths that are gone are taken out.
    pub fn stage(&self, paths: &[PathBuf]) -> Result<()> {
        let _ = paths;
        unimplemented!()
    }

    /// Lists the revisions of `set`, each commit once.
    pub fn revisions(&self, set: RevisionSet) -> Result<Vec<Revision>> {
        let _ = set;
        unimplemented!()
    }
}
