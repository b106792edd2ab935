//! Storing what a stage has now, and recording it.

use std::path::{Path, PathBuf};

use haul_storage::Layout;

use super::{CommitReport, run};
use crate::git::gitignore;
use crate::metafile::dependency::{Dependency, DependencyHash};
use crate::metafile::dvc_file::{DvcFile, DvcLock, LockedParams, LockedStage, OutState};
use crate::metafile::params::Params;
use crate::ops::add::{AddOptions, AddTarget, Stored, found_below, relink, store, tracked_by_git};
use crate::ops::checkout::link_record;
use crate::ops::manifest_of;
use crate::ops::session::Session;
use crate::paths::posix;
use crate::workspace::checkout::flavour_of;
use crate::workspace::scan::{Found, fingerprint};
use crate::workspace::state::{Links, Unrecorded};
use crate::{Dep, Error, Index, Out, Result, Stage};

/// Which hash function outs and dependencies get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Hashing {
    /// That of what is recorded, as long as the content is the same.
    AsRecorded,
    /// That of DVC 3.
    Current,
}

/// Whether what is recorded changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Recording {
    /// Hashes and sizes are those of what is there now.
    Anew,
    /// All stays as it is: the content is the one that is recorded.
    AsItIs,
}

/// Commits stages; the caller holds the repository lock.
pub(in crate::ops) struct Recorder<'a> {
    pub(in crate::ops) session: Session<'a>,
    pub(in crate::ops) links: Links,
    pub(in crate::ops) no_relink: bool,
    pub(in crate::ops) hashing: Hashing,
    /// `.gitignore` files that were written.
    pub(in crate::ops) gitignores: Vec<PathBuf>,
    pub(in crate::ops) report: &'a mut CommitReport,
}

/// An out whose content is in the cache.
struct StoredOut<'a> {
    out: &'a Out,
    target: AddTarget,
    state: OutState,
    files: Found,
    extent: Extent,
}

/// What of an out is stored and linked.
#[derive(Debug, PartialEq, Eq)]
enum Extent {
    Whole,
    /// Of a directory, its list of files, and what is at this path.
    Below(String),
    /// It is only recorded.
    Nothing,
}

impl Extent {
    fn of(out: &Out, part: Option<&Path>) -> Self {
        let Some(part) = part else { return Self::Whole };
        let below = part.strip_prefix(&out.path).ok().and_then(|below| posix(below).ok());
        below.map_or(Self::Nothing, |below| if below.is_empty() { Self::Whole } else { Self::Below(below) })
    }

    fn below(&self) -> Option<&str> {
        match self {
            Self::Below(below) => Some(below),
            Self::Whole | Self::Nothing => None,
        }
    }
}

impl Recorder<'_> {
    /// Stores these outs of a stage, or what is at `part` alone, records the stage, and links what it stored from the cache.
    /// As in DVC, a stage without changes is not recorded anew, and of a changed one all is recorded.
    pub(in crate::ops) fn commit(
        &mut self,
        index: &Index,
        stage: &Stage,
        outs: &[Out],
        part: Option<&Path>,
        recording: Recording,
    ) -> Result<()> {
        for out in outs {
            self.refuse(out, recording)?;
        }
        let cached = outs.iter().filter(|out| out.use_cache && !out.is_external);
        let noted: Vec<String> = cached.filter_map(|out| self.session.link_key(&out.path)).collect();
        let mut unrecorded = Unrecorded::load(self.session.memo.dir());
        let stored =
            unrecorded.during(&noted, || self.store_and_record(index, stage, outs, part, recording))?;
        if self.no_relink {
            return Ok(());
        }
        // Behind a link in the place of the out, the files stay as they are: nothing is written through it.
        let is_linked = |stored: &StoredOut<'_>| stored.out.use_cache && !stored.files.is_linked_dir();
        for StoredOut { out, target, state, files, extent } in stored.into_iter().filter(is_linked) {
            match extent {
                Extent::Nothing => {}
                Extent::Below(below) => {
                    let path = target.path.join(&below);
                    if let Some(files) = found_below(&files, &below) {
                        relink(
                            &self.session,
                            &AddTarget { path, within: Some(below), ..target },
                            &state,
                            files,
                        )?;
                    }
                }
                Extent::Whole => {
                    if let Some(files) = relink(&self.session, &target, &state, files)?
                        && let Some(key) = self.session.link_key(&out.path)
                    {
                        self.links.insert(&key, link_record(&state.oid, state.layout, fingerprint(&files)));
                    }
                }
            }
        }
        Ok(())
    }

    fn store_and_record<'out>(
        &mut self,
        index: &Index,
        stage: &Stage,
        outs: &'out [Out],
        part: Option<&Path>,
        recording: Recording,
    ) -> Result<Vec<StoredOut<'out>>> {
        let keeps_run = recording == Recording::Anew && run::is_kept(index, stage);
        let mut stored = Vec::new();
        for out in outs.iter().filter(|out| !out.is_external) {
            self.session.check_cancelled()?;
            let extent = match Extent::of(out, part) {
                // A run gives back what Git tracks, too.
                _ if !out.use_cache => {
                    if keeps_run {
                        Extent::Whole
                    } else {
                        Extent::Nothing
                    }
                }
                extent => extent,
            };
            if recording == Recording::Anew || extent != Extent::Nothing {
                stored.push(self.store(index, stage, out, extent)?);
            }
        }
        if recording == Recording::Anew {
            self.ignore(outs)?;
            match &stage.name {
                None => record_in_dvc_file(stage, self.source(stage)?.as_ref(), &stored)?,
                Some(name) => self.record_in_lock(stage, name, &stored, keeps_run)?,
            }
        }
        Ok(stored)
    }

    /// Makes Git ignore the outs.
    fn ignore(&mut self, outs: &[Out]) -> Result<()> {
        let Some(git) = self.session.repo.git() else { return Ok(()) };
        for out in outs.iter().filter(|out| out.use_cache && !out.is_external) {
            self.gitignores.extend(gitignore::ignore(git, &out.path)?);
        }
        Ok(())
    }

    fn refuse(&self, out: &Out, recording: Recording) -> Result<()> {
        if out.is_external && out.use_cache {
            return Err(Error::BadOut(format!(
                "Saving cached external output {} is not supported since DVC 3.0. See \
                 <https://dvc.org/doc/user-guide/upgrade> for more info.",
                out.path.display()
            )));
        }
        if !out.is_external && fs_err::symlink_metadata(&out.path).is_err() {
            let name = self.session.repo.display_path(&out.path);
            return Err(Error::BadOut(format!("output '{name}' does not exist")));
        }
        if recording == Recording::Anew
            && out.use_cache
            && let Some(git) = self.session.repo.git()
            && git.is_tracked(&out.path)?
        {
            return Err(tracked_by_git(self.session.repo, &out.path));
        }
        Ok(())
    }

    fn store<'out>(
        &mut self,
        index: &Index,
        stage: &Stage,
        out: &'out Out,
        extent: Extent,
    ) -> Result<StoredOut<'out>> {
        let target = AddTarget {
            name: self.session.repo.display_path(&out.path),
            path: out.path.clone(),
            out: out.path.clone(),
            within: None,
            metafile: stage.metafile.clone(),
            position: out.position,
            known: index.outs.iter().position(|other| other.path == out.path),
        };
        let options = AddOptions {
            no_commit: extent == Extent::Nothing,
            no_relink: self.no_relink || !out.use_cache,
            cancel: self.session.cancel.clone(),
            ..AddOptions::default()
        };
        let previous = match self.hashing {
            Hashing::AsRecorded => out.clone(),
            Hashing::Current => Out { layout: Layout::Current, ..out.clone() },
        };
        let Stored { state, files, n_new, .. } =
            store(&self.session, &options, &target, Some(&previous), extent.below())?;
        self.report.n_stored += n_new;
        if state.size_bytes == Some(0) {
            self.report.warnings.push(format!("'{}' is empty.", target.name));
        }
        Ok(StoredOut { out, target, state, files, extent })
    }

    fn record_in_lock(
        &mut self,
        stage: &Stage,
        name: &str,
        stored: &[StoredOut<'_>],
        keeps_run: bool,
    ) -> Result<()> {
        let path = stage.metafile.with_file_name("dvc.lock");
        let mut lock = DvcLock::open(&path)?;
        let is_new = lock.is_new();
        let path_of = |path: &str| path.trim_end_matches('/').to_owned();
        let deps = stage.deps.iter().map(|dep| Ok((path_of(&dep.def_path), self.dep_state(dep)?)));
        let outs = stored.iter().map(|stored| (path_of(&stored.out.def_path), stored.state.clone()));
        let locked = LockedStage {
            command: stage.command.clone(),
            is_command_list: stage.is_command_list,
            deps: deps.collect::<Result<_>>()?,
            params: self.params(stage)?,
            outs: outs.collect(),
        };
        lock.set_stage(name, &locked)?;
        if keeps_run {
            run::save(&self.session, &locked)?;
        }
        if lock.write()? && !self.report.locks.iter().any(|(other, _)| *other == path) {
            self.report.locks.push((path, is_new));
        }
        Ok(())
    }

    /// Returns the parameters of a stage as they are now; where only its hashes are made anew, as they are recorded.
    fn params(&self, stage: &Stage) -> Result<Vec<LockedParams>> {
        let failed = |params: &Params, message| Error::Workspace { path: params.path.clone(), message };
        let mut all = Vec::new();
        for params in &stage.params {
            let values = if self.hashing == Hashing::Current {
                params.recorded().map_err(|message| failed(params, message))?
            } else {
                Some(params.current(self.session.repo).map_err(|message| failed(params, message))?)
            };
            all.extend(values.map(|values| (params.def_path.clone(), values)));
        }
        Ok(all)
    }

    /// Returns what the source of an import has now, if it is on this machine.
    fn source(&self, stage: &Stage) -> Result<Option<Dependency>> {
        let Some((dep, recorded)) = stage.deps.first().zip(stage.source()) else { return Ok(None) };
        if dep.path.is_none() || self.hashing == Hashing::Current {
            return Ok(None);
        }
        let state = self.dep_state(dep)?;
        Ok(Some(Dependency {
            hash: Some(DependencyHash::Md5(state.oid.to_string())),
            size_bytes: state.size_bytes,
            n_files: state.n_files,
            is_exec: state.is_exec,
            ..recorded.clone()
        }))
    }

    /// Hashes a dependency as it is now.
    fn dep_state(&self, dep: &Dep) -> Result<OutState> {
        let missing = || Error::BadOut(format!("dependency '{}' does not exist", dep.def_path));
        let path = dep.path.as_ref().ok_or_else(missing)?;
        let scanner = self.session.scanner();
        let mut layout = if self.hashing == Hashing::Current { Layout::Current } else { dep.layout };
        let mut found = scanner.scan_dependency(path, flavour_of(layout), self.session.observer)?;
        if layout == Layout::Legacy && oid_of(&found)? != dep.oid {
            layout = Layout::Current;
            found = scanner.scan_dependency(path, flavour_of(layout), self.session.observer)?;
        }
        let oid = oid_of(&found)?.ok_or_else(|| {
            Error::BadOut(format!("dependency '{}' does not exist", self.session.repo.display_path(path)))
        })?;
        let size_bytes = found.files().iter().map(|file| file.stamp.size_bytes).sum();
        let n_files = oid.is_dir().then(|| found.files().len() as u64);
        let is_exec = matches!(&found, Found::File(file) if file.is_exec());
        Ok(OutState { size_bytes: Some(size_bytes), n_files, is_exec, ..OutState::new(oid, layout) })
    }
}

fn oid_of(found: &Found) -> Result<Option<haul_storage::Oid>> {
    Ok(match found {
        Found::Nothing | Found::Dangling => None,
        Found::File(entry) => Some(entry.oid().ok_or(Error::Interrupted)?),
        Found::Dir(dir) => Some(manifest_of(&dir.files)?.1),
    })
}

/// Records the outs of a `.dvc` file, and what the source of an import has, if that is given.
fn record_in_dvc_file(stage: &Stage, source: Option<&Dependency>, stored: &[StoredOut<'_>]) -> Result<()> {
    let mut file = DvcFile::read(&stage.metafile)?;
    if let (Some(source), [stored]) = (source, stored) {
        file.set_import(source, Some(&stored.state))?;
        return file.write().map(drop);
    }
    for stored in stored {
        file.set_state(stored.out.position, &stored.state)?;
    }
    file.write().map(drop)
}
