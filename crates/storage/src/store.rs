//! What the transfer engine asks of an object store.
//!
//! The traits of `object_store` cannot say "the page after this key", "send this part of that file",
//! "this is the MD5 of the body" or "delete these, and tell me which failed". [`RemoteStore`] can; it is
//! implemented by [`S3Store`](crate::s3::S3Store) and, for every other store of `object_store`, by
//! [`ObjectStoreAdapter`](crate::ObjectStoreAdapter).

use std::fmt::Debug;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::progress::BytesListener;
use crate::{Md5Digest, Result, hash};

/// What a store tells about an object without its bytes.
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
    /// Tells that there is more behind the last key. Pages may be short or even empty before the end.
    pub is_truncated: bool,
    /// Where the next page starts; set whenever `is_truncated` is.
    pub next: Option<ListFrom>,
}

/// Where a page of a listing starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListFrom {
    /// At the first key of the prefix.
    Start,
    /// Behind a key, which need not exist.
    AfterKey(String),
    /// Where the store said that its last page ended. Opaque.
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
    /// In a part of a file, which is streamed. A file that is shorter than the range is an error, not a short upload.
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

    /// Makes a body of a part of a file.
    pub fn file_range(path: Arc<PathBuf>, range: Range<u64>) -> Self {
        Self { content: BodyContent::FileRange { path, range }, listener: None }
    }

    /// Has `listener` told of the bytes while they go. A store that sends all of them at once need not tell.
    #[must_use]
    pub fn heard_by(mut self, listener: Arc<dyn BytesListener>) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Returns where the bytes are.
    pub fn content(&self) -> &BodyContent {
        &self.content
    }

    /// Returns what wants to hear of the bytes while they go.
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
    /// Size of the whole object in bytes, whatever range was asked for.
    ///
    /// `None` where the store does not announce it, or ignores the range: the stream is the whole object then.
    pub size_bytes: Option<u64>,
    /// Entity tag without its quotes.
    pub etag: Option<String>,
    /// The bytes; it ends with an error when the body is cut, stalls or is longer than announced.
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

/// What the store answered to an upload.
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
    /// Entity tag as the store wrote it.
    pub etag: String,
    /// The MD5 of its bytes, if it is known here. A list of parts does not tell it.
    pub md5: Option<Md5Digest>,
    /// CRC-32 in base64, if the store knows it.
    pub crc32: Option<String>,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// A multipart upload that was neither completed nor given up.
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
    /// Returns the MD5 that the entity tag looks like, if it looks like one.
    pub(crate) fn etag_as_md5(&self) -> Option<Md5Digest> {
        let mut digest = Md5Digest::default();
        hex::decode_to_slice(self.etag.trim_matches('"'), &mut digest).ok().map(|()| digest)
    }
}

/// Returns the entity tags that S3 may give to an object of these parts: the one that follows from the MD5s of what was
/// sent, and the one that follows from the entity tags of the parts, which are not their MD5s under some encryptions.
pub(crate) fn etags_of_parts(parts: &[UploadedPart]) -> Vec<String> {
    let of = |digest: fn(&UploadedPart) -> Option<Md5Digest>| {
        let digests: Option<Vec<Md5Digest>> = parts.iter().map(digest).collect();
        Some(format!("{}-{}", hex::encode(hash::md5(digests?.as_flattened())), parts.len()))
    };
    let mut etags: Vec<String> = of(|part| part.md5).into_iter().collect();
    // What follows from the tags says which parts were put together. That these have the right bytes, each of them has
    // shown when it was sent.
    etags.extend(of(UploadedPart::etag_as_md5).filter(|etag| !etags.contains(etag)));
    etags
}

/// How a store wants to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Files of at least this size go in parts.
    pub multipart_threshold_bytes: u64,
    /// Size of a part; larger where a file would need more than `max_parts`.
    pub part_size_bytes: u64,
    /// Most parts an upload may have.
    pub max_parts: u32,
    /// Requests under way at once, if the user or the store sets a limit.
    pub max_concurrency: Option<usize>,
    /// Objects that wait for a request, or to be written, at once, if the user sets a limit.
    pub max_queue: Option<usize>,
    /// Tells that the ETag of an object put in one part is the MD5 of its bytes.
    pub etag_is_md5: bool,
    /// Tells that objects are encrypted with a key that the client brings: a listing shows them, whatever their key.
    pub has_customer_key: bool,
}

impl StoreLimits {
    /// Returns how many requests may be under way at once: as the user wants, else as the store does, else `default`.
    pub fn jobs(&self, wanted: Option<usize>, default: usize) -> usize {
        wanted.filter(|jobs| *jobs > 0).or(self.max_concurrency).unwrap_or(default).max(1)
    }
}

/// Hears of requests that a server cannot keep up with.
pub trait TroubleListener: Debug + Send + Sync {
    /// Takes note of an attempt that the server refused for haste, or did not answer in time. The store repeats it.
    fn on_trouble(&self);
}

/// A store of objects below a prefix. Keys are relative to that prefix and raw: no encoding, no leading `/`.
///
/// Every call does its own retries and gives up within its own time budget; an error is final for this call.
/// Dropping a future cancels the request.
#[async_trait]
pub trait RemoteStore: Debug + Send + Sync + 'static {
    /// Names the store for messages, as `s3://bucket/prefix` or a directory.
    fn location(&self) -> &str;

    /// Tells how the store wants to be used.
    fn limits(&self) -> StoreLimits;

    /// Tells `listener`, for as long as it lives, of every attempt that meets an overloaded server.
    ///
    /// A store that repeats no requests has nothing to tell.
    fn tell_of_trouble(&self, _listener: Weak<dyn TroubleListener>) {}

    /// Returns one page of the objects whose keys start with `prefix`, which need not end at a `/`.
    async fn list_page(&self, prefix: &str, from: &ListFrom) -> Result<ListPage>;

    /// Looks at one object; `None` if it does not exist.
    ///
    /// A store that hides missing keys behind "access denied" gives [`ErrorKind::Denied`](crate::ErrorKind).
    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>>;

    /// Makes sure that what "not found" was said of is the object and not all of the store, unless a reply has shown that
    /// already; returns whether that took a request.
    ///
    /// The reply to a HEAD has no body: it is the same for an object that is missing and for a bucket that is.
    async fn confirm(&self) -> Result<bool> {
        Ok(false)
    }

    /// Opens an object, or a range of its bytes. With `if_match` only the object with that entity tag.
    async fn get(&self, key: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Download>;

    /// Writes an object in one request. `md5` is the digest of the body, checked by the store on arrival.
    async fn put(&self, key: &str, body: &Body, md5: Option<&Md5Digest>) -> Result<Uploaded>;

    /// Waits until a power failure loses nothing of what was put, nor of what was found to be there. A server promises that
    /// with its reply.
    async fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// Starts a multipart upload and returns its id.
    async fn create_multipart(&self, key: &str) -> Result<String>;

    /// Sends one part; `number` counts from 1. Sending a number again replaces the part. `md5` is the digest of the
    /// body, checked by the store on arrival.
    ///
    /// [`ErrorKind::Corrupt`](crate::ErrorKind) means that the part has to be sent again: the store refused it, or its
    /// entity tag is that of other bytes.
    async fn put_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u32,
        body: &Body,
        md5: &Md5Digest,
    ) -> Result<UploadedPart>;

    /// Lists the parts that arrived; `None` if the upload is not known (any more).
    async fn list_parts(&self, key: &str, upload_id: &str) -> Result<Option<Vec<UploadedPart>>>;

    /// Makes the object out of its parts.
    async fn complete_multipart(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[UploadedPart],
    ) -> Result<Uploaded>;

    /// Gives an upload up and frees its parts. Not an error if it is not known (any more).
    async fn abort_multipart(&self, key: &str, upload_id: &str) -> Result<()>;

    /// Lists the uploads below the prefix that were neither completed nor given up, as far as the store lists them: MinIO
    /// forgets to list them when it is started anew, and deletes their parts by itself after a day.
    async fn list_uploads(&self) -> Result<Vec<OpenUpload>> {
        Ok(Vec::new())
    }

    /// Deletes objects, as many requests as that takes, and returns the ones that could not be deleted, with the reason.
    async fn delete(&self, keys: &[String]) -> Result<Vec<(String, crate::Error)>>;
}
