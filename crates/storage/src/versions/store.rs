//! The operations of a store that keeps versions.

use std::ops::Range;

use async_trait::async_trait;

use crate::{DeleteStore, Download, Error, MultipartStore, RemoteStore, Result};

/// One version of an object, or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The key, below the prefix of the store.
    pub key: String,
    /// The version id; `None` from a bucket that does not keep versions.
    pub version_id: Option<String>,
    /// Whether a request without a version id gets this version.
    pub is_latest: bool,
    /// Whether it is a delete marker.
    pub is_delete_marker: bool,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The entity tag without its quotes.
    pub etag: Option<String>,
    /// Seconds since the Unix epoch, if known.
    pub last_modified: Option<i64>,
}

/// The position of the next page of a listing of versions. Opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionCursor {
    pub(crate) key_marker: String,
    pub(crate) version_id_marker: Option<String>,
    /// The greatest key of the pages so far; the server's markers need not be keys.
    pub(crate) last_key: String,
    pub(crate) n_empty_pages: u32,
}

/// One page of the versions in a store.
#[derive(Debug, Clone, Default)]
pub struct VersionPage {
    /// Versions and delete markers, sorted by key; those of one key are in the order of the server.
    pub versions: Vec<ObjectVersion>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<VersionCursor>,
}

/// Whether a bucket keeps versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// Every write makes a new version.
    Enabled,
    /// It kept versions once; new objects have no version id of their own.
    Suspended,
    /// It never kept versions.
    Off,
}

/// A store whose objects have versions. Keys are those of [`RemoteStore`].
///
/// [`WriteStore::put`](crate::WriteStore::put) and [`MultipartStore::complete_multipart`] return the id of the version they made.
#[async_trait]
pub trait VersionedStore: RemoteStore + DeleteStore + MultipartStore {
    /// Returns the command that turns versioning on.
    fn versioning_command(&self) -> String;

    /// Returns whether the bucket keeps versions. Requires the right `s3:GetBucketVersioning`.
    async fn versioning(&self) -> Result<Versioning>;

    /// Returns the metadata of a version, or of the latest one; `None` if it does not exist or is a delete marker.
    async fn head_version(&self, key: &str, version_id: Option<&str>) -> Result<Option<ObjectVersion>>;

    /// Opens a version, or a range of its bytes.
    async fn get_version(&self, key: &str, version_id: &str, range: Option<Range<u64>>) -> Result<Download>;

    /// Returns one page of the versions of all keys that start with `prefix`.
    async fn list_versions(&self, prefix: &str, from: Option<&VersionCursor>) -> Result<VersionPage>;

    /// Deletes versions for good, with several requests if needed; returns the failures, each with its index in
    /// `versions`. A version that does not exist is not a failure.
    async fn delete_versions(&self, versions: &[(String, String)]) -> Result<Vec<(usize, Error)>>;
}
