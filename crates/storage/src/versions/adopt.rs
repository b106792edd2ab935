//! Downloads versions whose hash is not known into the cache.

use std::sync::Arc;

use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::{RecordedVersion, VersionedStore};
use crate::cache::committer::Committer;
use crate::progress::{Event, Observer, Phase, report_unsized};
use crate::source::take_in::{finish, receive};
use crate::transfer::context::interrupted;
use crate::{Cache, Error, ErrorKind, Md5Digest, Oid, Result};

/// A version that is in the cache now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedVersion {
    /// The object's name: the hash of the received bytes.
    pub oid: Oid,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The entity tag without its quotes.
    pub etag: Option<String>,
}

/// Downloads versions and stores each under its hash; the answers are in the order of `versions`.
///
/// A version is an error if it does not have the announced length or, if its entity tag is an MD5, that digest. There is
/// no recorded hash to compare with: this is for content that another client uploaded (`dvc update`).
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
    report_unsized(Phase::Downloading, versions.len(), observer);
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
    finish(committer, &mut adopted).await;
    adopted
}

async fn adopt_one(
    cache: &Cache,
    committer: &Arc<Committer>,
    store: &dyn VersionedStore,
    version: &RecordedVersion,
    observer: &dyn Observer,
) -> Result<AdoptedVersion> {
    let download = store.get_version(&version.key, &version.version_id, None).await?;
    // Without a hash, only the size shows whether the download is complete.
    let size_bytes = download.size_bytes.ok_or_else(|| {
        let message =
            format!("the server does not report the size of `{}/{}`", store.location(), version.key);
        Error::new(ErrorKind::Corrupt, message)
    })?;
    let total_bytes = i64::try_from(size_bytes).unwrap_or(i64::MAX);
    observer.on(Event::Replanned { phase: Phase::Downloading, total_bytes, n_unsized: -1 });
    let etag = download.etag.clone();
    let mut promised = Md5Digest::default();
    let is_md5 = store.limits().etag_is_md5
        && etag.as_ref().is_some_and(|etag| hex::decode_to_slice(etag, &mut promised).is_ok());
    let what = format!("{}/{}", store.location(), version.key);
    let taken = receive(cache, committer, download, is_md5.then_some(promised), &what, observer).await?;
    Ok(AdoptedVersion { oid: taken.oid, size_bytes, etag })
}
