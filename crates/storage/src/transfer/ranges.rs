//! Getting a large object in several ranges at once.

use std::collections::BTreeSet;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::{BoxStream, FuturesUnordered};

use super::context::{Context, interrupted};
use super::download::wrong_length;
use crate::cache::pending::PendingFile;
use crate::hash::ObjectHasher;
use crate::{Download, Error, Layout, Oid, RemoteStore as _, Result};

/// Size of a range.
pub(super) const PART_BYTES: u64 = 16 << 20;
/// Ranges of one object under way at once.
const MAX_PARTS_AT_ONCE: usize = 8;
/// Bytes that are written at a time.
const WRITE_BYTES: usize = 512 << 10;
/// How often a range is asked for.
const ATTEMPTS: u32 = 3;

/// Gets the object whose beginning `first` opened, hashes the ranges in their order while later ones still arrive,
/// and stores it if it is right.
pub(super) async fn get(
    context: &Arc<Context>,
    layout: Layout,
    oid: Oid,
    key: &str,
    first: Download,
) -> Result<()> {
    let Download { size_bytes, etag, stream: first } = first;
    let pending = Arc::new(
        context
            .blocking({
                let context = Arc::clone(context);
                move || {
                    let pending = context.cache.pending(layout, &oid)?;
                    let cannot = |error| Error::io("cannot make room for an object", error);
                    pending.file().set_len(size_bytes).map_err(cannot)?;
                    Ok(pending)
                }
            })
            .await?,
    );
    let (done, parts_done) = channel();
    let hasher = context.blocking({
        let pending = Arc::clone(&pending);
        move || follow(&pending, layout, oid, size_bytes, &parts_done)
    });
    let parts = Parts { context, key, etag: etag.as_deref(), size_bytes, pending: Arc::clone(&pending) };
    let fill = async {
        let done = done;
        let n_parts = size_bytes.div_ceil(PART_BYTES);
        let mut first = Some(first);
        let at_once = MAX_PARTS_AT_ONCE.min(context.jobs);
        let mut under_way = FuturesUnordered::new();
        let mut next = 0;
        loop {
            while next < n_parts && under_way.len() < at_once {
                under_way.push(parts.get(next, first.take(), &done));
                next += 1;
            }
            match under_way.next().await {
                Some(part) => part?,
                None => return Ok::<_, Error>(()),
            }
        }
    };
    let (filled, is_right) = futures::join!(fill, hasher);
    filled?;
    let is_right = is_right?;
    drop(parts);
    if !is_right {
        context.meter.lost(size_bytes);
        return Err(crate::remote::wrong_bytes(context.store.location(), key));
    }
    let destination = context.cache.object_path(layout, &oid);
    let pending = Arc::into_inner(pending).ok_or_else(interrupted)?;
    context.blocking(move || pending.commit(&destination)).await
}

struct Parts<'a> {
    context: &'a Arc<Context>,
    key: &'a str,
    etag: Option<&'a str>,
    size_bytes: u64,
    pending: Arc<PendingFile>,
}

impl Parts<'_> {
    async fn get(
        &self,
        part: u64,
        mut opened: Option<BoxStream<'static, Result<Bytes>>>,
        done: &Sender<u64>,
    ) -> Result<()> {
        let range = part * PART_BYTES..((part + 1) * PART_BYTES).min(self.size_bytes);
        let mut attempt = 1;
        loop {
            let slot = self.context.slots.acquire().await;
            let got = match opened.take() {
                // The first stream may go on behind its part; dropping it ends it.
                Some(stream) => self.write(range.clone(), stream, true).await,
                None => match self.context.store.get(self.key, Some(range.clone()), self.etag).await {
                    Ok(download) if download.size_bytes == self.size_bytes => {
                        self.write(range.clone(), download.stream, false).await
                    }
                    Ok(_) => Err(wrong_length(self.context, self.key)),
                    Err(error) => Err(error),
                },
            };
            drop(slot);
            match got {
                Ok(()) => {
                    self.context.slots.good();
                    // The hashing thread goes only if it failed, and says so itself.
                    let _gone: Result<(), _> = done.send(part);
                    return Ok(());
                }
                Err(error) if attempt == ATTEMPTS || error.kind() != crate::ErrorKind::Corrupt => {
                    return Err(error);
                }
                Err(error) => tracing::debug!(%error, part, "getting a range again"),
            }
            attempt += 1;
        }
    }

    /// Writes the stream to its place; it has to fill the range.
    async fn write(
        &self,
        range: Range<u64>,
        mut stream: BoxStream<'static, Result<Bytes>>,
        may_go_on: bool,
    ) -> Result<()> {
        let mut at = range.start;
        let mut buffer = BytesMut::with_capacity(WRITE_BYTES);
        let mut n_bytes = 0;
        let is_filled = loop {
            let left = range.end - at - buffer.len() as u64;
            if left == 0 && may_go_on {
                break true;
            }
            match stream.next().await {
                Some(chunk) => {
                    let mut chunk = chunk?;
                    if chunk.len() as u64 > left {
                        if !may_go_on {
                            break false;
                        }
                        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                    }
                    n_bytes += chunk.len() as u64;
                    self.context.meter.moved(chunk.len() as u64);
                    buffer.extend_from_slice(&chunk);
                    if buffer.len() >= WRITE_BYTES {
                        (at, buffer) = self.write_at(at, buffer).await?;
                    }
                }
                None => break left == 0,
            }
        };
        if is_filled {
            self.write_at(at, buffer).await?;
            return Ok(());
        }
        self.context.meter.lost(n_bytes);
        Err(wrong_length(self.context, self.key))
    }

    async fn write_at(&self, at: u64, mut buffer: BytesMut) -> Result<(u64, BytesMut)> {
        let pending = Arc::clone(&self.pending);
        self.context
            .blocking(move || {
                let cannot = |error| Error::io("cannot write an object", error);
                pending.file().file().write_all_at(&buffer, at).map_err(cannot)?;
                let end = at + buffer.len() as u64;
                buffer.clear();
                Ok((end, buffer))
            })
            .await
    }
}

/// Hashes the parts in their order as they get done, and tells whether the whole is what its name says.
fn follow(
    pending: &PendingFile,
    layout: Layout,
    oid: Oid,
    size_bytes: u64,
    done: &Receiver<u64>,
) -> Result<bool> {
    let mut hasher = ObjectHasher::new(layout, &oid);
    let mut buffer = vec![0; WRITE_BYTES];
    let mut waiting = BTreeSet::new();
    let mut next = 0;
    let n_parts = size_bytes.div_ceil(PART_BYTES);
    while next < n_parts {
        let Ok(part) = done.recv() else { return Ok(false) };
        waiting.insert(part);
        while waiting.remove(&next) {
            let mut at = next * PART_BYTES;
            let end = (at + PART_BYTES).min(size_bytes);
            while at < end {
                let n = usize::try_from(end - at).map_or(WRITE_BYTES, |left| left.min(WRITE_BYTES));
                let cannot = |error| Error::io("cannot read back an object", error);
                pending.file().file().read_exact_at(&mut buffer[..n], at).map_err(cannot)?;
                hasher.update(&buffer[..n]);
                at += n as u64;
            }
            next += 1;
        }
    }
    Ok(hasher.matches(oid.digest()))
}
