//! The operations that the transfer engine needs from an object store.
//!
//! Every [`RemoteStore`] can read ([`ReadStore`]), and may also be a [`ListStore`], a [`WriteStore`], a [`DeleteStore`]
//! and a [`MultipartStore`]. [`S3Store`](crate::s3::S3Store) is all of them.
//! [`ObjectStoreAdapter`](crate::ObjectStoreAdapter) makes one from any store of `object_store`.
//!
//! # What the traits of `object_store` cannot express
//!
//! | the engine needs | `object_store` 0.14 has |
//! |---|---|
//! | the page after a key, in the order of keys ([`ListStore::list_page`]) | a stream in no promised order; pages (`PaginatedListStore`) of S3, GCS and Azure only |
//! | a body from a range of a file, which is read again for every attempt ([`Body`]) | `PutPayload`: all bytes in memory |
//! | the MD5 of a body, which the store checks ([`WriteStore::put`]) | nothing |
//! | the parts that an earlier run has sent ([`MultipartStore::list_parts`]) | nothing: an upload cannot be continued |
//! | uploads that were neither completed nor aborted ([`MultipartStore::list_uploads`]) | nothing |
//! | whether the bucket or the object is missing ([`ReadStore::confirm`]) | `NotFound` for both |
//! | the requests that a server throttled ([`ReadStore::tell_of_trouble`]) | nothing |
//! | the reply of a server to a failure: code, request id ([`Error::reply`]) | text |
//! | versions of an object ([`VersionedStore`](crate::versions::VersionedStore)) | reading one; no listing, no delete |

use std::fmt::Debug;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::progress::BytesListener;
use crate::{Error, ErrorKind, Md5Digest, Result, hash};

/// The metadata of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The key, below the prefix of the store.
    pub key: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The entity tag without its quotes, if the store has one. It is the MD5 of the bytes for objects that
    /// were put in one part and are not encrypted with SSE-C or SSE-KMS.
    pub etag: Option<String>,
    /// Seconds since the Unix epoch, if known.
    pub last_modified: Option<i64>,
}

/// One page of a listing.
#[derive(Debug, Clone, Default)]
pub struct ListPage {
    /// Objects in the lexicographic order of their keys.
    pub objects: Vec<ObjectInfo>,
    /// Whether more pages follow. A page may be short or even empty before the end.
    pub is_truncated: bool,
    /// Where the next page starts; set if `is_truncated` is true.
    pub next: Option<ListFrom>,
}

/// Where a page of a listing starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListFrom {
    /// At the first key of the prefix.
    Start,
    /// After a key, which need not exist.
    AfterKey(String),
    /// The store's own, opaque position of the next page.
    Token(String),
}

/// The bytes of an upload. It can be read again for every attempt.
#[derive(Debug, Clone)]
pub struct Body {
    content: BodyContent,
    listener: Option<Arc<dyn BytesListener>>,
}

/// Where the bytes of an upload are.
#[derive(Debug, Clone)]
pub enum BodyContent {
    /// In memory.
    Bytes(Bytes),
    /// In a range of a file, which is streamed. A file that is shorter than the range is an error, not a short upload.
    FileRange {
        /// The file.
        path: Arc<PathBuf>,
        /// The bytes to send, counted from the start of the file.
        range: Range<u64>,
    },
}

impl Body {
    /// Makes a body of bytes in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self { content: BodyContent::Bytes(bytes.into()), listener: None }
    }

    /// Makes a body of a range of a file.
    pub fn file_range(path: Arc<PathBuf>, range: Range<u64>) -> Self {
        Self { content: BodyContent::FileRange { path, range }, listener: None }
    }

    /// Sets a listener, which is notified of the bytes while they are sent. A store that sends all of them at once need
    /// not notify it.
    #[must_use]
    pub fn heard_by(mut self, listener: Arc<dyn BytesListener>) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Returns the location of the bytes.
    pub fn content(&self) -> &BodyContent {
        &self.content
    }

    /// Returns the listener that is notified of the bytes while they are sent.
    pub fn listener(&self) -> Option<&Arc<dyn BytesListener>> {
        self.listener.as_ref()
    }

    /// Returns the length in bytes.
    pub fn len_bytes(&self) -> u64 {
        match &self.content {
            BodyContent::Bytes(bytes) => bytes.len() as u64,
            BodyContent::FileRange { range, .. } => range.end - range.start,
        }
    }
}

/// The bytes of a download.
pub struct Download {
    /// Size of the whole object in bytes, whatever range was requested.
    ///
    /// `None` if the store does not announce it, or if it ignores the range: then the stream is the whole object.
    pub size_bytes: Option<u64>,
    /// Entity tag without its quotes.
    pub etag: Option<String>,
    /// The bytes; it ends with an error if the body is cut, stalls or is longer than announced.
    pub stream: BoxStream<'static, Result<Bytes>>,
}

impl Debug for Download {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Download")
            .field("size_bytes", &self.size_bytes)
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

/// The store's reply to an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Entity tag without its quotes.
    pub etag: Option<String>,
    /// The version id, from a bucket with versioning.
    pub version_id: Option<String>,
}

/// A finished part of a multipart upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedPart {
    /// Part number, counted from 1.
    pub number: u32,
    /// Entity tag, unchanged.
    pub etag: String,
    /// The MD5 of its bytes, if it is known. A listing of parts does not include it.
    pub md5: Option<Md5Digest>,
    /// CRC-32 in base64, if the store knows it.
    pub crc32: Option<String>,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// A multipart upload that was neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUpload {
    /// The key, below the prefix of the store.
    pub key: String,
    /// The id of the upload.
    pub upload_id: String,
    /// When it was started, in seconds since the Unix epoch, if known.
    pub started: Option<i64>,
}

impl UploadedPart {
    /// Returns the entity tag as an MD5, if it has the form of one.
    pub(crate) fn etag_as_md5(&self) -> Option<Md5Digest> {
        let mut digest = Md5Digest::default();
        hex::decode_to_slice(self.etag.trim_matches('"'), &mut digest).ok().map(|()| digest)
    }
}

/// Returns the entity tags that S3 may give to an object of these parts: the one computed from the MD5s of the sent
/// parts, and the one computed from the entity tags of the parts, which with some encryptions are not their MD5s.
pub(crate) fn etags_of_parts(parts: &[UploadedPart]) -> Vec<String> {
    let of = |digest: fn(&UploadedPart) -> Option<Md5Digest>| {
        let digests: Option<Vec<Md5Digest>> = parts.iter().map(digest).collect();
        Some(format!("{}-{}", hex::encode(hash::md5(digests?.as_flattened())), parts.len()))
    };
    let mut etags: Vec<String> = of(|part| part.md5).into_iter().collect();
    // The tag computed from the parts' tags shows which parts the object was made of. That each part has the right bytes
    // was checked when it was sent.
    etags.extend(of(UploadedPart::etag_as_md5).filter(|etag| !etags.contains(etag)));
    etags
}

/// The limits and properties of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Files of at least this size in bytes are uploaded in parts.
    pub multipart_threshold_bytes: u64,
    /// Size of a part in bytes; it is larger if a file would need more than `max_parts`.
    pub part_size_bytes: u64,
    /// The maximum number of parts of an upload.
    pub max_parts: u32,
    /// The maximum of concurrent requests, if the user or the store sets one.
    pub max_concurrency: Option<usize>,
    /// The maximum number of objects that wait for a request, or to be written, if the user sets one.
    pub max_queue: Option<usize>,
    /// Whether the ETag of an object that was put in one part is the MD5 of its bytes.
    pub etag_is_md5: bool,
    /// Whether objects are encrypted with a customer key: listings also show objects that have another key.
    pub has_customer_key: bool,
}

impl StoreLimits {
    /// The limits of a store without multipart uploads, such as a directory or a web server.
    pub(crate) const WHOLE: Self = Self {
        multipart_threshold_bytes: u64::MAX,
        part_size_bytes: u64::MAX,
        max_parts: 1,
        max_concurrency: None,
        max_queue: None,
        etag_is_md5: false,
        has_customer_key: false,
    };

    /// Returns the number of concurrent requests: `wanted` by the user, else the store's, else `default`.
    pub fn jobs(&self, wanted: Option<usize>, default: usize) -> usize {
        wanted.filter(|jobs| *jobs > 0).or(self.max_concurrency).unwrap_or(default).max(1)
    }
}

/// Is notified of requests that a server cannot keep up with.
pub trait TroubleListener: Debug + Send + Sync {
    /// Called for an attempt that the server throttled, or did not answer in time. The store repeats it.
    fn on_trouble(&self);
}

/// A store of objects below a prefix, and its operations in addition to reading.
///
/// Keys are relative to that prefix and raw: no encoding, no leading `/`. Every call does its own retries within its own
/// time budget; an error is final for this call. Dropping a future cancels the request.
pub trait RemoteStore: ReadStore {
    /// Returns the store's listings, if it has them.
    fn as_list(&self) -> Option<&dyn ListStore> {
        None
    }

    /// Returns the store's writing operations, if it has them.
    fn as_write(&self) -> Option<&dyn WriteStore> {
        None
    }

    /// Returns the store's deletion, if it has it.
    fn as_delete(&self) -> Option<&dyn DeleteStore> {
        None
    }

    /// Returns the store's multipart uploads, if it has them.
    fn as_multipart(&self) -> Option<&dyn MultipartStore> {
        None
    }

    /// Returns the store's listings.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if it has no listings.
    fn lister(&self) -> Result<&dyn ListStore> {
        self.as_list().ok_or_else(|| lacks(self.kind(), self.location(), "listings"))
    }

    /// Returns the store's writing operations.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if it is read-only.
    fn writer(&self) -> Result<&dyn WriteStore> {
        self.as_write().ok_or_else(|| lacks(self.kind(), self.location(), "way to write an object"))
    }

    /// Returns the store's deletion.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if it cannot delete.
    fn deleter(&self) -> Result<&dyn DeleteStore> {
        self.as_delete().ok_or_else(|| lacks(self.kind(), self.location(), "way to delete an object"))
    }

    /// Returns the store's multipart uploads.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if it has none.
    fn multipart(&self) -> Result<&dyn MultipartStore> {
        self.as_multipart().ok_or_else(|| lacks(self.kind(), self.location(), "multipart uploads"))
    }
}

fn lacks(kind: &str, location: &str, what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("`{location}` is {kind} and has no {what}"))
}

/// Reads objects.
#[async_trait]
pub trait ReadStore: Debug + Send + Sync + 'static {
    /// Returns the store's name for messages, such as `s3://bucket/prefix` or a directory.
    fn location(&self) -> &str;

    /// Returns the kind of the store, for messages: `a bucket`, `a directory`.
    fn kind(&self) -> &'static str;

    /// Returns the limits and properties of the store.
    fn limits(&self) -> StoreLimits;

    /// Registers `listener`, which is notified of every attempt that meets an overloaded server until it is dropped.
    ///
    /// A store that repeats no requests ignores it.
    fn tell_of_trouble(&self, _listener: Weak<dyn TroubleListener>) {}

    /// Returns the metadata of one object; `None` if it does not exist.
    ///
    /// For a store that replies "access denied" for missing keys, the error is [`ErrorKind::Denied`](crate::ErrorKind).
    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>>;

    /// Fails if the bucket does not exist. Sends a request only if no reply has shown yet that the bucket exists; returns
    /// whether it sent one.
    ///
    /// It is needed because the reply to a HEAD has no body: it is the same for a missing object and a missing bucket.
    async fn confirm(&self) -> Result<bool> {
        Ok(false)
    }

    /// Opens an object, or a range of its bytes. With `if_match` it is an error if the entity tag is another.
    async fn get(&self, key: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Download>;
}

/// Lists objects. A web server has no listings.
#[async_trait]
pub trait ListStore: ReadStore {
    /// Returns one page of the objects whose keys start with `prefix`, which need not end at a `/`.
    async fn list_page(&self, prefix: &str, from: &ListFrom) -> Result<ListPage>;
}

/// Writes whole objects.
#[async_trait]
pub trait WriteStore: ReadStore {
    /// Writes an object in one request. `md5` is the digest of the body, which the store checks.
    async fn put(&self, key: &str, body: &Body, md5: Option<&Md5Digest>) -> Result<Uploaded>;

    /// Waits until the objects that were written or found survive a power failure. For a server, its reply means that
    /// already.
    async fn sync(&self) -> Result<()> {
        Ok(())
    }
}

/// Deletes objects.
#[async_trait]
pub trait DeleteStore: ReadStore {
    /// Deletes objects, with several requests if needed, and returns those that could not be deleted, with the reason.
    async fn delete(&self, keys: &[String]) -> Result<Vec<(String, Error)>>;
}

/// Writes objects in parts: each part can be sent again, and a later run can send the missing parts.
#[async_trait]
pub trait MultipartStore: WriteStore {
    /// Starts a multipart upload and returns its id.
    async fn create_multipart(&self, key: &str) -> Result<String>;

    /// Sends one part; `number` counts from 1. Sending a number again replaces the part. `md5` is the digest of the
    /// body, which the store checks.
    ///
    /// [`ErrorKind::Corrupt`](crate::ErrorKind) means that the part must be sent again: the store refused it, or replied
    /// with the entity tag of other bytes.
    async fn put_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u32,
        body: &Body,
        md5: &Md5Digest,
    ) -> Result<UploadedPart>;

    /// Lists the parts that the store has; `None` if the upload does not exist (any more).
    async fn list_parts(&self, key: &str, upload_id: &str) -> Result<Option<Vec<UploadedPart>>>;

    /// Completes an upload: makes the object from its parts.
    async fn complete_multipart(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[UploadedPart],
    ) -> Result<Uploaded>;

    /// Aborts an upload and deletes its parts. It is not an error if the upload does not exist (any more).
    async fn abort_multipart(&self, key: &str, upload_id: &str) -> Result<()>;

    /// Lists the uploads below the prefix that were neither completed nor aborted, as far as the store lists them: MinIO
    /// does not list them after a restart, and deletes their parts after a day.
    async fn list_uploads(&self) -> Result<Vec<OpenUpload>> {
        Ok(Vec::new())
    }
}
