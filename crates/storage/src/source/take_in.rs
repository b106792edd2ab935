//! Downloads from a source into the cache, and hashes the bytes.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Source, SourceEntry};
use crate::cache::committer::Committer;
use crate::cache::pending::PendingFile;
use crate::hash::Md5Hasher;
use crate::progress::{Event, Observer, Phase, report_unsized};
use crate::transfer::context::{blocking, interrupted};
use crate::{Cache, Download, Error, ErrorKind, Layout, Md5Digest, Oid, Result};

/// The maximum number of chunks that wait to be written.
const WAITING_CHUNKS: usize = 4;

/// A file that is in the cache now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenIn {
    /// The object's name: the hash of the received bytes.
    pub oid: Oid,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// Downloads files of a source, each once and at most `jobs` at a time, and stores each under its hash. The answers are
/// in the order of `entries`; all objects are on the disk when this returns.
///
/// A file is an error if it does not have the announced length, or the MD5 that the source reports.
pub async fn take_in(
    cache: &Cache,
    source: &Arc<dyn Source>,
    entries: &[SourceEntry],
    jobs: usize,
    cancel: &CancellationToken,
    observer: &dyn Observer,
) -> Vec<Result<TakenIn>> {
    let total_bytes = entries.iter().filter_map(|entry| entry.size_bytes).sum();
    observer.on(Event::Planned { phase: Phase::Downloading, n_objects: entries.len() as u64, total_bytes });
    let n_unsized = entries.iter().filter(|entry| entry.size_bytes.is_none()).count();
    report_unsized(Phase::Downloading, n_unsized, observer);
    let committer = Arc::new(Committer::new(cache));
    let mut answers: Vec<Result<TakenIn>> = futures::stream::iter(entries)
        .map(|entry| {
            let committer = &committer;
            async move {
                let taken = tokio::select! {
                    biased;
                    () = cancel.cancelled() => Err(interrupted()),
                    taken = take_in_one(cache, committer, source.as_ref(), entry, observer) => taken,
                };
                observer.on(Event::Finished { phase: Phase::Downloading, n_objects: 1 });
                taken
            }
        })
        .buffered(jobs.max(1))
        .collect()
        .await;
    finish(committer, &mut answers).await;
    answers
}

async fn take_in_one(
    cache: &Cache,
    committer: &Arc<Committer>,
    source: &dyn Source,
    entry: &SourceEntry,
    observer: &dyn Observer,
) -> Result<TakenIn> {
    let download = source.open(entry).await?;
    let what = if entry.path.is_empty() {
        source.location().to_owned()
    } else {
        format!("{}/{}", source.location(), entry.path)
    };
    let promised = source.promised_md5(entry);
    receive(cache, committer, download, promised, &what, observer).await
}

/// Waits until all objects are on the disk; if that fails, one of the answers becomes the error.
pub(crate) async fn finish<T: Send>(committer: Arc<Committer>, answers: &mut [Result<T>]) {
    if let Err(error) = blocking(move || committer.finish().into_result()).await
        && let Some(last) = answers.iter_mut().rfind(|answer| answer.is_ok())
    {
        *last = Err(error);
    }
}

/// Writes a body into the cache, under its hash.
pub(crate) async fn receive(
    cache: &Cache,
    committer: &Arc<Committer>,
    download: Download,
    promised: Option<Md5Digest>,
    what: &str,
    observer: &dyn Observer,
) -> Result<TakenIn> {
    let announced_bytes = download.size_bytes;
    let (chunks, to_write) = mpsc::channel(WAITING_CHUNKS);
    let writer = blocking({
        let (cache, committer) = (cache.clone(), Arc::clone(committer));
        move || write(&cache, &committer, announced_bytes, promised, to_write)
    });
    let feed = feed(download, chunks, observer);
    let (fed, written) = futures::join!(feed, writer);
    fed?;
    written.map_err(|error| {
        Error::new(error.kind(), format!("cannot store `{what}` in the cache")).with_source(error)
    })
}

/// Sends a body to its writer, piece by piece, and then `None`, which distinguishes a complete body from a broken one.
/// Ends early if the writer has failed, whose result has the error.
pub(super) async fn feed(
    mut download: Download,
    chunks: mpsc::Sender<Option<Bytes>>,
    observer: &dyn Observer,
) -> Result<()> {
    // The transfer continues as long as bytes come; an error drops the sender, and the writer deletes what it wrote.
    let mut n_bytes = 0;
    while let Some(chunk) = download.stream.next().await {
        let chunk = chunk.inspect_err(|_| {
            observer.on(Event::BytesLost { phase: Phase::Downloading, n_bytes });
        })?;
        n_bytes += chunk.len() as u64;
        observer.on(Event::Bytes { phase: Phase::Downloading, n_bytes: chunk.len() as u64 });
        if chunks.send(Some(chunk)).await.is_err() {
            return Ok(());
        }
    }
    let _is_there = chunks.send(None).await;
    Ok(())
}

/// Writes the chunks to a temporary file, which gets its name when the body is complete.
fn write(
    cache: &Cache,
    committer: &Committer,
    announced_bytes: Option<u64>,
    promised: Option<Md5Digest>,
    mut chunks: mpsc::Receiver<Option<Bytes>>,
) -> Result<TakenIn> {
    let mut pending = PendingFile::create(&cache.root().join(Layout::Current.folder()), cache.options())?;
    let mut hasher = Md5Hasher::new();
    let mut size_bytes = 0;
    loop {
        match chunks.blocking_recv() {
            Some(Some(chunk)) => {
                hasher.update(&chunk);
                pending.write(&chunk)?;
                size_bytes += chunk.len() as u64;
            }
            Some(None) => break,
            None => return Err(interrupted()),
        }
    }
    let digest = hasher.digest();
    let is_cut = announced_bytes.is_some_and(|announced_bytes| announced_bytes != size_bytes);
    if is_cut || promised.is_some_and(|promised| promised != digest) {
        return Err(Error::new(ErrorKind::Corrupt, "the received bytes are not what the server announced"));
    }
    let oid = Oid::file(digest);
    if cache.check_sized(Layout::Current, &oid, Some(size_bytes))?.is_none() {
        committer.add(pending, Layout::Current, &oid)?;
    }
    Ok(TakenIn { oid, size_bytes })
}
