//! Finding and opening a repository.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use haul_config::Env;

use crate::git::Git;
use crate::ignore::IgnoreRules;
use crate::lock::{LockWait, RepoLock};
use crate::{Error, Result};

/// The name of the folder that makes a folder a DVC repository.
pub const DVC_DIR: &str = ".dvc";

/// An open DVC repository.
#[derive(Debug)]
pub struct Repo {
    root: PathBuf,
    dvc_dir: PathBuf,
    env: Env,
    cache_dir: PathBuf,
    git: Option<Git>,
    ignore: OnceLock<Arc<IgnoreRules>>,
}

impl Repo {
    /// Opens the repository that holds the working directory of `env`, walking up to the root of the file
    /// system but not across a mount point.
    pub fn discover(env: &Env) -> Result<Self> {
        let _ = env;
        unimplemented!()
    }

    /// Opens the repository whose root is `root`.
    pub fn open(root: &Path, env: &Env) -> Result<Self> {
        let _ = (root, env);
        unimplemented!()
    }

    /// Returns the folder that holds `.dvc`; absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the `.dvc` folder.
    pub fn dvc_dir(&self) -> &Path {
        &self.dvc_dir
    }

    /// Returns `.dvc/tmp`, which exists.
    pub fn tmp_dir(&self) -> PathBuf {
        self.dvc_dir.join("tmp")
    }

    /// Returns the root of the local cache (`cache.dir`); objects lie below `files/md5` of it.
    pub fn cache_dir(&self) -> &Path {
        &self.cache_dir
    }

    /// Returns the environment the repository was opened with.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Returns the Git repository around, unless there is none or `core.no_scm` is set.
    pub fn git(&self) -> Option<&Git> {
        self.git.as_ref()
    }

    /// Returns the rules of `.dvcignore`, read on demand and kept.
    pub fn ignore(&self) -> &Arc<IgnoreRules> {
        self.ignore.get_or_init(|| Arc::new(IgnoreRules::new(&self.root)))
    }

    /// Takes the lock of the repository, as DVC does around every command that reads or writes metafiles.
    pub fn lock(&self, wait: LockWait) -> Result<RepoLock> {
        RepoLock::acquire(&self.tmp_dir().join("lock"), wait)
    }

    /// Returns `path` relative to the working directory, as DVC shows it in messages.
    pub fn display_path(&self, path: &Path) -> String {
        let _ = path;
        unimplemented!()
    }

    /// Returns `path` below the root with `/` between components; `None` outside of the repository.
    pub fn relative<'path>(&self, path: &'path Path) -> Option<&'path Path> {
        path.strip_prefix(&self.root).ok()
    }
}

/// Finds the root of the repository around `directory`.
///
/// # Errors
///
/// [`Error::NotARepository`] in DVC's words.
pub fn find_root(directory: &Path) -> Result<PathBuf, Error> {
    let _ = directory;
    unimplemented!()
}
