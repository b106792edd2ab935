//! What the tasks of a transfer share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::slots::{DEFAULT_JOBS, Slots};
use super::{DownloadCheck, RangeOptions, TransferOptions};
use crate::cache::committer::{Committer, Unfinished};
use crate::cache::pending::PendingFile;
use crate::hash::shared::SharedLanes;
use crate::progress::{BytesListener, Event, Observer, Phase, Tally};
use crate::{Cache, CountingStore, Error, ErrorKind, Layout, Oid, ReadStore as _, Result, StoreLimits};

/// Objects up to this size are held in memory whole; larger ones are streamed.
pub(crate) const SMALL_BYTES: u64 = 256 << 10;

/// Streams of larger objects at once, which bounds the memory of their buffers.
const MAX_STREAMS: usize = 16;

/// Bytes of ranges of large objects that are kept in memory until they are hashed.
const MAX_KEPT_BYTES: u64 = 30 << 20;
/// The unit in which those bytes are counted.
const KEPT_UNIT_BYTES: u64 = 1 << 10;

/// More file operations than can ever be under way.
const MAX_IN_THREADS: u32 = 1 << 20;

/// What the tasks of a transfer share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) cache: Cache,
    /// Gives names to the objects that arrive.
    committer: Committer,
    pub(crate) store: Arc<CountingStore>,
    pub(crate) limits: StoreLimits,
    pub(crate) slots: Arc<Slots>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) jobs: usize,
    /// Most objects that wait between two stages.
    pub(crate) max_queue: usize,
    pub(crate) meter: Arc<Meter>,
    /// Hashes the larger objects that arrive.
    pub(super) lanes: Arc<SharedLanes>,
    pub(crate) state_dir: Option<PathBuf>,
    /// One permit for each unit of bytes that may be kept.
    room: Arc<Semaphore>,
    check: DownloadCheck,
    pub(super) ranges: RangeOptions,
    /// One permit for each file operation that goes on in a thread.
    in_threads: Arc<Semaphore>,
    /// Cancelled by the user, or when going on makes no sense.
    pub(crate) stop: CancellationToken,
}

impl Context {
    pub(crate) fn new(
        cache: &Cache,
        store: Arc<CountingStore>,
        options: &TransferOptions,
        phase: Phase,
    ) -> Arc<Self> {
        let limits = store.limits();
        let wanted = limits.jobs(options.jobs, DEFAULT_JOBS);
        // Each job may hold a socket and two files.
        let jobs = wanted.min(open_file_limit().saturating_sub(64) / 3).max(1);
        let slots = Slots::new(jobs);
        let listener: Weak<Slots> = Arc::downgrade(&slots);
        store.tell_of_trouble(listener);
        Arc::new(Self {
            cache: cache.clone(),
            committer: Committer::new(cache),
            store,
            limits,
            slots,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            jobs,
            max_queue: limits.max_queue.unwrap_or(usize::MAX).max(1),
            meter: Arc::new(Meter::new(phase)),
            lanes: Arc::default(),
            state_dir: options.state_dir.clone(),
            room: Arc::new(Semaphore::new(permits(MAX_KEPT_BYTES) as usize)),
            check: options.check,
            ranges: options.ranges,
            in_threads: Arc::new(Semaphore::new(MAX_IN_THREADS as usize)),
            stop: options.cancel.child_token(),
        })
    }

    /// Starts to count the bytes of an attempt.
    pub(crate) fn tally(&self) -> Tally {
        Tally::new(Arc::<Meter>::clone(&self.meter))
    }

    /// Runs file operations where they block no other task. They go on when the future is dropped, but
    /// [`wait_for_threads`](Self::wait_for_threads) waits for them.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.in_threads).acquire_owned().await;
        // If the result is not taken any more, it is dropped before the permit: a temporary file is then gone.
        blocking(move || Ok((work(), permit))).await.and_then(|(result, _permit)| result)
    }

    /// Waits for the right to keep so many bytes in memory.
    pub(crate) async fn room_for(&self, n_bytes: u64) -> OwnedSemaphorePermit {
        let room = Arc::clone(&self.room).acquire_many_owned(permits(n_bytes)).await;
        room.expect("the semaphore is never closed")
    }

    /// Stores an object whose bytes arrived right. It gets its name when the disk has it, by the time that
    /// [`finish_commits`](Self::finish_commits) returns.
    ///
    /// If that is wanted, the file is read again first; it does not stay if it is not what its name will say.
    pub(super) fn commit(&self, pending: PendingFile, layout: Layout, oid: &Oid) -> Result<()> {
        if self.check == DownloadCheck::StreamAndFile && !Cache::verify_file(layout, oid, pending.path())? {
            let path = self.cache.object_path(layout, oid);
            let message = format!("`{}` does not hold the bytes that were written to it", path.display());
            return Err(Error::new(ErrorKind::Corrupt, message).with_hint("check the disk of the cache"));
        }
        self.committer.add(pending, layout, oid).map(drop)
    }

    /// Waits until the disk has every object that was stored, and returns what did not get there.
    pub(super) async fn finish_commits(self: &Arc<Self>) -> Result<Unfinished> {
        let context = Arc::clone(self);
        blocking(move || Ok(context.committer.finish())).await
    }

    /// Waits until no thread has a file of this transfer in hand.
    pub(crate) async fn wait_for_threads(&self) {
        drop(self.in_threads.acquire_many(MAX_IN_THREADS).await);
    }

    /// Runs `work`, unless the transfer is stopped.
    pub(crate) async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(interrupted()),
            result = work => result,
        }
    }
}

pub(crate) fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted")
}

/// Runs file operations where they block no other task.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::new(ErrorKind::Io, "a file operation was given up").with_source(error)),
    }
}

/// Returns the units that hold so many bytes.
fn permits(n_bytes: u64) -> u32 {
    u32::try_from(n_bytes.div_ceil(KEPT_UNIT_BYTES)).unwrap_or(u32::MAX)
}

fn open_file_limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Counts the bytes that tasks move, until they are reported, and keeps what they have to say.
#[derive(Debug)]
pub(crate) struct Meter {
    phase: Phase,
    bytes: AtomicU64,
    lost: AtomicU64,
    /// Objects of a fetch, and how large the server says that they are.
    announced: Mutex<Vec<(usize, u64)>>,
    warning: Mutex<Warning>,
    /// The keys of uploads that were left half done.
    kept: Mutex<Vec<String>>,
}

/// The one warning of a transfer: what concerns one object concerns others as well.
#[derive(Debug, Default)]
enum Warning {
    #[default]
    None,
    Waiting(String),
    Told,
}

impl Meter {
    fn new(phase: Phase) -> Self {
        let [bytes, lost] = [0; 2].map(AtomicU64::new);
        let (announced, warning, kept) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { phase, bytes, lost, announced, warning, kept }
    }

    /// Takes note of the size that the server announced for an object.
    pub(crate) fn announced(&self, object: usize, size_bytes: u64) {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).push((object, size_bytes));
    }

    /// Returns the sizes that were announced since the last time.
    pub(super) fn take_announced(&self) -> Vec<(usize, u64)> {
        std::mem::take(&mut *self.announced.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has something told to the user, if nothing was before.
    pub(crate) fn warn_once(&self, text: String) {
        let mut warning = self.warning.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*warning, Warning::None) {
            *warning = Warning::Waiting(text);
        }
    }

    /// Takes note of an upload in parts that was left half done, for the next run to go on with.
    pub(crate) fn kept(&self, key: &str) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(key.to_owned());
    }

    /// Names the uploads that were left half done: their parts are in the bucket, where no listing of objects shows them.
    /// `or` is what else may be done.
    pub(crate) fn report_kept(&self, location: &str, or: &str, observer: &dyn Observer) {
        let keys = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let Some((first, others)) = keys.split_first() else { return };
        let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        observer.on(Event::Warning(&format!(
            "the parts of `{first}`{more} that arrived are kept in `{location}`: the next push from this clone goes on with \
             them{or}"
        )));
    }

    /// Reports what came together since the last time.
    pub(crate) fn report(&self, observer: &dyn Observer) {
        let n_bytes = self.bytes.swap(0, Ordering::Relaxed);
        if n_bytes > 0 {
            observer.on(Event::Bytes { phase: self.phase, n_bytes });
        }
        let n_bytes = self.lost.swap(0, Ordering::Relaxed);
        if n_bytes > 0 {
            observer.on(Event::BytesLost { phase: self.phase, n_bytes });
        }
        let mut warning = self.warning.lock().unwrap_or_else(PoisonError::into_inner);
        if let Warning::Waiting(text) = &*warning {
            observer.on(Event::Warning(text));
            *warning = Warning::Told;
        }
    }
}

impl BytesListener for Meter {
    fn moved(&self, n_bytes: u64) {
        self.bytes.fetch_add(n_bytes, Ordering::Relaxed);
    }

    fn taken_back(&self, n_bytes: u64) {
        self.lost.fetch_add(n_bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryStore;
    use crate::{CacheOptions, RemoteOdb};

    #[test]
    fn file_that_holds_other_bytes_than_were_written_does_not_stay_where_files_are_read_again() {
        for check in [DownloadCheck::Stream, DownloadCheck::StreamAndFile] {
            let folder = tempfile::tempdir().unwrap();
            let cache = Cache::new(folder.path(), CacheOptions::default());
            let remote = RemoteOdb::new(Arc::new(MemoryStore::new()));
            let options = TransferOptions { check, ..TransferOptions::default() };
            let context = Context::new(&cache, remote.shared_store(), &options, Phase::Downloading);
            for (written, is_right) in [(b"content", true), (b"c0ntent", false)] {
                let oid = Oid::file(crate::hash::md5(b"content"));
                cache.remove(Layout::Current, &oid).unwrap();
                let pending = cache.write_pending(Layout::Current, &oid, written).unwrap();
                let committed = context.commit(pending, Layout::Current, &oid);
                context.committer.finish().into_result().unwrap();
                let is_kept = is_right || check == DownloadCheck::Stream;
                assert_eq!(committed.is_err_and(|error| error.kind() == ErrorKind::Corrupt), !is_kept);
                assert_eq!(cache.object_path(Layout::Current, &oid).exists(), is_kept);
                assert!(cache.temporary_files(Layout::Current).unwrap().is_empty());
            }
        }
    }
}
