//! What is asked of a store that keeps versions.

use std::ops::Range;

use async_trait::async_trait;

use crate::{Download, Error, RemoteStore, Result};

/// One version of an object, or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The key, below the prefix of the store.
    pub key: String,
    /// The version id; `None` from a bucket that does not keep versions.
    pub version_id: Option<String>,
    /// Tells that it is what a request without a version id gets.
    pub is_latest: bool,
    /// Tells that it says no more than that the object was deleted.
    pub is_delete_marker: bool,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The entity tag without its quotes.
    pub etag: Option<String>,
    /// Seconds since the Unix epoch, if known.
    pub last_modified: Option<i64>,
}

/// Where a listing of versions goes on. Opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionCursor {
    pub(crate) key_marker: String,
    pub(crate) version_id_marker: Option<String>,
    /// The greatest key of the pages so far; markers need not be keys.
    pub(crate) last_key: String,
    pub(crate) n_empty_pages: u32,
}

/// One page of the versions in a store.
#[derive(Debug, Clone, Default)]
pub struct VersionPage {
    /// Versions and delete markers, by key; of a key, in the order of the server.
    pub versions: Vec<ObjectVersion>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<VersionCursor>,
}

/// Whether a bucket keeps versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// Every write makes a new version.
    Enabled,
    /// It did; new objects have no version id of their own.
    Suspended,
    /// It never did.
    Off,
}

/// A store whose objects have versions. Keys are those of [`RemoteStore`].
///
/// [`RemoteStore::put`] and [`RemoteStore::complete_multipart`] tell the id of the version they made.
#[async_trait]
pub trait VersionedStore: RemoteStore {
    /// Tells whether the bucket keeps versions. Needs the right `s3:GetBucketVersioning`.
    async fn versioning(&self) -> Result<Versioning>;

    /// Looks at a version, or at the latest one; `None` if it does not exist, or is a delete marker.
    async fn head_version(&self, key: &str, version_id: Option<&str>) -> Result<Option<ObjectVersion>>;

    /// Opens a version, or a range of its bytes.
    async fn get_version(&self, key: &str, version_id: &str, range: Option<Range<u64>>) -> Result<Download>;

    /// Returns one page of the versions of all keys that start with `prefix`.
    async fn list_versions(&self, prefix: &str, from: Option<&VersionCursor>) -> Result<VersionPage>;

    /// Deletes versions for good, as many requests as that takes; returns what could not be deleted, by its place
    /// in `versions`. One that was not there is not among them.
    async fn delete_versions(&self, versions: &[(String, String)]) -> Result<Vec<(usize, Error)>>;
}
