//! Presents recorded versions as objects that are named by their hash.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Weak};

use async_trait::async_trait;

use super::VersionedStore;
use crate::{
    Body, Download, Error, ErrorKind, Layout, ListFrom, ListPage, Md5Digest, ObjectInfo, Oid, RemoteStore,
    Result, StoreLimits, TroubleListener, Uploaded, UploadedPart,
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

    fn read_only(&self, key: &str) -> Error {
        let message =
            format!("`{key}` is a view of recorded versions in `{}`, which is read-only", self.location());
        Error::new(ErrorKind::Unsupported, message)
    }
}

#[async_trait]
impl RemoteStore for RecordedVersions {
    fn location(&self) -> &str {
        self.store.location()
    }

    fn limits(&self) -> StoreLimits {
        self.store.limits()
    }

    fn tell_of_trouble(&self, listener: Weak<dyn TroubleListener>) {
        self.store.tell_of_trouble(listener);
    }

    /// Refused, so that the caller uses [`head`](Self::head).
    async fn list_page(&self, prefix: &str, _from: &ListFrom) -> Result<ListPage> {
        Err(self.read_only(prefix))
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

    async fn put(&self, key: &str, _body: &Body, _md5: Option<&Md5Digest>) -> Result<Uploaded> {
        Err(self.read_only(key))
    }

    async fn create_multipart(&self, key: &str) -> Result<String> {
        Err(self.read_only(key))
    }

    async fn put_part(
        &self,
        key: &str,
        _upload_id: &str,
        _number: u32,
        _body: &Body,
        _md5: &Md5Digest,
    ) -> Result<UploadedPart> {
        Err(self.read_only(key))
    }

    async fn list_parts(&self, key: &str, _upload_id: &str) -> Result<Option<Vec<UploadedPart>>> {
        Err(self.read_only(key))
    }

    async fn complete_multipart(
        &self,
        key: &str,
        _upload_id: &str,
        _parts: &[UploadedPart],
    ) -> Result<Uploaded> {
        Err(self.read_only(key))
    }

    async fn abort_multipart(&self, key: &str, _upload_id: &str) -> Result<()> {
        Err(self.read_only(key))
    }

    async fn delete(&self, keys: &[String]) -> Result<Vec<(String, Error)>> {
        Ok(keys.iter().map(|key| (key.clone(), self.read_only(key))).collect())
    }
}
