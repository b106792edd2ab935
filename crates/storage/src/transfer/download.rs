//! Getting one object.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::context::{Context, SMALL_BYTES, interrupted};
use super::{RangeOptions, ranges};
use crate::cache::pending::PendingFile;
use crate::hash::shared::BUFFER_BYTES;
use crate::progress::Tally;
use crate::remote::wrong_bytes;
use crate::{Download, Error, ErrorKind, Layout, Oid, ReadStore as _, Result};

/// How often an object is got before its damage is believed.
pub(super) const ATTEMPTS: u32 = 3;

/// So much is read of an object whose size nothing tells: as much as S3 takes in one request.
pub(super) const MOST_UNANNOUNCED_BYTES: u64 = 5 << 30;

/// Chunks that may wait to be written.
const WAITING_CHUNKS: usize = 2;

/// What became of a download.
#[derive(Debug)]
pub(super) enum Got {
    /// The bytes of a small object, not verified yet.
    Bytes(Bytes),
    /// A larger object was verified and stored.
    Stored { size_bytes: u64 },
    /// The remote does not have the object.
    Missing,
}

/// Gets an object, by its place in the plan and its name; `expected` is its size, where the metafile tells one.
pub(super) async fn get(
    context: &Arc<Context>,
    object: usize,
    layout: Layout,
    oid: Oid,
    expected: Option<u64>,
) -> Result<Got> {
    let mut attempt = 1;
    loop {
        let error =
            match context.unless_stopped(get_once(context, object, (layout, oid), expected, attempt)).await {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Got::Missing),
                Err(error) => error,
                done => return done,
            };
        // Wrong bytes, or an object that was replaced meanwhile. The store repeats what is worth repeating itself.
        if !matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Precondition) || attempt == ATTEMPTS {
            return Err(error);
        }
        tracing::debug!(%error, attempt, "getting an object again");
        attempt += 1;
    }
}

async fn get_once(
    context: &Arc<Context>,
    object: usize,
    (layout, oid): (Layout, Oid),
    expected: Option<u64>,
    attempt: u32,
) -> Result<Got> {
    let tally = context.tally();
    let key = layout.object_path(&oid);
    let slot = context.slots.acquire().await;
    // The recorded size is only a hint, as in DVC; what the bytes have to be, the name says.
    let is_ranged = expected.is_some_and(|size| size >= context.ranges.from_bytes);
    let download = context.store.get(&key, is_ranged.then_some(0..context.ranges.part_bytes), None).await?;
    let announced = download.size_bytes;
    if let Some(size_bytes) = announced.filter(|size_bytes| attempt == 1 && expected != Some(*size_bytes)) {
        context.meter.announced(object, size_bytes);
    }
    let expected = match (announced, expected) {
        // A body must not go on for ever. Files of a directory have no recorded size, but HEAD mostly tells it.
        (None, None) => context.store.head(&key).await.ok().flatten().map(|object| object.size_bytes),
        _ => expected,
    };
    if announced.or(expected).is_some_and(|size_bytes| size_bytes <= SMALL_BYTES) {
        let got = collect(context, &tally, &key, download, expected).await;
        context.slots.note_success();
        return got.map(|bytes| {
            tally.keep();
            Got::Bytes(bytes)
        });
    }
    // Without the slot: those who hold a stream wait for slots, so none may wait the other way round.
    drop(slot);
    let Ok(_stream) = context.streams.acquire().await else { return Err(interrupted()) };
    let RangeOptions { from_bytes, part_bytes } = context.ranges;
    let least = if is_ranged { part_bytes + 1 } else { from_bytes };
    let size_bytes = if let Some(size_bytes) = announced.filter(|size_bytes| *size_bytes >= least) {
        ranges::get(context, &tally, (layout, oid), &key, size_bytes, download).await?;
        size_bytes
    } else {
        let _slot = context.slots.acquire().await;
        stream_to_cache(context, &tally, (layout, oid), &key, download, expected).await?
    };
    context.slots.note_success();
    tally.keep();
    Ok(Got::Stored { size_bytes })
}

/// How many bytes may come: as many as the server announces; where it announces nothing, as many as are recorded.
fn limit(download: &Download, expected: Option<u64>) -> u64 {
    download.size_bytes.or(expected).unwrap_or(MOST_UNANNOUNCED_BYTES)
}

/// Whether as many bytes came as were announced. Without an announcement, the hash alone tells whether that is all.
fn is_complete(announced: Option<u64>, limit: u64, n_bytes: u64) -> bool {
    announced.map_or(n_bytes <= limit, |announced| n_bytes == announced)
}

async fn collect(
    context: &Context,
    tally: &Tally,
    key: &str,
    mut download: Download,
    expected: Option<u64>,
) -> Result<Bytes> {
    let (announced, limit) = (download.size_bytes, limit(&download, expected));
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut n_bytes = 0;
    while let Some(chunk) = download.stream.next().await {
        let chunk = chunk?;
        n_bytes += chunk.len() as u64;
        tally.moved(chunk.len() as u64);
        if n_bytes > limit {
            break;
        }
        // Most small objects arrive in one chunk, which needs no copy.
        if first.is_empty() {
            first = chunk;
        } else {
            rest.extend_from_slice(&chunk);
        }
    }
    if !is_complete(announced, limit, n_bytes) {
        return Err(wrong_bytes(context.store.location(), key));
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

/// Writes and hashes while the bytes arrive; the object gets its name only if they are right. Returns their number.
async fn stream_to_cache(
    context: &Arc<Context>,
    tally: &Tally,
    (layout, oid): (Layout, Oid),
    key: &str,
    mut download: Download,
    expected: Option<u64>,
) -> Result<u64> {
    let (chunks, to_write) = mpsc::channel(WAITING_CHUNKS);
    let writer = context.blocking({
        let (context, key) = (Arc::clone(context), key.to_owned());
        move || {
            let pending = context.cache.pending(layout, &oid)?;
            write(&context, layout, oid, &key, pending, to_write)
        }
    });
    let (announced, limit) = (download.size_bytes, limit(&download, expected));
    let feed = async move {
        let mut n_bytes = 0;
        while let Some(chunk) = download.stream.next().await {
            let chunk = chunk?;
            n_bytes += chunk.len() as u64;
            tally.moved(chunk.len() as u64);
            if n_bytes > limit || chunks.send(Message::Chunk(chunk)).await.is_err() {
                break;
            }
        }
        if is_complete(announced, limit, n_bytes) {
            // If the writer is gone, it says itself why.
            let _gone: Result<(), _> = chunks.send(Message::End).await;
            return Ok(n_bytes);
        }
        Err(wrong_bytes(context.store.location(), key))
    };
    let (fed, written) = futures::join!(feed, writer);
    match (fed, written) {
        // The reader's error explains why the writer got no end.
        (Err(error), Err(written)) if written.kind() == ErrorKind::Interrupted => Err(error),
        (_, Err(error)) | (Err(error), Ok(())) => Err(error),
        (Ok(n_bytes), Ok(())) => Ok(n_bytes),
    }
}

/// What is sent to the thread that writes.
enum Message {
    Chunk(Bytes),
    /// All bytes were sent. Without it, the download was given up.
    End,
}

fn write(
    context: &Context,
    layout: Layout,
    oid: Oid,
    key: &str,
    mut pending: PendingFile,
    mut chunks: mpsc::Receiver<Message>,
) -> Result<()> {
    let mut hasher = context.lanes.hasher(layout, &oid);
    let mut buffer = context.lanes.buffer();
    loop {
        match chunks.blocking_recv() {
            // Few large writes cost less than many small ones, also with the copy.
            Some(Message::Chunk(mut chunk)) => {
                while !chunk.is_empty() {
                    let fits = chunk.len().min(BUFFER_BYTES - buffer.len());
                    buffer.extend_from_slice(&chunk.split_to(fits));
                    if buffer.len() == BUFFER_BYTES {
                        pending.write(&buffer)?;
                        hasher.update(std::mem::replace(&mut buffer, context.lanes.buffer()));
                    }
                }
            }
            Some(Message::End) => break,
            None => return Err(interrupted()),
        }
    }
    pending.write(&buffer)?;
    hasher.update(buffer);
    if !hasher.matches(oid.digest()) {
        return Err(wrong_bytes(context.store.location(), key));
    }
    context.commit(pending, layout, &oid)
}

/// The error for a download that has another length than was asked for.
pub(super) fn wrong_length(context: &Context, key: &str) -> Error {
    wrong_bytes(context.store.location(), key)
}
