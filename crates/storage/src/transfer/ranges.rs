//! Getting a large object in several ranges at once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::{BoxStream, FuturesUnordered};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::context::{Context, interrupted};
use super::download::wrong_length;
use crate::cache::pending::PendingFile;
use crate::hash::shared::{BUFFER_BYTES, LaneHasher, SharedLanes};
use crate::progress::Tally;
use crate::{Download, Error, Layout, Oid, ReadStore as _, Result};

/// Ranges of one object under way at once.
const MAX_PARTS_AT_ONCE: usize = 8;
/// How often a range is asked for.
const ATTEMPTS: u32 = 3;

/// A range that was written, on its way to the thread that hashes.
struct Part {
    number: u64,
    /// Its bytes, if there was room to keep them; else they are read back.
    bytes: Option<Vec<BytesMut>>,
    /// Lets go of the room when the range is hashed.
    _room: Option<OwnedSemaphorePermit>,
}

/// Gets the object of `size_bytes` whose beginning `first` opened, hashes the ranges in their order while later ones still arrive,
/// and stores it if it is right.
pub(super) async fn get(
    context: &Arc<Context>,
    tally: &Tally,
    (layout, oid): (Layout, Oid),
    key: &str,
    size_bytes: u64,
    first: Download,
) -> Result<()> {
    let Download { etag, stream: first, .. } = first;
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
    let part_bytes = context.ranges.part_bytes;
    let (done, parts_done) = channel();
    let hungry = Arc::new(Notify::new());
    let hasher = context.blocking({
        let (pending, hungry, lanes) =
            (Arc::clone(&pending), Arc::clone(&hungry), Arc::clone(&context.lanes));
        move || {
            follow(&pending, (layout, oid), Extent { size_bytes, part_bytes }, &parts_done, &hungry, &lanes)
        }
    });
    let pending_parts = Arc::clone(&pending);
    let parts = Parts { context, tally, key, etag: etag.as_deref(), size_bytes, pending: pending_parts };
    let fill = async {
        let done = done;
        let n_parts = size_bytes.div_ceil(part_bytes);
        let mut first = Some(first);
        let at_once = MAX_PARTS_AT_ONCE.min(context.jobs);
        let mut under_way = FuturesUnordered::new();
        let mut next = 0;
        loop {
            let may_start = next < n_parts && under_way.len() < at_once;
            // While hashing is what takes time, ranges start as room gets free. When the hash has to wait for bytes,
            // it has the time to read them back, too.
            let room = tokio::select! {
                biased;
                room = context.room_for(part_bytes), if may_start => Some(room),
                () = hungry.notified(), if may_start => None,
                Some(part) = under_way.next() => {
                    part?;
                    continue;
                }
                else => return Ok::<_, Error>(()),
            };
            under_way.push(parts.get(next, first.take(), room, &done));
            next += 1;
        }
    };
    let (filled, is_right) = futures::join!(fill, hasher);
    // The thread that hashes goes early only if it failed, and then says why.
    let is_right = is_right?;
    filled?;
    drop(parts);
    if !is_right {
        return Err(crate::remote::wrong_bytes(context.store.location(), key));
    }
    let pending = Arc::into_inner(pending).ok_or_else(interrupted)?;
    let task = Arc::clone(context);
    context.blocking(move || task.commit(pending, layout, &oid)).await
}

/// An object, cut into parts.
#[derive(Clone, Copy)]
struct Extent {
    size_bytes: u64,
    part_bytes: u64,
}

struct Parts<'a> {
    context: &'a Arc<Context>,
    tally: &'a Tally,
    key: &'a str,
    etag: Option<&'a str>,
    size_bytes: u64,
    pending: Arc<PendingFile>,
}

impl Parts<'_> {
    async fn get(
        &self,
        number: u64,
        mut opened: Option<BoxStream<'static, Result<Bytes>>>,
        room: Option<OwnedSemaphorePermit>,
        done: &Sender<Part>,
    ) -> Result<()> {
        let part_bytes = self.context.ranges.part_bytes;
        let range = number * part_bytes..((number + 1) * part_bytes).min(self.size_bytes);
        let mut attempt = 1;
        loop {
            let slot = self.context.slots.acquire().await;
            let tally = Tally::new(self.tally.listener());
            let got = match opened.take() {
                // The first stream may go on behind its part; dropping it ends it.
                Some(stream) => self.write(&tally, range.clone(), stream, true, room.is_some()).await,
                None => match self.context.store.get(self.key, Some(range.clone()), self.etag).await {
                    Ok(download) if download.size_bytes == Some(self.size_bytes) => {
                        self.write(&tally, range.clone(), download.stream, false, room.is_some()).await
                    }
                    Ok(_) => Err(wrong_length(self.context, self.key)),
                    Err(error) => Err(error),
                },
            };
            drop(slot);
            match got {
                Ok(bytes) => {
                    tally.keep();
                    self.context.slots.note_success();
                    let bytes = room.is_some().then_some(bytes);
                    let part = Part { number, bytes, _room: room };
                    return done.send(part).map_err(|_| interrupted());
                }
                Err(error) if attempt == ATTEMPTS || error.kind() != crate::ErrorKind::Corrupt => {
                    return Err(error);
                }
                Err(error) => tracing::debug!(%error, number, "getting a range again"),
            }
            attempt += 1;
        }
    }

    /// Writes the stream to its place; it has to fill the range. Returns the bytes if they are to be kept.
    async fn write(
        &self,
        tally: &Tally,
        range: Range<u64>,
        mut stream: BoxStream<'static, Result<Bytes>>,
        may_go_on: bool,
        is_kept: bool,
    ) -> Result<Vec<BytesMut>> {
        let mut kept = Vec::new();
        let mut at = range.start;
        // The chunks of the network are small pieces of large buffers: what is kept is copied.
        let mut buffer = self.context.lanes.buffer();
        let mut n_bytes = 0;
        let is_filled = loop {
            let left = range.end - range.start - n_bytes;
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
                    tally.moved(chunk.len() as u64);
                    while !chunk.is_empty() {
                        let fits = chunk.len().min(BUFFER_BYTES - buffer.len());
                        buffer.extend_from_slice(&chunk.split_to(fits));
                        if buffer.len() == BUFFER_BYTES {
                            (at, buffer) = self.write_at(at, buffer).await?;
                            if is_kept {
                                kept.push(std::mem::replace(&mut buffer, self.context.lanes.buffer()));
                            } else {
                                buffer.clear();
                            }
                        }
                    }
                }
                None => break left == 0,
            }
        };
        if is_filled {
            let (_, buffer) = self.write_at(at, buffer).await?;
            if is_kept {
                kept.push(buffer);
            } else {
                self.context.lanes.give_back(buffer);
            }
            return Ok(kept);
        }
        Err(wrong_length(self.context, self.key))
    }

    async fn write_at(&self, at: u64, buffer: BytesMut) -> Result<(u64, BytesMut)> {
        let pending = Arc::clone(&self.pending);
        self.context
            .blocking(move || {
                let cannot = |error| Error::io("cannot write an object", error);
                pending.file().file().write_all_at(&buffer, at).map_err(cannot)?;
                Ok((at + buffer.len() as u64, buffer))
            })
            .await
    }
}

/// Hashes the parts in their order as they get done, and tells whether the whole is what its name says. Notifies
/// `hungry` whenever it has to wait.
fn follow(
    pending: &PendingFile,
    (layout, oid): (Layout, Oid),
    extent: Extent,
    done: &Receiver<Part>,
    hungry: &Notify,
    lanes: &Arc<SharedLanes>,
) -> Result<bool> {
    let mut hasher = lanes.hasher(layout, &oid);
    let mut waiting = BTreeMap::new();
    let n_parts = extent.size_bytes.div_ceil(extent.part_bytes);
    let mut next = 0;
    while next < n_parts {
        let part = done.try_recv().or_else(|_| {
            hungry.notify_one();
            done.recv()
        });
        let Ok(part) = part else { return Ok(false) };
        waiting.insert(part.number, part);
        while let Some(part) = waiting.remove(&next) {
            match part.bytes {
                Some(buffers) => {
                    for buffer in buffers {
                        hasher.update(buffer);
                    }
                }
                None => read_back(pending, part.number, extent, lanes, &mut hasher)?,
            }
            next += 1;
        }
    }
    Ok(hasher.matches(oid.digest()))
}

fn read_back(
    pending: &PendingFile,
    part: u64,
    Extent { size_bytes, part_bytes }: Extent,
    lanes: &SharedLanes,
    hasher: &mut LaneHasher,
) -> Result<()> {
    let end = ((part + 1) * part_bytes).min(size_bytes);
    let mut at = part * part_bytes;
    while at < end {
        let n = usize::try_from(end - at).map_or(BUFFER_BYTES, |left| left.min(BUFFER_BYTES));
        let mut buffer = lanes.buffer();
        buffer.resize(n, 0);
        let cannot = |error| Error::io("cannot read back an object", error);
        pending.file().file().read_exact_at(&mut buffer, at).map_err(cannot)?;
        hasher.update(buffer);
        at += n as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CacheOptions;
    use crate::hash::md5;

    const PART_BYTES: u64 = 1 << 20;

    #[test]
    fn parts_are_hashed_in_their_order_from_memory_or_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let size = 3 * PART_BYTES + 7;
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251).to_le_bytes()[0]).collect();
        let pending = PendingFile::create(folder.path(), CacheOptions::default()).unwrap();
        // What is kept in memory is not in the file here.
        let on_disk = PART_BYTES..2 * PART_BYTES;
        let range = |range: &Range<u64>| {
            &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
        };
        pending.file().file().write_all_at(range(&on_disk), on_disk.start).unwrap();
        let oid = Oid::file(md5(&bytes));
        let extent = Extent { size_bytes: size, part_bytes: PART_BYTES };
        for (damage, expected) in [(0, true), (1, false)] {
            let (done, parts) = channel();
            let lanes = Arc::default();
            for number in [3, 1, 0, 2] {
                let place = number * PART_BYTES..((number + 1) * PART_BYTES).min(size);
                let mut chunk = BytesMut::from(range(&place));
                chunk[0] ^= damage;
                let bytes = (place != on_disk).then(|| vec![chunk.split_to(5), chunk]);
                assert!(done.send(Part { number, bytes, _room: None }).is_ok());
            }
            drop(done);
            let is_right =
                follow(&pending, (Layout::Current, oid), extent, &parts, &Notify::new(), &lanes).unwrap();
            assert_eq!(is_right, expected);
        }
    }
}
