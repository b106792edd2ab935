//! The files of used directories.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use haul_config::RemoteKind;
use haul_storage::progress::{Event, Observer, Phase};
use haul_storage::{CancellationToken, ErrorKind, OidKind, ReadStore as _, RemoteOdb, open_remote_with};

use super::GcOptions;
use super::plan::jobs;
use super::projects::Project;
use super::used::{Object, Used, UsedOut, check};
use crate::ops::session::bad_manifest;
use crate::{DirManifest, Error, Result};

/// Manifests that are read from remotes side by side.
const MANIFESTS_AT_ONCE: usize = 16;

/// The remotes of all projects, opened when they are first asked for.
#[derive(Debug)]
pub(super) struct Remotes<'a> {
    projects: &'a [Project],
    options: &'a GcOptions,
    open: Mutex<HashMap<(usize, Option<String>), OpenRemote>>,
}

/// A remote, and how many requests to it may be under way at once.
#[derive(Debug, Clone)]
pub(super) struct OpenRemote {
    pub(super) odb: RemoteOdb,
    pub(super) jobs: usize,
    /// The directory, if the remote is one of this machine.
    pub(super) directory: Option<PathBuf>,
}

impl<'a> Remotes<'a> {
    pub(super) fn new(projects: &'a [Project], options: &'a GcOptions) -> Self {
        Self { projects, options, open: Mutex::default() }
    }

    /// Returns a remote of a project: the one of this name, or the default one.
    pub(super) fn get(&self, project: usize, name: Option<&str>) -> Result<OpenRemote> {
        let key = (project, name.map(str::to_lowercase));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(remote) = open.get(&key) {
            return Ok(remote.clone());
        }
        let repo = &self.projects[project].repo;
        let remote = repo.config().remote(name)?;
        let odb = RemoteOdb::new(open_remote_with(&remote, repo.env(), repo.contact())?);
        let directory = match &remote.kind {
            RemoteKind::Local(local) => Some(local.path.clone()),
            _ => None,
        };
        let jobs = jobs(self.options, &remote, odb.store().limits());
        let remote = OpenRemote { odb, jobs, directory };
        open.insert(key, remote.clone());
        Ok(remote)
    }
}

/// Reads the manifests of all used directories, each once, and returns their files. One that no cache has is got from
/// a remote, and stored for the next time.
///
/// # Errors
///
/// [`Error::RevisionCollection`] if a list of files is nowhere, unless such are to be skipped or it is none that is
/// pushed; any error that leaves it open whether it is there.
pub(super) async fn members(
    projects: &[Project],
    remotes: &Remotes<'_>,
    used: &mut Used,
    options: &GcOptions,
    observer: &dyn Observer,
) -> Result<BTreeMap<Object, Arc<[Object]>>> {
    let mut directories: BTreeMap<Object, Vec<&UsedOut>> = BTreeMap::new();
    for out in used.outs.iter().filter(|out| out.object.1.is_dir() && !out.is_listed) {
        directories.entry(out.object).or_default().push(out);
    }
    let n_objects = directories.len() as u64;
    observer.on(Event::Planned { phase: Phase::Collecting, n_objects, total_bytes: 0 });
    let reader = Reader { projects, remotes, options };
    let read: Vec<(Object, Answer)> = stream::iter(&directories)
        .map(async |(object, outs)| {
            check(&options.cancel)?;
            let members = reader.members(*object, outs).await?;
            observer.on(Event::Finished { phase: Phase::Collecting, n_objects: 1 });
            Ok::<_, Error>((*object, members))
        })
        .buffer_unordered(MANIFESTS_AT_ONCE)
        .try_collect()
        .await?;
    let mut members = BTreeMap::new();
    let mut warnings = Vec::new();
    for (object, answer) in read {
        match answer {
            Ok(files) => {
                members.insert(object, files);
            }
            Err(warning) => warnings.push(warning),
        }
    }
    warnings.sort_unstable();
    used.warnings.extend(warnings);
    Ok(members)
}

/// The files of a directory; a text for the user where its manifest is nowhere and that is no error.
type Answer = std::result::Result<Arc<[Object]>, String>;

#[derive(Clone, Copy)]
struct Reader<'a> {
    projects: &'a [Project],
    remotes: &'a Remotes<'a>,
    options: &'a GcOptions,
}

impl Reader<'_> {
    async fn members(&self, object: Object, outs: &[&UsedOut]) -> Result<Answer> {
        for project in self.projects {
            let cached = project.stores.cache().read(object.0, &object.1, RemoteOdb::MAX_MANIFEST_BYTES)?;
            if let Some(bytes) = cached {
                return files_of(object, &bytes).map(Ok);
            }
        }
        let mut locations = Vec::new();
        for (project, name) in self.candidates(outs) {
            let odb = match self.remotes.get(project, name.as_deref()) {
                Ok(remote) => remote.odb,
                // A remote that was named is there, or nothing goes on; one that an old commit names may be gone.
                Err(error @ Error::Config(_)) if self.options.remote == name && name.is_some() => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot look for a list of files on a remote");
                    continue;
                }
            };
            let found = odb.fetch_object(object.0, &object.1, RemoteOdb::MAX_MANIFEST_BYTES).await;
            match found.map_err(|error| cannot_collect(outs, error.into()))? {
                Some(bytes) => {
                    let files = files_of(object, &bytes)?;
                    if !self.options.is_dry_run {
                        self.projects[project].stores.cache().store_bytes(object.0, OidKind::Dir, &bytes)?;
                    }
                    return Ok(Ok(files));
                }
                None => locations.push(format!("`{}`", odb.location())),
            }
        }
        let (display, oid) = (&outs[0].display, object.1);
        let nowhere = if locations.is_empty() {
            "not in the cache, and there is no remote to look for it on".to_owned()
        } else {
            format!("not found in the cache or on {}", locations.join(", "))
        };
        let text = format!("the list of files of `{display}` (`{oid}`) is {nowhere}");
        // Deviation: `gc` warns where the list of files of an import, or of what is never pushed, is nowhere; DVC is silent.
        if self.options.skip_failed || outs.iter().all(|out| out.may_be_nowhere) {
            return Ok(Err(format!("{text}; files that only it names count as unused")));
        }
        // Deviation: a list of files that is in no cache and on no remote stops `gc`, which cannot tell what is used; DVC deletes what only it names.
        let error = haul_storage::Error::new(ErrorKind::NotFound, text)
            .with_hint("push it from where it is, or give up what only it names with `--skip-failed`");
        Err(cannot_collect(outs, error.into()))
    }

    /// The remotes that may have a manifest, the likeliest first.
    fn candidates(&self, outs: &[&UsedOut]) -> Vec<(usize, Option<String>)> {
        let mut candidates = Vec::new();
        for out in outs {
            let named = self.options.remote.clone().filter(|_| out.project == 0);
            for name in [named, out.remote.clone()].into_iter().flatten().map(Some).chain([None]) {
                if !candidates.contains(&(out.project, name.clone())) {
                    candidates.push((out.project, name));
                }
            }
        }
        candidates
    }
}

fn cannot_collect(outs: &[&UsedOut], error: Error) -> Error {
    if error.is_interrupted() {
        return error;
    }
    Error::RevisionCollection { revision: outs[0].revision.to_string(), source: Box::new(error) }
}

/// Reads the manifest of a directory that a place has, from there or from the first cache that has it.
pub(super) async fn files_at(
    projects: &[Project],
    odb: Option<&RemoteOdb>,
    object: Object,
    cancel: &CancellationToken,
) -> Result<Arc<[Object]>> {
    check(cancel)?;
    for project in projects {
        let cached = project.stores.cache().read(object.0, &object.1, RemoteOdb::MAX_MANIFEST_BYTES)?;
        if let Some(bytes) = cached {
            return files_of(object, &bytes);
        }
    }
    if let Some(odb) = odb
        && let Some(bytes) = odb.fetch_object(object.0, &object.1, RemoteOdb::MAX_MANIFEST_BYTES).await?
    {
        return files_of(object, &bytes);
    }
    // It went away while we were looking: its files are not needed.
    Ok(Arc::from([]))
}

fn files_of(object: Object, bytes: &[u8]) -> Result<Arc<[Object]>> {
    let manifest = DirManifest::parse(bytes).map_err(|error| bad_manifest(&object.1, &error))?;
    let file =
        |entry: &crate::metafile::dir_manifest::DirEntry| (object.0, haul_storage::Oid::file(entry.digest));
    Ok(manifest.entries().iter().map(file).collect())
}
