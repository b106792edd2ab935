//! Storing what a stage has now, and recording it.

use std::path::PathBuf;

use haul_storage::Layout;

use super::CommitReport;
use crate::git::gitignore;
use crate::metafile::dvc_file::{DvcFile, DvcLock, LockedParams, LockedStage, OutState};
use crate::metafile::params::Params;
use crate::ops::add::{AddOptions, AddTarget, Stored, relink, store};
use crate::ops::checkout::link_record;
use crate::ops::manifest_of;
use crate::ops::session::Session;
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
}

impl Recorder<'_> {
    /// Stores these outs of a stage, records the stage, and links the outs from the cache. As in DVC, a stage without
    /// changes is not recorded anew.
    pub(in crate::ops) fn commit(
        &mut self,
        index: &Index,
        stage: &Stage,
        outs: &[Out],
        recording: Recording,
    ) -> Result<()> {
        for out in outs {
            self.refuse(out)?;
        }
        let mut unrecorded = Unrecorded::load(self.session.memo.dir());
        let cached = outs.iter().filter(|out| out.use_cache && !out.is_external);
        let noted: Vec<String> = cached.filter_map(|out| self.session.link_key(&out.path)).collect();
        unrecorded.note(noted.iter().cloned())?;
        let mut stored = Vec::new();
        for out in outs.iter().filter(|out| !out.is_external) {
            self.session.check_cancelled()?;
            stored.push(self.store(index, stage, out)?);
        }
        if recording == Recording::Anew {
            self.ignore(outs)?;
            match &stage.name {
                None => record_in_dvc_file(stage, &stored)?,
                Some(name) => self.record_in_lock(stage, name, &stored)?,
            }
        }
        for out in &noted {
            unrecorded.forget(out);
        }
        unrecorded.save();
        if self.no_relink {
            return Ok(());
        }
        for stored in stored {
            // Behind a link in the place of the out, the files stay as they are: nothing is written through it.
            if stored.out.use_cache && !stored.files.is_linked_dir() {
                let StoredOut { out, target, state, files } = stored;
                if let Some(files) = relink(&self.session, &target, &state, files)?
                    && let Some(key) = self.session.link_key(&out.path)
                {
                    self.links.insert(&key, link_record(&state.oid, state.layout, fingerprint(&files)));
                }
            }
        }
        Ok(())
    }

    /// Makes Git ignore the outs.
    fn ignore(&mut self, outs: &[Out]) -> Result<()> {
        let Some(git) = self.session.repo.git() else { return Ok(()) };
        for out in outs.iter().filter(|out| out.use_cache && !out.is_external) {
            self.gitignores.extend(gitignore::ignore(git, &out.path)?);
        }
        Ok(())
    }

    fn refuse(&self, out: &Out) -> Result<()> {
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
        Ok(())
    }

    fn store<'out>(&mut self, index: &Index, stage: &Stage, out: &'out Out) -> Result<StoredOut<'out>> {
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
            no_commit: !out.use_cache,
            no_relink: self.no_relink,
            cancel: self.session.cancel.clone(),
            ..AddOptions::default()
        };
        let previous = match self.hashing {
            Hashing::AsRecorded => out.clone(),
            Hashing::Current => Out { layout: Layout::Current, ..out.clone() },
        };
        let Stored { state, files, n_new, .. } = store(&self.session, &options, &target, Some(&previous))?;
        self.report.n_stored += n_new;
        if state.size_bytes == Some(0) {
            self.report.warnings.push(format!("'{}' is empty.", target.name));
        }
        Ok(StoredOut { out, target, state, files })
    }

    fn record_in_lock(&mut self, stage: &Stage, name: &str, stored: &[StoredOut<'_>]) -> Result<()> {
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

fn record_in_dvc_file(stage: &Stage, stored: &[StoredOut<'_>]) -> Result<()> {
    let mut file = DvcFile::read(&stage.metafile)?;
    for stored in stored {
        file.set_state(stored.out.position, &stored.state)?;
    }
    file.write().map(drop)
}
