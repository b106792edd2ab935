//! Deleting what was planned.

use std::collections::HashSet;
use std::sync::Arc;

use haul_storage::progress::{Event, Observer, Phase};
use haul_storage::{CancellationToken, Layout, Oid, Removal};
use rayon::prelude::*;

use super::manifests::{self, OpenRemote};
use super::projects::Project;
use super::{CollectedPlace, GcPlan, GcReport, PlannedPlace};
use super::{uploads, versions};

impl GcPlan {
    /// Deletes what was planned. A failure of one object does not stop the others; it is in the report.
    ///
    /// Killed at any moment, it leaves directories that are whole: a manifest goes before the files that only it names,
    /// and they are left where it could not be deleted. What is left is found by the next run.
    pub async fn execute(&self, observer: &dyn Observer) -> GcReport {
        let n_objects = self.places.iter().map(|place| place.n_unused() as u64).sum::<u64>()
            + self.versions.iter().map(|remote| remote.unused.len() as u64).sum::<u64>()
            + self.uploads.iter().map(|remote| remote.unfinished.len() as u64).sum::<u64>();
        observer.on(Event::Planned { phase: Phase::Removing, n_objects, total_bytes: 0 });
        let mut report = GcReport::default();
        for (number, place) in self.places.iter().enumerate() {
            report.places.push(self.place(number, place, observer).await);
        }
        for (planned, (store, jobs)) in self.versions.iter().zip(&self.versioned_stores) {
            let cancel = &self.options.cancel;
            report.versions.push(versions::remove(planned, store.as_ref(), *jobs, cancel, observer).await);
        }
        for (planned, remote) in self.uploads.iter().zip(&self.upload_remotes) {
            report.uploads.push(uploads::give_up(planned, remote, &self.options.cancel, observer).await);
        }
        report
    }

    async fn place(&self, number: usize, place: &PlannedPlace, observer: &dyn Observer) -> CollectedPlace {
        let n_directories = place.unused.partition_point(|object| object.oid.is_dir());
        let oids: Vec<Oid> = place.unused.iter().map(|object| object.oid).collect();
        let (directories, files) = oids.split_at(n_directories);
        let mut collected = CollectedPlace::default();
        let layout = place.layout;
        take(&mut collected, self.remove(number, layout, directories, observer).await);
        let needed = self.files_of_failed(number, layout, &collected).await;
        let files: Vec<Oid> = match needed {
            Some(needed) => files.iter().copied().filter(|oid| !needed.contains(oid)).collect(),
            None => Vec::new(),
        };
        collected.n_held_back = (oids.len() - n_directories - files.len()) as u64;
        take(&mut collected, self.remove(number, layout, &files, observer).await);
        for file in &place.temporary {
            // Its process may have given it its name by now.
            match fs_err::remove_file(&file.path) {
                Ok(()) => collected.n_removed += 1,
                Err(error) => tracing::debug!(%error, "a temporary file stays behind"),
            }
        }
        collected
    }

    async fn remove(&self, number: usize, layout: Layout, oids: &[Oid], observer: &dyn Observer) -> Removal {
        let cancel = &self.options.cancel;
        match &self.remotes[number] {
            Some(OpenRemote { odb, jobs, .. }) => odb.remove(layout, oids, *jobs, observer, cancel).await,
            None => remove_from_cache(&self.projects[0], layout, oids, observer, cancel),
        }
    }

    /// Returns the files of the directories that could not be deleted; `None` if one of them cannot be read.
    async fn files_of_failed(
        &self,
        number: usize,
        layout: Layout,
        collected: &CollectedPlace,
    ) -> Option<HashSet<Oid>> {
        let mut needed = HashSet::new();
        for (oid, _) in &collected.failed {
            let odb = self.remotes[number].as_ref().map(|remote| &remote.odb);
            let read = manifests::files_at(&self.projects, odb, (layout, *oid), &self.options.cancel).await;
            match read {
                Ok(files) => needed.extend(files.iter().map(|(_, oid)| *oid)),
                Err(error) => {
                    tracing::debug!(%error, %oid, "a directory that stays cannot be read, so all files stay");
                    return None;
                }
            }
        }
        Some(needed)
    }
}

fn take(collected: &mut CollectedPlace, removal: Removal) {
    collected.n_removed += removal.n_removed;
    collected.failed.extend(removal.failed);
    collected.n_not_tried += removal.n_not_tried;
}

fn remove_from_cache(
    project: &Project,
    layout: Layout,
    oids: &[Oid],
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Removal {
    let cache = project.stores.cache();
    let remove = |oid: &Oid| {
        if cancel.is_cancelled() {
            return Removal { n_not_tried: 1, ..Removal::default() };
        }
        let removed = cache.remove(layout, oid);
        observer.on(Event::Finished { phase: Phase::Removing, n_objects: 1 });
        match removed {
            Ok(()) => Removal { n_removed: 1, ..Removal::default() },
            Err(error) => Removal { failed: vec![(*oid, Arc::new(error))], ..Removal::default() },
        }
    };
    let join = |mut one: Removal, other: Removal| {
        one.n_removed += other.n_removed;
        one.failed.extend(other.failed);
        one.n_not_tried += other.n_not_tried;
        one
    };
    oids.par_iter().map(remove).reduce(Removal::default, join)
}
