//! Reads many files once, hashes them in parallel and passes their bytes to a [`FileSink`].

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use fs_err::File;
use tokio_util::sync::CancellationToken;

use super::{Flavour, HashedFile, Md5Hasher, Md5Lanes, TextHasher, md5_many};
use crate::progress::{Event, Observer, Phase};
use crate::{Error, ErrorKind, Md5Digest, Result};

/// Files of at most this size are read whole, and are hashed and passed on many at a time.
const SMALL_BYTES: u64 = 256 << 10;
/// The maximum bytes of small files that one thread holds.
const BATCH_BYTES: usize = 4 << 20;
/// The maximum number of small files that one thread takes at a time: as many messages as the widest SIMD code takes.
const BATCH_FILES: usize = 48;
/// The number of bytes of a large file that are read at a time.
const CHUNK_BYTES: usize = 256 << 10;
/// The maximum number of large files that one thread reads in parallel.
const MAX_LANES: usize = 16;

/// Receives the bytes of files, and their hash when it is known.
pub(crate) trait FileSink: Sync {
    /// The state between the chunks of a large file. Dropping it undoes what was done.
    type Stream: Send;
    /// The result for a file.
    type Output: Send;
    /// The phase that progress is reported in.
    const PHASE: Phase;
    /// Whether receiving the bytes is work, such as writing them to a file.
    const WRITES: bool;

    /// Receives a small file.
    fn small(&self, path: &Path, bytes: &[u8], hashed: HashedFile) -> Result<Self::Output>;
    /// Starts a large file.
    fn begin(&self, path: &Path) -> Result<Self::Stream>;
    /// Receives the next bytes of a large file.
    fn write(&self, stream: &mut Self::Stream, bytes: &[u8]) -> Result<()>;
    /// Ends a large file.
    fn finish(&self, path: &Path, stream: Self::Stream, hashed: HashedFile) -> Result<Self::Output>;
}

/// How files are read.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) flavour: Flavour,
    pub(crate) n_threads: Option<usize>,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) cancel: &'a CancellationToken,
}

/// Reads, hashes and passes on every file; the answers are in the order of `paths`.
///
/// A failure of the machine ([`ErrorKind::Unwritable`]) ends the run: files that were not read by then are
/// [`ErrorKind::Interrupted`].
pub(crate) fn run<S: FileSink>(paths: &[PathBuf], sink: &S, run: Run<'_>) -> Vec<Result<S::Output>> {
    let stop = run.cancel.child_token();
    let run = Run { cancel: &stop, ..run };
    let n_processors = std::thread::available_parallelism().map_or(1, usize::from);
    let n_threads = run.n_threads.unwrap_or(n_processors).max(1);
    let job =
        Job { paths, sink, run, next: AtomicUsize::new(0), large: Mutex::default(), done: Mutex::default() };

    in_threads(n_threads.min(paths.len().div_ceil(BATCH_FILES)), || job.read_small_files());
    let mut large = std::mem::take(&mut *lock(&job.large));
    // The longest files are first, so that no thread works alone on one at the end.
    large.sort_unstable_by_key(|&(_, size_bytes)| std::cmp::Reverse(size_bytes));
    job.next.store(0, Ordering::Relaxed);
    if S::WRITES && large.len() < n_threads {
        in_threads(large.len(), || job.copy_large_files(&large));
    } else {
        let n_lanes = (large.len() / n_threads).clamp(1, MAX_LANES);
        in_threads(n_threads.min(large.len()), || job.read_large_files(&large, n_lanes));
    }

    let mut done = job.done.into_inner().expect("no thread panicked with the lock");
    done.sort_unstable_by_key(|&(index, _)| index);
    let mut done = done.into_iter().peekable();
    (0..paths.len())
        .map(|index| match done.next_if(|&(at, _)| at == index) {
            Some((_, result)) => result,
            None => {
                Err(Error::new(ErrorKind::Interrupted, format!("`{}` was not read", paths[index].display())))
            }
        })
        .collect()
}

fn in_threads(n_threads: usize, work: impl Fn() + Sync) {
    if n_threads <= 1 {
        if n_threads == 1 {
            work();
        }
        return;
    }
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(&work);
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

struct Job<'a, S: FileSink> {
    paths: &'a [PathBuf],
    sink: &'a S,
    run: Run<'a>,
    next: AtomicUsize,
    large: Mutex<Vec<(usize, u64)>>,
    done: Mutex<Vec<(usize, Result<S::Output>)>>,
}

impl<S: FileSink> Job<'_, S> {
    /// Reads batches of small files until there are no more, and sets the large ones aside.
    fn read_small_files(&self) {
        let mut arena = Vec::new();
        let mut done = Vec::new();
        let mut large = Vec::new();
        let batch_files = (self.paths.len() / 8).clamp(1, BATCH_FILES);
        while !self.run.cancel.is_cancelled() {
            let start = self.next.fetch_add(batch_files, Ordering::Relaxed);
            if start >= self.paths.len() {
                break;
            }
            let end = (start + batch_files).min(self.paths.len());
            let mut files = Vec::with_capacity(batch_files);
            arena.clear();
            for index in start..end {
                match read_small(&self.paths[index], &mut arena) {
                    Ok(Small::Read { range, metadata }) => files.push((index, range, metadata)),
                    Ok(Small::TooLarge(size_bytes)) => large.push((index, size_bytes)),
                    Err(error) => done.push((index, self.or_stop(Err(error)))),
                }
                if arena.len() >= BATCH_BYTES {
                    self.hand_on_small(&arena, std::mem::take(&mut files), &mut done);
                    arena.clear();
                }
            }
            self.hand_on_small(&arena, files, &mut done);
        }
        lock(&self.large).append(&mut large);
        lock(&self.done).append(&mut done);
    }

    fn hand_on_small(
        &self,
        arena: &[u8],
        files: Vec<(usize, std::ops::Range<usize>, std::fs::Metadata)>,
        done: &mut Vec<(usize, Result<S::Output>)>,
    ) {
        let messages: Vec<&[u8]> = files.iter().map(|(_, range, _)| &arena[range.clone()]).collect();
        let digests = match self.run.flavour {
            Flavour::Md5 => md5_many(&messages),
            Flavour::Md5Dos2Unix => messages.iter().map(|message| text_digest(message)).collect(),
        };
        let n_bytes = messages.iter().map(|message| message.len() as u64).sum();
        let n_objects = files.len() as u64;
        for (((index, _, metadata), bytes), digest) in files.into_iter().zip(messages).zip(digests) {
            if self.run.cancel.is_cancelled() {
                break;
            }
            let hashed = HashedFile { digest, size_bytes: bytes.len() as u64, metadata };
            let result = self.sink.small(&self.paths[index], bytes, hashed);
            done.push((index, self.or_stop(result)));
        }
        self.report(n_bytes, n_objects);
    }

    /// Reads large files, `n_lanes` of them in parallel in this thread.
    fn read_large_files(&self, large: &[(usize, u64)], n_lanes: usize) {
        let mut hashers = match self.run.flavour {
            Flavour::Md5 if n_lanes == 1 => Hashers::Stream(Md5Hasher::new()),
            Flavour::Md5 => Hashers::Lanes(Md5Lanes::new(n_lanes)),
            Flavour::Md5Dos2Unix => Hashers::Text(vec![TextHasher::new(); n_lanes]),
        };
        let mut buffers = vec![vec![0; CHUNK_BYTES]; n_lanes];
        let mut lanes: Vec<Option<Lane<S::Stream>>> = (0..n_lanes).map(|_| None).collect();
        let mut done = Vec::new();
        loop {
            let mut filled = vec![0; n_lanes];
            for ((lane, buffer), filled) in lanes.iter_mut().zip(&mut buffers).zip(&mut filled) {
                while lane.is_none() && !self.run.cancel.is_cancelled() {
                    let Some(&(index, _)) = large.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                        break;
                    };
                    match self.open_lane(index) {
                        Ok(opened) => *lane = Some(opened),
                        Err(error) => done.push((index, self.or_stop(Err(error)))),
                    }
                }
                let Some(open) = lane else { continue };
                match fill(&mut open.file, buffer).and_then(|n| self.take(open, &buffer[..n]).map(|()| n)) {
                    Ok(n) => *filled = n,
                    Err(error) => open.failed = Some(error),
                }
            }
            if lanes.iter().all(Option::is_none) {
                break;
            }
            let pieces: Vec<&[u8]> = buffers.iter().zip(&filled).map(|(buffer, n)| &buffer[..*n]).collect();
            hashers.update(&pieces);
            for (at, n) in filled.into_iter().enumerate() {
                // `fill` reads until the buffer is full, so a shorter read is the end of the file.
                if n < CHUNK_BYTES
                    && let Some(lane) = lanes[at].take()
                {
                    let digest = hashers.take(at);
                    let index = lane.index;
                    let result = self.end_lane(lane, digest);
                    done.push((index, self.or_stop(result)));
                }
            }
            if self.run.cancel.is_cancelled() {
                break;
            }
        }
        lock(&self.done).append(&mut done);
    }

    /// Reads and passes on each large file in this thread, while a second thread hashes.
    fn copy_large_files(&self, large: &[(usize, u64)]) {
        while !self.run.cancel.is_cancelled() {
            let Some(&(index, _)) = large.get(self.next.fetch_add(1, Ordering::Relaxed)) else { break };
            let result = self.open_lane(index).and_then(|mut lane| {
                let digest = std::thread::scope(|scope| {
                    let (chunks, to_hash) = sync_channel::<(Vec<u8>, usize)>(4);
                    let (free, to_fill) = sync_channel::<Vec<u8>>(8);
                    let flavour = self.run.flavour;
                    let hasher = scope.spawn(move || hash_chunks(flavour, &to_hash, &free));
                    self.copy(&mut lane, &chunks, &to_fill)?;
                    drop(chunks);
                    hasher.join().map_err(|_| Error::new(ErrorKind::Io, "the hashing thread panicked"))
                })?;
                self.end_lane(lane, digest)
            });
            if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {
                break;
            }
            lock(&self.done).push((index, self.or_stop(result)));
        }
    }

    fn copy(
        &self,
        lane: &mut Lane<S::Stream>,
        chunks: &SyncSender<(Vec<u8>, usize)>,
        to_fill: &Receiver<Vec<u8>>,
    ) -> Result<()> {
        loop {
            if self.run.cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Interrupted, "interrupted"));
            }
            let mut buffer = to_fill.try_recv().unwrap_or_else(|_| vec![0; CHUNK_BYTES]);
            let n = fill(&mut lane.file, &mut buffer)?;
            self.take(lane, &buffer[..n])?;
            chunks.send((buffer, n)).map_err(|_| Error::new(ErrorKind::Io, "the hashing thread panicked"))?;
            if n < CHUNK_BYTES {
                return Ok(());
            }
        }
    }

    fn open_lane(&self, index: usize) -> Result<Lane<S::Stream>> {
        let (file, metadata) = open_regular(&self.paths[index])?;
        Ok(Lane {
            index,
            file,
            metadata,
            stream: self.sink.begin(&self.paths[index])?,
            n_bytes: 0,
            failed: None,
        })
    }

    fn take(&self, lane: &mut Lane<S::Stream>, bytes: &[u8]) -> Result<()> {
        lane.n_bytes += bytes.len() as u64;
        self.report(bytes.len() as u64, 0);
        self.sink.write(&mut lane.stream, bytes)
    }

    fn end_lane(&self, lane: Lane<S::Stream>, digest: Md5Digest) -> Result<S::Output> {
        self.report(0, 1);
        if let Some(error) = lane.failed {
            return Err(error);
        }
        let path = &self.paths[lane.index];
        check_unchanged(path, &lane.file, &lane.metadata, lane.n_bytes)?;
        let hashed = HashedFile { digest, size_bytes: lane.n_bytes, metadata: lane.metadata };
        self.sink.finish(path, lane.stream, hashed)
    }

    /// Stops the run if the machine and not the file caused the failure.
    fn or_stop<T>(&self, result: Result<T>) -> Result<T> {
        if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unwritable) {
            self.run.cancel.cancel();
        }
        result
    }

    fn report(&self, n_bytes: u64, n_objects: u64) {
        if n_bytes > 0 {
            self.run.observer.on(Event::Bytes { phase: S::PHASE, n_bytes });
        }
        if n_objects > 0 {
            self.run.observer.on(Event::Finished { phase: S::PHASE, n_objects });
        }
    }
}

/// A large file that is being read.
struct Lane<Stream> {
    index: usize,
    file: File,
    metadata: std::fs::Metadata,
    stream: Stream,
    n_bytes: u64,
    failed: Option<Error>,
}

enum Hashers {
    Stream(Md5Hasher),
    Lanes(Md5Lanes),
    Text(Vec<TextHasher>),
}

impl Hashers {
    fn update(&mut self, pieces: &[&[u8]]) {
        match self {
            Self::Stream(hasher) => hasher.update(pieces[0]),
            Self::Lanes(lanes) => lanes.update(pieces),
            Self::Text(hashers) => {
                for (hasher, piece) in hashers.iter_mut().zip(pieces) {
                    hasher.update(piece);
                }
            }
        }
    }

    fn take(&mut self, lane: usize) -> Md5Digest {
        match self {
            Self::Stream(hasher) => std::mem::take(hasher).digest(),
            Self::Lanes(lanes) => lanes.take(lane),
            Self::Text(hashers) => std::mem::take(&mut hashers[lane]).digest(),
        }
    }
}

fn hash_chunks(
    flavour: Flavour,
    chunks: &Receiver<(Vec<u8>, usize)>,
    free: &SyncSender<Vec<u8>>,
) -> Md5Digest {
    let mut hashers = match flavour {
        Flavour::Md5 => Hashers::Stream(Md5Hasher::new()),
        Flavour::Md5Dos2Unix => Hashers::Text(vec![TextHasher::new()]),
    };
    for (buffer, n) in chunks {
        hashers.update(&[&buffer[..n]]);
        // If the reader has ended, the buffer is dropped.
        let _unused: Result<(), _> = free.try_send(buffer);
    }
    hashers.take(0)
}

fn text_digest(bytes: &[u8]) -> Md5Digest {
    let mut hasher = TextHasher::new();
    hasher.update(bytes);
    hasher.digest()
}

enum Small {
    Read { range: std::ops::Range<usize>, metadata: std::fs::Metadata },
    TooLarge(u64),
}

/// Appends a file to `arena`, if it is small.
fn read_small(path: &Path, arena: &mut Vec<u8>) -> Result<Small> {
    let (mut file, metadata) = open_regular(path)?;
    if metadata.len() > SMALL_BYTES {
        return Ok(Small::TooLarge(metadata.len()));
    }
    let start = arena.len();
    // If the file has grown in the meantime, the check below sees its new size and time.
    #[expect(clippy::cast_possible_truncation, reason = "at most SMALL_BYTES")]
    arena.resize(start + metadata.len() as usize, 0);
    let n = fill(&mut file, &mut arena[start..])?;
    arena.truncate(start + n);
    check_unchanged(path, &file, &metadata, n as u64)?;
    Ok(Small::Read { range: start..start + n, metadata })
}

/// Opens a regular file for reading; refuses others, as opening a FIFO would block for ever.
fn open_regular(path: &Path) -> Result<(File, std::fs::Metadata)> {
    let cannot = |error| Error::io(format!("cannot read `{}`", path.display()), error);
    let mut options = fs_err::OpenOptions::new();
    #[expect(clippy::cast_possible_wrap, reason = "the flags of the system are an int")]
    fs_err::os::unix::fs::OpenOptionsExt::custom_flags(
        options.read(true),
        rustix::fs::OFlags::NONBLOCK.bits() as i32,
    );
    let file = options.open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::Io, format!("`{}` is not a regular file", path.display())));
    }
    Ok((file, metadata))
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match file.read(&mut buffer[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(format!("cannot read `{}`", file.path().display()), error)),
        }
    }
    Ok(n)
}

fn check_unchanged(path: &Path, file: &File, before: &std::fs::Metadata, n_bytes: u64) -> Result<()> {
    let after =
        file.metadata().map_err(|error| Error::io(format!("cannot read `{}`", path.display()), error))?;
    let stamp = |of: &std::fs::Metadata| (of.len(), of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec());
    if n_bytes == before.len() && stamp(before) == stamp(&after) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Io, format!("`{}` changed while it was read", path.display()))
        .with_hint("wait until nothing writes to it, and run the command again"))
}
