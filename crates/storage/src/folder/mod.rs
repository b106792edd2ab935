//! A directory as a remote.

mod listing;

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use fs_err::File;
use futures::StreamExt as _;
use futures::stream;

use crate::cache::disk::FileSystems;
use crate::cache::pending::PendingFile;
use crate::cache::presence::{is_absence, is_recent};
use crate::cache::{CacheOptions, Durability};
use crate::hash::Md5Hasher;
use crate::store::BodyContent;
use crate::{
    Body, CancellationToken, DeleteStore, Download, Error, ErrorKind, ListFrom, ListPage, ListStore,
    Md5Digest, ObjectInfo, ReadStore, RemoteStore, Result, StoreLimits, Uploaded, WriteStore,
};

type Unsynced = Option<Arc<Mutex<FileSystems>>>;

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// A directory of the local file system as a remote, written as DVC writes a local remote: objects are 0444, and
/// new ones appear by a rename.
///
/// Deviation: DVC hashes an object of another mode when it looks at it, and deletes it if it is damaged. Here the
/// remote stays as it is; damage shows in a wrong size, and always on a fetch, which verifies every object.
#[derive(Debug, Clone)]
pub struct FolderStore {
    root: Arc<PathBuf>,
    location: Arc<str>,
    options: CacheOptions,
    /// The file systems of what was put, or found and is young: the disk may not have it.
    unsynced: Arc<Mutex<FileSystems>>,
}

impl FolderStore {
    /// Names the store in the directory `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self::with_options(root, CacheOptions::default())
    }

    /// Names the store in the directory `root`, shared as `options` say. With [`Durability::Sync`],
    /// [`sync`](WriteStore::sync) waits for the disk: one wait for each small file would be most of the time of a push.
    pub fn with_options(root: impl Into<PathBuf>, options: CacheOptions) -> Self {
        let root = root.into();
        let location = root.display().to_string().into();
        Self { location, root: Arc::new(root), options, unsynced: Arc::default() }
    }

    /// Returns the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the file of a key, which may not lead out of the directory.
    fn path(&self, key: &str) -> Result<PathBuf> {
        let is_inside = |component| matches!(component, Component::Normal(_));
        if key.is_empty() || key.ends_with('/') || !Path::new(key).components().all(is_inside) {
            return Err(Error::new(
                ErrorKind::Config,
                format!("`{key}` is not a key in `{}`", self.location),
            ));
        }
        Ok(self.root.join(key))
    }

    /// Returns where to take note of what the disk may not have, if it is waited for at all.
    fn waiting(&self) -> Unsynced {
        (self.options.durability == Durability::Sync).then(|| Arc::clone(&self.unsynced))
    }
}

impl RemoteStore for FolderStore {
    fn as_list(&self) -> Option<&dyn ListStore> {
        Some(self)
    }

    fn as_write(&self) -> Option<&dyn WriteStore> {
        Some(self)
    }

    fn as_delete(&self) -> Option<&dyn DeleteStore> {
        Some(self)
    }
}

#[async_trait]
impl ReadStore for FolderStore {
    fn location(&self) -> &str {
        &self.location
    }

    fn kind(&self) -> &'static str {
        "a directory"
    }

    fn limits(&self) -> StoreLimits {
        StoreLimits::WHOLE
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        let (path, key, unsynced) = (self.path(key)?, key.to_owned(), self.waiting());
        blocking(move || match fs_err::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                take_note(&unsynced, &path, &metadata);
                Ok(Some(listing::info(key, &metadata)))
            }
            Ok(_) => Ok(None),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(io_error("cannot look at an object", error)),
        })
        .await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>, _if_match: Option<&str>) -> Result<Download> {
        let path = self.path(key)?;
        let (file, size_bytes) = blocking(move || {
            let mut file = File::open(&path).map_err(|error| io_error("cannot get an object", error))?;
            let metadata = file.metadata().map_err(|error| io_error("cannot get an object", error))?;
            if !metadata.is_file() {
                return Err(Error::new(ErrorKind::NotFound, format!("`{}` is not a file", path.display())));
            }
            let start = range.as_ref().map_or(0, |range| range.start);
            file.seek(SeekFrom::Start(start)).map_err(|error| io_error("cannot get an object", error))?;
            let len = range.map_or(u64::MAX, |range| range.end.saturating_sub(range.start));
            Ok(((file, len.min(metadata.len().saturating_sub(start))), metadata.len()))
        })
        .await?;
        let stream = stream::try_unfold(file, |(file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let (chunk, file) = blocking(move || read_chunk(file, left)).await?;
            let left = left - chunk.len() as u64;
            Ok(Some((chunk, (file, left))))
        });
        Ok(Download { size_bytes: Some(size_bytes), etag: None, stream: stream.boxed() })
    }
}

#[async_trait]
impl ListStore for FolderStore {
    async fn list_page(&self, prefix: &str, from: &ListFrom) -> Result<ListPage> {
        let (root, prefix) = (Arc::clone(&self.root), prefix.to_owned());
        let after = match from {
            ListFrom::Start => String::new(),
            ListFrom::AfterKey(key) | ListFrom::Token(key) => key.clone(),
        };
        let unsynced = self.waiting();
        blocking(move || {
            listing::page(&root, &prefix, &after, &mut |path, metadata| take_note(&unsynced, path, metadata))
        })
        .await
    }
}

#[async_trait]
impl WriteStore for FolderStore {
    async fn put(&self, key: &str, body: &Body, md5: Option<&Md5Digest>) -> Result<Uploaded> {
        let path = self.path(key)?;
        let (body, md5, unsynced) = (body.clone(), md5.copied(), self.waiting());
        // Where the system cannot wait for a file system, each object is waited for.
        let durability = if cfg!(target_os = "linux") { Durability::Rename } else { self.options.durability };
        let options = CacheOptions { durability, ..self.options };
        // A put that is given up ends with the next chunk, and its temporary file goes with it.
        let given_up = CancellationToken::new();
        let _guard = given_up.clone().drop_guard();
        blocking(move || {
            let uploaded = write(&path, &body, md5, options, &given_up)?;
            if let (Some(unsynced), Some(folder)) = (&unsynced, path.parent()) {
                lock(unsynced).open(folder);
            }
            Ok(uploaded)
        })
        .await
    }

    async fn sync(&self) -> Result<()> {
        let unsynced = std::mem::take(&mut *lock(&self.unsynced));
        blocking(move || {
            unsynced
                .sync_opened()
                .map_err(|error| io_error("cannot wait until the disk has the objects", error))
        })
        .await
    }
}

#[async_trait]
impl DeleteStore for FolderStore {
    async fn delete(&self, keys: &[String]) -> Result<Vec<(String, Error)>> {
        let paths: Vec<_> = keys.iter().map(|key| (key.clone(), self.path(key))).collect();
        blocking(move || {
            let mut failed = Vec::new();
            for (key, path) in paths {
                let removed = path.and_then(|path| match fs_err::remove_file(path) {
                    Err(error) if !is_absence(&error) => Err(io_error("cannot delete an object", error)),
                    _ => Ok(()),
                });
                if let Err(error) = removed {
                    failed.push((key, error));
                }
            }
            Ok(failed)
        })
        .await
    }
}

fn lock(unsynced: &Mutex<FileSystems>) -> std::sync::MutexGuard<'_, FileSystems> {
    unsynced.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes note of an object that was found and that the disk may not have yet: the process that put it may have been killed
/// before it waited.
fn take_note(unsynced: &Unsynced, path: &Path, metadata: &std::fs::Metadata) {
    if let (Some(unsynced), Some(folder), true) = (unsynced, path.parent(), is_recent(metadata)) {
        lock(unsynced).open_of(metadata, folder);
    }
}

fn read_chunk(mut file: File, left: u64) -> Result<(Bytes, File)> {
    let mut chunk = vec![0; usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES))];
    file.read_exact(&mut chunk).map_err(|error| io_error("cannot get an object", error))?;
    Ok((chunk.into(), file))
}

/// Writes an object under a temporary name, and renames it when its digest is right.
fn write(
    path: &Path,
    body: &Body,
    md5: Option<Md5Digest>,
    options: CacheOptions,
    given_up: &CancellationToken,
) -> Result<Uploaded> {
    let folder = path.parent().expect("a key lies below the root");
    let mut pending = PendingFile::create(folder, options)?;
    let mut hasher = md5.map(|_| Md5Hasher::new());
    let mut take = |chunk: &[u8]| {
        if given_up.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted, format!("`{}` was not written", path.display())));
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(chunk);
        }
        pending.write(chunk)?;
        if let Some(listener) = body.listener() {
            listener.moved(chunk.len() as u64);
        }
        Ok(())
    };
    match body.content() {
        BodyContent::Bytes(bytes) => take(bytes)?,
        BodyContent::FileRange { path, range } => {
            let cannot = |error| io_error("cannot read what to put", error);
            let mut source = File::open(path.as_path()).map_err(cannot)?;
            source.seek(SeekFrom::Start(range.start)).map_err(cannot)?;
            let mut left = range.end - range.start;
            let mut buffer = vec![0; CHUNK_BYTES];
            while left > 0 {
                let n = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
                source.read_exact(&mut buffer[..n]).map_err(cannot)?;
                take(&buffer[..n])?;
                left -= n as u64;
            }
        }
    }
    if hasher.map(|hasher| hasher.digest()) != md5 {
        let message =
            format!("`{}` was not written: its bytes have another MD5 than announced", path.display());
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    pending.commit(path)?;
    Ok(Uploaded::default())
}

/// Runs file operations where they block no other task.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::new(ErrorKind::Io, "a file operation was given up").with_source(error)),
    }
}

fn io_error(message: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Error::new(ErrorKind::NotFound, message).with_source(error)
        }
        _ => Error::io(message, error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::progress::BytesListener;

    /// Stops the put at its first bytes, until the test lets it go on.
    #[derive(Debug)]
    struct Gate {
        reached: tokio::sync::Notify,
        go_on: Mutex<mpsc::Receiver<()>>,
    }

    impl BytesListener for Gate {
        fn moved(&self, _n_bytes: u64) {
            self.reached.notify_one();
            let _sender_is_gone = self.go_on.lock().unwrap().recv();
        }

        fn taken_back(&self, _n_bytes: u64) {}
    }

    #[test]
    fn put_that_is_given_up_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs_err::write(&source, vec![7; 3 * CHUNK_BYTES]).unwrap();
        let store = FolderStore::new(folder.path().join("remote"));
        let (go_on, receiver) = mpsc::channel();
        let gate = Arc::new(Gate { reached: tokio::sync::Notify::new(), go_on: Mutex::new(receiver) });
        let range = 0..3 * CHUNK_BYTES as u64;
        let body = Body::file_range(Arc::new(source), range).heard_by(Arc::clone(&gate) as _);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            tokio::select! {
                _ = store.put("files/md5/ab/cd", &body, None) => panic!("the put is held"),
                () = gate.reached.notified() => {}
            }
        });
        drop(go_on);
        // Waits for the thread that writes.
        drop(runtime);
        let left: Vec<_> = fs_err::read_dir(folder.path().join("remote/files/md5/ab")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
