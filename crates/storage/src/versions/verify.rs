//! Reading recorded versions, to see whether they are what their metafiles say.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::{RecordedVersion, VersionedStore};
use crate::transfer::context::interrupted;
use crate::transfer::verify::{has_bytes, judge_reading};
use crate::{Layout, Oid, Result};

/// Reads versions; the answers, in the order of `versions`, say whether each has the bytes that its name says.
///
/// # Errors
///
/// A version that may not be read, or a server that cannot be reached. What is gone or damaged is an answer.
pub async fn verify(
    store: &Arc<dyn VersionedStore>,
    versions: &[(RecordedVersion, Layout, Oid)],
    jobs: usize,
    cancel: &CancellationToken,
) -> Result<Vec<bool>> {
    // Owned names: the compiler cannot tell that a stream of futures with borrowed ones may cross threads.
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
