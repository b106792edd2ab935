//! Finds and opens a repository.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use haul_config::atomic::sweep;
use haul_config::{Config, ConfigPaths, ConfigStack, Env};
use haul_storage::{CancellationToken, Contact};

use crate::git::{Git, gitignore};
use crate::identity::physical;
use crate::ignore::IgnoreRules;
use crate::paths::{normalize, relative};
use crate::workspace::lock::{LockWait, PathLocks, RepoLock, if_writable};
use crate::workspace::state::state_dir;
use crate::{Error, Result};

/// The name of the directory that makes its parent a DVC repository.
pub const DVC_DIR: &str = ".dvc";

/// The entries of `.dvc` that Git must ignore.
pub(crate) const GIT_IGNORED: [&str; 3] = ["config.local", "tmp", "cache"];

/// An open DVC repository.
#[derive(Debug)]
pub struct Repo {
    root: PathBuf,
    dvc_dir: PathBuf,
    current_dir: PathBuf,
    cache_dir: PathBuf,
    env: Env,
    config: Config,
    git: OnceLock<Option<Git>>,
    ignore: OnceLock<Arc<IgnoreRules>>,
    contact: Contact,
    cancel: CancellationToken,
    waits_for_disk: bool,
}

impl Repo {
    /// Opens the repository that contains the working directory of `env`. Parents are searched up to the root of the file
    /// system or a mount point.
    ///
    /// # Errors
    ///
    /// [`Error::NotARepository`] in DVC's words; [`Error::Config`] if its configuration is invalid.
    pub fn discover(env: &Env) -> Result<Self> {
        Self::open(&find_root(env.current_dir())?, env)
    }

    /// Opens the repository whose root is `root`. Creates `.dvc/tmp`, and adds missing entries to `.dvc/.gitignore`.
    pub fn open(root: &Path, env: &Env) -> Result<Self> {
        // As in DVC, links are resolved, so that a directory with two paths is one repository with one set of locks.
        let root = normalize(&physical(&env.absolute(root)));
        let dvc_dir = root.join(DVC_DIR);
        if !dvc_dir.is_dir() {
            return Err(Error::NotARepository(format!("`{}` is not a DVC repository", root.display())));
        }
        let config = ConfigStack::load(&ConfigPaths::new(env, Some(&dvc_dir)), env)?.config()?;
        if config.core.hardlink_lock.value {
            // Deviation: haul refuses a repository with `core.hardlink_lock`. DVC's hardlink lock is a lease that a killed
            // process keeps for 365 days, and it does not exclude clients that take the usual `flock`.
            return Err(Error::Locked(format!(
                "`core.hardlink_lock` is set ({}), which haul does not support; unset it with `haul config --unset \
                 core.hardlink_lock` in every checkout that shares this repository",
                config.core.hardlink_lock.origin
            )));
        }
        let repo = Self::assemble(root, env, config)?;
        let made = fs_err::create_dir_all(repo.tmp_dir());
        let made = made.map_err(|source| Error::io("cannot open the repository", source));
        // What only looks can do without; what writes says so itself.
        if_writable(made.and_then(|()| repo.hide_private_files()))?;
        Ok(repo)
    }

    /// Makes a repository without writing anything; `root` is absolute and normal, and need not have a `.dvc`.
    pub(crate) fn assemble(root: PathBuf, env: &Env, config: Config) -> Result<Self> {
        let dvc_dir = root.join(DVC_DIR);
        let cache_dir =
            config.cache.dir.as_ref().map_or_else(|| dvc_dir.join("cache"), |dir| dir.value.clone());
        Ok(Self {
            waits_for_disk: env.waits_for_disk()?,
            dvc_dir,
            current_dir: normalize(&physical(env.current_dir())),
            cache_dir,
            env: env.clone(),
            config,
            git: OnceLock::new(),
            ignore: OnceLock::new(),
            contact: Contact::default(),
            cancel: CancellationToken::new(),
            root,
        })
    }

    /// Lets remotes ask a person, and tell a person what they wait for.
    #[must_use]
    pub fn with_contact(mut self, contact: Contact) -> Self {
        self.contact = contact;
        self
    }

    /// Sets a token that ends waits for locks.
    #[must_use]
    pub fn with_cancellation(mut self, cancel: CancellationToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// Returns how remotes reach the person who waits for them.
    pub(crate) fn contact(&self) -> &Contact {
        &self.contact
    }

    /// Returns the directory that contains `.dvc`; absolute and normal.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the `.dvc` directory.
    pub fn dvc_dir(&self) -> &Path {
        &self.dvc_dir
    }

    /// Returns `.dvc/tmp`, which exists.
    pub fn tmp_dir(&self) -> PathBuf {
        self.dvc_dir.join("tmp")
    }

    /// Returns the root of the local cache (`cache.dir`); objects are below its `files/md5`.
    pub fn cache_dir(&self) -> &Path {
        &self.cache_dir
    }

    /// Returns the environment the repository was opened with.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Returns whether to wait until the disk has the written files (`HAUL_DURABILITY`).
    pub fn waits_for_disk(&self) -> bool {
        self.waits_for_disk
    }

    /// Returns the validated configuration of all levels.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the Git repository that contains this one; `None` if there is none or `core.no_scm` is set.
    ///
    /// Deviation: DVC refuses to work in a directory without Git unless `core.no_scm` is set; haul works, so that the user can
    /// reach the data in a copy of a repository without its `.git`.
    pub fn git(&self) -> Option<&Git> {
        let open = || {
            if self.config.core.no_scm.value {
                return None;
            }
            Git::discover(&self.root).unwrap_or_else(|error| {
                tracing::warn!(%error, source = error.source_text(), "continuing without Git");
                None
            })
        };
        self.git.get_or_init(open).as_ref()
    }

    /// Fails if there is no Git repository to read commits from; with `core.no_scm` set there is none to be read.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRevision`].
    pub(crate) fn require_git(&self) -> Result<()> {
        if self.config.core.no_scm.value || self.git().is_some() {
            return Ok(());
        }
        Err(Error::UnknownRevision(format!(
            "there is no Git repository that can be read around `{}`, so it is not known what its commits use",
            self.root.display()
        )))
    }

    /// Returns the rules of `.dvcignore`, read on demand and kept.
    pub fn ignore(&self) -> &Arc<IgnoreRules> {
        self.ignore.get_or_init(|| Arc::new(IgnoreRules::new(&self.root)))
    }

    /// Takes the lock of the repository, as DVC does for every command that reads or writes metafiles, and removes the
    /// temporary files of killed processes in `.dvc/tmp`.
    pub fn lock(&self, wait: LockWait) -> Result<RepoLock> {
        if !self.tmp_dir().is_dir() {
            // It could not be made when the repository was opened; now the reason counts.
            fs_err::create_dir_all(self.tmp_dir())
                .map_err(|source| Error::io("cannot take the lock of the repository", source))?;
        }
        let lock = RepoLock::acquire(&self.tmp_dir().join("lock"), wait, &self.cancel)?;
        for folder in [self.tmp_dir(), state_dir(&self.tmp_dir())] {
            sweep(&folder, SystemTime::now());
        }
        Ok(lock)
    }

    /// Takes the lock of the repository for a command that changes nothing, if the file of the lock can be written.
    pub(crate) fn lock_to_look(&self, wait: LockWait) -> Result<Option<RepoLock>> {
        if_writable(self.lock(wait))
    }

    /// Fails if another process, such as a running stage of DVC, works on one of these files and directories, so that they
    /// must not be read or written. The caller holds the lock of the repository. Returns a warning for the user if the
    /// table of these processes is invalid.
    pub fn refuse_busy_paths(&self, read: &[PathBuf], write: &[PathBuf]) -> Result<Option<String>> {
        let folder = self.tmp_dir();
        let shown = self.display_path(&folder.join("rwlock"));
        let (read, write) = (self.both_spellings(read), self.both_spellings(write));
        PathLocks { folder: &folder, shown: &shown }.refuse_busy(&read, &write, &self.cancel)
    }

    /// Returns the paths and their identities: DVC locks the paths as metafiles spell them.
    fn both_spellings(&self, paths: &[PathBuf]) -> Vec<PathBuf> {
        let spelled = paths.iter().flat_map(|path| [path.clone(), self.identify(path)]);
        let mut seen = HashSet::new();
        spelled.filter(|path| seen.insert(path.clone())).collect()
    }

    /// Returns the working directory; absolute and normal.
    pub fn current_dir(&self) -> &Path {
        &self.current_dir
    }

    /// Makes a path the user typed absolute and normal; it is relative to the working directory.
    pub fn absolute(&self, path: impl AsRef<Path>) -> PathBuf {
        normalize(&self.current_dir.join(path))
    }

    /// Returns `path` relative to the working directory, as DVC shows it in messages.
    pub fn display_path(&self, path: &Path) -> String {
        relative(path, &self.current_dir).display().to_string()
    }

    /// Returns `path` below the root; `None` outside of the repository.
    pub fn relative<'path>(&self, path: &'path Path) -> Option<&'path Path> {
        path.strip_prefix(&self.root).ok()
    }

    /// Adds the private entries of `.dvc` to its `.gitignore`, as DVC does whenever it opens a repository.
    fn hide_private_files(&self) -> Result<()> {
        let written = fs_err::read_to_string(self.dvc_dir.join(".gitignore")).unwrap_or_default();
        let is_missing = |name: &&&str| !written.lines().any(|line| line.strip_prefix('/') == Some(**name));
        let missing: Vec<&&str> = GIT_IGNORED.iter().filter(is_missing).collect();
        if let (false, Some(git)) = (missing.is_empty(), self.git()) {
            for name in missing {
                gitignore::ignore(git, &self.dvc_dir.join(name))?;
            }
        }
        Ok(())
    }
}

/// Finds the root of the repository that contains `directory`.
///
/// # Errors
///
/// [`Error::NotARepository`] in DVC's words.
pub fn find_root(directory: &Path) -> Result<PathBuf> {
    let directory = normalize(directory);
    if !directory.is_dir() {
        return Err(Error::NotARepository(format!("directory '{}' does not exist", directory.display())));
    }
    let mut root = directory.as_path();
    loop {
        if root.join(DVC_DIR).is_dir() {
            return Ok(root.to_owned());
        }
        match root.parent() {
            Some(parent) if !is_mount_point(root, parent) => root = parent,
            _ => break,
        }
    }
    Err(Error::NotARepository(format!(
        "you are not inside of a DVC repository (checked up to mount point '{}')",
        root.display()
    )))
}

/// Returns whether another file system begins at `folder`.
#[cfg(unix)]
fn is_mount_point(folder: &Path, parent: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs_err::symlink_metadata(folder), fs_err::metadata(parent)) {
        (Ok(folder), Ok(parent)) => !folder.is_symlink() && folder.dev() != parent.dev(),
        _ => false,
    }
}

/// Returns whether another file system begins at `folder`: never, as only drives are mount points on this platform.
#[cfg(not(unix))]
fn is_mount_point(_folder: &Path, _parent: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_from_a_folder_below() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(folder.path().join("repo/.dvc")).unwrap();
        fs_err::create_dir_all(folder.path().join("repo/a/b")).unwrap();
        assert_eq!(find_root(&folder.path().join("repo/a/b")).unwrap(), folder.path().join("repo"));
        assert_eq!(find_root(&folder.path().join("repo/a/../a")).unwrap(), folder.path().join("repo"));
    }

    #[test]
    fn root_that_is_missing_is_reported_in_the_words_of_dvc() {
        let folder = tempfile::tempdir().unwrap();
        let message = find_root(folder.path()).unwrap_err().to_string();
        assert!(
            message.starts_with("you are not inside of a DVC repository (checked up to mount point '"),
            "{message}"
        );
        let message = find_root(&folder.path().join("nope")).unwrap_err().to_string();
        assert!(message.starts_with("directory '") && message.ends_with("nope' does not exist"), "{message}");
    }
}
