//! Making a repository.

use std::path::{Path, PathBuf};

use haul_config::Env;

use crate::Result;

/// How to make a repository.
#[derive(Debug, Clone, Copy, Default)]
pub struct InitOptions {
    /// Do without Git.
    pub no_scm: bool,
    /// Below the root of a Git repository.
    pub subdir: bool,
    /// Replace an existing `.dvc`.
    pub force: bool,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct InitReport {
    /// The root of the new repository.
    pub root: PathBuf,
    /// Tells that the new files were staged in Git, so that a commit makes sense now.
    pub staged: bool,
}

/// Makes `directory` a DVC repository and stages its files in Git.
pub fn init(directory: &Path, options: InitOptions, env: &Env) -> Result<InitReport> {
    let _ = (directory, options, env);
    unimplemented!()
}
