//! `status -c` of a cloud-versioned remote.

use haul_storage::transfer::RequestCounts;
use haul_storage::versions::{self, RecordedState, RecordedVersion};

use super::VersionedBatch;
use super::file::files_of;
use crate::Result;
use crate::ops::session::Session;
use crate::ops::{CloudState, CloudStatusEntry, Failure};

/// Compares what the metafiles record with what the bucket has.
///
/// Deviation: DVC refuses `status -c` for cloud-versioned remotes; haul compares recorded versions with the bucket.
pub(in crate::ops) async fn compare(
    session: &Session<'_>,
    batch: &VersionedBatch,
    jobs: Option<usize>,
) -> Result<(Vec<CloudStatusEntry>, Vec<Failure>, RequestCounts)> {
    let mut entries = Vec::new();
    let mut failed = Vec::new();
    let mut recorded = Vec::new();
    let mut files = Vec::new();
    for out in &batch.outs {
        match files_of(session, out) {
            Ok(found) => files.extend(found.into_iter().filter(|file| file.is_selected)),
            Err(error) => failed.push(Failure { subject: out.display.clone(), path: None, error }),
        }
    }
    let mut pushed = Vec::new();
    for file in files {
        if let Some(id) = file.version_id(&batch.remote) {
            recorded.push(RecordedVersion { key: file.key.clone(), version_id: id.to_owned() });
            pushed.push(file);
            continue;
        }
        let is_cached = session.cache.check(file.layout, &file.oid)?.is_some();
        let state = if is_cached { CloudState::New } else { CloudState::Missing };
        entries.push(CloudStatusEntry { path: file.display, oid: file.oid, state });
    }
    let (states, counts) = versions::look_up(batch.store.as_ref(), &recorded, batch.jobs(jobs)).await?;
    for (file, state) in pushed.into_iter().zip(states) {
        let state = match state {
            RecordedState::Latest => continue,
            RecordedState::Superseded | RecordedState::Unknown => CloudState::Modified,
            RecordedState::Hidden | RecordedState::Gone => CloudState::Deleted,
        };
        entries.push(CloudStatusEntry { path: file.display, oid: file.oid, state });
    }
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok((entries, failed, counts))
}
