//! `update` of outs on a worktree remote: take over what the bucket shows now.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use haul_storage::progress::Observer;
use haul_storage::versions::{self, ObjectVersion, RecordedVersion, VersionedStore};
use haul_storage::{CancellationToken, ErrorKind, Layout, Oid, OidKind, hash, open_versioned_remote};

use super::record::{Change, Recorded, record, version_on};
use super::{LOOK_UPS, VersionedOut};
use crate::index::{Stage, VersionedFile};
use crate::metafile::dir_manifest::DirEntry;
use crate::metafile::dvc_file::OutState;
use crate::ops::checkout::{CheckoutOptions, CheckoutReport, checkout, refuse_unsaved};
use crate::ops::import::{update_import, update_repo_import};
use crate::ops::session::{Session, Stores};
use crate::ops::{Failure, ImportDepth};
use crate::{
    DirManifest, Error, LockWait, Out, Repo, Result, SelectOptions, Selected, Selection, TransferLock,
};

/// What to update, and how.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions {
    /// Which stages.
    pub select: SelectOptions,
    /// The version to take over of an import with versions (`--rev`); the latest unless it is set.
    pub revision: Option<String>,
    /// How much is done of imports. What is on a worktree remote is always taken over whole.
    pub depth: ImportDepth,
    /// Requests under way at once.
    pub jobs: Option<usize>,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// What was updated.
#[derive(Debug, Default)]
pub struct UpdateReport {
    /// DVC's sentences on what was done, in order.
    pub announcements: Vec<String>,
    /// Metafiles that changed; absolute.
    pub recorded: Vec<std::path::PathBuf>,
    /// What became of the workspace.
    pub checkout: CheckoutReport,
    /// Outs that could not be updated.
    pub failed: Vec<Failure>,
    /// DVC's sentences for outs that there is nothing to update of.
    pub warnings: Vec<String>,
}

/// Takes over the latest versions of outs from their worktree remotes: into the cache, then the metafiles, then the
/// workspace. Killed at any moment, the same command goes on, or a checkout.
///
/// As by [`fetch`](crate::ops::fetch()), collections are kept out all the time; the lock of the repository is held while
/// metafiles are read, and while they are written.
///
/// # Errors
///
/// [`Error::UnsavedFiles`] before anything is asked, if files of the workspace would be lost; [`Error::BadOut`] for
/// stages that have no worktree remote, as imports.
pub async fn update(repo: &Repo, options: &UpdateOptions, observer: &dyn Observer) -> Result<UpdateReport> {
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let _share = TransferLock::share(session.memo.dir(), options.wait, &options.cancel)?;
    let lock = repo.lock(options.wait)?;
    let selection = Selection::resolve(repo, &options.select)?;
    let (imports, others): (Vec<&Selected>, Vec<&Selected>) =
        selection.outs.iter().partition(|selected| stage_of(&selection, selected).is_import);
    let others: Vec<Selected> = others.into_iter().cloned().collect();
    if !others.is_empty() {
        options.refuse_for_worktrees()?;
    }
    refuse_unsaved(&session, &selection.index, &others)?;
    drop(lock);
    let mut report = UpdateReport::default();
    for selected in &imports {
        update_one_import(&session, &selection, selected, options, &mut report).await?;
    }
    if others.is_empty() {
        return Ok(report);
    }
    let mut changed = Vec::new();
    let mut stores_by_remote: HashMap<String, Arc<dyn VersionedStore>> = HashMap::new();
    let mut outs = Vec::new();
    for selected in &others {
        let out = &selection.index.outs[selected.out];
        let stage = selection.index.stage_of(out);
        if out.use_cache && !out.is_external && out.can_push {
            outs.push((VersionedOut::new(repo, out, stage, None), stage));
        }
    }
    for (out, stage) in &outs {
        session.check_cancelled()?;
        let Some(name) = remote_of(&out.out) else {
            report.warnings.push(could_not(out, "it was never pushed to a remote"));
            continue;
        };
        let remote = repo.config().remote(Some(&name))?;
        if !remote.is_worktree() {
            // DVC's words; there are worktree remotes, and imports.
            return Err(refused(repo, stage, "is not an import, and its remote is not a worktree"));
        }
        let store = match stores_by_remote.entry(remote.name.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(open_versioned_remote(&remote, repo.env(), repo.contact())?),
        };
        let jobs = options.jobs.or(remote.jobs.as_ref().map(|jobs| jobs.value.get()));
        let jobs = store.limits().jobs(jobs, LOOK_UPS);
        match latest_state(&session, out, &remote.name, store, jobs).await {
            Ok(Latest::State(state)) => changed.push((out, Change::State(state))),
            Ok(Latest::Unchanged) => {}
            Ok(Latest::Nothing) => report.warnings.push(could_not(out, "it does not exist in the remote")),
            Err(error) if error.is_interrupted() => return Err(Error::Interrupted),
            Err(error) => {
                report.failed.push(Failure { subject: out.display.clone(), path: None, error });
            }
        }
    }
    let Recorded { files, failed } = record(&session, &changed)?;
    report.recorded = files;
    report.failed.extend(failed);
    let targets =
        if imports.is_empty() { options.select.targets.clone() } else { paths_of(repo, &selection, &others) };
    let checkout_options = CheckoutOptions {
        select: SelectOptions { targets, ..options.select.clone() },
        wait: options.wait,
        cancel: options.cancel.clone(),
        ..CheckoutOptions::default()
    };
    // Also where nothing is new: a run that was killed may have recorded it.
    if report.failed.is_empty() {
        report.checkout = checkout(repo, &checkout_options, observer)?;
    }
    Ok(report)
}

fn stage_of<'a>(selection: &'a Selection, selected: &Selected) -> &'a Stage {
    selection.index.stage_of(&selection.index.outs[selected.out])
}

fn paths_of(repo: &Repo, selection: &Selection, selected: &[Selected]) -> Vec<String> {
    selected.iter().map(|selected| repo.display_path(&selection.index.outs[selected.out].path)).collect()
}

/// Updates one import; what goes wrong with it is a failure of its own.
async fn update_one_import(
    session: &Session<'_>,
    selection: &Selection,
    selected: &Selected,
    options: &UpdateOptions,
    report: &mut UpdateReport,
) -> Result<()> {
    let (repo, stage) = (session.repo, stage_of(selection, selected));
    let updated = match (stage.source(), stage.repo_source()) {
        (Some(dependency), _) => update_import(session, selection, stage, dependency, options, report).await,
        (None, Some(dependency)) => {
            update_repo_import(session, selection, stage, dependency, options, report).await
        }
        (None, None) => {
            let why = "is an import, which haul does not update; use `dvc update` for it";
            return Err(refused(repo, stage, why));
        }
    };
    match updated {
        Err(error) if error.is_interrupted() => Err(Error::Interrupted),
        Err(error) => {
            let subject = stage.addressing(repo.current_dir());
            report.failed.push(Failure { subject, path: Some(stage.metafile.clone()), error });
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

impl UpdateOptions {
    /// Refuses what is for imports only, in DVC's words.
    fn refuse_for_worktrees(&self) -> Result<()> {
        let option = match &self.depth {
            _ if self.revision.is_some() => "--rev",
            ImportDepth::NoDownload => "--no-download",
            ImportDepth::Remote(_) => "--to-remote",
            _ => return Ok(()),
        };
        Err(Error::BadOut(format!("{option} can't be used with worktree update")))
    }
}

fn refused(repo: &Repo, stage: &Stage, why: &str) -> Error {
    Error::BadOut(format!("update is not supported for '{}': it {why}", stage.addressing(repo.current_dir())))
}

fn could_not(out: &VersionedOut, why: &str) -> String {
    format!("Could not update '{}', {why}", out.display)
}

/// The remote of an out: its own, else the one its versions are recorded for.
fn remote_of(out: &Out) -> Option<String> {
    let mut recorded =
        out.version.iter().chain(out.files.iter().flatten().filter_map(|file| file.version.as_ref()));
    out.remote.clone().or_else(|| recorded.find_map(|version| version.remote.clone()))
}

/// What the bucket shows of an out.
enum Latest {
    State(OutState),
    /// Just what is recorded.
    Unchanged,
    Nothing,
}

async fn latest_state(
    session: &Session<'_>,
    out: &VersionedOut,
    remote: &str,
    store: &Arc<dyn VersionedStore>,
    jobs: usize,
) -> Result<Latest> {
    let key = session.key(&out.out.path).ok_or_else(|| Error::NotUnicode(out.out.path.clone()))?;
    if let Some(latest) = store.head_version(&key, None).await? {
        let old = VersionedFile {
            path: String::new(),
            oid: out.out.oid,
            size_bytes: out.out.size_bytes,
            is_exec: out.out.is_exec,
            version: out.out.version.clone(),
        };
        let files = take_over(session, store, remote, vec![(old, latest)], jobs).await?;
        let Some(file) = files.into_iter().next() else { return Ok(Latest::Nothing) };
        let Some(oid) = file.oid.filter(|_| file.version != out.out.version) else {
            return Ok(Latest::Unchanged);
        };
        return Ok(Latest::State(OutState {
            size_bytes: file.size_bytes,
            is_exec: file.is_exec,
            version: file.version,
            ..OutState::new(oid, Layout::Current)
        }));
    }
    let latest = list_latest(store.as_ref(), &format!("{key}/")).await?;
    if latest.is_empty() {
        return Ok(Latest::Nothing);
    }
    let recorded: HashMap<&str, &VersionedFile> =
        out.out.files.iter().flatten().map(|file| (file.path.as_str(), file)).collect();
    let wanted = latest.into_iter().map(|version| {
        let path = version.key[key.len() + 1..].to_owned();
        let fresh =
            VersionedFile { path: path.clone(), oid: None, size_bytes: None, is_exec: false, version: None };
        (recorded.get(path.as_str()).map_or(fresh, |file| (*file).clone()), version)
    });
    let files = take_over(session, store, remote, wanted.collect(), jobs).await?;
    if out.out.files.as_ref() == Some(&files) {
        return Ok(Latest::Unchanged);
    }
    let entry = |file: &VersionedFile| {
        Some(DirEntry { path: file.path.as_str().into(), digest: *file.oid?.digest() })
    };
    // The keys are the bucket's: a path that leaves the directory is refused here.
    let manifest = DirManifest::new(files.iter().filter_map(entry).collect())
        .map_err(|error| Error::BadOut(format!("cannot take over `{}`: {error}", out.display)))?;
    let bytes = manifest.to_bytes();
    session.cache.store_bytes(Layout::Current, OidKind::Dir, &bytes)?;
    let oid = Oid::dir(hash::md5(&bytes));
    Ok(Latest::State(OutState { files: Some(files), ..OutState::new(oid, Layout::Current) }))
}

/// Gets the latest versions that are not recorded with the same content, and returns what is to be recorded.
async fn take_over(
    session: &Session<'_>,
    store: &Arc<dyn VersionedStore>,
    remote: &str,
    wanted: Vec<(VersionedFile, ObjectVersion)>,
    jobs: usize,
) -> Result<Vec<VersionedFile>> {
    let is_same = |(file, latest): &(VersionedFile, ObjectVersion)| {
        let recorded = file.version.as_ref().filter(|_| file.oid.is_some());
        // As DVC: a newer version of the same content is none of interest.
        recorded.is_some_and(|recorded| {
            recorded.version_id == latest.version_id
                || (recorded.etag.is_some() && recorded.etag == latest.etag)
        })
    };
    let changed: Vec<RecordedVersion> = wanted
        .iter()
        .filter(|wanted| !is_same(wanted))
        .map(|(_, latest)| {
            let version_id =
                latest.version_id.clone().ok_or_else(|| no_version(store.as_ref(), &latest.key))?;
            Ok(RecordedVersion { key: latest.key.clone(), version_id })
        })
        .collect::<Result<_>>()?;
    let adopted =
        versions::adopt(session.cache, store, &changed, jobs, session.cancel, session.observer).await;
    let mut adopted = changed.into_iter().zip(adopted);
    let mut files = Vec::new();
    for wanted in wanted {
        if is_same(&wanted) {
            files.push(wanted.0);
            continue;
        }
        let Some((version, adopted)) = adopted.next() else { continue };
        let adopted = adopted?;
        files.push(VersionedFile {
            oid: Some(adopted.oid),
            size_bytes: Some(adopted.size_bytes),
            version: Some(version_on(remote, adopted.etag, version.version_id)),
            ..wanted.0
        });
    }
    Ok(files)
}

fn no_version(store: &dyn VersionedStore, key: &str) -> Error {
    let message =
        format!("`{}/{key}` has no version id: the bucket does not keep versions", store.location());
    haul_storage::Error::new(ErrorKind::Config, message).into()
}

/// Lists what the bucket shows below a folder, by path.
async fn list_latest(store: &dyn VersionedStore, prefix: &str) -> Result<Vec<ObjectVersion>> {
    let mut latest = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.list_versions(prefix, cursor.as_ref()).await?;
        // Keys that end with a slash are what some tools write for folders.
        latest.extend(
            page.versions.into_iter().filter(|version| {
                version.is_latest && !version.is_delete_marker && !version.key.ends_with('/')
            }),
        );
        cursor = page.next;
        if cursor.is_none() {
            return Ok(latest);
        }
    }
}
