//! Aborting multipart uploads that no push continues.
//!
//! A push that is killed leaves the parts that arrived in the bucket: the next push of the same clone goes on with them.
//! Those of a clone that is gone, as after a cancelled job of a CI, stay there unseen, and are paid for. They go by age
//! alone, because it cannot be told which of them are still being sent; what is not the key of an object is none of ours.
//!
//! Deviation: DVC leaves unfinished uploads in the bucket, where they cost storage and no listing of objects shows them.

use std::time::SystemTime;

use futures::StreamExt as _;
use haul_storage::progress::{Event, Observer, Phase};
use haul_storage::{
    CancellationToken, Error as StorageError, ErrorKind, Layout, MultipartStore as _, OpenUpload,
    RemoteStore as _,
};

use super::GcOptions;
use super::manifests::OpenRemote;
use super::plan::is_within;
use super::used::check;
use crate::Result;

/// Unfinished uploads on a remote.
#[derive(Debug, Clone)]
pub struct PlannedUploads {
    /// The name of the remote.
    pub name: String,
    /// Where it is, as `s3://bucket/prefix`.
    pub location: String,
    /// Those to be given up, in the order of keys.
    pub unfinished: Vec<OpenUpload>,
    /// Number of those that are kept: they are young, or no age was named.
    pub n_kept: u64,
}

impl PlannedUploads {
    /// Returns the whole path of the object that an upload was to make.
    pub fn path_of(&self, upload: &OpenUpload) -> String {
        format!("{}/{}", self.location.trim_end_matches('/'), upload.key)
    }
}

/// What became of the plan for the uploads on one remote.
#[derive(Debug, Default)]
pub struct CollectedUploads {
    /// Uploads that were given up.
    pub n_removed: u64,
    /// Uploads that could not be given up, by their place in the plan, with the reason.
    pub failed: Vec<(usize, StorageError)>,
    /// Uploads that were not tried, because the work was stopped.
    pub n_not_tried: u64,
}

/// Looks for unfinished uploads of objects on a remote. Where they may not be listed, or cannot be, there are none to
/// give up; a sentence for the user says so.
pub(super) async fn plan(
    name: &str,
    remote: &OpenRemote,
    options: &GcOptions,
) -> Result<std::result::Result<PlannedUploads, String>> {
    check(&options.cancel)?;
    let location = remote.odb.location().to_owned();
    let uploads = match remote.odb.store().as_multipart() {
        Some(store) => store.list_uploads().await,
        // Objects go there whole: nothing of them is left behind.
        None => Ok(Vec::new()),
    };
    let uploads = match uploads {
        Ok(uploads) => uploads,
        Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error.into()),
        Err(error) if error.is_transient() && options.older_than.is_some() => return Err(error.into()),
        Err(error) => {
            tracing::debug!(%error, "unfinished uploads cannot be listed");
            let why = match error.kind() {
                ErrorKind::Denied => {
                    "the credentials lack the right s3:ListBucketMultipartUploads".to_owned()
                }
                _ => format!("the server does not list them ({error})"),
            };
            return Ok(Err(format!("unfinished uploads to `{location}` are not looked at: {why}")));
        }
    };
    let is_object =
        |key: &str| [Layout::Current, Layout::Legacy].iter().any(|layout| layout.parse_path(key).is_some());
    let (mut unfinished, kept): (Vec<_>, Vec<_>) = uploads
        .into_iter()
        .filter(|upload| is_object(&upload.key))
        .partition(|upload| is_old(upload, options, options.now));
    unfinished.sort_by(|one, other| (&one.key, &one.upload_id).cmp(&(&other.key, &other.upload_id)));
    Ok(Ok(PlannedUploads { name: name.to_owned(), location, unfinished, n_kept: kept.len() as u64 }))
}

fn is_old(upload: &OpenUpload, options: &GcOptions, now: SystemTime) -> bool {
    options.older_than.is_some_and(|grace| !is_within(upload.started, grace, now))
}

/// Gives up what was planned. A failure of one upload does not stop the others.
pub(super) async fn give_up(
    planned: &PlannedUploads,
    remote: &OpenRemote,
    cancel: &CancellationToken,
    observer: &dyn Observer,
) -> CollectedUploads {
    let mut tried = futures::stream::iter(planned.unfinished.iter().enumerate())
        .map(async |(at, upload)| {
            if cancel.is_cancelled() {
                return (at, None);
            }
            let given_up = remote.odb.store().abort_multipart(&upload.key, &upload.upload_id).await;
            observer.on(Event::Finished { phase: Phase::Removing, n_objects: 1 });
            (at, Some(given_up))
        })
        .buffer_unordered(remote.jobs);
    let mut all = CollectedUploads::default();
    while let Some((at, given_up)) = tried.next().await {
        match given_up {
            None => all.n_not_tried += 1,
            Some(Ok(())) => all.n_removed += 1,
            Some(Err(error)) => all.failed.push((at, error)),
        }
    }
    all.failed.sort_by_key(|(at, _)| *at);
    all
}
