//! Reading what a remote holds, to see whether it is what its name says.
//!
//! A listing tells size and entity tag, and neither proves the bytes of an object that came in parts, is encrypted with
//! another key than the server's, or has decayed since.

use futures::StreamExt as _;

use super::context::{Context, interrupted};
use super::download::MOST_UNANNOUNCED_BYTES;
use super::object_hash::ObjectHasher;
use crate::{Download, ErrorKind, Layout, Oid, ReadStore as _, Result};

/// How often an object is read before its damage is believed: bits may turn over on the way here as well.
const ATTEMPTS: u32 = 2;

/// Reads an object on the remote; whether it is there with the bytes that its name says.
pub(super) async fn holds(context: &Context, layout: Layout, oid: Oid) -> Result<bool> {
    let key = layout.object_path(&oid);
    // In the order of downloads: who has a stream waits for a slot, never the other way round.
    let Ok(_stream) = context.streams.acquire().await else { return Err(interrupted()) };
    let _slot = context.slots.acquire().await;
    let mut attempt = 1;
    loop {
        let read = context.unless_stopped(read(context, &key, layout, &oid)).await;
        if let Some(is_right) = judge_reading(attempt, read) {
            return is_right;
        }
        attempt += 1;
    }
}

async fn read(context: &Context, key: &str, layout: Layout, oid: &Oid) -> Result<bool> {
    has_bytes(context.store.get(key, None, None).await?, layout, oid).await
}

/// What a reading says of an object; `None` if it is to be read again first.
pub(crate) fn judge_reading(attempt: u32, read: Result<bool>) -> Option<Result<bool>> {
    match read {
        Ok(true) => Some(Ok(true)),
        // A body that is shorter or longer than announced, or not of its own checksum; or nothing.
        Err(error) if !matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => Some(Err(error)),
        Ok(false) | Err(_) if attempt < ATTEMPTS => None,
        Ok(false) | Err(_) => Some(Ok(false)),
    }
}

/// Whether the bytes of a download are those that `oid` names.
pub(crate) async fn has_bytes(mut download: Download, layout: Layout, oid: &Oid) -> Result<bool> {
    let limit = download.size_bytes.unwrap_or(MOST_UNANNOUNCED_BYTES);
    let mut hasher = ObjectHasher::new(layout, oid);
    let mut n_bytes = 0;
    while let Some(chunk) = download.stream.next().await {
        let chunk = chunk?;
        n_bytes += chunk.len() as u64;
        if n_bytes > limit {
            return Ok(false);
        }
        hasher.update(&chunk);
    }
    Ok(hasher.matches(oid.digest()))
}
