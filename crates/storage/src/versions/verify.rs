//! Reads recorded versions to check that they have the bytes that their metafiles record.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::{RecordedVersion, VersionedStore};
use crate::transfer::context::interrupted;
use crate::transfer::verify::{has_bytes, judge_reading};
use crate::{Layout, Oid, Result};

/// Reads versions; the answers, in the order of `versions`, say whether each has the recorded hash.
///
/// # Errors
///
/// If a version must not be read, or the server cannot be reached. A missing or damaged version is an answer, not an
/// error.
pub async fn verify(
    store: &Arc<dyn VersionedStore>,
    versions: &[(RecordedVersion, Layout, Oid)],
    jobs: usize,
    cancel: &CancellationToken,
) -> Result<Vec<bool>> {
    // The names are owned, because the compiler does not accept that a stream of futures with borrowed ones is `Send`.
    stream::iter(versions.to_vec())
        .map(|(version, layout, oid)| async move {
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(interrupted()),
                is_right = holds(store.as_ref(), &version, layout, oid) => is_right,
            }
        })
        .buffered(jobs.max(1))
        .try_collect()
        .await
}

async fn holds(
    store: &dyn VersionedStore,
    version: &RecordedVersion,
    layout: Layout,
    oid: Oid,
) -> Result<bool> {
    let mut attempt = 1;
    loop {
        let read = match store.get_version(&version.key, &version.version_id, None).await {
            Ok(download) => has_bytes(download, layout, &oid).await,
            Err(error) => Err(error),
        };
        if let Some(is_right) = judge_reading(attempt, read) {
            return is_right;
        }
        attempt += 1;
    }
}
