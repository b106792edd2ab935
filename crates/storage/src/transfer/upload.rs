//! Sending one object.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use super::context::{Context, blocking, interrupted};
use super::object_hash::{ObjectCheck, md5_if_intact};
use super::push::{damaged, damaged_at};
use super::resume::Resume;
use crate::progress::Tally;
use crate::store::{BodyContent, etags_of_parts};
use crate::{
    Body, Error, ErrorKind, Layout, Md5Digest, MultipartStore as _, Oid, ReadStore as _, Result, Uploaded,
    UploadedPart, WriteStore as _,
};

/// How often an object or a part is sent before it is believed that it cannot arrive whole.
const ATTEMPTS: u32 = 2;
/// Parts of one object under way at once. More of them would keep other objects waiting, and a killed upload loses
/// all that had not arrived.
const MAX_PARTS_AT_ONCE: usize = 8;
/// Parts that are hashed while as many as may be are under way. They are in the memory of the system when it is their
/// turn, and not in ours.
const MAX_PARTS_AHEAD: usize = 2;
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

/// An object that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) uploaded: Uploaded,
    /// Whether the entity tag follows from the bytes. Where it does not, as under some encryptions, the reply may have been
    /// damaged on its way.
    pub(crate) is_proven: bool,
}

/// Sends an object of the cache to `key` and checks the entity tag that comes back.
pub(crate) async fn send(
    context: &Arc<Context>,
    key: &str,
    layout: Layout,
    oid: Oid,
    source: Source,
) -> Result<Sent> {
    match source {
        Source::Bytes(bytes, md5) => put(context, key, Body::bytes(bytes), md5).await,
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
            put(context, key, Body::file_range(path, 0..size_bytes), md5).await
        }
    }
}

async fn put(context: &Context, key: &str, body: Body, md5: Md5Digest) -> Result<Sent> {
    let mut attempt = 1;
    loop {
        let slot = context.slots.acquire().await;
        let tally = context.tally();
        let heard = body.clone().heard_by(tally.listener());
        let put = context.unless_stopped(context.store.put(key, &heard, Some(&md5))).await;
        drop(slot);
        let error = match put {
            Ok(uploaded) if contradicts(context, &uploaded, &md5) => wrong_etag(context, key, &uploaded),
            Ok(uploaded) => {
                tally.keep_all(body.len_bytes());
                let is_proven =
                    uploaded.etag.as_ref().is_some_and(|etag| etag.eq_ignore_ascii_case(&hex::encode(md5)));
                return Ok(Sent { uploaded, is_proven });
            }
            // Refused, or answered with the tag of other bytes.
            Err(error) if error.kind() == ErrorKind::Corrupt => error,
            Err(error) => return Err(error),
        };
        drop(tally);
        if attempt == ATTEMPTS {
            return Err(blame(context, &body, &md5, error).await);
        }
        attempt += 1;
    }
}

/// Finds out whether it is the file that has other bytes than it should have.
async fn blame(context: &Context, body: &Body, md5: &Md5Digest, error: Error) -> Error {
    let BodyContent::FileRange { path, range } = body.content() else { return error };
    let (lanes, file, range) = (Arc::clone(&context.lanes), Arc::clone(path), range.clone());
    match blocking(move || super::files::hash_range(&lanes, &file, &range)).await {
        Ok(now) if now != *md5 => damaged_at(path),
        _ => error,
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

/// The error for an object that was sent, and is another one on the remote.
fn wrong_etag(context: &Context, key: &str, uploaded: &Uploaded) -> Error {
    let etag = uploaded.etag.as_deref().unwrap_or_default();
    let message = format!(
        "`{}` has other bytes under `{key}` than were sent: it answers with the entity tag `{etag}`",
        context.store.location()
    );
    Error::new(ErrorKind::Corrupt, message).with_hint(
        "run `haul push --verify`: it reads what is on the remote, and sends what is damaged again",
    )
}

/// Sends a large object in parts, going on where an earlier run was interrupted.
async fn send_parts(
    context: &Arc<Context>,
    key: &str,
    layout: Layout,
    oid: Oid,
    path: Arc<PathBuf>,
    size_bytes: u64,
) -> Result<Sent> {
    let part_bytes = part_size(context, size_bytes);
    let resume = context
        .state_dir
        .as_ref()
        .map(|folder| Resume::new(folder, context.store.location(), key, &oid, size_bytes, part_bytes));
    let mut whole = ObjectCheck::start(&context.lanes, &path, (layout, oid), size_bytes, part_bytes);
    let mut attempt = 1;
    let (upload_id, sent) = loop {
        let (upload_id, there) = start(context, key, resume.as_ref()).await?;
        let tally = context.tally();
        let guard = AbortOnDrop::new(context, key, &upload_id);
        let parts = Parts {
            context,
            tally: &tally,
            key,
            upload_id: &upload_id,
            path: &path,
            size_bytes,
            part_bytes,
            resume: resume.as_ref(),
            whole: &whole,
        };
        let sent = match parts.send(there).await {
            Ok(parts) => match context.unless_stopped(whole.is_intact()).await {
                Ok(true) => complete(context, key, &upload_id, size_bytes, &parts).await,
                Ok(false) => Err(damaged(&context.cache, layout, &oid)),
                Err(error) => Err(error),
            },
            Err(error) => Err(whole.failure().await.unwrap_or(error)),
        };
        guard.disarm();
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
            // What was put together is not what was sent. Nothing on the remote would ever tell.
            Err(error)
                if error.kind() == ErrorKind::Corrupt && whole.is_known_intact() && attempt < ATTEMPTS =>
            {
                tracing::debug!(%error, key, "sending an object again");
                // What the server lists of an upload that it could not put together is held against the file again.
                let is_unfinished = error.reply().is_some() && resume.is_some();
                if !is_unfinished {
                    give_up(context, key, &upload_id).await;
                    if let Some(resume) = &resume {
                        resume.forget();
                    }
                }
                attempt += 1;
            }
            sent => {
                if sent.is_ok() {
                    tally.keep_all(size_bytes);
                }
                break (upload_id, sent);
            }
        }
    };
    // What a later run can go on with is kept; everything else would lie in the bucket unseen, and be paid for.
    let can_go_on =
        |error: &Error| resume.is_some() && (error.is_transient() || error.kind() == ErrorKind::Interrupted);
    match sent {
        Err(error) if can_go_on(&error) => {
            context.meter.kept(key);
            Err(error)
        }
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
/// it: nothing else would show it.
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

/// Returns the id of the upload and the parts that are listed there.
async fn start(context: &Context, key: &str, resume: Option<&Resume>) -> Result<(String, Vec<UploadedPart>)> {
    let _slot = context.slots.acquire().await;
    if let Some((resume, upload_id)) = resume.and_then(|resume| Some((resume, resume.upload_id()?))) {
        match context.unless_stopped(context.store.list_parts(key, &upload_id)).await {
            Ok(Some(parts)) => {
                tracing::debug!(key, n_parts = parts.len(), "going on with an interrupted upload");
                resume.hold();
                return Ok((upload_id, parts));
            }
            Ok(None) => {}
            Err(error) if error.is_transient() || error.kind() == ErrorKind::Interrupted => {
                return Err(error);
            }
            Err(error) => {
                tracing::debug!(%error, key, "starting an upload over");
                if !resume.is_under_way() {
                    give_up(context, key, &upload_id).await;
                }
            }
        }
    } else if let Some(resume) = resume
        && let Some(upload_id) = resume.id_of_another()
        && !resume.is_under_way()
    {
        // Of other content, or in other parts: it will not be gone on with.
        give_up(context, key, &upload_id).await;
    }
    let upload_id = context.unless_stopped(context.store.create_multipart(key)).await?;
    if let Some(resume) = resume {
        resume.remember(&upload_id);
    }
    Ok((upload_id, Vec::new()))
}

fn range_of(number: u32, part_bytes: u64, size_bytes: u64) -> std::ops::Range<u64> {
    let start = u64::from(number.saturating_sub(1)) * part_bytes;
    start..(start + part_bytes).min(size_bytes)
}

/// The parts of an upload.
struct Parts<'a> {
    context: &'a Arc<Context>,
    tally: &'a Tally,
    key: &'a str,
    upload_id: &'a str,
    path: &'a Arc<PathBuf>,
    size_bytes: u64,
    part_bytes: u64,
    resume: Option<&'a Resume>,
    whole: &'a ObjectCheck,
}

impl Parts<'_> {
    /// Sends the parts that are not among those that are `there` with the right bytes; returns all of them.
    ///
    /// A part is hashed before it is sent, in the same pass as the whole, while those before it are on their way.
    async fn send(&self, there: Vec<UploadedPart>) -> Result<Vec<UploadedPart>> {
        let n_parts = u32::try_from(self.size_bytes.div_ceil(self.part_bytes)).map_err(|_| {
            Error::new(
                ErrorKind::Unsupported,
                format!("`{}` is too large for the parts of an upload", self.path.display()),
            )
        })?;
        let noted = if there.is_empty() {
            Vec::new()
        } else {
            self.resume.map(Resume::sent_parts).unwrap_or_default()
        };
        let mut there: HashMap<u32, UploadedPart> =
            there.into_iter().map(|part| (part.number, part)).collect();
        let at_once = MAX_PARTS_AT_ONCE.min(self.context.jobs);
        let turns = Semaphore::new(at_once);
        let mut numbers = 1..=n_parts;
        let mut under_way = FuturesUnordered::new();
        let mut parts = Vec::new();
        loop {
            while under_way.len() < at_once + MAX_PARTS_AHEAD
                && let Some(number) = numbers.next()
            {
                self.whole.want(number);
                under_way.push(self.send_one(number, there.remove(&number), &noted, &turns));
            }
            match under_way.next().await {
                Some(part) => parts.push(part?),
                None => break,
            }
        }
        drop(under_way);
        parts.sort_unstable_by_key(|part: &UploadedPart| part.number);
        Ok(parts)
    }

    async fn send_one(
        &self,
        number: u32,
        there: Option<UploadedPart>,
        noted: &[(u32, String, Md5Digest)],
        turns: &Semaphore,
    ) -> Result<UploadedPart> {
        let range = range_of(number, self.part_bytes, self.size_bytes);
        let hash = async { self.whole.md5_of(number).await.ok_or_else(not_hashed) };
        let md5 = self.context.unless_stopped(hash).await?;
        if let Some(part) = there
            && part.size_bytes == range.end - range.start
            && has_bytes(&part, &md5, noted)
        {
            self.tally.moved(part.size_bytes);
            return Ok(UploadedPart { md5: Some(md5), ..part });
        }
        let _turn = turns.acquire().await;
        let body = Body::file_range(Arc::clone(self.path), range);
        let mut attempt = 1;
        loop {
            let slot = self.context.slots.acquire().await;
            let tally = Tally::new(self.tally.listener());
            let heard = body.clone().heard_by(tally.listener());
            let put = self.context.store.put_part(self.key, self.upload_id, number, &heard, &md5);
            let put = self.context.unless_stopped(put).await;
            drop(slot);
            match put {
                Ok(part) => {
                    tally.keep_all(body.len_bytes());
                    self.context.slots.note_success();
                    if let Some(resume) = self.resume {
                        resume.remember_part(&part);
                    }
                    return Ok(part);
                }
                Err(error) if error.kind() != ErrorKind::Corrupt => return Err(error),
                Err(error) if attempt == ATTEMPTS => {
                    return Err(blame(self.context, &body, &md5, error).await);
                }
                Err(error) => tracing::debug!(%error, self.key, number, "sending a part again"),
            }
            attempt += 1;
        }
    }
}

/// The error of a part whose object could not be read; [`ObjectCheck::failure`] knows why.
fn not_hashed() -> Error {
    Error::new(ErrorKind::Io, "an object could not be hashed")
}

/// Tells whether a listed part has the bytes with this MD5: by its entity tag, or by what was noted when it was sent.
fn has_bytes(part: &UploadedPart, md5: &Md5Digest, noted: &[(u32, String, Md5Digest)]) -> bool {
    let tag = |etag: &str| etag.trim_matches('"').to_owned();
    let is_noted = |(number, etag, noted): &(u32, String, Md5Digest)| {
        *number == part.number && noted == md5 && tag(etag) == tag(&part.etag)
    };
    part.etag_as_md5().as_ref() == Some(md5) || noted.iter().any(is_noted)
}

/// Gives an upload up when the future that sends it is dropped: no run would go on with it, or know of it.
struct AbortOnDrop {
    context: Arc<Context>,
    key: String,
    upload_id: String,
    is_armed: bool,
}

impl AbortOnDrop {
    fn new(context: &Arc<Context>, key: &str, upload_id: &str) -> Self {
        let (key, upload_id) = (key.to_owned(), upload_id.to_owned());
        Self { context: Arc::clone(context), key, upload_id, is_armed: true }
    }

    fn disarm(mut self) {
        self.is_armed = false;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        // Where the runtime ends as well, the note of the upload is what is left, and the next run goes on.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.is_armed {
            let (context, key) = (Arc::clone(&self.context), std::mem::take(&mut self.key));
            let upload_id = std::mem::take(&mut self.upload_id);
            runtime.spawn(async move { give_up(&context, &key, &upload_id).await });
        }
    }
}

async fn complete(
    context: &Context,
    key: &str,
    upload_id: &str,
    size_bytes: u64,
    parts: &[UploadedPart],
) -> Result<Sent> {
    if context.stop.is_cancelled() {
        return Err(interrupted());
    }
    let _slot = context.slots.acquire().await;
    let expected = etags_of_parts(parts);
    let is_expected = |etag: &Option<String>| etag.as_ref().is_some_and(|etag| expected.contains(etag));
    let error = match context.unless_stopped(context.store.complete_multipart(key, upload_id, parts)).await {
        Ok(uploaded) if is_expected(&uploaded.etag) || !tells_parts(context, uploaded.etag.as_deref()) => {
            let is_proven = is_expected(&uploaded.etag);
            return Ok(Sent { uploaded, is_proven });
        }
        Ok(uploaded) => wrong_etag(context, key, &uploaded),
        // The store has looked for the object of an upload that is gone.
        Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::NotFound) => {
            return Err(error);
        }
        Err(error) => error,
    };
    // The reply may have got lost, or damaged.
    match context.unless_stopped(context.store.head(key)).await {
        Ok(Some(info)) if info.size_bytes == size_bytes && is_expected(&info.etag) => {
            Ok(Sent { uploaded: Uploaded { etag: info.etag, version_id: None }, is_proven: true })
        }
        // The look has shown that the tags of this server are no digests.
        Ok(Some(info))
            if info.size_bytes == size_bytes
                && error.kind() == ErrorKind::Corrupt
                && error.reply().is_none()
                && !tells_parts(context, info.etag.as_deref()) =>
        {
            Ok(Sent { uploaded: Uploaded { etag: info.etag, version_id: None }, is_proven: false })
        }
        _ => Err(error),
    }
}

/// Whether an entity tag is one of parts, as S3 makes it out of their MD5s. Other schemes say nothing.
fn tells_parts(context: &Context, etag: Option<&str>) -> bool {
    let Some((digest, n_parts)) = etag.and_then(|etag| etag.split_once('-')) else { return false };
    let is_digest = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest && n_parts.parse::<u32>().is_ok() && context.store.limits().etag_is_md5
}
