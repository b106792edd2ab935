//! Uses any store of `object_store` as a remote.

use std::fmt::{Debug, Display};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutPayload};

use crate::store::BodyContent;
use crate::{
    Body, DeleteStore, Download, Error, ErrorKind, ListFrom, ListPage, ListStore, Md5Digest, ObjectInfo,
    ReadStore, RemoteStore, Result, StoreLimits, Uploaded, UploadedPart, WriteStore, hash,
};

/// The maximum number of objects of a page, as in S3.
const PAGE_OBJECTS: usize = 1000;

/// A store of `object_store` as a [`RemoteStore`].
///
/// Two things follow from the limits of those traits: an interrupted upload starts over, because the parts of an upload
/// cannot be listed; and each page of a listing needs a whole listing, because the traits promise no order.
#[derive(Debug)]
pub struct ObjectStoreAdapter<T> {
    store: Arc<T>,
    location: Arc<str>,
}

impl<T> Clone for ObjectStoreAdapter<T> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), location: Arc::clone(&self.location) }
    }
}

impl<T: ObjectStore + MultipartStore + Display> ObjectStoreAdapter<T> {
    /// Wraps the store; messages name it by its own `Display`.
    pub fn new(store: T) -> Self {
        Self { location: store.to_string().into(), store: Arc::new(store) }
    }

    fn path(&self, key: &str) -> Result<Path> {
        // `Path::from` would percent-encode the key.
        Path::parse(key).map_err(|error| {
            Error::new(ErrorKind::Config, format!("`{key}` is not a key in `{}`", self.location))
                .with_source(error)
        })
    }

    fn error(&self, operation: &str, key: &str, error: object_store::Error) -> Error {
        let kind = match &error {
            object_store::Error::NotFound { .. } => ErrorKind::NotFound,
            object_store::Error::PermissionDenied { .. } => ErrorKind::Denied,
            object_store::Error::Unauthenticated { .. } => ErrorKind::Unauthenticated,
            object_store::Error::Precondition { .. } | object_store::Error::NotModified { .. } => {
                ErrorKind::Precondition
            }
            object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. } => {
                ErrorKind::Unsupported
            }
            _ => ErrorKind::Server,
        };
        Error::new(kind, format!("cannot {operation} `{key}` in `{}`", self.location)).with_source(error)
    }
}

impl<T: ObjectStore + MultipartStore + Display + Debug> RemoteStore for ObjectStoreAdapter<T> {
    fn as_list(&self) -> Option<&dyn ListStore> {
        Some(self)
    }

    fn as_write(&self) -> Option<&dyn WriteStore> {
        Some(self)
    }

    fn as_delete(&self) -> Option<&dyn DeleteStore> {
        Some(self)
    }

    fn as_multipart(&self) -> Option<&dyn crate::MultipartStore> {
        Some(self)
    }
}

#[async_trait]
impl<T: ObjectStore + MultipartStore + Display + Debug> ReadStore for ObjectStoreAdapter<T> {
    fn location(&self) -> &str {
        &self.location
    }

    fn kind(&self) -> &'static str {
        "a store of `object_store`"
    }

    fn limits(&self) -> StoreLimits {
        StoreLimits {
            multipart_threshold_bytes: 8 << 20,
            part_size_bytes: 8 << 20,
            max_parts: 10_000,
            max_concurrency: None,
            max_queue: None,
            etag_is_md5: false,
            has_customer_key: false,
        }
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        match self.store.head(&self.path(key)?).await {
            Ok(meta) => Ok(Some(info(&meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.error("look at", key, error)),
        }
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Download> {
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            if_match: if_match.map(|etag| format!("\"{etag}\"")),
            ..GetOptions::default()
        };
        let got = self
            .store
            .get_opts(&self.path(key)?, options)
            .await
            .map_err(|error| self.error("get", key, error))?;
        let (size_bytes, etag) = (Some(got.meta.size), got.meta.e_tag.as_deref().map(unquoted));
        let (this, key) = (self.clone(), key.to_owned());
        let stream = got.into_stream().map_err(move |error| this.error("get", &key, error)).boxed();
        Ok(Download { size_bytes, etag, stream })
    }
}

#[async_trait]
impl<T: ObjectStore + MultipartStore + Display + Debug> ListStore for ObjectStoreAdapter<T> {
    async fn list_page(&self, prefix: &str, from: &ListFrom) -> Result<ListPage> {
        let folder = prefix.rfind('/').map(|end| self.path(&prefix[..end])).transpose()?;
        let mut listing = match from {
            ListFrom::Start => self.store.list(folder.as_ref()),
            ListFrom::AfterKey(key) | ListFrom::Token(key) => {
                self.store.list_with_offset(folder.as_ref(), &self.path(key)?)
            }
        };
        let mut objects = Vec::new();
        while let Some(meta) = listing.try_next().await.map_err(|error| self.error("list", prefix, error))? {
            if meta.location.as_ref().starts_with(prefix) {
                objects.push(info(&meta));
            }
        }
        objects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let is_truncated = objects.len() > PAGE_OBJECTS;
        objects.truncate(PAGE_OBJECTS);
        let next =
            objects.last().filter(|_| is_truncated).map(|object| ListFrom::AfterKey(object.key.clone()));
        Ok(ListPage { objects, is_truncated, next })
    }
}

#[async_trait]
impl<T: ObjectStore + MultipartStore + Display + Debug> WriteStore for ObjectStoreAdapter<T> {
    async fn put(&self, key: &str, body: &Body, md5: Option<&Md5Digest>) -> Result<Uploaded> {
        let bytes = read(body).await?;
        if md5.is_some_and(|md5| *md5 != hash::md5(&bytes)) {
            let message = format!("`{key}` was not uploaded: its bytes do not have the announced MD5");
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        let put = self.store.put(&self.path(key)?, PutPayload::from_bytes(bytes)).await;
        let put = put.map_err(|error| self.error("put", key, error))?;
        Ok(Uploaded { etag: put.e_tag.as_deref().map(unquoted), version_id: put.version })
    }
}

#[async_trait]
impl<T: ObjectStore + MultipartStore + Display + Debug> DeleteStore for ObjectStoreAdapter<T> {
    async fn delete(&self, keys: &[String]) -> Result<Vec<(String, Error)>> {
        let mut failed = Vec::new();
        for key in keys {
            match self.store.delete(&self.path(key)?).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => failed.push((key.clone(), self.error("delete", key, error))),
            }
        }
        Ok(failed)
    }
}

#[async_trait]
impl<T: ObjectStore + MultipartStore + Display + Debug> crate::MultipartStore for ObjectStoreAdapter<T> {
    async fn create_multipart(&self, key: &str) -> Result<String> {
        let created = MultipartStore::create_multipart(&*self.store, &self.path(key)?).await;
        created.map_err(|error| self.error("start the upload of", key, error))
    }

    async fn put_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u32,
        body: &Body,
        md5: &Md5Digest,
    ) -> Result<UploadedPart> {
        let bytes = read(body).await?;
        if *md5 != hash::md5(&bytes) {
            let message =
                format!("a part of `{key}` was not uploaded: its bytes do not have the announced MD5");
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        let size_bytes = bytes.len() as u64;
        let index = number as usize - 1;
        let (path, id) = (self.path(key)?, upload_id.to_owned());
        let put = MultipartStore::put_part(&*self.store, &path, &id, index, PutPayload::from_bytes(bytes));
        let part = put.await.map_err(|error| self.error("put a part of", key, error))?;
        Ok(UploadedPart { number, etag: part.content_id, md5: Some(*md5), crc32: None, size_bytes })
    }

    async fn list_parts(&self, _key: &str, _upload_id: &str) -> Result<Option<Vec<UploadedPart>>> {
        Ok(None)
    }

    async fn complete_multipart(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[UploadedPart],
    ) -> Result<Uploaded> {
        let parts = parts.iter().map(|part| PartId { content_id: part.etag.clone() }).collect();
        let upload_id = upload_id.to_owned();
        let put = MultipartStore::complete_multipart(&*self.store, &self.path(key)?, &upload_id, parts).await;
        let put = put.map_err(|error| self.error("complete the upload of", key, error))?;
        Ok(Uploaded { etag: put.e_tag.as_deref().map(unquoted), version_id: put.version })
    }

    async fn abort_multipart(&self, key: &str, upload_id: &str) -> Result<()> {
        match MultipartStore::abort_multipart(&*self.store, &self.path(key)?, &upload_id.to_owned()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            // An unknown upload is no failure, but each store reports it in its own way.
            Err(error @ object_store::Error::Generic { .. }) => {
                tracing::debug!(%error, key, "an upload was not aborted");
                Ok(())
            }
            Err(error) => Err(self.error("abort the upload of", key, error)),
        }
    }
}

fn info(meta: &ObjectMeta) -> ObjectInfo {
    ObjectInfo {
        key: meta.location.to_string(),
        size_bytes: meta.size,
        etag: meta.e_tag.as_deref().map(unquoted),
        last_modified: Some(meta.last_modified.timestamp()),
    }
}

fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

async fn read(body: &Body) -> Result<Bytes> {
    let (path, range) = match body.content() {
        BodyContent::Bytes(bytes) => return Ok(bytes.clone()),
        BodyContent::FileRange { path, range } => (Arc::clone(path), range.clone()),
    };
    let read = tokio::task::spawn_blocking(move || {
        use std::io::{Read as _, Seek as _, SeekFrom};
        let mut file = fs_err::File::open(path.as_path())?;
        file.seek(SeekFrom::Start(range.start))?;
        let mut bytes = vec![0; usize::try_from(range.end - range.start).map_err(std::io::Error::other)?];
        file.read_exact(&mut bytes)?;
        Ok(Bytes::from(bytes))
    });
    read.await
        .map_err(std::io::Error::other)
        .flatten()
        .map_err(|error: std::io::Error| Error::io("cannot read the bytes to upload", error))
}
