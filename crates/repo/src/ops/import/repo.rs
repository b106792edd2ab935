//! `import`: data of another repository, copied and tracked with where it came from.

use std::path::Path;

use haul_storage::progress::Observer;
use haul_storage::transfer::TransferMode;
use haul_storage::{CancellationToken, ErrorKind, Layout, Oid, OidKind, StoreMode};

use super::repo_fetch::ImportChain;
use super::{ImportDepth, ImportReport, Landing, Place, resolve_out, write_file};
use crate::external::Location;
use crate::metafile::dir_manifest::DirEntry;
use crate::metafile::dvc_file::OutState;
use crate::metafile::import::NewImport;
use crate::metafile::repo_dependency::{RepoConfig, RepoDependency};
use crate::ops::FetchOptions;
use crate::ops::obtain::{self, FileSource, IntoCache, Part, incomplete};
use crate::ops::session::{Session, Stores};
use crate::{ConfigOverrides, DirManifest, Error, Index, LockWait, Repo, Result, TransferLock};

/// What to import from another repository, and how.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The repository, its revision and what to put over its configuration.
    pub location: Location,
    /// The path in it.
    pub path: String,
    /// Where it is put, as typed.
    pub out: Option<String>,
    /// How much of it is done; it cannot go to a remote.
    pub depth: ImportDepth,
    /// Overwrite what is there (`-f`).
    pub force: bool,
    /// Requests under way at once (`-j`).
    pub jobs: Option<usize>,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// An import that can begin.
#[derive(Debug)]
pub struct Import<'a> {
    repo: &'a Repo,
    options: &'a ImportOptions,
    place: Place,
    dependency: RepoDependency,
}

impl<'a> Import<'a> {
    /// Finds out what is imported where. The other repository is not looked at.
    ///
    /// # Errors
    ///
    /// [`Error::BadOut`] or [`Error::OverlappingOuts`] in DVC's words.
    pub fn prepare(repo: &'a Repo, options: &'a ImportOptions) -> Result<Self> {
        let _lock = repo.lock(options.wait)?;
        let out = resolve_out(repo.current_dir(), &options.path, options.out.as_deref(), options.force)?;
        let place = Place::of(repo, &Index::collect(repo)?, &out)?;
        let dependency = RepoDependency {
            path: options.path.clone(),
            url: options.location.url.clone(),
            rev: options.location.revision.clone(),
            rev_lock: None,
            config: config_of(&options.location.overrides)?,
        };
        Ok(Self { repo, options, place, dependency })
    }

    /// Returns DVC's sentence on what is about to happen; `None` where it says nothing.
    pub fn announcement(&self) -> Option<String> {
        let is_said = self.options.depth != ImportDepth::NoExec;
        is_said.then(|| announcement(self.repo, &self.dependency, &self.place.out))
    }

    /// Imports: the data first, then Git is told to look away, then the `.dvc` file, then the workspace. Killed at any
    /// moment, the same command goes on.
    ///
    /// # Errors
    ///
    /// [`Error::Clone`] if the other repository cannot be cloned; [`Error::TargetNotFound`] if it does not have the path.
    pub async fn run(self, observer: &dyn Observer) -> Result<ImportReport> {
        let Self { repo, options, place, mut dependency } = self;
        let stores = Stores::of(repo);
        let session = stores.session(repo, observer, &options.cancel);
        let _share = TransferLock::share(session.memo.dir(), options.wait, &options.cancel)?;
        let mut state = None;
        if options.depth != ImportDepth::NoExec {
            let found = open(repo, &dependency, &options.cancel, &ImportChain::default())?;
            dependency.rev_lock = found.project.commit();
            if options.depth == ImportDepth::Workspace {
                state = Some(get(&session, &found, options.jobs).await?);
            } else {
                // That it is there is all that can be told without its data.
                found.part().await?;
            }
        }
        let import = NewImport {
            dependency: dependency.value(),
            out_path: &place.name,
            state: state.as_ref(),
            can_push: true,
            has_checksum: options.depth != ImportDepth::NoExec,
        };
        let write =
            || write_file(&place, &import, |known| known.set_repo_import(&dependency, state.as_ref()));
        let mut report = ImportReport::default();
        Landing {
            session: &session,
            place: &place,
            is_ignored: true,
            is_checked_out: options.depth == ImportDepth::Workspace,
            force: options.force,
            wait: options.wait,
        }
        .land(write, &mut report)?;
        Ok(report)
    }
}

/// Returns what is recorded of the configuration that the command line asks for.
fn config_of(overrides: &ConfigOverrides) -> Result<RepoConfig> {
    let options = overrides.remote_options.clone();
    Ok(match (&overrides.file, &overrides.remote) {
        (Some(_), Some(_)) if !options.is_empty() => {
            return Err(Error::BadOut(String::from(
                "Can't specify config path together with both remote and remote_config",
            )));
        }
        (Some(file), _) => RepoConfig::File(file.display().to_string()),
        (None, Some(name)) if options.is_empty() => RepoConfig::Remote(name.clone()),
        (None, Some(name)) => RepoConfig::RemoteWithOptions(name.clone(), options),
        (None, None) if options.is_empty() => RepoConfig::Own,
        (None, None) => RepoConfig::Options(options),
    })
}

/// Returns the source as DVC shows it.
pub(in crate::ops) fn shown(dependency: &RepoDependency) -> String {
    format!("{} ({})", dependency.path, haul_config::mask_urls(&dependency.url))
}

/// Returns DVC's sentence on what is about to be imported.
pub(super) fn announcement(repo: &Repo, dependency: &RepoDependency, out: &Path) -> String {
    format!("Importing '{}' -> '{}'", shown(dependency), repo.display_path(out))
}

/// Opens the commit that is recorded, or the one that the revision stands for now.
///
/// # Errors
///
/// [`Error::BadOut`] if `chain`, the imports that led here, already has it.
///
/// Deviation: of a path, DVC copies what its workspace has, and records its last commit; here it is what that commit has.
pub(in crate::ops) fn open(
    repo: &Repo,
    dependency: &RepoDependency,
    cancel: &CancellationToken,
    chain: &ImportChain,
) -> Result<obtain::ProjectPath> {
    let mut revision = dependency.rev_lock.clone().or_else(|| dependency.rev.clone());
    let path = repo.env().absolute(&dependency.url);
    if revision.is_none() && path.exists() {
        revision = Some(String::from("HEAD"));
    }
    let location = Location { url: dependency.url.clone(), revision, overrides: dependency.overrides() };
    let found = obtain::find(&location, &dependency.path, repo.env(), cancel)?;
    let chain = chain.with(dependency, &found)?;
    Ok(obtain::ProjectPath { chain, ..found })
}

/// Gets a part of another repository into the cache of this one.
pub(super) async fn get(
    session: &Session<'_>,
    found: &obtain::ProjectPath,
    jobs: Option<usize>,
) -> Result<OutState> {
    let (part, tree) = found.part().await?;
    let into = IntoCache { cache: session.cache, memo: session.memo, observer: session.observer };
    let options = FetchOptions {
        jobs,
        mode: TransferMode::Execute,
        cancel: session.cancel.clone(),
        ..FetchOptions::default()
    };
    if let Some(error) = incomplete(found.fetch(&tree, &part, into, &options).await?) {
        return Err(error);
    }
    let mut entries = Vec::with_capacity(part.files.len());
    let mut n_bytes = 0;
    for file in &part.files {
        session.check_cancelled()?;
        let (oid, size_bytes) = match &file.source {
            // In the layout of new data, whatever the other repository has.
            FileSource::Object(object) if object.layout == Layout::Current => {
                let size_bytes = session.cache.check(object.layout, &object.oid)?;
                (object.oid, size_bytes.ok_or_else(|| absent(&file.path, object.oid))?)
            }
            FileSource::Object(object) => {
                if session.cache.check(object.layout, &object.oid)?.is_none() {
                    return Err(absent(&file.path, object.oid));
                }
                let legacy = [session.cache.object_path(object.layout, &object.oid)];
                let (observer, cancel) = (session.observer, session.cancel);
                let mut stored = session.cache.store_files(&legacy, StoreMode::Hardlink, observer, cancel);
                let stored = stored.pop().ok_or(Error::Interrupted)??;
                (stored.oid, stored.size_bytes)
            }
            FileSource::Tree(path) => {
                let mut bytes = Vec::new();
                tree.copy(path, &mut bytes)?;
                let oid = session.cache.store_bytes(Layout::Current, OidKind::File, &bytes)?;
                (oid, bytes.len() as u64)
            }
        };
        n_bytes += size_bytes;
        entries.push(DirEntry { path: file.path.as_str().into(), digest: *oid.digest() });
    }
    state_of(session, &part, entries, n_bytes)
}

/// Makes the error of data that was passed over, as that of an out with `cache: false`.
fn absent(path: &str, oid: Oid) -> Error {
    let message = format!("the data of `{path}` (md5 {oid}) was not found where its repository keeps data");
    haul_storage::Error::new(ErrorKind::NotFound, message).into()
}

fn state_of(session: &Session<'_>, part: &Part, entries: Vec<DirEntry>, n_bytes: u64) -> Result<OutState> {
    let n_files = entries.len() as u64;
    if !part.is_dir {
        let oid = entries.first().map(|entry| Oid::file(entry.digest)).ok_or(Error::Interrupted)?;
        return Ok(OutState { size_bytes: Some(n_bytes), ..OutState::new(oid, Layout::Current) });
    }
    let manifest = DirManifest::new(entries).map_err(|error| Error::BadOut(error.to_string()))?;
    let oid = session.cache.store_bytes(Layout::Current, OidKind::Dir, &manifest.to_bytes())?;
    Ok(OutState { size_bytes: Some(n_bytes), n_files: Some(n_files), ..OutState::new(oid, Layout::Current) })
}
