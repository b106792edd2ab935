//! Tries what a store allows, for `remote check`.

use bytes::Bytes;
use futures::TryStreamExt;
use rand::RngExt as _;

use crate::{Body, Error, ErrorKind, ListFrom, ListPage, ObjectInfo, RemoteStore, Result};

/// A key in an object's format that no object has.
pub(crate) const ABSENT: &str = "files/md5/00/000000000000000000000000000000";

/// The result of writing an object.
#[derive(Debug)]
pub struct WriteProbe {
    /// The key of the object that was written, below the prefix of the store.
    pub key: String,
    /// Whether the write succeeded.
    pub wrote: Result<()>,
    /// Whether the same bytes were read back; `None` if the write failed.
    pub read: Option<Result<()>>,
    /// Whether it was deleted; `None` if the write failed. If the deletion failed, the object is still there.
    pub deleted: Option<Result<()>>,
}

/// Lists the first objects below `prefix`.
pub async fn probe_listing(store: &dyn RemoteStore, prefix: &str) -> Result<ListPage> {
    store.lister()?.list_page(prefix, &ListFrom::Start).await
}

/// Reads one byte of `object`, or asks for an object that does not exist. Changes nothing.
pub async fn probe_reading(store: &dyn RemoteStore, object: Option<&ObjectInfo>) -> Result<()> {
    match object.filter(|object| object.size_bytes > 0) {
        Some(object) => {
            // Only one chunk is read: a server that ignores the range sends the whole object.
            store.get(&object.key, Some(0..1), None).await?.stream.try_next().await?;
        }
        None => drop(store.head(ABSENT).await?),
    }
    Ok(())
}

/// Returns the key of an object that no other one has, and that neither DVC nor haul looks at.
pub fn probe_key() -> String {
    format!("haul-check-{:016x}", rand::rng().random::<u64>())
}

/// Writes a small object next to the data, reads it back and deletes it.
///
/// Its name is new each time and is not an object's name, so that nothing is overwritten, and DVC and haul ignore the
/// object if it cannot be deleted.
pub async fn probe_writing(store: &dyn RemoteStore) -> WriteProbe {
    let key = probe_key();
    let content = Bytes::from(format!("written by haul remote check: {key}\n"));
    let digest = crate::hash::md5(&content);
    let body = Body::bytes(content.clone());
    let wrote = async { store.writer()?.put(&key, &body, Some(&digest)).await.map(drop) }.await;
    if wrote.is_err() {
        return WriteProbe { key, wrote, read: None, deleted: None };
    }
    let read = read_back(store, &key, &content).await;
    let deleted = match async { store.deleter()?.delete(std::slice::from_ref(&key)).await }.await {
        Ok(failures) => failures.into_iter().next().map_or(Ok(()), |(_, error)| Err(error)),
        Err(error) => Err(error),
    };
    WriteProbe { key, wrote, read: Some(read), deleted: Some(deleted) }
}

async fn read_back(store: &dyn RemoteStore, key: &str, content: &[u8]) -> Result<()> {
    let chunks: Vec<Bytes> = store.get(key, None, None).await?.stream.try_collect().await?;
    if chunks.concat() == content {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Corrupt, format!("`{key}` was read back with different bytes")))
}
