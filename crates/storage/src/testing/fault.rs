//! A store that fails on demand.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};

use crate::{
    Body, DeleteStore, Download, Error, ErrorKind, ListFrom, ListPage, ListStore, Md5Digest, MultipartStore,
    ObjectInfo, OpenUpload, ReadStore, RemoteStore, Result, StoreLimits, TroubleListener, Uploaded,
    UploadedPart, WriteStore,
};

/// A call of [`RemoteStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `list_page`
    List,
    /// `head`
    Head,
    /// `get`
    Get,
    /// `put`
    Put,
    /// `create_multipart`
    CreateMultipart,
    /// `put_part`
    PutPart,
    /// `list_parts`
    ListParts,
    /// `complete_multipart`
    CompleteMultipart,
    /// `abort_multipart`
    AbortMultipart,
    /// `list_uploads`
    ListUploads,
    /// `delete`
    Delete,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and does nothing.
    Error(ErrorKind),
    /// The call does its work, and then fails: the reply is lost.
    ReplyLost,
    /// The call never returns.
    Stall,
    /// The body of a download ends early, without an error.
    ShortBody,
    /// The body of a download has extra bytes at its end.
    LongBody,
    /// The body of a download ends early, with an error.
    Reset,
    /// The body of a download stalls after its first chunk.
    StalledBody,
    /// One byte of the body of a download is wrong.
    WrongBytes,
    /// The reply to an upload has the entity tag of other bytes.
    WrongEtag,
}

/// Passes calls on to another store and makes some of them fail. Clones share the faults.
#[derive(Debug, Clone)]
pub struct FaultStore {
    inner: Arc<dyn RemoteStore>,
    faults: Arc<Mutex<VecDeque<Planned>>>,
}

#[derive(Debug)]
struct Planned {
    operation: Operation,
    fault: Fault,
    /// The number of calls that still succeed before the fault.
    skip: usize,
    /// The number of calls that fail.
    times: usize,
}

impl FaultStore {
    /// Makes a store without faults.
    pub fn new(inner: Arc<dyn RemoteStore>) -> Self {
        Self { inner, faults: Arc::default() }
    }

    /// Makes the next call of `operation` fail.
    pub fn fail_next(&self, operation: Operation, fault: Fault) {
        self.fail(operation, fault, 0, 1);
    }

    /// Makes `times` calls of `operation` fail, after `skip` that succeed.
    pub fn fail(&self, operation: Operation, fault: Fault, skip: usize, times: usize) {
        self.faults().push_back(Planned { operation, fault, skip, times });
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.faults().clear();
    }

    fn faults(&self) -> MutexGuard<'_, VecDeque<Planned>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_fault(&self, operation: Operation) -> Option<Fault> {
        let mut faults = self.faults();
        let planned =
            faults.iter_mut().find(|planned| planned.operation == operation && planned.times > 0)?;
        if planned.skip > 0 {
            planned.skip -= 1;
            return None;
        }
        planned.times -= 1;
        Some(planned.fault)
    }

    async fn call<T>(&self, operation: Operation, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.call_with(operation, work).await.map(|(result, _)| result)
    }

    async fn call_with<T>(
        &self,
        operation: Operation,
        work: impl Future<Output = Result<T>>,
    ) -> Result<(T, Option<Fault>)> {
        match self.next_fault(operation) {
            Some(Fault::Error(kind)) => Err(Error::new(kind, format!("planned fault in {operation:?}"))),
            Some(Fault::ReplyLost) => {
                work.await?;
                Err(Error::new(ErrorKind::Network, format!("planned loss of the reply to {operation:?}")))
            }
            Some(Fault::Stall) => std::future::pending().await,
            fault => Ok((work.await?, fault)),
        }
    }
}

/// Applies the fault to the stream.
fn spoil(download: Download, fault: Fault) -> Download {
    let Download { size_bytes, etag, stream } = download;
    let broken = || Err(Error::new(ErrorKind::Network, "planned reset"));
    let stream = match fault {
        Fault::ShortBody => {
            stream.map(|chunk| chunk.map(|chunk| chunk.slice(..chunk.len() / 2))).take(1).boxed()
        }
        Fault::LongBody => stream.chain(stream::iter([Ok(Bytes::from_static(b"more"))])).boxed(),
        Fault::Reset => stream.take(1).chain(stream::iter([broken()])).boxed(),
        Fault::StalledBody => stream.take(1).chain(stream::pending()).boxed(),
        Fault::WrongBytes => stream
            .map(|chunk| {
                chunk.map(|chunk| {
                    let mut bytes = chunk.to_vec();
                    if let Some(byte) = bytes.last_mut() {
                        *byte ^= 1;
                    }
                    Bytes::from(bytes)
                })
            })
            .boxed(),
        Fault::Error(_) | Fault::ReplyLost | Fault::Stall | Fault::WrongEtag => stream,
    };
    Download { size_bytes, etag, stream }
}

fn spoil_upload(uploaded: Uploaded, fault: Option<Fault>) -> Uploaded {
    match (fault, &uploaded.etag) {
        (Some(Fault::WrongEtag), Some(etag)) => {
            // Changes the first digit and keeps the form of a tag.
            let first = if etag.starts_with('0') { '1' } else { '0' };
            Uploaded { etag: Some(format!("{first}{}", &etag[1..])), ..uploaded }
        }
        _ => uploaded,
    }
}

impl RemoteStore for FaultStore {
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
impl ReadStore for FaultStore {
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
        self.call(Operation::Head, self.inner.head(key)).await
    }

    async fn confirm(&self) -> Result<bool> {
        self.inner.confirm().await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>, if_match: Option<&str>) -> Result<Download> {
        let (download, fault) = self.call_with(Operation::Get, self.inner.get(key, range, if_match)).await?;
        Ok(match fault {
            Some(fault) => spoil(download, fault),
            None => download,
        })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ListStore for FaultStore {
    async fn list_page(&self, prefix: &str, from: &ListFrom) -> Result<ListPage> {
        self.call(Operation::List, self.inner.lister()?.list_page(prefix, from)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl WriteStore for FaultStore {
    async fn put(&self, key: &str, body: &Body, md5: Option<&Md5Digest>) -> Result<Uploaded> {
        let (uploaded, fault) =
            self.call_with(Operation::Put, self.inner.writer()?.put(key, body, md5)).await?;
        Ok(spoil_upload(uploaded, fault))
    }

    async fn sync(&self) -> Result<()> {
        self.inner.writer()?.sync().await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl DeleteStore for FaultStore {
    async fn delete(&self, keys: &[String]) -> Result<Vec<(String, Error)>> {
        self.call(Operation::Delete, self.inner.deleter()?.delete(keys)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MultipartStore for FaultStore {
    async fn create_multipart(&self, key: &str) -> Result<String> {
        self.call(Operation::CreateMultipart, self.inner.multipart()?.create_multipart(key)).await
    }

    async fn put_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u32,
        body: &Body,
        md5: &Md5Digest,
    ) -> Result<UploadedPart> {
        self.call(Operation::PutPart, self.inner.multipart()?.put_part(key, upload_id, number, body, md5))
            .await
    }

    async fn list_parts(&self, key: &str, upload_id: &str) -> Result<Option<Vec<UploadedPart>>> {
        self.call(Operation::ListParts, self.inner.multipart()?.list_parts(key, upload_id)).await
    }

    async fn complete_multipart(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[UploadedPart],
    ) -> Result<Uploaded> {
        let complete = self.inner.multipart()?.complete_multipart(key, upload_id, parts);
        let (uploaded, fault) = self.call_with(Operation::CompleteMultipart, complete).await?;
        Ok(spoil_upload(uploaded, fault))
    }

    async fn abort_multipart(&self, key: &str, upload_id: &str) -> Result<()> {
        self.call(Operation::AbortMultipart, self.inner.multipart()?.abort_multipart(key, upload_id)).await
    }

    async fn list_uploads(&self) -> Result<Vec<OpenUpload>> {
        self.call(Operation::ListUploads, self.inner.multipart()?.list_uploads()).await
    }
}
