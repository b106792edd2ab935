//! Makes finished files durable and gives them their names, many at a time.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::disk::{self, FileSystems};
use super::link_source::LinkSource;
use super::pending::{PendingFile, TemporaryName, protect_path};
use super::{Cache, CacheSharing, Durability};
use crate::{Error, ErrorKind, Layout, Oid, Result};

/// How long the first file of a group waits for others; [`Committer::finish`] ends the wait.
const PATIENCE: Duration = Duration::from_millis(500);
/// A group of this many files does not wait for more.
const ENOUGH_FILES: usize = 4096;
/// A group of this many bytes does not wait for more, so that the disk starts to write.
const ENOUGH_BYTES: u64 = 128 << 20;
/// The maximum number of waiting files; adding another one blocks until the disk has some of them.
const MAX_FILES: usize = 8 * ENOUGH_FILES;
/// Up to this many files, or directories, are synchronised one by one; for more, the whole file system is.
const FEW: usize = 16;

/// Gives finished files their names when the disk has their bytes. A background thread waits for the disk, once for all
/// files that were added since its last wait, while the caller works on the next files.
///
/// With [`Durability::Rename`] a file gets its name at once. [`finish`](Self::finish) must be called at the end; files
/// that still wait when the committer is dropped are deleted.
#[derive(Debug)]
pub(crate) struct Committer {
    cache: Cache,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    sharing: CacheSharing,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<FinishedFile>,
    total_bytes: u64,
    /// When the first of the files was added.
    since: Option<Instant>,
    /// The objects of the waiting files, and of those that are getting their names now.
    names: HashSet<(Layout, Oid)>,
    /// Directories with new names that may not be on the disk yet.
    folders: BTreeSet<PathBuf>,
    is_closed: bool,
    /// The thread panicked.
    is_given_up: bool,
    unfinished: Unfinished,
}

/// Wakes up the threads that wait for the background thread when it panics.
struct GiveUpOnPanic<'a>(&'a Shared);

impl Drop for GiveUpOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().is_given_up = true;
            self.0.changed.notify_all();
        }
    }
}

fn given_up() -> Error {
    Error::new(ErrorKind::Io, "the thread that writes the cache to the disk failed")
        .with_hint("run the same command again: it stores the missing objects again")
}

/// A complete file that has no name yet.
#[derive(Debug)]
struct FinishedFile {
    name: TemporaryName,
    object: (Layout, Oid),
    destination: PathBuf,
    size_bytes: u64,
    /// For a hard link to a file of the user: its state when it was hashed, which it must still have to get its name.
    source: Option<LinkSource>,
}

/// Objects that are not durably in the cache.
#[derive(Debug, Default)]
pub(crate) struct Unfinished {
    /// Objects that did not get their names.
    pub(crate) objects: Vec<(Oid, Error)>,
    /// Why the names of all other objects may be lost.
    pub(crate) names: Option<Error>,
    /// Why objects that were already in the cache may be lost.
    pub(crate) found: Option<Error>,
}

impl Unfinished {
    /// Returns the first error.
    pub(crate) fn into_result(self) -> Result<()> {
        let first = self.objects.into_iter().next().map(|(_, error)| error);
        first.or(self.names).or(self.found).map_or(Ok(()), Err)
    }
}

impl Committer {
    /// Makes a committer for objects of `cache`.
    pub(crate) fn new(cache: &Cache) -> Self {
        let shared = Shared {
            root: cache.root().to_owned(),
            sharing: cache.options.sharing,
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        Self { cache: cache.clone(), shared: Arc::new(shared), thread: Mutex::default() }
    }

    /// Returns whether the object waits for its name.
    pub(crate) fn has(&self, layout: Layout, oid: &Oid) -> bool {
        self.shared.lock().names.contains(&(layout, *oid))
    }

    /// Adds a file with the bytes of `oid`. Returns whether the object is new.
    pub(crate) fn add(&self, pending: PendingFile, layout: Layout, oid: &Oid) -> Result<bool> {
        let destination = self.cache.object_path(layout, oid);
        if self.cache.options.durability == Durability::Rename {
            return pending.commit(&destination).map(|()| true);
        }
        let size_bytes = pending.file().metadata().map_or(0, |metadata| metadata.len());
        let name = pending.finish();
        self.enqueue(FinishedFile { name, object: (layout, *oid), destination, size_bytes, source: None })
    }

    /// Adds a hard link to `source`, which was hashed. When the disk has its bytes, it is made read-only and gets the name
    /// of `oid`, unless it changed since it was hashed. Returns whether the object is new.
    pub(super) fn add_link(
        &self,
        name: TemporaryName,
        source: LinkSource,
        layout: Layout,
        oid: &Oid,
    ) -> Result<bool> {
        let destination = self.cache.object_path(layout, oid);
        let size_bytes = source.size_bytes();
        let file =
            FinishedFile { name, object: (layout, *oid), destination, size_bytes, source: Some(source) };
        if self.cache.options.durability == Durability::Rename {
            return file.give_name(self.cache.options.sharing).map(|_| true);
        }
        self.enqueue(file)
    }

    /// Waits until the disk has every file, its name, and the objects that were found in the cache. Returns what failed.
    pub(crate) fn finish(&self) -> Unfinished {
        self.shared.lock().is_closed = true;
        let is_panicked = self.join();
        let mut unfinished = std::mem::take(&mut self.shared.lock().unfinished);
        if is_panicked {
            unfinished.names.get_or_insert_with(given_up);
        }
        unfinished.found = self.cache.sync_found().err();
        unfinished
    }

    fn enqueue(&self, file: FinishedFile) -> Result<bool> {
        self.start()?;
        let mut state = self.shared.lock();
        while state.files.len() >= MAX_FILES && !state.is_given_up {
            state = self.shared.wait(state);
        }
        if state.is_given_up {
            return Err(given_up());
        }
        if !state.names.insert(file.object) {
            return Ok(false);
        }
        let is_first = state.files.is_empty();
        state.total_bytes += file.size_bytes;
        state.since.get_or_insert_with(Instant::now);
        state.files.push(file);
        // Other files do not change when the thread starts to work, so they need not wake it.
        let is_awaited = is_first || state.is_enough();
        drop(state);
        if is_awaited {
            self.shared.changed.notify_all();
        }
        Ok(true)
    }

    /// Starts the thread that waits for the disk, if there is none.
    fn start(&self) -> Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let work = move || {
                let _guard = GiveUpOnPanic(&shared);
                shared.work();
            };
            let spawned = std::thread::Builder::new().name("haul-committer".to_owned()).spawn(work);
            let spawned = spawned.map_err(|error| Error::io("cannot start a thread", error))?;
            *thread = Some(spawned);
        }
        Ok(())
    }

    /// Joins the thread. Returns whether it panicked.
    fn join(&self) -> bool {
        self.shared.changed.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        thread.is_some_and(|thread| thread.join().is_err())
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.is_closed = true;
            state.files.clear();
        }
        if self.join() {
            tracing::debug!("the thread that waits for the disk panicked");
        }
    }
}

impl State {
    fn is_enough(&self) -> bool {
        self.files.len() >= ENOUGH_FILES || self.total_bytes >= ENOUGH_BYTES
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Names group after group until no more files come, then waits until the disk has the names.
    fn work(&self) {
        // The kernel reports a write error only to processes that opened the file system before the error occurred.
        let mut disks = FileSystems::default();
        disks.open(&self.root);
        while let Some(group) = self.next_group() {
            let objects: Vec<(Layout, Oid)> = group.iter().map(|file| file.object).collect();
            let (failed, folders) = name_group(group, self.sharing, &mut disks);
            let mut state = self.lock();
            state.unfinished.objects.extend(failed);
            state.folders.extend(folders);
            for object in &objects {
                state.names.remove(object);
            }
            drop(state);
            self.changed.notify_all();
        }
        let folders = std::mem::take(&mut self.lock().folders);
        if let Err(error) = sync_folders(&folders, &mut disks) {
            self.lock().unfinished.names =
                Some(Error::io("cannot write the directories of the cache to the disk", error));
        }
    }

    /// Waits until a group is large or old enough, or no more files will come.
    fn next_group(&self) -> Option<Vec<FinishedFile>> {
        let mut state = self.lock();
        loop {
            let left = state.since.map(|since| PATIENCE.saturating_sub(since.elapsed()));
            if state.is_closed || state.is_enough() || left == Some(Duration::ZERO) {
                if state.files.is_empty() {
                    return None;
                }
                state.total_bytes = 0;
                state.since = None;
                return Some(std::mem::take(&mut state.files));
            }
            state = match left {
                Some(left) => {
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wait(state),
            };
        }
    }
}

impl FinishedFile {
    /// Gives the file its name. Returns the directories that have new names.
    fn give_name(self, sharing: CacheSharing) -> Result<Vec<PathBuf>> {
        if let Some(source) = &self.source {
            source.refuse_changed(self.name.path())?;
            protect_path(self.name.path());
            return self.name.rename_link(&self.destination, sharing);
        }
        self.name.rename(&self.destination, sharing)
    }

    fn sync(&self) -> io::Result<()> {
        disk::sync_file(fs_err::File::open(self.name.path())?.file())
    }

    fn error(&self, error: io::Error) -> (Oid, Error) {
        (self.object.1, Error::io(format!("cannot write `{}`", self.destination.display()), error))
    }
}

/// Waits until the disk has the bytes of the files, then gives them their names. Returns what failed, and the directories
/// that have new names.
fn name_group(
    group: Vec<FinishedFile>,
    sharing: CacheSharing,
    disks: &mut FileSystems,
) -> (Vec<(Oid, Error)>, BTreeSet<PathBuf>) {
    let mut failed = Vec::new();
    let mut folders = BTreeSet::new();
    let synced = if group.len() > FEW {
        disks.sync(group.iter().filter_map(|file| file.name.path().parent()))
    } else {
        Ok(false)
    };
    for file in group {
        let synced = match &synced {
            Ok(true) => Ok(()),
            Ok(false) => file.sync(),
            Err(error) => Err(again(error)),
        };
        if let Err(error) = synced {
            failed.push(file.error(error));
            continue;
        }
        let oid = file.object.1;
        match file.give_name(sharing) {
            Ok(changed) => folders.extend(changed),
            Err(error) => failed.push((oid, error)),
        }
    }
    (failed, folders)
}

fn sync_folders(folders: &BTreeSet<PathBuf>, disks: &mut FileSystems) -> io::Result<()> {
    if folders.len() > FEW && disks.sync(folders.iter().map(PathBuf::as_path))? {
        return Ok(());
    }
    folders.iter().try_for_each(|folder| disk::sync_folder(folder))
}

/// Copies the error for another file.
fn again(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::CacheOptions;
    use crate::hash::md5;

    fn cache(folder: &tempfile::TempDir) -> Cache {
        let options = CacheOptions { durability: Durability::Sync, ..CacheOptions::default() };
        Cache::new(folder.path().join("cache"), options)
    }

    fn put(committer: &Committer, cache: &Cache, bytes: &[u8]) -> (Oid, bool) {
        let oid = Oid::file(md5(bytes));
        let mut pending = cache.pending(Layout::Current, &oid).unwrap();
        pending.write(bytes).unwrap();
        (oid, committer.add(pending, Layout::Current, &oid).unwrap())
    }

    fn n_files(cache: &Cache) -> (usize, usize) {
        let temporary = cache.temporary_files(Layout::Current).unwrap().len();
        (cache.objects(Layout::Current).unwrap().len(), temporary)
    }

    #[test]
    fn files_get_their_names_together_at_the_end() {
        for count in [1, FEW, 2 * ENOUGH_FILES] {
            let folder = tempfile::tempdir().unwrap();
            let cache = cache(&folder);
            let committer = Committer::new(&cache);
            for number in 0..count {
                assert!(put(&committer, &cache, number.to_string().as_bytes()).1);
            }
            committer.finish().into_result().unwrap();
            assert_eq!(n_files(&cache), (count, 0));
        }
    }

    #[test]
    fn file_has_no_name_while_it_waits_and_is_known_to_wait() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder);
        let committer = Committer::new(&cache);
        // While the lock is held, the thread cannot take the file.
        let (oid, is_new) = put(&committer, &cache, b"one");
        let state = committer.shared.lock();
        if !state.files.is_empty() {
            assert!(state.names.contains(&(Layout::Current, oid)));
            assert!(!cache.object_path(Layout::Current, &oid).exists());
        }
        drop(state);
        assert!(is_new);
        committer.finish().into_result().unwrap();
        assert_eq!(cache.check(Layout::Current, &oid).unwrap(), Some(3));
    }

    #[test]
    fn committer_that_is_dropped_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder);
        let committer = Committer::new(&cache);
        put(&committer, &cache, b"one");
        drop(committer);
        assert_eq!(n_files(&cache).1, 0);
    }

    #[test]
    fn file_that_cannot_get_its_name_is_reported_and_others_get_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder);
        let committer = Committer::new(&cache);
        // A directory that is not empty has the object's name.
        let blocked = cache.object_path(Layout::Current, &Oid::file(md5(b"blocked")));
        fs_err::create_dir_all(blocked.join("x")).unwrap();
        let (oid, _) = put(&committer, &cache, b"blocked");
        let (other, _) = put(&committer, &cache, b"other");
        let unfinished = committer.finish();
        assert_eq!(unfinished.objects.iter().map(|(oid, _)| *oid).collect::<Vec<_>>(), [oid]);
        assert!(unfinished.names.is_none());
        assert!(cache.check(Layout::Current, &other).unwrap().is_some());
        assert_eq!(n_files(&cache).1, 0);
    }
}
