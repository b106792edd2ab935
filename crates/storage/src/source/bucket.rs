//! A key of a bucket, or all keys below it, as a source.

use async_trait::async_trait;
use haul_config::{Env, Remote, S3Remote};

use super::{Source, SourceEntry, SourceKind, SourceVersion};
use crate::s3::S3Store;
use crate::versions::VersionedStore as _;
use crate::{
    Contact, Download, Error, ErrorKind, ListFrom, ListStore as _, Md5Digest, ObjectInfo, ReadStore as _,
    Result, connect_s3,
};

/// Appended to a prefix, it sorts after all keys with that prefix.
const LAST: char = '\u{10ffff}';

/// A key, with the store of its whole bucket.
#[derive(Debug, Clone)]
pub(super) struct BucketSource {
    store: S3Store,
    bucket: String,
    /// Without slashes around it; empty for the whole bucket.
    key: String,
    /// The version that the URL names.
    version_id: Option<String>,
    is_version_aware: bool,
    location: String,
}

impl BucketSource {
    pub(super) fn new(
        remote: &Remote,
        s3: &S3Remote,
        version: &SourceVersion,
        env: &Env,
        contact: &Contact,
    ) -> Result<Self> {
        let whole = S3Remote { prefix: String::new(), ..s3.clone() };
        let store = connect_s3(remote, &whole, env, contact)?.store;
        let query = remote.url.value.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let written =
            pairs.find(|(name, id)| name == "versionId" && !id.is_empty()).map(|(_, id)| id.into_owned());
        let has_version = written.is_some();
        let version_id = match version {
            SourceVersion::AsWritten => written,
            SourceVersion::Latest => None,
            SourceVersion::Id(id) => Some(id.clone()),
        };
        Ok(Self {
            store,
            location: format!("s3://{}/{}", s3.bucket, s3.prefix),
            bucket: s3.bucket.clone(),
            key: s3.prefix.clone(),
            is_version_aware: remote.is_cloud_versioned() || has_version || version_id.is_some(),
            version_id,
        })
    }

    /// Returns the key of a path below the source.
    fn key_of(&self, path: &str) -> String {
        match (self.key.as_str(), path) {
            (key, "") => key.to_owned(),
            ("", path) => path.to_owned(),
            (key, path) => format!("{key}/{path}"),
        }
    }

    /// Returns the prefix of all keys in a directory.
    fn prefix_of(&self, folder: &str) -> String {
        let key = self.key_of(folder);
        if key.is_empty() { key } else { format!("{key}/") }
    }

    fn path_of(&self, key: &str) -> String {
        let start = if self.key.is_empty() { 0 } else { self.key.len() + 1 };
        key.get(start..).unwrap_or_default().to_owned()
    }

    /// Lists the keys with a prefix; `skip` returns, for a key inside a directory, the key to continue after.
    async fn list(
        &self,
        prefix: &str,
        skip: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<Vec<ObjectInfo>> {
        let mut found: Vec<ObjectInfo> = Vec::new();
        let mut from = ListFrom::Start;
        loop {
            let page = self.store.list_page(prefix, &from).await?;
            let mut jump = None;
            for object in page.objects {
                if found.last().is_some_and(|last| object.key <= last.key) {
                    return Err(self.hostile("is not in order"));
                }
                if jump.as_ref().is_some_and(|jump| object.key <= *jump) {
                    continue;
                }
                jump = skip(&object.key).or(jump);
                found.push(object);
            }
            match (jump, page.next) {
                (_, None) => return Ok(found),
                // The rest of the directory is not wanted.
                (Some(jump), Some(_)) if found.last().is_some_and(|last| last.key <= jump) => {
                    from = ListFrom::AfterKey(jump);
                }
                (_, Some(next)) if next == from => return Err(self.hostile("does not advance")),
                (_, Some(next)) => from = next,
            }
        }
    }

    /// Lists the latest versions of the keys with a prefix.
    async fn list_latest(&self, prefix: &str) -> Result<Vec<SourceEntry>> {
        let mut latest = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.store.list_versions(prefix, cursor.as_ref()).await?;
            for version in page.versions {
                if version.is_latest && !version.is_delete_marker && !version.key.ends_with('/') {
                    latest.push(SourceEntry {
                        path: self.path_of(&version.key),
                        size_bytes: Some(version.size_bytes),
                        etag: version.etag,
                        version_id: version.version_id,
                        last_modified: version.last_modified,
                        ..SourceEntry::default()
                    });
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(latest);
            }
        }
    }

    fn file(&self, object: ObjectInfo) -> SourceEntry {
        SourceEntry {
            path: self.path_of(&object.key),
            size_bytes: Some(object.size_bytes),
            etag: object.etag,
            last_modified: object.last_modified,
            ..SourceEntry::default()
        }
    }

    fn hostile(&self, how: &str) -> Error {
        Error::new(ErrorKind::Corrupt, format!("the listing of `{}` {how}", self.location))
    }
}

#[async_trait]
impl Source for BucketSource {
    fn location(&self) -> &str {
        &self.location
    }

    fn kind(&self) -> SourceKind {
        SourceKind::S3
    }

    fn is_version_aware(&self) -> bool {
        self.is_version_aware
    }

    fn path(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }

    async fn stat(&self) -> Result<Option<SourceEntry>> {
        if !self.key.is_empty() {
            let found = if self.is_version_aware {
                let version = self.store.head_version(&self.key, self.version_id.as_deref()).await?;
                version.map(|version| SourceEntry {
                    size_bytes: Some(version.size_bytes),
                    etag: version.etag,
                    version_id: version.version_id,
                    last_modified: version.last_modified,
                    ..SourceEntry::default()
                })
            } else {
                self.store.head(&self.key).await?.map(|object| self.file(object))
            };
            if found.is_some() {
                return Ok(found.map(|entry| SourceEntry { path: String::new(), ..entry }));
            }
        }
        let page = self.store.list_page(&self.prefix_of(""), &ListFrom::Start).await?;
        let is_dir = !page.objects.is_empty() || self.key.is_empty();
        Ok(is_dir.then(|| SourceEntry { is_dir: true, size_bytes: Some(0), ..SourceEntry::default() }))
    }

    async fn walk(&self) -> Result<Vec<SourceEntry>> {
        if self.is_version_aware {
            return self.list_latest(&self.prefix_of("")).await;
        }
        let found = self.list(&self.prefix_of(""), &|_| None).await?;
        // Some tools write keys that end with a slash for directories.
        Ok(found
            .into_iter()
            .filter(|object| !object.key.ends_with('/'))
            .map(|object| self.file(object))
            .collect())
    }

    async fn children(&self, folder: &str) -> Result<Vec<SourceEntry>> {
        let prefix = self.prefix_of(folder);
        let folder_of = |key: &str| {
            let rest = key.strip_prefix(&prefix)?;
            rest.find('/').map(|end| key[..prefix.len() + end].to_owned())
        };
        let found =
            self.list(&prefix, &|key| folder_of(key).map(|folder| format!("{folder}/{LAST}"))).await?;
        let entry = |object: ObjectInfo| match folder_of(&object.key) {
            Some(folder) => SourceEntry {
                path: self.path_of(&folder),
                is_dir: true,
                size_bytes: Some(0),
                ..SourceEntry::default()
            },
            None => self.file(object),
        };
        // An empty name cannot be a file or directory.
        let is_named = |entry: &SourceEntry| !entry.path.split('/').any(str::is_empty);
        Ok(found.into_iter().filter(|object| object.key != prefix).map(entry).filter(is_named).collect())
    }

    async fn open(&self, entry: &SourceEntry) -> Result<Download> {
        let key = self.key_of(&entry.path);
        match entry.version_id.as_deref().or(self.version_id.as_deref().filter(|_| entry.path.is_empty())) {
            Some(version_id) => self.store.get_version(&key, version_id, None).await,
            None => self.store.get(&key, None, entry.etag.as_deref()).await,
        }
    }

    fn promised_md5(&self, entry: &SourceEntry) -> Option<Md5Digest> {
        let mut digest = Md5Digest::default();
        let etag = entry.etag.as_deref().filter(|_| self.store.limits().etag_is_md5)?;
        hex::decode_to_slice(etag, &mut digest).ok().map(|()| digest)
    }
}
