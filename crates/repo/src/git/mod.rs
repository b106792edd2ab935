//! Git's answers about paths, without a `git` process.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gix::bstr::BString;
use gix::index::entry::Mode;

use crate::{Error, Result};

mod command;
pub mod gitignore;
mod history;
mod hooks;
mod names;
mod revision;
mod stage;
mod status;
mod tracked;

pub use command::{add_command, shell_quoted};
pub use history::HistoryOptions;
pub use revision::{Revision, RevisionSet};
pub use status::WorkTreeStatus;
pub(crate) use tracked::TrackedFile;

/// The Git repository around a DVC repository.
pub struct Git {
    repo: gix::ThreadSafeRepository,
    work_dir: PathBuf,
    /// The patterns of the `.gitignore` files, read directory by directory when they are needed.
    excludes: Mutex<Option<gix::worktree::Stack>>,
}

impl Git {
    /// Opens the Git repository whose work tree contains `directory`.
    pub fn discover(directory: &Path) -> Result<Option<Self>> {
        // Opening is cheaper than discovering, and most DVC repositories are at the root of a Git repository.
        let is_root = directory.join(".git").exists();
        let opened = if is_root {
            gix::open(directory).map(gix::Repository::into_sync)
        } else if directory.ancestors().any(|folder| folder.join(".git").exists()) {
            gix::discover(directory).map(gix::Repository::into_sync)
        } else {
            return Ok(None);
        };
        let repo = opened.map_err(|source| {
            Error::git(format!("cannot open the Git repository at `{}`", directory.display()), source)
        })?;
        let Some(work_dir) = repo.to_thread_local().workdir().map(Path::to_owned) else { return Ok(None) };
        // Paths are compared as texts, so the root must be spelled as the caller spells it.
        let work_dir = if is_root { directory.to_owned() } else { spell_like(directory, &work_dir) };
        Ok(Some(Self { repo, work_dir, excludes: Mutex::new(None) }))
    }

    /// Returns another handle on the same repository.
    pub(crate) fn again(&self) -> Self {
        Self { repo: self.repo.clone(), work_dir: self.work_dir.clone(), excludes: Mutex::new(None) }
    }

    /// Opens a bare repository; the files of its commits get paths below `directory`.
    pub(crate) fn open_bare(directory: &Path) -> Result<Self> {
        let repo = gix::open(directory).map_err(|source| {
            Error::git(format!("cannot open the Git repository at `{}`", directory.display()), source)
        })?;
        Ok(Self { repo: repo.into_sync(), work_dir: directory.to_owned(), excludes: Mutex::new(None) })
    }

    /// Returns the root of the work tree.
    pub fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    /// Returns whether the `.gitignore` files (and `info/exclude`, and `core.excludesFile`) match `path` or a parent of it,
    /// tracked or not.
    pub fn is_ignored(&self, path: &Path, is_dir: bool) -> Result<bool> {
        let Some(name) = self.name(path) else { return Ok(false) };
        let repo = self.repo.to_thread_local();
        let mut excludes = self.excludes.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |source| Error::git("cannot read the ignore files of Git", source);
        if excludes.is_none() {
            let source = gix::worktree::stack::state::ignore::Source::WorktreeThenIdMappingIfNotSkipped;
            let empty = gix::index::State::new(repo.object_hash());
            *excludes = Some(repo.excludes(&empty, None, source).map_err(failed)?.detach());
        }
        let stack = excludes.as_mut().expect("just filled");
        let mode = if is_dir { Mode::DIR } else { Mode::FILE };
        let platform = stack
            .at_path(&name, Some(mode), &repo.objects)
            .map_err(|source| Error::git("cannot read the ignore files of Git", source))?;
        Ok(platform.is_excluded())
    }

    /// Opens the Git repository for this thread, with a cache for objects that are read repeatedly.
    pub(crate) fn reader(&self) -> gix::Repository {
        let mut repo = self.repo.to_thread_local();
        repo.object_cache_size_if_unset(16 << 20);
        repo
    }

    /// Drops the `.gitignore` files read so far, because one was changed.
    fn forget_excludes(&self) {
        *self.excludes.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns Git's name of `path`; `None` for a path outside of the work tree and for its root.
    fn name(&self, path: &Path) -> Option<BString> {
        let below = if let Ok(below) = path.strip_prefix(&self.work_dir) {
            below.to_owned()
        } else {
            let folder = fs_err::canonicalize(path.parent()?).ok()?;
            let root = fs_err::canonicalize(&self.work_dir).ok()?;
            folder.join(path.file_name()?).strip_prefix(root).ok()?.to_owned()
        };
        let name = gix::path::to_unix_separators_on_windows(bytes_of(below).ok()?).into_owned();
        (!name.is_empty()).then_some(name)
    }
}

impl fmt::Debug for Git {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Git").field("work_dir", &self.work_dir).finish_non_exhaustive()
    }
}

/// Makes the error for an object of Git that cannot be read; in a partial clone it names the remote that has the object.
pub(crate) fn unreadable(
    repo: &gix::Repository,
    message: impl Into<String>,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    match promisor(repo) {
        Some(remote) => Error::PartialClone { message: message.into(), remote, source: source.into() },
        None => Error::git(message, source),
    }
}

/// Returns the remote that has the objects a partial clone lacks.
///
/// Source: <https://git-scm.com/docs/partial-clone>.
fn promisor(repo: &gix::Repository) -> Option<String> {
    let config = repo.config_snapshot();
    if let Some(name) = config.string("extensions.partialClone") {
        return Some(name.to_string());
    }
    let is_promisor =
        |name: &BString| config.boolean(format!("remote.{name}.promisor").as_str()) == Some(true);
    let names = repo.remote_names();
    names.into_iter().find(is_promisor).map(|name| name.to_string())
}

/// Returns the bytes of a path as Git stores it; on Windows they are UTF-8.
fn bytes_of(path: PathBuf) -> Result<BString> {
    gix::path::into_bstr(path.clone()).map(Cow::into_owned).map_err(|_| Error::NotUnicode(path))
}

/// Returns the ancestor of `directory` that is the same directory as `folder`, also if links spell it differently.
fn spell_like(directory: &Path, folder: &Path) -> PathBuf {
    let Ok(real) = fs_err::canonicalize(folder) else { return folder.to_owned() };
    let is_same = |ancestor: &&Path| fs_err::canonicalize(ancestor).is_ok_and(|ancestor| ancestor == real);
    directory.ancestors().find(is_same).unwrap_or(folder).to_owned()
}
