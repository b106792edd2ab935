//! `status`: what differs between the workspace and the metafiles.

use std::path::Path;

use haul_storage::progress::Observer;
use haul_storage::{CancellationToken, Oid};
use rayon::prelude::*;

use super::import::SourceToAsk;
use super::session::{Session, Stores};
use crate::index::unseen_sentences;
use crate::metafile::dependency::Dependency;
use crate::metafile::dir_manifest::DirEntry;
use crate::metafile::params::{ParamChange, Params, ParamsChange};
use crate::ops::Failure;
use crate::workspace::checkout::flavour_of;
use crate::workspace::scan::Found;
use crate::{Dep, Error, Index, LockWait, Out, Repo, Result, SelectOptions, Selection, Stage};

/// What to compare.
#[derive(Debug, Clone, Default)]
pub struct StatusOptions {
    /// Which stages.
    pub select: SelectOptions,
    /// Do not look for newer versions of imported data (`--no-updates`).
    pub no_updates: bool,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// How an out or dependency differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// There is no recorded hash.
    New,
    /// The content is another one.
    Modified,
    /// It is not in the workspace.
    Deleted,
    /// The recorded content is not in the cache.
    NotInCache,
    /// The source of an import has a newer version.
    UpdateAvailable,
}

impl EntryState {
    /// Returns DVC's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
            Self::NotInCache => "not in cache",
            Self::UpdateAvailable => "update available",
        }
    }
}

/// One out or dependency that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryStatus {
    /// The path as DVC shows it.
    pub path: String,
    /// How it differs.
    pub state: EntryState,
}

/// A file of parameters that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamsStatus {
    /// The file as DVC shows it.
    pub path: String,
    /// How the file differs as a whole, if it does.
    pub state: Option<EntryState>,
    /// The parameters that differ, in the order of the stage.
    pub params: Vec<EntryStatus>,
}

/// One stage with differences. DVC's JSON gives each non-empty list under its name: `changed deps`,
/// `changed outs`, then the plain strings `always changed`, `changed command` and `changed checksum`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageStatus {
    /// How DVC addresses the stage: `d.dvc`, `stage`, `sub/dvc.yaml:stage`.
    pub address: String,
    /// Dependencies that differ.
    pub changed_deps: Vec<EntryStatus>,
    /// Files of parameters that differ; to DVC, they are dependencies.
    pub changed_params: Vec<ParamsStatus>,
    /// Outs that differ.
    pub changed_outs: Vec<EntryStatus>,
    /// The checksum of the stage itself is another one.
    pub is_changed_checksum: bool,
    /// The command of a pipeline stage is another one.
    pub is_changed_command: bool,
    /// The stage is marked `always_changed`.
    pub is_always_changed: bool,
}

/// What differs.
#[derive(Debug, Default)]
pub struct StatusReport {
    /// Stages that differ, in the order of their metafiles.
    pub stages: Vec<StageStatus>,
    /// Number of stages that were looked at.
    pub n_stages: usize,
    /// Sentences for the user, as the one on frozen imports.
    pub warnings: Vec<String>,
    /// Files that could not be read.
    pub failed: Vec<Failure>,
    /// Sources of imports that are not on this machine: [`ask_sources`](super::ask_sources) asks them.
    pub sources: Vec<SourceToAsk>,
    /// The addresses of all stages that were looked at.
    pub(crate) order: Vec<String>,
}

/// Compares workspace, cache and metafiles. Writes nothing but the memo.
pub fn status(repo: &Repo, options: &StatusOptions, observer: &dyn Observer) -> Result<StatusReport> {
    let _lock = repo.lock_to_look(options.wait)?;
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let result = run(&session, options);
    session.memo.save();
    result
}

fn run(session: &Session<'_>, options: &StatusOptions) -> Result<StatusReport> {
    let selection = Selection::resolve(session.repo, &options.select)?;
    let index = &selection.index;
    let stages = || selection.stages.iter().map(|(stage, _)| &index.stages[*stage]);
    let paths: Vec<_> =
        stages().flat_map(|stage| [Index::dep_paths(stage), index.out_paths(stage)].concat()).collect();
    session.refuse_busy(&paths, &[])?;
    let mut report = StatusReport { n_stages: selection.stages.len(), ..StatusReport::default() };
    if options.select.targets.is_empty() {
        report.warnings.extend(unseen_sentences(session.repo, &index.unseen));
    }
    for stage in stages() {
        let has_versions = stage.source().is_some_and(Dependency::is_version_aware);
        if stage.is_frozen && !stage.is_repo_import && !has_versions {
            report.warnings.push(format!(
                "{} is frozen. Its dependencies are not going to be shown in the status output.",
                stage.shown(session.repo.current_dir())
            ));
        }
    }
    if !options.no_updates {
        report.sources = stages().filter_map(|stage| SourceToAsk::of(session.repo, stage)).collect();
    }
    let answers: Vec<(StageStatus, Vec<Failure>)> = selection
        .stages
        .par_iter()
        .map(|(at, within)| {
            let stage = &index.stages[*at];
            let outs = index.outs[stage.outs.clone()]
                .iter()
                .filter(|out| within.as_ref().is_none_or(|within| within.starts_with(&out.path)));
            stage_status(session, stage, outs, Asked::ByUser)
        })
        .collect();
    session.check_cancelled()?;
    for (status, failures) in answers {
        report.failed.extend(failures);
        if !status.is_clean() {
            report.stages.push(status);
        }
    }
    report.order = stages().map(|stage| stage.addressing(session.repo.current_dir())).collect();
    Ok(report)
}

impl StageStatus {
    fn is_clean(&self) -> bool {
        self.changed_deps.is_empty()
            && self.changed_params.is_empty()
            && self.changed_outs.is_empty()
            && !self.is_changed_command
            && !self.is_changed_checksum
            && !self.is_always_changed
    }
}

/// What is asked of the status of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// What `status` shows: what the cache lacks comes first, and the dependencies of a frozen stage do not count.
    ByUser,
    /// What `commit` would record: all that the workspace has.
    ByCommit,
}

pub(super) fn stage_status<'a>(
    session: &Session<'_>,
    stage: &Stage,
    outs: impl Iterator<Item = &'a Out>,
    asked: Asked,
) -> (StageStatus, Vec<Failure>) {
    let mut status = StageStatus {
        address: stage.addressing(session.repo.current_dir()),
        is_changed_checksum: stage.checksum_changed,
        is_changed_command: stage.command_changed,
        is_always_changed: stage.always_changed,
        ..StageStatus::default()
    };
    let mut failures = Vec::new();
    let mut add = |list: &mut Vec<EntryStatus>, shown: String, path: &Path, state| match state {
        Ok(None) => {}
        Ok(Some(state)) => list.push(EntryStatus { path: shown, state }),
        Err(error) => failures.push(Failure { subject: shown, path: Some(path.to_owned()), error }),
    };
    let has_deps = !stage.is_frozen || asked == Asked::ByCommit;
    for dep in stage.deps.iter().filter(|_| has_deps) {
        if let Some(path) = &dep.path {
            let shown = shown(session, &dep.def_path, path);
            add(&mut status.changed_deps, shown, path, dep_state(session, path, dep));
        }
    }
    for out in outs {
        let state = match asked {
            Asked::ByUser => out_state(session, out),
            Asked::ByCommit => workspace_state(session, out, None),
        };
        add(&mut status.changed_outs, shown(session, &out.def_path, &out.path), &out.path, state);
    }
    let params = if has_deps { &stage.params[..] } else { &[][..] };
    for params in params {
        match params_status(session, params) {
            Ok(changed) => status.changed_params.extend(changed),
            Err(failure) => failures.push(failure),
        }
    }
    (status, failures)
}

/// Returns the path of a dependency or an out as DVC shows it: absolute if it is written so, or outside of the repository.
fn shown(session: &Session<'_>, def_path: &str, path: &Path) -> String {
    if Path::new(def_path).is_absolute() {
        return def_path.to_owned();
    }
    if session.repo.relative(path).is_none() {
        return path.display().to_string();
    }
    session.repo.display_path(path)
}

fn params_status(session: &Session<'_>, params: &Params) -> Result<Option<ParamsStatus>, Failure> {
    let path = session.repo.display_path(&params.path);
    let changed = params.change(session.repo).map_err(|message| Failure {
        subject: path.clone(),
        path: Some(params.path.clone()),
        error: Error::Workspace { path: params.path.clone(), message },
    })?;
    let (state, values) = match changed {
        None => return Ok(None),
        Some(ParamsChange::FileDeleted) => (Some(EntryState::Deleted), Vec::new()),
        Some(ParamsChange::FileNew) => (Some(EntryState::New), Vec::new()),
        Some(ParamsChange::Values(values)) => (None, values),
    };
    let state_of = |change| match change {
        ParamChange::New => EntryState::New,
        ParamChange::Modified => EntryState::Modified,
        ParamChange::Deleted => EntryState::Deleted,
    };
    let params = values.into_iter().map(|(path, change)| EntryStatus { path, state: state_of(change) });
    Ok(Some(ParamsStatus { path, state, params: params.collect() }))
}

pub(super) fn out_state(session: &Session<'_>, out: &Out) -> Result<Option<EntryState>> {
    let manifest;
    let mut entries = None;
    if let Some(oid) = out.oid.filter(|_| out.use_cache && !out.is_external) {
        // As DVC: what the cache lacks is said first, whatever the workspace has.
        if oid.is_dir() {
            let Some(read) = session.manifest_of(out, &oid)? else {
                return Ok(Some(EntryState::NotInCache));
            };
            manifest = read;
            let oids: Vec<_> =
                manifest.entries().iter().map(|entry| (out.layout, Oid::file(entry.digest))).collect();
            for answer in session.cache.check_many(&oids, session.cancel) {
                if answer?.is_none() {
                    return Ok(Some(EntryState::NotInCache));
                }
            }
            entries = Some(manifest.entries());
        } else if session.cache.check(out.layout, &oid)?.is_none() {
            return Ok(Some(EntryState::NotInCache));
        }
    }
    workspace_state(session, out, entries)
}

/// Compares the workspace with what is recorded; `entries` is the list of files of a directory, if it is known.
fn workspace_state(
    session: &Session<'_>,
    out: &Out,
    entries: Option<&[DirEntry]>,
) -> Result<Option<EntryState>> {
    session.check_cancelled()?;
    let found = session.scanner().scan(&out.path, flavour_of(out.layout), session.observer)?;
    Ok(match (&found, out.oid) {
        (Found::Nothing | Found::Dangling, _) => Some(EntryState::Deleted),
        (Found::File(entry), Some(oid)) if entry.oid() == Some(oid) => None,
        (Found::Dir(dir), Some(oid)) if oid.is_dir() => {
            let is_same = match entries {
                Some(entries) => entries
                    .iter()
                    .map(|entry| (&*entry.path, Some(entry.digest)))
                    .eq(dir.files.iter().map(|entry| (&*entry.path, entry.digest))),
                None => super::manifest_of(&dir.files)?.1 == oid,
            };
            (!is_same).then_some(EntryState::Modified)
        }
        _ => Some(EntryState::Modified),
    })
}

fn dep_state(session: &Session<'_>, path: &Path, dep: &Dep) -> Result<Option<EntryState>> {
    session.check_cancelled()?;
    let found = session.scanner().scan_dependency(path, flavour_of(dep.layout), session.observer)?;
    let oid = match &found {
        Found::Nothing | Found::Dangling => return Ok(Some(EntryState::Deleted)),
        Found::File(entry) => entry.oid().ok_or(Error::Interrupted)?,
        Found::Dir(dir) => super::manifest_of(&dir.files)?.1,
    };
    Ok((dep.oid != Some(oid)).then_some(EntryState::Modified))
}
