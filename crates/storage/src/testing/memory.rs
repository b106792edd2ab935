//! A store in memory that behaves like a correct S3 server.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};

use crate::store::BodyContent;
use crate::{
    Body, DeleteStore, Download, Error, ErrorKind, ListFrom, ListPage, ListStore, Md5Digest, MultipartStore,
    ObjectInfo, ReadStore, RemoteStore, Result, StoreLimits, Uploaded, UploadedPart, WriteStore, hash,
};

/// The size in bytes of a chunk of a download.
const CHUNK_BYTES: usize = 64 << 10;

/// A store in memory. Clones share the objects.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    limits: StoreLimits,
    page_objects: usize,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, BTreeMap<u32, Bytes>>,
    next_upload: u64,
    is_listing_denied: bool,
    hides_md5: bool,
    has_told: bool,
}

#[derive(Debug, Clone)]
struct Object {
    bytes: Bytes,
    etag: String,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// Makes an empty store with small parts: uploads of 64 KiB or more are in parts of 64 KiB.
    pub fn new() -> Self {
        let limits = StoreLimits {
            multipart_threshold_bytes: 64 << 10,
            part_size_bytes: 64 << 10,
            max_parts: 10_000,
            max_concurrency: None,
            max_queue: None,
            etag_is_md5: true,
            has_customer_key: false,
        };
        Self { state: Arc::default(), limits, page_objects: 1000 }
    }

    /// Sets the limits and properties of the store.
    #[must_use]
    pub fn with_limits(mut self, limits: StoreLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the number of objects of a page.
    #[must_use]
    pub fn with_page_objects(mut self, page_objects: usize) -> Self {
        self.page_objects = page_objects;
        self
    }

    /// Makes listings fail, and replies "access denied" for missing objects, as S3 does without `s3:ListBucket`.
    pub fn deny_listing(&self) {
        self.state().is_listing_denied = true;
    }

    /// Makes the store reply like a bucket that encrypts with KMS by default: entity tags look like MD5s but are not,
    /// which only the replies to a PUT or HEAD show.
    pub fn encrypt_by_default(&self) {
        self.state().hides_md5 = true;
    }

    /// Returns the keys and bytes of all objects.
    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        self.state().objects.iter().map(|(key, object)| (key.clone(), object.bytes.clone())).collect()
    }

    /// Writes an object, as if another client did.
    pub fn insert(&self, key: &str, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        let etag = hex::encode(hash::md5(&bytes));
        self.state().objects.insert(key.to_owned(), Object { bytes, etag });
    }

    /// Deletes an object, as if another client did.
    pub fn remove(&self, key: &str) {
        self.state().objects.remove(key);
    }

    /// Forgets what replies showed, like a new process.
    pub fn forget_what_was_told(&self) {
        self.state().has_told = false;
    }

    /// Returns the number of multipart uploads that were neither completed nor aborted.
    pub fn n_open_uploads(&self) -> usize {
        self.state().uploads.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn error(kind: ErrorKind, operation: &str, key: &str) -> Error {
    Error::new(kind, format!("cannot {operation} `{key}` in memory"))
}

fn info(key: &str, object: &Object) -> ObjectInfo {
    ObjectInfo {
        key: key.to_owned(),
        size_bytes: object.bytes.len() as u64,
        etag: Some(object.etag.clone()),
        last_modified: None,
    }
}

fn read(body: &Body) -> Result<Bytes> {
    match body.content() {
        BodyContent::Bytes(bytes) => Ok(bytes.clone()),
        BodyContent::FileRange { path, range } => {
            let cannot = |error| Error::io("cannot read the bytes to upload", error);
            let mut file = fs_err::File::open(path.as_path()).map_err(cannot)?;
            file.seek(SeekFrom::Start(range.start)).map_err(cannot)?;
            let mut bytes =
                vec![0; usize::try_from(range.end - range.start).expect("a test's file fits into memory")];
            file.read_exact(&mut bytes).map_err(cannot)?;
            Ok(bytes.into())
        }
    }
}

impl RemoteStore for MemoryStore {
    fn as_list(&self) -> Option<&dyn ListStore> {
        Some(self)
    }

    fn as_write(&self) -> Option<&dyn WriteStore> {
        Some(self)
    }

    fn as_delete(&self) -> Option<&dyn DeleteStore> {
        Some(self)
    }

    fn as_multipart(&self) -> Option<&dyn MultipartStore> {
        Some(self)
    }
}

#[async_trait]
impl ReadStore for MemoryStore {
    fn location(&self) -> &'static str {
        "memory"
    }

    fn kind(&self) -> &'static str {
        "a store in memory"
    }

    fn limits(&self) -> StoreLimits {
        StoreLimits { etag_is_md5: self.limits.etag_is_md5 && !self.state().has_told, ..self.limits }
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        let mut state = self.state();
        state.has_told |= state.hides_md5;
        match state.objects.get(key) {
            Some(object) => Ok(Some(info(key, object))),
            None if state.is_listing_denied => Err(error(ErrorKind::Denied, "look at", key)),
            None => Ok(None),
        }
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Download> {
        let object =
            self.state().objects.get(key).cloned().ok_or_else(|| error(ErrorKind::NotFound, "get", key))?;
        if if_match.is_some_and(|etag| etag != object.etag) {
            return Err(error(ErrorKind::Precondition, "get", key));
        }
        let size_bytes = object.bytes.len() as u64;
        let range = range.unwrap_or(0..size_bytes);
        let clip = |at: u64| usize::try_from(at.min(size_bytes)).expect("an object in memory fits into it");
        let bytes = object.bytes.slice(clip(range.start)..clip(range.end));
        let chunks: Vec<_> = bytes.chunks(CHUNK_BYTES).map(|chunk| Ok(bytes.slice_ref(chunk))).collect();
        Ok(Download {
            size_bytes: Some(size_bytes),
            etag: Some(object.etag),
            stream: stream::iter(chunks).boxed(),
        })
    }
}

#[async_trait]
impl ListStore for MemoryStore {
    async fn list_page(&self, prefix: &str, from: &ListFrom) -> Result<ListPage> {
        let state = self.state();
        if state.is_listing_denied {
            return Err(error(ErrorKind::Denied, "list", prefix));
        }
        let after = match from {
            ListFrom::AfterKey(key) | ListFrom::Token(key) if key.as_str() >= prefix => {
                Bound::Excluded(key.as_str())
            }
            _ => Bound::Included(prefix),
        };
        let range = (after, Bound::Unbounded);
        let mut keys = state.objects.range::<str, _>(range).take_while(|(key, _)| key.starts_with(prefix));
        let objects: Vec<_> =
            keys.by_ref().take(self.page_objects).map(|(key, object)| info(key, object)).collect();
        let is_truncated = keys.next().is_some();
        let next = objects.last().filter(|_| is_truncated).map(|object| ListFrom::Token(object.key.clone()));
        Ok(ListPage { objects, is_truncated, next })
    }
}

#[async_trait]
impl WriteStore for MemoryStore {
    async fn put(&self, key: &str, body: &Body, md5: Option<&Md5Digest>) -> Result<Uploaded> {
        let bytes = read(body)?;
        let digest = hash::md5(&bytes);
        if md5.is_some_and(|md5| *md5 != digest) {
            return Err(error(ErrorKind::Corrupt, "put", key));
        }
        let mut state = self.state();
        state.has_told |= state.hides_md5;
        let etag = hex::encode(if state.hides_md5 { hash::md5(&digest) } else { digest });
        state.objects.insert(key.to_owned(), Object { bytes, etag: etag.clone() });
        Ok(Uploaded { etag: Some(etag), version_id: None })
    }
}

#[async_trait]
impl DeleteStore for MemoryStore {
    async fn delete(&self, keys: &[String]) -> Result<Vec<(String, Error)>> {
        let mut state = self.state();
        for key in keys {
            state.objects.remove(key);
        }
        Ok(Vec::new())
    }
}

#[async_trait]
impl MultipartStore for MemoryStore {
    async fn create_multipart(&self, key: &str) -> Result<String> {
        let mut state = self.state();
        state.next_upload += 1;
        let id = format!("{key}#{}", state.next_upload);
        state.uploads.insert(id.clone(), BTreeMap::new());
        Ok(id)
    }

    async fn put_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u32,
        body: &Body,
        md5: &Md5Digest,
    ) -> Result<UploadedPart> {
        let bytes = read(body)?;
        if hash::md5(&bytes) != *md5 {
            return Err(error(ErrorKind::Corrupt, "put a part of", key));
        }
        let mut state = self.state();
        let parts = state
            .uploads
            .get_mut(upload_id)
            .ok_or_else(|| error(ErrorKind::NotFound, "put a part of", key))?;
        let etag = hex::encode(hash::md5(&bytes));
        let size_bytes = bytes.len() as u64;
        let part = UploadedPart { number, etag, md5: Some(*md5), crc32: None, size_bytes };
        parts.insert(number, bytes);
        Ok(part)
    }

    async fn list_parts(&self, _key: &str, upload_id: &str) -> Result<Option<Vec<UploadedPart>>> {
        Ok(self.state().uploads.get(upload_id).map(|parts| {
            let part = |(number, bytes): (&u32, &Bytes)| UploadedPart {
                number: *number,
                etag: hex::encode(hash::md5(bytes)),
                md5: None,
                crc32: None,
                size_bytes: bytes.len() as u64,
            };
            parts.iter().map(part).collect()
        }))
    }

    async fn complete_multipart(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[UploadedPart],
    ) -> Result<Uploaded> {
        let mut state = self.state();
        let sent = state.uploads.get(upload_id).ok_or_else(|| error(ErrorKind::NotFound, "complete", key))?;
        let mut bytes = Vec::new();
        let mut digests = Vec::new();
        for (part, number) in parts.iter().zip(1..) {
            let sent = sent.get(&part.number).filter(|sent| hex::encode(hash::md5(sent)) == part.etag);
            let sent = sent
                .filter(|_| part.number == number)
                .ok_or_else(|| error(ErrorKind::Server, "complete", key))?;
            bytes.extend_from_slice(sent);
            digests.extend_from_slice(&hash::md5(sent));
        }
        state.uploads.remove(upload_id);
        let etag = format!("{}-{}", hex::encode(hash::md5(&digests)), parts.len());
        state.objects.insert(key.to_owned(), Object { bytes: bytes.into(), etag: etag.clone() });
        Ok(Uploaded { etag: Some(etag), version_id: None })
    }

    async fn abort_multipart(&self, _key: &str, upload_id: &str) -> Result<()> {
        self.state().uploads.remove(upload_id);
        Ok(())
    }
}
