//! Workspace files → hashes.
//!
//! What counts follows DVC: regular files at any depth, symbolic links to files (followed), nothing else.
//! Links to directories inside a directory, empty directories and ignored paths are passed over. Deviation: a
//! FIFO, socket, device, dangling link or a name that is not UTF-8 is an error at once, where DVC hangs or fails
//! with the text of the system call; all of them are listed.

mod entry;
mod walk;

pub use entry::{FileEntry, Fingerprint, fingerprint};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use haul_storage::hash::Flavour;
use haul_storage::progress::{Event, NoObserver, Observer, Phase};
use haul_storage::{CancellationToken, ErrorKind};

use self::walk::{Role, Walk};
use crate::workspace::state::{FileStamp, Memo};
use crate::{Error, IgnoreRules, Result};

/// Files hashed in one call: enough for all lanes, few enough to bound memory.
const HASH_BATCH: usize = 32_768;

/// What lies at a path.
#[derive(Debug, Clone)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A symbolic link to nothing; DVC says that such a path does not exist.
    Dangling,
    /// A file; its [`FileEntry::path`] is empty.
    File(FileEntry),
    /// A directory.
    Dir(FoundDir),
}

/// The content of a directory.
#[derive(Debug, Clone, Default)]
pub struct FoundDir {
    /// Its files, sorted by path.
    pub files: Vec<FileEntry>,
    /// Its folders at any depth, empty ones too, sorted by path.
    pub folders: Vec<Box<str>>,
    /// Symbolic links to nothing, sorted by path.
    pub dangling: Vec<Box<str>>,
    /// Temporary files of ours, left by a process that was killed.
    pub stale: Vec<Box<str>>,
    /// Files and folders that are ignored; what is in such a folder is not looked at.
    pub ignored: BTreeSet<Box<str>>,
    /// Tells that the directory itself is reached through a symbolic link.
    pub is_symlink: bool,
}

impl Found {
    /// Returns the files: all of a directory, one for a file, none for nothing.
    pub fn files(&self) -> &[FileEntry] {
        match self {
            Self::Nothing | Self::Dangling => &[],
            Self::File(entry) => std::slice::from_ref(entry),
            Self::Dir(dir) => &dir.files,
        }
    }

    /// Returns the files to fill in.
    pub fn files_mut(&mut self) -> &mut [FileEntry] {
        match self {
            Self::Nothing | Self::Dangling => &mut [],
            Self::File(entry) => std::slice::from_mut(entry),
            Self::Dir(dir) => &mut dir.files,
        }
    }

    /// Whether it is a directory that is reached through a symbolic link.
    pub(crate) fn is_linked_dir(&self) -> bool {
        matches!(self, Self::Dir(dir) if dir.is_symlink)
    }

    /// Refuses links to nothing inside a directory, each by an error that names it.
    pub fn refuse_dangling(&self, path: &Path) -> Result<()> {
        let Self::Dir(dir) = self else {
            return Ok(());
        };
        let error = |link: &str| walk::cannot_track(&path.join(link), "a symbolic link to nothing");
        many(dir.dangling.iter().map(|link| error(link)).collect())
    }
}

/// Looks at the workspace and hashes it.
#[derive(Clone, Copy)]
pub struct Scanner<'a> {
    ignore: &'a IgnoreRules,
    memo: &'a Memo,
    cancel: &'a CancellationToken,
    /// How many files are hashed side by side; `None` leaves it to the machine.
    n_threads: Option<usize>,
    /// Hears of files that are found, before the first of them is read.
    walks: &'a dyn Observer,
}

impl std::fmt::Debug for Scanner<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Scanner").field("n_threads", &self.n_threads).finish_non_exhaustive()
    }
}

impl<'a> Scanner<'a> {
    /// Makes a scanner that passes over what `ignore` says and remembers hashes in `memo`.
    pub fn new(ignore: &'a IgnoreRules, memo: &'a Memo, cancel: &'a CancellationToken) -> Self {
        Self { ignore, memo, cancel, n_threads: None, walks: &NoObserver }
    }

    /// Reports the files that are found, in [`Phase::Collecting`].
    #[must_use]
    pub fn with_walks_observed(self, observer: &'a dyn Observer) -> Self {
        Self { walks: observer, ..self }
    }

    /// Limits how many files are hashed side by side (`core.checksum_jobs`).
    #[must_use]
    pub fn with_threads(self, n_threads: Option<usize>) -> Self {
        Self { n_threads, ..self }
    }

    /// Looks what is at `path` (absolute), without reading any file.
    ///
    /// # Errors
    ///
    /// [`Error::BadOut`] in DVC's words if it is ignored; [`Error::Many`] with one error for each path that cannot be
    /// tracked.
    pub fn look(&self, path: &Path) -> Result<Found> {
        walk::look(path, Role::Out, self.walk())
    }

    /// Looks what is at `path`, with what is ignored.
    ///
    /// # Errors
    ///
    /// [`Error::Many`] with one error for each path that is no file.
    pub(crate) fn look_at_everything(&self, path: &Path) -> Result<Found> {
        walk::look(path, Role::Everything, self.walk())
    }

    fn walk(&self) -> Walk<'a> {
        Walk { ignore: self.ignore, observer: self.walks, cancel: self.cancel }
    }

    /// Fills in the hashes that `memo` knows, and returns the indexes of the others.
    pub fn recall(&self, entries: &mut [FileEntry], flavour: Flavour) -> Vec<usize> {
        let mut unknown = Vec::new();
        for (index, entry) in entries.iter_mut().enumerate() {
            if entry.digest.is_none() {
                entry.digest = self.memo.get(&entry.stamp, flavour);
            }
            if entry.digest.is_none() {
                unknown.push(index);
            }
        }
        unknown
    }

    /// Hashes whatever has no hash yet; files whose paths are below `root`, or `root` itself for the empty path.
    /// Returns an error for each file that could not be read.
    pub fn hash(
        &self,
        root: &Path,
        entries: &mut [FileEntry],
        flavour: Flavour,
        observer: &dyn Observer,
    ) -> Result<Vec<(PathBuf, Error)>> {
        let unknown = self.recall(entries, flavour);
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let clock = self.memo.begin_reading(unknown.iter().map(|&index| entries[index].stamp));
        let total_bytes = unknown.iter().map(|&index| entries[index].stamp.size_bytes).sum();
        tracing::debug!(n_files = unknown.len(), total_bytes, "hashing");
        let n_objects = unknown.len() as u64;
        observer.on(Event::Planned { phase: Phase::Hashing, n_objects, total_bytes });
        let mut failures: Vec<(PathBuf, Error)> = Vec::new();
        let mut is_interrupted = false;
        for batch in unknown.chunks(HASH_BATCH) {
            let paths: Vec<PathBuf> = batch.iter().map(|&index| entries[index].full_path(root)).collect();
            let answers =
                haul_storage::hash::hash_files(&paths, flavour, self.n_threads, observer, self.cancel);
            for ((&index, path), answer) in batch.iter().zip(paths).zip(answers) {
                match answer {
                    Ok(hashed) => {
                        let stamp = FileStamp::of(&hashed.metadata);
                        if let Some(clock) = &clock {
                            self.memo.record_read(clock, &stamp, flavour, hashed.digest);
                        }
                        entries[index].stamp = stamp;
                        entries[index].digest = Some(hashed.digest);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => is_interrupted = true,
                    Err(error) => failures.push((path, error.into())),
                }
            }
            // Too many open files, say: told once, instead of the files that were not read.
            if let Some(at) = failures.iter().position(|(_, error)| error.ends_run()) {
                return Err(failures.swap_remove(at).1);
            }
            if is_interrupted {
                return Err(Error::Interrupted);
            }
        }
        Ok(failures)
    }

    /// Looks at `path` and hashes it.
    ///
    /// # Errors
    ///
    /// As [`look`](Self::look), for links to nothing in a directory, and for files that could not be read.
    pub fn scan(&self, path: &Path, flavour: Flavour, observer: &dyn Observer) -> Result<Found> {
        self.hash_found(path, self.look(path)?, flavour, observer)
    }

    /// Looks at the dependency `path` and hashes it, ignored or not.
    ///
    /// # Errors
    ///
    /// As [`scan`](Self::scan).
    pub(crate) fn scan_dependency(
        &self,
        path: &Path,
        flavour: Flavour,
        observer: &dyn Observer,
    ) -> Result<Found> {
        let found = walk::look(path, Role::Dependency, self.walk())?;
        self.hash_found(path, found, flavour, observer)
    }

    fn hash_found(
        &self,
        path: &Path,
        mut found: Found,
        flavour: Flavour,
        observer: &dyn Observer,
    ) -> Result<Found> {
        found.refuse_dangling(path)?;
        let failures = self.hash(path, found.files_mut(), flavour, observer)?;
        many(failures.into_iter().map(|(_, error)| error).collect())?;
        Ok(found)
    }
}

/// Makes one error of several; none is fine.
pub(crate) fn many(mut errors: Vec<Error>) -> Result<()> {
    match errors.len() {
        0 => Ok(()),
        1 => Err(errors.remove(0)),
        _ => Err(Error::Many(errors)),
    }
}
