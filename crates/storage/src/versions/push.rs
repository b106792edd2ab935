//! Uploads files as new versions.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::{ObjectVersion, VersionedStore, Versioning};
use crate::progress::{Event, Observer, Phase};
use crate::transfer::context::{Context, blocking};
use crate::transfer::outcome::{Outcome, Verdict};
use crate::transfer::push::{Loaded, REPORT_EVERY, check_not_cancelled, load, size_in_cache};
use crate::transfer::upload;
use crate::transfer::{MissingObject, PlannedObject, TransferMode, TransferOptions, TransferReport};
use crate::{Cache, CountingStore, Error, ErrorKind, Layout, Oid, Result, Uploaded};

/// The maximum length of a key in bytes: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>.
const MAX_KEY_BYTES: usize = 1024;

/// A file of the cache, and the key to make a new version of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionUpload {
    /// The key, below the prefix of the store.
    pub key: String,
    /// The layout of the object in the cache.
    pub layout: Layout,
    /// The object in the cache.
    pub oid: Oid,
    /// The path for messages.
    pub path: Box<str>,
}

/// A version that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// The version id.
    pub version_id: String,
    /// The entity tag without its quotes.
    pub etag: Option<String>,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// The result of a push.
#[derive(Debug, Default)]
pub struct VersionedPush {
    /// Which objects were sent, and which were not.
    pub report: TransferReport,
    /// The versions that were made, in the order of the uploads; `None` if the file was not sent.
    pub versions: Vec<Option<NewVersion>>,
}

/// Sends files, each as a new version of its key. The bucket keeps the older versions.
///
/// `on_version` is called for each version as soon as the server has reported it, before the push reports anything.
///
/// # Errors
///
/// [`ErrorKind::Config`] if the bucket does not keep versions. If the credentials must not ask for that, the first file
/// is sent alone, and no other file is sent if the reply has no version.
pub async fn push(
    cache: &Cache,
    store: &Arc<dyn VersionedStore>,
    uploads: &[VersionUpload],
    options: &TransferOptions,
    on_version: &(dyn Fn(usize, &NewVersion) + Sync),
    observer: &dyn Observer,
) -> Result<VersionedPush> {
    check_not_cancelled(options)?;
    let start = Instant::now();
    if uploads.is_empty() {
        return Ok(VersionedPush::default());
    }
    refuse_long_keys(store.as_ref(), uploads)?;
    if options.mode == TransferMode::DryRun {
        return plan(cache, uploads).await;
    }
    let is_known = keeps_versions(store.as_ref()).await?;
    let counted = Arc::new(CountingStore::new(Arc::<dyn VersionedStore>::clone(store)));
    let context = Context::new(cache, Arc::clone(&counted), options, Phase::Uploading);
    let n_objects = uploads.len() as u64;
    let total_bytes = total_bytes(cache, uploads).await?;
    observer.on(Event::Planned { phase: Phase::Uploading, n_objects, total_bytes });
    let mut push = Push {
        context,
        store,
        uploads,
        on_version,
        observer,
        outcome: Outcome::new(),
        versions: vec![None; uploads.len()],
        n_settled: 0,
        tasks: JoinSet::new(),
    };
    let is_known = is_known || push.first_key_has_versions().await?;
    push.work(is_known).await?;
    push.context.meter.report_kept(store.location(), "", observer);
    let mut outcome = push.outcome;
    outcome.report.requests = counted.counts();
    outcome.report.requests.bucket += 1;
    outcome.report.is_interrupted = options.cancel.is_cancelled();
    outcome.report.elapsed = start.elapsed();
    Ok(VersionedPush { report: outcome.finish()?, versions: push.versions })
}

/// Asks whether the bucket keeps versions. Returns true if it does, an error that says how to turn versioning on if it
/// does not, and false if the credentials must not ask.
async fn keeps_versions(store: &dyn VersionedStore) -> Result<bool> {
    match store.versioning().await {
        Ok(Versioning::Enabled) => Ok(true),
        Ok(Versioning::Suspended) => Err(no_versions(store, "suspended")),
        Ok(Versioning::Off) => Err(no_versions(store, "not turned on")),
        Err(error) if matches!(error.kind(), ErrorKind::Denied | ErrorKind::Unsupported) => {
            tracing::debug!(%error, "whether the bucket keeps versions will be seen from the first reply");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn no_versions(store: &dyn VersionedStore, state: &str) -> Error {
    let location = store.location();
    let message = format!("the versioning of the bucket of `{location}` is {state}, which the remote needs");
    Error::new(ErrorKind::Config, message).with_hint(format!("turn it on: `{}`", store.versioning_command()))
}

fn refuse_long_keys(store: &dyn VersionedStore, uploads: &[VersionUpload]) -> Result<()> {
    let location = store.location();
    let n_prefix = location
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
        .map_or(0, |(_, prefix)| prefix.len() + 1);
    for upload in uploads {
        let n_bytes = n_prefix + upload.key.len();
        if n_bytes > MAX_KEY_BYTES {
            let message = format!(
                "`{}` cannot be pushed: its key in `{location}` would have {n_bytes} bytes, and S3 takes {MAX_KEY_BYTES}",
                upload.path
            );
            return Err(Error::new(ErrorKind::Unsupported, message)
                .with_hint("shorten the path, or the prefix of the remote"));
        }
    }
    Ok(())
}

/// Returns the size of what is to be sent, as far as the cache has it.
async fn total_bytes(cache: &Cache, uploads: &[VersionUpload]) -> Result<u64> {
    let objects: Vec<_> = uploads.iter().map(|upload| (upload.layout, upload.oid)).collect();
    let cache = cache.clone();
    let size = move |(layout, oid): (Layout, Oid)| size_in_cache(&cache, layout, &oid);
    blocking(move || Ok(objects.into_iter().filter_map(size).sum())).await
}

/// Fills the report of a dry run.
async fn plan(cache: &Cache, uploads: &[VersionUpload]) -> Result<VersionedPush> {
    let batch: Vec<_> =
        uploads.iter().enumerate().map(|(index, upload)| (index, upload.layout, upload.oid)).collect();
    let cache = cache.clone();
    let loaded = blocking(move || Ok(load(&cache, batch, true))).await?;
    let mut report = TransferReport::default();
    for (index, loaded) in loaded {
        let MissingObject { layout, oid, path } = name(&uploads[index]);
        match loaded {
            Loaded::Source(source) => {
                let size_bytes = Some(source.size_bytes());
                report.planned.push(PlannedObject { layout, oid, path, size_bytes });
            }
            Loaded::Failed(error) => {
                report.failed.push(crate::transfer::FailedObject { layout, oid, path, error });
            }
            Loaded::Missing | Loaded::NotYet => report.missing.push(MissingObject { layout, oid, path }),
        }
    }
    Ok(VersionedPush { report, versions: vec![None; uploads.len()] })
}

fn name(upload: &VersionUpload) -> MissingObject {
    MissingObject { layout: upload.layout, oid: upload.oid, path: upload.path.clone() }
}

/// The result for one file.
enum Sent {
    Version(NewVersion),
    Missing,
}

struct Push<'a> {
    context: Arc<Context>,
    store: &'a Arc<dyn VersionedStore>,
    uploads: &'a [VersionUpload],
    on_version: &'a (dyn Fn(usize, &NewVersion) + Sync),
    observer: &'a dyn Observer,
    outcome: Outcome,
    versions: Vec<Option<NewVersion>>,
    n_settled: usize,
    tasks: JoinSet<(usize, Instant, Result<Sent>)>,
}

impl Push<'_> {
    /// If the credentials must not ask the bucket: asks for the object that the first file would replace, and returns
    /// whether it has a version.
    ///
    /// # Errors
    ///
    /// If the object has no version: sending the file would overwrite it for good.
    async fn first_key_has_versions(&self) -> Result<bool> {
        let Some(first) = self.uploads.first() else { return Ok(true) };
        match self.store.head_version(&first.key, None).await {
            Ok(Some(latest)) if latest.version_id.is_none() => {
                Err(no_versions(self.store.as_ref(), "not turned on"))
            }
            Ok(Some(_)) => Ok(true),
            Ok(None) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Denied => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn work(&mut self, is_known: bool) -> Result<()> {
        let mut next = 0;
        let mut ticker = tokio::time::interval(REPORT_EVERY);
        // Until a reply has a version, more uploads might overwrite objects in a bucket that keeps no versions.
        let mut is_alone = !is_known;
        loop {
            let limit = if is_alone { 1 } else { self.context.slots.limit() };
            while !self.context.stop.is_cancelled() && self.tasks.len() < limit && next < self.uploads.len() {
                self.start(next);
                next += 1;
            }
            tokio::select! {
                done = self.tasks.join_next() => match done {
                    Some(Ok((index, started, result))) => {
                        is_alone &= !matches!(result, Ok(Sent::Version(_)));
                        self.take(index, started, result);
                    }
                    Some(Err(error)) => {
                        return Err(Error::new(ErrorKind::Io, "a task of the transfer failed").with_source(error));
                    }
                    None => break,
                },
                _ = ticker.tick() => self.context.meter.report(self.observer),
            }
        }
        self.context.meter.report(self.observer);
        if self.context.stop.is_cancelled() {
            self.outcome.report.n_not_tried = (self.uploads.len() - self.n_settled) as u64;
        }
        Ok(())
    }

    fn start(&mut self, index: usize) {
        let upload = self.uploads[index].clone();
        let (context, store) = (Arc::clone(&self.context), Arc::clone(self.store));
        self.tasks.spawn(async move {
            let started = Instant::now();
            (index, started, send(&context, store.as_ref(), upload).await)
        });
    }

    fn take(&mut self, index: usize, started: Instant, result: Result<Sent>) {
        self.observer.on(Event::Finished { phase: Phase::Uploading, n_objects: 1 });
        match result {
            Ok(Sent::Version(version)) => {
                (self.on_version)(index, &version);
                self.context.slots.note_success();
                self.outcome.moved(version.size_bytes, Instant::now());
                self.versions[index] = Some(version);
            }
            Ok(Sent::Missing) => self.outcome.report.missing.push(name(&self.uploads[index])),
            Err(error) if error.kind() == ErrorKind::Interrupted => return,
            Err(error) => {
                if error.is_transient() {
                    self.context.slots.note_trouble(Instant::now());
                }
                match self.outcome.failed(name(&self.uploads[index]), error, started) {
                    Verdict::GoOn => {}
                    Verdict::End => self.context.stop.cancel(),
                    Verdict::Stop => {
                        self.context.stop.cancel();
                        return;
                    }
                    Verdict::Echo => return,
                }
            }
        }
        self.n_settled += 1;
    }
}

async fn send(context: &Arc<Context>, store: &dyn VersionedStore, upload: VersionUpload) -> Result<Sent> {
    let VersionUpload { key, layout, oid, .. } = upload;
    let cache = context.cache.clone();
    let loaded = blocking(move || Ok(load(&cache, vec![(0, layout, oid)], false).pop())).await?;
    let source = match loaded {
        Some((_, Loaded::Source(source))) => source,
        Some((_, Loaded::Failed(error))) => return Err(error),
        Some((_, Loaded::Missing | Loaded::NotYet)) | None => return Ok(Sent::Missing),
    };
    let size_bytes = source.size_bytes();
    let sent = upload::send(context, &key, layout, oid, source).await?;
    let version_id = version_of(store, &key, &sent.uploaded).await?;
    let version = NewVersion { version_id, etag: sent.uploaded.etag, size_bytes };
    if !sent.is_proven {
        context.unless_stopped(confirm(store, &key, &version)).await?;
    }
    Ok(Sent::Version(version))
}

/// Checks a version whose entity tag proves nothing with a HEAD: a version is recorded only if two replies agree.
async fn confirm(store: &dyn VersionedStore, key: &str, version: &NewVersion) -> Result<()> {
    let found = match store.head_version(key, Some(&version.version_id)).await {
        Ok(found) => found,
        // With credentials that may only write, only the first reply is available.
        Err(error) if error.kind() == ErrorKind::Denied => return Ok(()),
        Err(error) => return Err(error),
    };
    let is_same =
        found.is_some_and(|found| found.size_bytes == version.size_bytes && found.etag == version.etag);
    if is_same {
        return Ok(());
    }
    let message = format!(
        "`{}/{key}` was sent, but its version `{}` has not the size and entity tag of the reply",
        store.location(),
        version.version_id
    );
    Err(Error::new(ErrorKind::Corrupt, message).with_hint("run the command again: it sends the file again"))
}

/// Returns the id of the version that an upload made.
async fn version_of(store: &dyn VersionedStore, key: &str, uploaded: &Uploaded) -> Result<String> {
    if let Some(version_id) = uploaded.version_id.as_ref().filter(|id| *id != "null") {
        return Ok(version_id.clone());
    }
    // The reply was lost, or the server reports the version of a multipart upload only in the reply to a HEAD.
    let latest = store.head_version(key, None).await?;
    let is_ours = |etag: &Option<String>| etag.is_some() && *etag == uploaded.etag;
    match latest {
        Some(latest) if latest.version_id.is_none() => {
            let error = no_versions(store, "not turned on");
            Err(if is_ours(&latest.etag) { delete_sent(store, key, uploaded, error).await } else { error })
        }
        Some(ObjectVersion { version_id: Some(version_id), etag, .. }) if is_ours(&etag) => Ok(version_id),
        _ => {
            let message =
                format!("`{}/{key}` was sent, but the server does not report its version", store.location());
            Err(Error::new(ErrorKind::Server, message)
                .with_hint("run the command again: it sends the file again"))
        }
    }
}

/// Deletes the object that was sent to a bucket that keeps no versions, as its reply showed; if that fails, adds the
/// object to the error.
async fn delete_sent(store: &dyn VersionedStore, key: &str, uploaded: &Uploaded, error: Error) -> Error {
    if uploaded.version_id.is_some() {
        // The bucket kept versions once: a deletion that does not name the version would leave a delete marker.
        let named = [(key.to_owned(), "null".to_owned())];
        if store.delete_versions(&named).await.is_ok_and(|failed| failed.is_empty()) {
            return error;
        }
    }
    let named = [key.to_owned()];
    let deleted = store.delete(&named).await.map(|failed| failed.into_iter().map(|(_, error)| error).next());
    let (Ok(Some(cause)) | Err(cause)) = deleted else { return error };
    let message =
        format!("{error}; `{key}`, which was sent to find that out, stays there and can be deleted");
    let kept = Error::new(error.kind(), message).with_source(cause);
    match error.hint() {
        Some(hint) => kept.with_hint(hint),
        None => kept,
    }
}
