//! Taking in versions whose hash nobody knows yet.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{RecordedVersion, VersionedStore};
use crate::cache::committer::Committer;
use crate::cache::pending::PendingFile;
use crate::hash::Md5Hasher;
use crate::progress::{Event, Observer, Phase};
use crate::transfer::context::{blocking, interrupted};
use crate::{Cache, Error, ErrorKind, Layout, Md5Digest, Oid, Result};

/// Chunks that may wait to be written.
const WAITING_CHUNKS: usize = 4;

/// A version that is in the cache now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedVersion {
    /// The object's name: the hash of what arrived.
    pub oid: Oid,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The entity tag without its quotes.
    pub etag: Option<String>,
}

/// Gets versions and stores each under the hash that it turns out to have; the answers are in the order of `versions`.
///
/// What arrives has the announced length and, where the entity tag is an MD5, that digest. There is no recorded hash
/// to hold it against: this is for content that somebody else put there (`dvc update`).
pub async fn adopt(
    cache: &Cache,
    store: &Arc<dyn VersionedStore>,
    versions: &[RecordedVersion],
    jobs: usize,
    cancel: &CancellationToken,
    observer: &dyn Observer,
) -> Vec<Result<AdoptedVersion>> {
    let n_objects = versions.len() as u64;
    observer.on(Event::Planned { phase: Phase::Downloading, n_objects, total_bytes: 0 });
    let committer = Arc::new(Committer::new(cache));
    let mut adopted: Vec<Result<AdoptedVersion>> = futures::stream::iter(versions)
        .map(|version| {
            let committer = &committer;
            async move {
                let adopted = tokio::select! {
                    biased;
                    () = cancel.cancelled() => Err(interrupted()),
                    adopted = adopt_one(cache, committer, store.as_ref(), version, observer) => adopted,
                };
                observer.on(Event::Finished { phase: Phase::Downloading, n_objects: 1 });
                adopted
            }
        })
        .buffered(jobs.max(1))
        .collect()
        .await;
    if let Err(error) = blocking(move || committer.finish().into_result()).await
        && let Some(last) = adopted.iter_mut().rfind(|adopted| adopted.is_ok())
    {
        *last = Err(error);
    }
    adopted
}

async fn adopt_one(
    cache: &Cache,
    committer: &Arc<Committer>,
    store: &dyn VersionedStore,
    version: &RecordedVersion,
    observer: &dyn Observer,
) -> Result<AdoptedVersion> {
    let mut download = store.get_version(&version.key, &version.version_id, None).await?;
    // Nothing else tells here whether all of it came: there is no hash yet.
    let size_bytes = download.size_bytes.ok_or_else(|| {
        let message = format!("the server does not say how long `{}/{}` is", store.location(), version.key);
        Error::new(ErrorKind::Corrupt, message)
    })?;
    let etag = download.etag.clone();
    let is_md5 = store.limits().etag_is_md5;
    observer.on(Event::Planned { phase: Phase::Downloading, n_objects: 0, total_bytes: size_bytes });
    let (chunks, to_write) = mpsc::channel(WAITING_CHUNKS);
    let writer = blocking({
        let (cache, committer) = (cache.clone(), Arc::clone(committer));
        let expected = etag.clone().filter(|_| is_md5);
        move || write(&cache, &committer, size_bytes, expected.as_deref(), to_write)
    });
    let feed = async move {
        while let Some(chunk) = download.stream.next().await {
            let chunk = chunk?;
            observer.on(Event::Bytes { phase: Phase::Downloading, n_bytes: chunk.len() as u64 });
            if chunks.send(chunk).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let (fed, written) = futures::join!(feed, writer);
    fed?;
    let oid = written.map_err(|error| {
        let message = format!("cannot take in `{}/{}`", store.location(), version.key);
        Error::new(error.kind(), message).with_source(error)
    })?;
    Ok(AdoptedVersion { oid, size_bytes, etag })
}

/// Writes what arrives to a temporary file, which gets its name when all of it is there.
fn write(
    cache: &Cache,
    committer: &Committer,
    size_bytes: u64,
    etag: Option<&str>,
    mut chunks: mpsc::Receiver<Bytes>,
) -> Result<Oid> {
    let folder = cache.object_path(Layout::Current, &Oid::file(Md5Digest::default()));
    let folder = folder.parent().and_then(std::path::Path::parent).unwrap_or(cache.root());
    let mut pending = PendingFile::create(folder, cache.options())?;
    let mut hasher = Md5Hasher::new();
    let mut n_bytes = 0;
    while let Some(chunk) = chunks.blocking_recv() {
        hasher.update(&chunk);
        pending.write(&chunk)?;
        n_bytes += chunk.len() as u64;
    }
    let digest = hasher.digest();
    let mut told = Md5Digest::default();
    let contradicts =
        etag.is_some_and(|etag| hex::decode_to_slice(etag, &mut told).is_ok() && told != digest);
    if n_bytes != size_bytes || contradicts {
        return Err(Error::new(ErrorKind::Corrupt, "what arrived is not what the server announced"));
    }
    let oid = Oid::file(digest);
    if cache.check(Layout::Current, &oid)?.is_none() {
        committer.add(pending, Layout::Current, &oid)?;
    }
    Ok(oid)
}
