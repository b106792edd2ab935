//! A folder as a remote.

mod listing;

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use fs_err::File;
use futures::StreamExt as _;
use futures::stream;

use crate::cache::pending::PendingFile;
use crate::cache::presence::is_absence;
use crate::cache::{CacheOptions, Durability};
use crate::hash::Md5Hasher;
use crate::{
    Body, Download, Error, ErrorKind, ListFrom, ListPage, Md5Digest, ObjectInfo, RemoteStore, Result,
    StoreLimits, Uploaded, UploadedPart,
};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// A folder of the local file system as a remote, written as DVC writes a local remote: objects are 0444, and
/// new ones appear by a rename.
///
/// Deviation: DVC hashes an object of another mode when it looks at it, and deletes it if it is damaged. Here the
/// remote stays as it is; damage shows in a wrong size, and always on a fetch, which verifies every object.
#[derive(Debug, Clone)]
pub struct FolderStore {
    root: Arc<PathBuf>,
    location: Arc<str>,
    options: CacheOptions,
}

impl FolderStore {
    /// Names the store in the folder `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        // One wait for the disk for each small file would be most of the time of a push.
        let durability = Durability::Rename;
        Self::with_options(root, CacheOptions { durability, ..CacheOptions::default() })
    }

    /// Names the store in the folder `root`, shared and synchronised as `options` say. With [`Durability::Sync`] every
    /// object is waited for by itself.
    pub fn with_options(root: impl Into<PathBuf>, options: CacheOptions) -> Self {
        let root = root.into();
        Self { location: root.display().to_string().into(), root: Arc::new(root), options }
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the file of a key, which may not lead out of the folder.
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

    fn unsupported(&self) -> Error {
        Error::new(
            ErrorKind::Unsupported,
            format!("`{}` is a folder and has no multipart uploads", self.location),
        )
    }
}

#[async_trait]
impl RemoteStore for FolderStore {
    fn location(&self) -> &str {
        &self.location
    }

    fn limits(&self) -> StoreLimits {
        StoreLimits {
            multipart_threshold_bytes: u64::MAX,
            part_size_bytes: u64::MAX,
            max_parts: 1,
            max_concurrency: None,
            max_queue: None,
            etag_is_md5: false,
            has_customer_key: false,
        }
    }

    async fn list_page(&self, prefix: &str, from: &ListFrom) -> Result<ListPage> {
        let (root, prefix) = (Arc::clone(&self.root), prefix.to_owned());
        let after = match from {
            ListFrom::Start => String::new(),
            ListFrom::AfterKey(key) | ListFrom::Token(key) => key.clone(),
        };
        blocking(move || listing::page(&root, &prefix, &after)).await
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        let (path, key) = (self.path(key)?, key.to_owned());
        blocking(move || match fs_err::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(listing::info(key, &metadata))),
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

    async fn put(&self, key: &str, body: &Body, md5: Option<&Md5Digest>) -> Result<Uploaded> {
        let path = self.path(key)?;
        let (body, md5, options) = (body.clone(), md5.copied(), self.options);
        blocking(move || write(&path, &body, md5, options)).await
    }

    async fn create_multipart(&self, _key: &str) -> Result<String> {
        Err(self.unsupported())
    }

    async fn put_part(
        &self,
        _key: &str,
        _upload_id: &str,
        _number: u32,
        _body: &Body,
        _md5: &Md5Digest,
    ) -> Result<UploadedPart> {
        Err(self.unsupported())
    }

    async fn list_parts(&self, _key: &str, _upload_id: &str) -> Result<Option<Vec<UploadedPart>>> {
        Ok(None)
    }

    async fn complete_multipart(
        &self,
        _key: &str,
        _upload_id: &str,
        _parts: &[UploadedPart],
    ) -> Result<Uploaded> {
        Err(self.unsupported())
    }

    async fn abort_multipart(&self, _key: &str, _upload_id: &str) -> Result<()> {
        Ok(())
    }

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

fn read_chunk(mut file: File, left: u64) -> Result<(Bytes, File)> {
    let mut chunk = vec![0; usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES))];
    file.read_exact(&mut chunk).map_err(|error| io_error("cannot get an object", error))?;
    Ok((chunk.into(), file))
}

/// Writes an object under a temporary name, and renames it when its digest is right.
fn write(path: &Path, body: &Body, md5: Option<Md5Digest>, options: CacheOptions) -> Result<Uploaded> {
    let folder = path.parent().expect("a key lies below the root");
    let mut pending = PendingFile::create(folder, options)?;
    let mut hasher = md5.map(|_| Md5Hasher::new());
    let mut take = |chunk: &[u8]| {
        if let Some(hasher) = &mut hasher {
            hasher.update(chunk);
        }
        pending.write(chunk)
    };
    match body {
        Body::Bytes(bytes) => take(bytes)?,
        Body::FileRange { path, range } => {
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

/// Runs file operations where they block nobody.
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
