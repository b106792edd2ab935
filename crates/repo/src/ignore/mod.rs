//! Which paths DVC does not see: `.dvcignore`, and what is never seen.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The line that ignores a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreMatch {
    /// As DVC prints it: `.dvcignore:1:*.log`.
    pub rule: String,
    /// Tells whether the rule ignores the path (`false`: a `!` rule brings it back).
    pub is_ignored: bool,
}

/// The ignore rules of a repository. Files are read when their folder is first asked for, and kept.
#[derive(Debug)]
pub struct IgnoreRules {
    root: PathBuf,
}

impl IgnoreRules {
    /// Makes rules for the repository at `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Returns the root of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Tells whether `path` (absolute) is ignored, itself or through a folder above it.
    pub fn is_ignored(&self, path: &Path, is_dir: bool) -> bool {
        let _ = (path, is_dir);
        unimplemented!()
    }

    /// Returns the rules that match `path`; the last one decides.
    pub fn check(&self, path: &Path, is_dir: bool) -> Vec<IgnoreMatch> {
        let _ = (path, is_dir);
        unimplemented!()
    }

    /// Returns the rules for the entries of one folder: the fast way for a walk.
    pub fn folder(&self, folder: &Path) -> FolderRules {
        let _ = folder;
        unimplemented!()
    }
}

/// The rules for the entries of one folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FolderRules {
    _inner: Arc<()>,
}

impl FolderRules {
    /// Tells whether the entry `name` of the folder is ignored.
    pub fn is_ignored(&self, name: &OsStr, is_dir: bool) -> bool {
        let _ = (name, is_dir);
        unimplemented!()
    }
}
