//! The files of a repository, in the workspace or in a commit, as one tree.
//!
//! Paths are relative to the root of the DVC repository, with `/` between names; the root itself is the empty path. A tree
//! does not have the paths that DVC ignores, by `.dvcignore` or by default.

mod commit;
mod workspace;

use std::io::Write;

pub(crate) use commit::CommitTree;
pub(crate) use workspace::WorkspaceTree;

use crate::Result;

/// A file or a directory of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    /// Its name; for the root, the empty name.
    pub(crate) name: String,
    pub(crate) is_dir: bool,
    /// Whether it is a symbolic link, which may form a cycle.
    pub(crate) is_link: bool,
    /// Whether the file is executable.
    pub(crate) is_exec: bool,
    /// The size in bytes that the file system, or Git for its object, reports; also for directories.
    pub(crate) size_bytes: u64,
}

/// The readable files of a repository.
pub(crate) trait Tree: Send + Sync {
    /// Returns the entry at a path; `None` if there is none, or DVC ignores it.
    fn stat(&self, path: &str) -> Result<Option<TreeEntry>>;

    /// Returns the entries of a directory that DVC does not ignore, sorted by name; empty for a path that is not a directory.
    /// Directories that are DVC repositories of their own are left out.
    fn list(&self, directory: &str) -> Result<Vec<TreeEntry>>;

    /// Writes the content of a file to `sink`.
    fn copy(&self, path: &str, sink: &mut dyn Write) -> Result<()>;

    /// Returns whether a directory, which may be the root, is a DVC repository.
    fn is_repository(&self, directory: &str) -> Result<bool>;
}

/// Returns the path of a name in a directory.
pub(crate) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}
