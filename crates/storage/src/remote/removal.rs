//! Deletes objects of a remote.

use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt as _, stream};

use super::RemoteOdb;
use crate::progress::{Event, Observer, Phase};
use crate::{CancellationToken, DeleteStore as _, Error, Layout, Oid};

/// The number of objects that one call deletes: the maximum of S3.
const OBJECTS_PER_CALL: usize = 1000;
/// The maximum of concurrent calls. Each deletes a thousand objects; more would only overload a server.
const MAX_CALLS: usize = 8;

/// The result of deleting objects.
#[derive(Debug, Default)]
pub struct Removal {
    /// The number of objects that were deleted.
    pub n_removed: u64,
    /// Objects that still exist, or may, with the reason; the objects of one call share it.
    pub failed: Vec<(Oid, Arc<Error>)>,
    /// The number of objects that were not tried, because the operation was stopped.
    pub n_not_tried: u64,
}

impl RemoteOdb {
    /// Deletes objects, a thousand with each call and up to `jobs` calls at once. Objects that do not exist count as
    /// deleted. A failure of one object, or of one call, does not stop the others.
    pub async fn remove(
        &self,
        layout: Layout,
        oids: &[Oid],
        jobs: usize,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Removal {
        let removal = Mutex::new(Removal::default());
        stream::iter(oids.chunks(OBJECTS_PER_CALL))
            .for_each_concurrent(jobs.clamp(1, MAX_CALLS), async |chunk| {
                let n_objects = chunk.len() as u64;
                if cancel.is_cancelled() {
                    removal.lock().unwrap_or_else(PoisonError::into_inner).n_not_tried += n_objects;
                    return;
                }
                let keys: Vec<String> = chunk.iter().map(|oid| layout.object_path(oid)).collect();
                let answer = self.store.delete(&keys).await;
                let mut removal = removal.lock().unwrap_or_else(PoisonError::into_inner);
                let n_failed = match answer {
                    Ok(failed) => {
                        let failed = failed
                            .into_iter()
                            .filter_map(|(key, error)| Some((layout.parse_path(&key)?, Arc::new(error))))
                            .collect::<Vec<_>>();
                        let n_failed = failed.len() as u64;
                        removal.failed.extend(failed);
                        n_failed
                    }
                    Err(error) => {
                        let error = Arc::new(error);
                        removal.failed.extend(chunk.iter().map(|oid| (*oid, Arc::clone(&error))));
                        n_objects
                    }
                };
                removal.n_removed += n_objects.saturating_sub(n_failed);
                observer.on(Event::Finished { phase: Phase::Removing, n_objects });
            })
            .await;
        removal.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
