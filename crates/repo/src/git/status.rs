//! What Git says of the work tree as a whole.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::Git;
use crate::{Error, Result};

/// What `git status` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkTreeStatus {
    /// Whether anything is staged, changed or, where they were asked for, untracked.
    pub is_dirty: bool,
    /// Untracked files, absolute; none unless they were asked for.
    pub untracked: Vec<PathBuf>,
}

impl Git {
    /// Runs `git status`, which knows about filters, submodules and what else makes a file changed.
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
