//! The status of the whole work tree.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::Git;
use crate::{Error, Result};

/// The result of `git status`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkTreeStatus {
    /// Whether any file is staged, changed or, if requested, untracked.
    pub is_dirty: bool,
    /// Untracked files, absolute; none unless they were requested.
    pub untracked: Vec<PathBuf>,
}

impl Git {
    /// Runs `git status`, which takes filters and submodules into account.
    pub fn work_tree_status(&self, with_untracked: bool) -> Result<WorkTreeStatus> {
        let untracked = if with_untracked { "--untracked-files=all" } else { "--untracked-files=no" };
        let output = Command::new("git")
            .args(["--no-optional-locks", "status", "--porcelain=v1", "-z", untracked])
            .current_dir(self.work_dir())
            .stdin(Stdio::null())
            .output()
            .map_err(|source| Error::io("cannot run `git status`", source))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::git("cannot ask Git for the status of the work tree", said));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let untracked = text.split('\0').filter_map(|line| line.strip_prefix("?? "));
        let untracked = untracked.map(|path| self.work_dir().join(path)).collect();
        Ok(WorkTreeStatus { is_dirty: !text.is_empty(), untracked })
    }
}
