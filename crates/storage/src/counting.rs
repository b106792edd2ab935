//! A store that counts requests and bytes.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use futures::StreamExt as _;

use crate::transfer::RequestCounts;
use crate::{
    Body, DeleteStore, Download, Error, ListFrom, ListPage, ListStore, Md5Digest, MultipartStore, ObjectInfo,
    OpenUpload, ReadStore, RemoteStore, Result, StoreLimits, TroubleListener, Uploaded, UploadedPart,
    WriteStore,
};

/// Passes calls on to another store, and counts the calls and the bytes of bodies. A call counts once, however often
/// the other store repeats its request.
#[derive(Debug, Clone)]
pub struct CountingStore {
    inner: Arc<dyn RemoteStore>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    list: AtomicU64,
    head: AtomicU64,
    get: AtomicU64,
    put: AtomicU64,
    multipart: AtomicU64,
    delete: AtomicU64,
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
}

impl CountingStore {
    /// Makes a store whose counts start at zero.
    pub fn new(inner: Arc<dyn RemoteStore>) -> Self {
        Self { inner, counts: Arc::default() }
    }

    /// Returns the counts so far.
    pub fn counts(&self) -> RequestCounts {
        let counts = &self.counts;
        RequestCounts {
            list: counts.list.load(Relaxed),
            head: counts.head.load(Relaxed),
            get: counts.get.load(Relaxed),
            put: counts.put.load(Relaxed),
            multipart: counts.multipart.load(Relaxed),
            delete: counts.delete.load(Relaxed),
            bucket: 0,
            sent_bytes: counts.sent_bytes.load(Relaxed),
            received_bytes: counts.received_bytes.load(Relaxed),
        }
    }

    /// Returns the wrapped store.
    pub fn inner(&self) -> &Arc<dyn RemoteStore> {
        &self.inner
    }
}

impl RemoteStore for CountingStore {
    fn as_list(&self) -> Option<&dyn ListStore> {
        self.inner.as_list()?;
        Some(self)
    }

    fn as_write(&self) -> Option<&dyn WriteStore> {
        self.inner.as_write()?;
        Some(self)
    }

    fn as_delete(&self) -> Option<&dyn DeleteStore> {
        self.inner.as_delete()?;
        Some(self)
    }

    fn as_multipart(&self) -> Option<&dyn MultipartStore> {
        self.inner.as_multipart()?;
        Some(self)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ReadStore for CountingStore {
    fn location(&self) -> &str {
        self.inner.location()
    }

    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn limits(&self) -> StoreLimits {
        self.inner.limits()
    }

    fn tell_of_trouble(&self, listener: Weak<dyn TroubleListener>) {
        self.inner.tell_of_trouble(listener);
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        self.counts.head.fetch_add(1, Relaxed);
        self.inner.head(key).await
    }

    async fn confirm(&self) -> Result<bool> {
        let confirmed = self.inner.confirm().await;
        if !matches!(confirmed, Ok(false)) {
            self.counts.get.fetch_add(1, Relaxed);
        }
        confirmed
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Download> {
        self.counts.get.fetch_add(1, Relaxed);
        let mut download = self.inner.get(key, range, if_match).await?;
        let counts = Arc::clone(&self.counts);
        let count = move |chunk: &Result<bytes::Bytes>| {
            if let Ok(bytes) = chunk {
                counts.received_bytes.fetch_add(bytes.len() as u64, Relaxed);
            }
        };
        download.stream = download.stream.inspect(count).boxed();
        Ok(download)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ListStore for CountingStore {
    async fn list_page(&self, prefix: &str, from: &ListFrom) -> Result<ListPage> {
        self.counts.list.fetch_add(1, Relaxed);
        self.inner.lister()?.list_page(prefix, from).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl WriteStore for CountingStore {
    async fn put(&self, key: &str, body: &Body, md5: Option<&Md5Digest>) -> Result<Uploaded> {
        self.counts.put.fetch_add(1, Relaxed);
        let uploaded = self.inner.writer()?.put(key, body, md5).await?;
        self.counts.sent_bytes.fetch_add(body.len_bytes(), Relaxed);
        Ok(uploaded)
    }

    async fn sync(&self) -> Result<()> {
        self.inner.writer()?.sync().await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl DeleteStore for CountingStore {
    async fn delete(&self, keys: &[String]) -> Result<Vec<(String, Error)>> {
        self.counts.delete.fetch_add(1, Relaxed);
        self.inner.deleter()?.delete(keys).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MultipartStore for CountingStore {
    async fn create_multipart(&self, key: &str) -> Result<String> {
        self.counts.multipart.fetch_add(1, Relaxed);
        self.inner.multipart()?.create_multipart(key).await
    }

    async fn put_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u32,
        body: &Body,
        md5: &Md5Digest,
    ) -> Result<UploadedPart> {
        self.counts.multipart.fetch_add(1, Relaxed);
        let part = self.inner.multipart()?.put_part(key, upload_id, number, body, md5).await?;
        self.counts.sent_bytes.fetch_add(body.len_bytes(), Relaxed);
        Ok(part)
    }

    async fn list_parts(&self, key: &str, upload_id: &str) -> Result<Option<Vec<UploadedPart>>> {
        self.counts.multipart.fetch_add(1, Relaxed);
        self.inner.multipart()?.list_parts(key, upload_id).await
    }

    async fn complete_multipart(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[UploadedPart],
    ) -> Result<Uploaded> {
        self.counts.multipart.fetch_add(1, Relaxed);
        self.inner.multipart()?.complete_multipart(key, upload_id, parts).await
    }

    async fn abort_multipart(&self, key: &str, upload_id: &str) -> Result<()> {
        self.counts.multipart.fetch_add(1, Relaxed);
        self.inner.multipart()?.abort_multipart(key, upload_id).await
    }

    async fn list_uploads(&self) -> Result<Vec<OpenUpload>> {
        self.counts.multipart.fetch_add(1, Relaxed);
        self.inner.multipart()?.list_uploads().await
    }
}
