//! What would be deleted.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use haul_config::Remote;
use haul_storage::progress::{Event, Observer, Phase};
use haul_storage::versions::VersionedStore;
use haul_storage::{
    Cache, CacheOptions, Error as StorageError, ErrorKind, Layout, Presence, RemoteOdb, StoreLimits,
    TemporaryFile,
};

use super::manifests::{self, OpenRemote, Remotes};
use super::projects::{self, Project};
use super::used::{self, Object, Used, check};
use super::versions;
use super::{GcOptions, GcPlace, GcTarget, PlannedPlace, PlannedUploads, PlannedVersions, UnusedObject};
use crate::{Error, Repo, Result};

/// Requests at once unless the user says how many.
const DEFAULT_JOBS: usize = 16;
/// How old a temporary file has to be in a cache or a remote that others may share.
const DAY: Duration = Duration::from_hours(24);

/// A plan, which holds the locks of the repositories until it is dropped.
#[derive(Debug)]
pub struct GcPlan {
    /// What is unused where: the cache, then each remote, in both layouts.
    pub places: Vec<PlannedPlace>,
    /// What is unused on each cloud-versioned remote.
    pub versions: Vec<PlannedVersions>,
    /// Unfinished uploads on each other remote.
    pub uploads: Vec<PlannedUploads>,
    /// Sentences for the user.
    pub warnings: Vec<String>,
    /// The remote of each place that is on one.
    pub(super) remotes: Vec<Option<OpenRemote>>,
    /// The remote of each item of `uploads`.
    pub(super) upload_remotes: Vec<OpenRemote>,
    /// The store of each cloud-versioned remote, and how many requests to it may be under way at once.
    pub(super) versioned_stores: Vec<(Arc<dyn VersionedStore>, usize)>,
    pub(super) projects: Vec<Project>,
    pub(super) options: GcOptions,
}

/// Finds out what nothing uses. Nothing is deleted.
///
/// # Errors
///
/// [`RevisionCollection`](crate::Error::RevisionCollection), [`UnknownRevision`](crate::Error::UnknownRevision),
/// [`ShallowClone`](crate::Error::ShallowClone) and [`Git`](crate::Error::Git) if what is used cannot be told;
/// [`Locked`](crate::Error::Locked) if another command is at work; errors of the configuration and of remotes.
pub async fn plan_gc(repo: Repo, options: GcOptions, observer: &dyn Observer) -> Result<GcPlan> {
    let projects = projects::open(repo, &options)?;
    let mut used = used::collect(&projects, &options)?;
    let remotes = Remotes::new(&projects, &options);
    let keep = Keep::of(&projects, &remotes, &mut used, &options, observer).await?;
    let bound = &keep.bound;
    let planner = Planner { projects: &projects, options: &options, observer, bound };
    let mut places = planner.cache(&keep.in_cache).await?;
    let mut remotes: Vec<Option<OpenRemote>> = places.iter().map(|_| None).collect();
    for kept in &keep.remotes {
        for place in planner.remote(kept).await? {
            places.push(place);
            remotes.push(Some(kept.remote.clone()));
        }
    }
    let mut warnings = used.warnings;
    let (mut uploads, mut upload_remotes) = (Vec::new(), Vec::new());
    for kept in &keep.remotes {
        match super::uploads::plan(&kept.name, &kept.remote, &options).await? {
            Ok(planned) => {
                uploads.push(planned);
                upload_remotes.push(kept.remote.clone());
            }
            // Without an age, none would be given up.
            Err(warning) if options.older_than.is_some() => warnings.push(warning),
            Err(_) => {}
        }
    }
    // Not `dedup`: the same sentence may come from many commits.
    let mut seen = HashSet::new();
    warnings.retain(|warning| seen.insert(warning.clone()));
    let (versions, versioned_stores) =
        versions::plan(&projects, &keep.versioned, &used.versions, &options).await?;
    Ok(GcPlan {
        places,
        versions,
        uploads,
        warnings,
        remotes,
        upload_remotes,
        versioned_stores,
        projects,
        options,
    })
}

/// What is kept where.
struct Keep {
    in_cache: HashSet<Object>,
    remotes: Vec<KeepOnRemote>,
    /// What outs use that are bound to a remote.
    bound: HashSet<Object>,
    /// The names of cloud-versioned remotes.
    versioned: Vec<String>,
}

/// What is kept on a remote.
struct KeepOnRemote {
    name: String,
    remote: OpenRemote,
    objects: HashSet<Object>,
}

impl Keep {
    async fn of(
        projects: &[Project],
        remotes: &Remotes<'_>,
        used: &mut Used,
        options: &GcOptions,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let names =
            if options.target == GcTarget::Cache { Vec::new() } else { names(&projects[0], used, options)? };
        let mut versioned = Vec::new();
        let mut hashed = Vec::new();
        for name in names {
            let is_versioned = projects[0].repo.config().remote(Some(&name))?.is_cloud_versioned();
            if is_versioned { versioned.push(name) } else { hashed.push(name) }
        }
        if options.target == GcTarget::CacheNotInRemote && !versioned.is_empty() {
            let message =
                "config file error: 'gc --not-in-remote' is unsupported for cloud versioned remotes";
            return Err(StorageError::new(ErrorKind::Config, message).into());
        }
        let members = manifests::members(projects, remotes, used, options, observer).await?;
        let objects_of = |object: &Object| {
            let members = members.get(object).map(|members| members.iter().copied()).into_iter().flatten();
            std::iter::once(*object).chain(members)
        };
        let mut in_cache: HashSet<Object> =
            used.outs.iter().flat_map(|out| objects_of(&out.object)).collect();
        let mut on_remotes = Vec::new();
        let mut all_bound = HashSet::new();
        if options.target != GcTarget::Cache {
            let default = projects[0].repo.config().remote(options.remote.as_deref())?.name;
            let config = projects[0].repo.config();
            let known: HashSet<String> = config.remote_names().into_iter().map(str::to_lowercase).collect();
            let mut bound: HashMap<String, HashSet<Object>> = HashMap::new();
            let mut everywhere: HashSet<Object> = HashSet::new();
            for out in &used.outs {
                let name = out.remote.as_deref().unwrap_or(&default).to_lowercase();
                // What another repository uses is kept wherever it lies, and so is what is bound to a remote that was
                // given another name or place since.
                if out.project > 0 || out.is_elsewhere || !known.contains(&name) {
                    everywhere.extend(objects_of(&out.object));
                } else {
                    bound.entry(name).or_default().extend(objects_of(&out.object));
                }
            }
            all_bound.extend(bound.values().flatten().copied());
            for name in hashed {
                let remote = remotes.get(0, Some(&name))?;
                on_remotes.push(KeepOnRemote { name, remote, objects: everywhere.clone() });
            }
            // Two names may stand for one place.
            for (name, objects) in &bound {
                let Ok(remote) = remotes.get(0, Some(name)) else { continue };
                for kept in &mut on_remotes {
                    if is_same_place(&kept.remote.odb, &remote.odb) {
                        kept.objects.extend(objects.iter().copied());
                    }
                }
            }
        }
        if options.target == GcTarget::CacheNotInRemote {
            for remote in &on_remotes {
                for object in present(remote, options, observer).await? {
                    in_cache.remove(&object);
                }
            }
            on_remotes.clear();
        }
        in_cache.extend(used.linked.iter().copied());
        Ok(Self { in_cache, remotes: on_remotes, bound: all_bound, versioned })
    }
}

/// The names of the remotes to look at.
fn names(project: &Project, used: &Used, options: &GcOptions) -> Result<Vec<String>> {
    let config = project.repo.config();
    let default = config.remote(options.remote.as_deref())?.name;
    if options.remote.is_some() {
        return Ok(vec![default]);
    }
    let known: HashSet<String> = config.remote_names().into_iter().map(str::to_lowercase).collect();
    let bound: BTreeSet<String> = used
        .outs
        .iter()
        .filter(|out| out.project == 0)
        .filter_map(|out| out.remote.as_ref().map(|name| name.to_lowercase()))
        .filter(|name| *name != default && known.contains(name))
        .collect();
    Ok(bound.into_iter().chain([default]).collect())
}

fn is_same_place(one: &RemoteOdb, other: &RemoteOdb) -> bool {
    one.location().trim_end_matches('/') == other.location().trim_end_matches('/')
}

/// Returns the used objects that a remote has, whole.
async fn present(kept: &KeepOnRemote, options: &GcOptions, observer: &dyn Observer) -> Result<Vec<Object>> {
    check(&options.cancel)?;
    let mut objects: Vec<Object> = kept.objects.iter().copied().collect();
    objects.sort_unstable();
    let n_objects = objects.len() as u64;
    observer.on(Event::Planned { phase: Phase::Querying, n_objects, total_bytes: 0 });
    let asked: Vec<_> = objects.iter().map(|(layout, oid)| (*layout, *oid, None)).collect();
    let answers = kept.remote.odb.look_up(&asked, kept.remote.jobs).await?;
    observer.on(Event::Finished { phase: Phase::Querying, n_objects });
    let is_present = |answer: &Presence| matches!(answer, Presence::Present { .. });
    Ok(objects
        .into_iter()
        .zip(answers)
        .filter(|(_, answer)| is_present(answer))
        .map(|(object, _)| object)
        .collect())
}

/// Returns how many requests to a remote may be under way at once: `-j`, else what the configuration says.
pub(super) fn jobs(options: &GcOptions, remote: &Remote, limits: StoreLimits) -> usize {
    let configured = remote.jobs.as_ref().map(|jobs| jobs.value.get());
    limits.jobs(options.jobs.or(configured), DEFAULT_JOBS)
}

struct Planner<'a> {
    projects: &'a [Project],
    options: &'a GcOptions,
    observer: &'a dyn Observer,
    /// What outs use that are bound to a remote.
    bound: &'a HashSet<Object>,
}

impl Planner<'_> {
    async fn cache(&self, keep: &HashSet<Object>) -> Result<Vec<PlannedPlace>> {
        let project = &self.projects[0];
        let cache = project.stores.cache();
        let place = GcPlace::Cache { root: cache.root().to_owned() };
        let mut places = Vec::new();
        for layout in [Layout::Current, Layout::Legacy] {
            check(&self.options.cancel)?;
            let mut found = Found::default();
            for object in cache.objects(layout)? {
                let (oid, size_bytes) = (object.oid, object.size_bytes);
                let modified = Some(object.modified);
                let came = Some(object.modified.max(object.changed));
                found.add(keep, layout, UnusedObject { oid, size_bytes, modified }, self.is_young(came));
            }
            // Other repositories may be writing into a cache that is not this one's own.
            let is_own = cache.root().starts_with(project.repo.dvc_dir());
            let mut planned = self.planned(&place, layout, found, None).await?;
            planned.temporary = self.left_over(cache.temporary_files(layout)?, is_own);
            places.push(planned);
        }
        Ok(places)
    }

    async fn remote(&self, kept: &KeepOnRemote) -> Result<Vec<PlannedPlace>> {
        let OpenRemote { odb, jobs, directory } = &kept.remote;
        let place = GcPlace::Remote { name: kept.name.clone(), location: odb.location().to_owned() };
        let mut places = Vec::new();
        for layout in [Layout::Current, Layout::Legacy] {
            let found = Mutex::new(Found::default());
            let visitor = |object: haul_storage::RemoteObject| {
                let is_young = self.is_young(object.last_modified);
                let unused = UnusedObject {
                    oid: object.oid,
                    size_bytes: object.size_bytes,
                    modified: object.last_modified,
                };
                found.lock().unwrap_or_else(PoisonError::into_inner).add(
                    &kept.objects,
                    layout,
                    unused,
                    is_young,
                );
                self.observer.on(Event::Finished { phase: Phase::Querying, n_objects: 1 });
            };
            let cancel = &self.options.cancel;
            odb.for_each_object(layout, *jobs, cancel, &visitor).await?;
            let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
            let mut planned = self.planned(&place, layout, found, Some(odb)).await?;
            if let Some(directory) = directory {
                let files = Cache::new(directory, CacheOptions::default()).temporary_files(layout)?;
                planned.temporary = self.left_over(files, false);
            }
            places.push(planned);
        }
        Ok(places)
    }

    /// Returns the temporary files that no running process is likely to be writing: in a directory that others may share,
    /// those that are old.
    fn left_over(&self, mut files: Vec<TemporaryFile>, is_own: bool) -> Vec<TemporaryFile> {
        files.retain(|file| {
            let modified = Some(file.modified);
            !self.is_young(modified) && (is_own || !is_within(modified, DAY, self.options.now))
        });
        files
    }

    /// Takes what young directories need out of what is unused, and sorts the rest.
    async fn planned(
        &self,
        place: &GcPlace,
        layout: Layout,
        mut found: Found,
        odb: Option<&RemoteOdb>,
    ) -> Result<PlannedPlace> {
        let mut needed = HashSet::new();
        for oid in &found.young_directories {
            match manifests::files_at(self.projects, odb, (layout, *oid), &self.options.cancel).await {
                Ok(files) => needed.extend(files.iter().copied()),
                // DVC and haul keep lists of the ETags of an import among the directories. They name no objects; and what no
                // command can read, no command can put into a workspace.
                Err(Error::Storage(error)) if error.kind() == ErrorKind::Corrupt => {
                    tracing::debug!(%error, %oid, "a young list that cannot be read names no objects");
                }
                Err(error) => return Err(error),
            }
        }
        let n_before = found.unused.len();
        found.unused.retain(|object| !needed.contains(&(layout, object.oid)));
        let n_young = found.n_young + (n_before - found.unused.len()) as u64;
        // A directory goes before its files, so that none is ever there without them.
        found.unused.sort_unstable_by_key(|object| (!object.oid.is_dir(), object.oid));
        let is_bound = |object: &&UnusedObject| self.bound.contains(&(layout, object.oid));
        let n_bound_elsewhere = match odb {
            Some(_) => found.unused.iter().filter(is_bound).count() as u64,
            None => 0,
        };
        Ok(PlannedPlace {
            place: place.clone(),
            layout,
            n_objects: found.n_objects,
            total_bytes: found.total_bytes,
            unused: found.unused,
            temporary: Vec::new(),
            n_young,
            n_bound_elsewhere,
        })
    }

    /// Tells that something came so recently that it is kept. What has no time may have come just now.
    fn is_young(&self, came: Option<i64>) -> bool {
        self.options.older_than.is_some_and(|grace| is_within(came, grace, self.options.now))
    }
}

pub(super) fn is_within(came: Option<i64>, span: Duration, now: SystemTime) -> bool {
    let Some(came) = came else { return true };
    let Ok(now) = now.duration_since(SystemTime::UNIX_EPOCH) else { return true };
    let since = i64::try_from(now.as_secs()).unwrap_or(i64::MAX).saturating_sub(came);
    u64::try_from(since).map_or(true, |since| since < span.as_secs())
}

/// What a listing found.
#[derive(Default)]
struct Found {
    n_objects: u64,
    total_bytes: u64,
    unused: Vec<UnusedObject>,
    n_young: u64,
    young_directories: Vec<haul_storage::Oid>,
}

impl Found {
    fn add(&mut self, keep: &HashSet<Object>, layout: Layout, object: UnusedObject, is_young: bool) {
        self.n_objects += 1;
        self.total_bytes += object.size_bytes;
        if keep.contains(&(layout, object.oid)) {
            return;
        }
        if !is_young {
            self.unused.push(object);
            return;
        }
        self.n_young += 1;
        if object.oid.is_dir() {
            self.young_directories.push(object.oid);
        }
    }
}
