//! Sending one object.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use super::context::{Context, blocking, interrupted};
use super::push::damaged;
use super::resume::Resume;
use super::whole::{WholeCheck, md5_if_intact};
use crate::store::etag_of_parts;
use crate::{
    Body, Error, ErrorKind, Layout, Md5Digest, Oid, RemoteStore as _, Result, Uploaded, UploadedPart,
};

/// How often an object is sent before a wrong entity tag is believed.
const ATTEMPTS: u32 = 2;
/// Parts of one object under way at once. More of them would keep other objects waiting, and a killed upload loses
/// all that had not arrived.
const MAX_PARTS_AT_ONCE: usize = 8;
/// How long an interrupted run waits for an upload to be given up.
const ABORT_PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// The bytes of an object to send.
#[derive(Debug)]
pub(crate) enum Source {
    /// In memory, with their MD5.
    Bytes(Bytes, Md5Digest),
    /// In the cache.
    File { size_bytes: u64 },
}

impl Source {
    pub(crate) fn size_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes, _) => bytes.len() as u64,
            Self::File { size_bytes } => *size_bytes,
        }
    }
}

/// Sends an object of the cache to `key` and checks the entity tag that comes back.
pub(crate) async fn send(
    context: &Arc<Context>,
    key: &str,
    layout: Layout,
    oid: Oid,
    source: Source,
) -> Result<Uploaded> {
    match source {
        Source::Bytes(bytes, md5) => put(context, key, Body::Bytes(bytes), md5).await,
        Source::File { size_bytes } => {
            let path = Arc::new(context.cache.object_path(layout, &oid));
            if size_bytes >= context.limits.multipart_threshold_bytes {
                return send_parts(context, key, layout, oid, path, size_bytes).await;
            }
            let md5 = if layout == Layout::Legacy && !oid.is_dir() {
                // The name may be the hash of the text; the store wants that of the bytes.
                let md5 = md5_if_intact(Arc::clone(&path), layout, oid).await?;
                md5.ok_or_else(|| damaged(&context.cache, layout, &oid))?
            } else {
                *oid.digest()
            };
            put(context, key, Body::FileRange { path, range: 0..size_bytes }, md5).await
        }
    }
}

async fn put(context: &Context, key: &str, body: Body, md5: Md5Digest) -> Result<Uploaded> {
    let mut attempt = 1;
    loop {
        let slot = context.slots.acquire().await;
        let uploaded = context.unless_stopped(context.store.put(key, &body, Some(&md5))).await?;
        drop(slot);
        context.meter.moved(body.len_bytes());
        if !contradicts(context, &uploaded, &md5) {
            return Ok(uploaded);
        }
        context.meter.lost(body.len_bytes());
        if attempt == ATTEMPTS {
            return Err(wrong_etag(context, key, &uploaded));
        }
        attempt += 1;
    }
}

/// Tells whether the entity tag says that the store has other bytes.
fn contradicts(context: &Context, uploaded: &Uploaded, md5: &Md5Digest) -> bool {
    let mut digest = Md5Digest::default();
    // Asked after the upload: its reply may have told that the bucket encrypts.
    context.store.limits().etag_is_md5
        && uploaded
            .etag
            .as_ref()
            .is_some_and(|etag| hex::decode_to_slice(etag, &mut digest).is_ok() && digest != *md5)
}

fn wrong_etag(context: &Context, key: &str, uploaded: &Uploaded) -> Error {
    let etag = uploaded.etag.as_deref().unwrap_or_default();
    let message = format!(
        "`{}` has other bytes under `{key}` than were sent: it answers with the entity tag `{etag}`",
        context.store.location()
    );
    Error::new(ErrorKind::Corrupt, message).with_hint("run the command again: it sends the object again")
}

/// Sends a large object in parts, going on where an earlier run was interrupted.
async fn send_parts(
    context: &Arc<Context>,
    key: &str,
    layout: Layout,
    oid: Oid,
    path: Arc<PathBuf>,
    size_bytes: u64,
) -> Result<Uploaded> {
    let part_bytes = part_size(context, size_bytes);
    let resume = context
        .state_dir
        .as_ref()
        .map(|folder| Resume::new(folder, context.store.location(), key, &oid, size_bytes, part_bytes));
    let mut whole = WholeCheck::start(Arc::clone(&path), layout, oid, size_bytes, part_bytes);
    let mut attempt = 1;
    let (upload_id, sent) = loop {
        let (upload_id, there) = start(context, key, &path, size_bytes, part_bytes, resume.as_ref()).await?;
        let file = (Arc::clone(&path), size_bytes, part_bytes);
        let sent = match send_missing_parts(context, key, &upload_id, file, there, &whole).await {
            Ok(parts) => match context.unless_stopped(whole.is_intact()).await {
                Ok(true) => complete(context, key, &upload_id, size_bytes, &parts).await,
                Ok(false) => Err(damaged(&context.cache, layout, &oid)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        match sent {
            // Another process, or the server's housekeeping, ended the upload that was to go on; or it was completed,
            // the reply got lost, and nothing proves it.
            Err(error) if error.kind() == ErrorKind::NotFound && attempt < ATTEMPTS => {
                tracing::debug!(%error, key, "starting an upload over");
                if let Some(resume) = &resume {
                    resume.forget();
                }
                attempt += 1;
            }
            sent => break (upload_id, sent),
        }
    };
    // What a later run can go on with is kept; everything else would lie in the bucket unseen, and be paid for.
    let can_go_on =
        |error: &Error| resume.is_some() && (error.is_transient() || error.kind() == ErrorKind::Interrupted);
    match sent {
        Err(error) if can_go_on(&error) => Err(error),
        other => {
            if let Some(resume) = &resume {
                resume.forget();
            }
            if other.is_err() {
                give_up(context, key, &upload_id).await;
            }
            other
        }
    }
}

/// Gives an upload up, so that its parts do not lie in the bucket unseen. Where that is not allowed, the user hears of
/// it: nobody else would tell.
async fn give_up(context: &Context, key: &str, upload_id: &str) {
    let abort = context.store.abort_multipart(key, upload_id);
    match tokio::time::timeout(ABORT_PATIENCE, abort).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.kind() == ErrorKind::Denied => {
            context.meter.warn_once(format!(
                "parts of an upload of `{key}` stay in `{}`, where no listing shows them and they are paid for: the \
                 credentials lack the right s3:AbortMultipartUpload; a lifecycle rule with \
                 AbortIncompleteMultipartUpload deletes such parts",
                context.store.location()
            ));
        }
        Ok(Err(error)) => tracing::debug!(%error, key, "an upload could not be given up"),
        Err(_) => tracing::debug!(key, "giving up an upload takes too long"),
    }
}

fn part_size(context: &Context, size_bytes: u64) -> u64 {
    let least = size_bytes.div_ceil(u64::from(context.limits.max_parts.max(1)));
    // Whole MiB, so that the limit on parts is kept and sizes stay handy.
    let least = if least > context.limits.part_size_bytes { least.next_multiple_of(1 << 20) } else { least };
    least.max(context.limits.part_size_bytes).max(1)
}

/// Returns the id of the upload and the parts that are there.
async fn start(
    context: &Context,
    key: &str,
    path: &Arc<PathBuf>,
    size_bytes: u64,
    part_bytes: u64,
    resume: Option<&Resume>,
) -> Result<(String, Vec<UploadedPart>)> {
    let _slot = context.slots.acquire().await;
    if let Some(upload_id) = resume.and_then(Resume::upload_id) {
        match context.unless_stopped(context.store.list_parts(key, &upload_id)).await {
            Ok(Some(parts)) => {
                let intact = intact_parts(context, path, size_bytes, part_bytes, parts).await?;
                tracing::debug!(key, n_parts = intact.len(), "going on with an interrupted upload");
                return Ok((upload_id, intact));
            }
            Ok(None) => {}
            Err(error) if error.is_transient() || error.kind() == ErrorKind::Interrupted => {
                return Err(error);
            }
            Err(error) => {
                tracing::debug!(%error, key, "starting an upload over");
                if resume.is_some_and(|resume| !resume.is_under_way()) {
                    give_up(context, key, &upload_id).await;
                }
            }
        }
    } else if let Some(resume) = resume
        && let Some(upload_id) = resume.id_of_another()
        && !resume.is_under_way()
    {
        // Of other content, or in other parts: nobody will go on with it.
        give_up(context, key, &upload_id).await;
    }
    let upload_id = context.unless_stopped(context.store.create_multipart(key)).await?;
    if let Some(resume) = resume {
        resume.remember(&upload_id);
    }
    Ok((upload_id, Vec::new()))
}

/// Keeps the listed parts that have the bytes of the file.
async fn intact_parts(
    context: &Context,
    path: &Arc<PathBuf>,
    size_bytes: u64,
    part_bytes: u64,
    parts: Vec<UploadedPart>,
) -> Result<Vec<UploadedPart>> {
    let (path, etag_is_md5) = (Arc::clone(path), context.limits.etag_is_md5);
    blocking(move || {
        let mut intact = Vec::new();
        for part in parts {
            let range = range_of(part.number, part_bytes, size_bytes);
            if range.start >= range.end || part.size_bytes != range.end - range.start {
                continue;
            }
            let mut digest = Md5Digest::default();
            let is_md5 =
                etag_is_md5 && hex::decode_to_slice(part.etag.trim_matches('"'), &mut digest).is_ok();
            if !is_md5 || super::files::hash_range(&path, range)? == digest {
                intact.push(part);
            }
        }
        Ok(intact)
    })
    .await
}

fn range_of(number: u32, part_bytes: u64, size_bytes: u64) -> std::ops::Range<u64> {
    let start = u64::from(number.saturating_sub(1)) * part_bytes;
    start..(start + part_bytes).min(size_bytes)
}

async fn send_missing_parts(
    context: &Arc<Context>,
    key: &str,
    upload_id: &str,
    (path, size_bytes, part_bytes): (Arc<PathBuf>, u64, u64),
    there: Vec<UploadedPart>,
    whole: &WholeCheck,
) -> Result<Vec<UploadedPart>> {
    let n_parts = u32::try_from(size_bytes.div_ceil(part_bytes)).map_err(|_| {
        Error::new(
            ErrorKind::Unsupported,
            format!("`{}` is too large for the parts of an upload", path.display()),
        )
    })?;
    context.meter.moved(there.iter().map(|part| part.size_bytes).sum());
    for _ in &there {
        whole.part_begins();
    }
    let mut missing = (1..=n_parts).filter(|number| there.iter().all(|part| part.number != *number));
    let send = async |number: u32| {
        let body =
            Body::FileRange { path: Arc::clone(&path), range: range_of(number, part_bytes, size_bytes) };
        let slot = context.slots.acquire().await;
        whole.part_begins();
        let part = context.unless_stopped(context.store.put_part(key, upload_id, number, &body)).await?;
        drop(slot);
        context.meter.moved(body.len_bytes());
        context.slots.good();
        Ok::<_, Error>(part)
    };
    let at_once = MAX_PARTS_AT_ONCE.min(context.jobs);
    let mut under_way = FuturesUnordered::new();
    let mut sent = Vec::new();
    loop {
        while under_way.len() < at_once
            && let Some(number) = missing.next()
        {
            under_way.push(send(number));
        }
        match under_way.next().await {
            Some(part) => sent.push(part?),
            None => break,
        }
    }
    drop(under_way);
    let mut parts = there;
    parts.extend(sent);
    parts.sort_unstable_by_key(|part| part.number);
    Ok(parts)
}

async fn complete(
    context: &Context,
    key: &str,
    upload_id: &str,
    size_bytes: u64,
    parts: &[UploadedPart],
) -> Result<Uploaded> {
    if context.stop.is_cancelled() {
        return Err(interrupted());
    }
    let _slot = context.slots.acquire().await;
    let expected = etag_of_parts(parts);
    match context.unless_stopped(context.store.complete_multipart(key, upload_id, parts)).await {
        Ok(uploaded) => {
            // A whole-object entity tag of parts ends with their number; other schemes say nothing.
            let is_of_parts = |etag: &&String| etag.ends_with(&format!("-{}", parts.len()));
            let etag =
                uploaded.etag.as_ref().filter(is_of_parts).filter(|_| context.store.limits().etag_is_md5);
            if etag.zip(expected.as_ref()).is_some_and(|(etag, expected)| etag != expected) {
                return Err(wrong_etag(context, key, &uploaded));
            }
            Ok(uploaded)
        }
        // The store has looked for the object of an upload that is gone.
        Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::NotFound) => Err(error),
        Err(error) => {
            // The reply may have got lost.
            let there = context.unless_stopped(context.store.head(key)).await;
            let is_complete =
                |info: &crate::ObjectInfo| info.size_bytes == size_bytes && info.etag == expected;
            match there {
                Ok(Some(info)) if expected.is_some() && is_complete(&info) => {
                    Ok(Uploaded { etag: info.etag, version_id: None })
                }
                _ => Err(error),
            }
        }
    }
}
