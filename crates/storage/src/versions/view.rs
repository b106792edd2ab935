//! Presents recorded versions as objects that are named by their hash.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Weak};

use async_trait::async_trait;

use super::VersionedStore;
use crate::{
    Download, Error, ErrorKind, Layout, ObjectInfo, Oid, ReadStore, RemoteStore, Result, StoreLimits,
    TroubleListener,
};

/// A version of an object that a metafile records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedVersion {
    /// The key, below the prefix of the store.
    pub key: String,
    /// The version id.
    pub version_id: String,
}

/// A read-only store in which each recorded version has the object path of its hash.
///
/// A fetch from it works as from any remote: the bytes are hashed, and stored in the cache only if they have the recorded
/// hash. Only recorded versions are read.
#[derive(Debug)]
pub struct RecordedVersions {
    store: Arc<dyn VersionedStore>,
    /// By object path. Files of equal content may have several versions, any of which can be read.
    versions: HashMap<String, Vec<RecordedVersion>>,
}

impl RecordedVersions {
    /// Makes a store of these versions.
    pub fn new(
        store: Arc<dyn VersionedStore>,
        recorded: impl IntoIterator<Item = (Layout, Oid, RecordedVersion)>,
    ) -> Self {
        let mut versions: HashMap<String, Vec<RecordedVersion>> = HashMap::new();
        for (layout, oid, version) in recorded {
            let known = versions.entry(layout.object_path(&oid)).or_default();
            if !known.contains(&version) {
                known.push(version);
            }
        }
        Self { store, versions }
    }

    fn recorded(&self, key: &str) -> &[RecordedVersion] {
        self.versions.get(key).map(Vec::as_slice).unwrap_or_default()
    }
}

impl RemoteStore for RecordedVersions {}

#[async_trait]
impl ReadStore for RecordedVersions {
    fn location(&self) -> &str {
        self.store.location()
    }

    fn kind(&self) -> &'static str {
        "a view of recorded versions"
    }

    fn limits(&self) -> StoreLimits {
        self.store.limits()
    }

    fn tell_of_trouble(&self, listener: Weak<dyn TroubleListener>) {
        self.store.tell_of_trouble(listener);
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        for version in self.recorded(key) {
            if let Some(found) = self.store.head_version(&version.key, Some(&version.version_id)).await? {
                return Ok(Some(ObjectInfo {
                    key: key.to_owned(),
                    size_bytes: found.size_bytes,
                    etag: found.etag,
                    last_modified: found.last_modified,
                }));
            }
        }
        Ok(None)
    }

    async fn confirm(&self) -> Result<bool> {
        self.store.confirm().await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>, _if_match: Option<&str>) -> Result<Download> {
        let mut not_found = None;
        for version in self.recorded(key) {
            match self.store.get_version(&version.key, &version.version_id, range.clone()).await {
                Err(error) if error.kind() == ErrorKind::NotFound => not_found = Some(error),
                other => return other,
            }
        }
        Err(not_found.unwrap_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("no version is recorded for `{key}`"))
        }))
    }
}
