//! Writing the versions of pushed files into metafiles.

use std::collections::HashMap;
use std::path::PathBuf;

use haul_storage::progress::Event;

use super::VersionedOut;
use super::file::OutFile;
use crate::index::{Version, VersionedFile};
use crate::metafile::dvc_file::{DvcFile, DvcLock, OutState};
use crate::ops::Failure;
use crate::ops::session::Session;
use crate::{Error, Index, LockWait, Out, RepoLock, Result};

/// Metafiles that were written, and what could not be.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Files that changed; absolute.
    pub(super) files: Vec<PathBuf>,
    pub(super) failed: Vec<Failure>,
}

/// What is to be recorded of an out.
#[derive(Debug)]
pub(super) enum Change {
    /// All of it.
    State(OutState),
    /// The versions of those of its files that are new. What is recorded of the others by then stays: it may come from
    /// another push that was at work at the same time.
    Files(Vec<OutFile>),
}

/// Records the versions of outs, under the lock of the repository.
///
/// An out whose recorded hash changed since it was looked at keeps what it has: the versions are those of other content.
pub(super) fn record(session: &Session<'_>, outs: &[(&VersionedOut, Change)]) -> Result<Recorded> {
    let mut recorded = Recorded::default();
    if outs.is_empty() {
        return Ok(recorded);
    }
    let _lock = wait_for_lock(session)?;
    for (out, change) in outs {
        match record_out(session, out, change) {
            Ok(false) => {}
            Ok(true) => recorded.files.push(out.recorded_in()),
            Err(error) => recorded.failed.push(Failure {
                subject: out.display.clone(),
                path: Some(out.recorded_in()),
                error,
            }),
        }
    }
    recorded.files.sort();
    recorded.files.dedup();
    if let Err(error) = session.autostage(&recorded.files) {
        recorded.failed.push(Failure { subject: "git".to_owned(), path: None, error });
    }
    Ok(recorded)
}

/// Waits until the lock is free, or the user has enough: hours of uploads are not given up for a command that holds it
/// for a minute.
fn wait_for_lock(session: &Session<'_>) -> Result<RepoLock> {
    let mut is_told = false;
    loop {
        match session.repo.lock(LockWait::Briefly) {
            Err(Error::Locked(_)) => session.check_cancelled()?,
            other => return other,
        }
        if !is_told {
            session
                .observer
                .on(Event::Warning("waiting for the lock of the repository, to record the new versions"));
            is_told = true;
        }
    }
}

fn record_out(session: &Session<'_>, out: &VersionedOut, change: &Change) -> Result<bool> {
    let now = Index::read(session.repo, &out.metafile)?;
    let is_same = |other: &&Out| {
        let stage = now.stage_of(other);
        stage.name == out.stage_name && other.path == out.out.path
    };
    let Some(current) = now
        .outs
        .iter()
        .find(is_same)
        .filter(|current| (current.oid, current.layout) == (out.out.oid, out.out.layout))
    else {
        let message = format!(
            "`{}` changed while the command was under way: the new versions are not recorded",
            out.display
        );
        return Err(Error::Workspace { path: out.recorded_in(), message });
    };
    let merged;
    let state = match change {
        Change::State(state) => state,
        Change::Files(files) => {
            merged = state_of(current, files);
            let Some(state) = &merged else { return Ok(false) };
            state
        }
    };
    match &out.stage_name {
        None => {
            let mut file = DvcFile::read(&out.metafile)?;
            file.set_state(current.position, state)?;
            file.write()
        }
        Some(name) => {
            let mut file = DvcLock::read(&out.recorded_in())?;
            file.set_state(name, &current.def_path, state)?;
            file.write()
        }
    }
}

/// Returns what is to be recorded of an out, as it is recorded now, of which these are the files.
///
/// Deviation: DVC forgets that a file may be executed when it records its version.
fn state_of(now: &Out, files: &[OutFile]) -> Option<OutState> {
    let oid = now.oid?;
    let state = OutState {
        size_bytes: now.size_bytes,
        n_files: now.n_files,
        is_exec: now.is_exec,
        ..OutState::new(oid, now.layout)
    };
    if !oid.is_dir() {
        let file = files.first()?;
        let version = if file.is_new { &file.version } else { &now.version };
        return Some(OutState { size_bytes: file.size_bytes, version: version.clone(), ..state });
    }
    let recorded: HashMap<&str, &VersionedFile> =
        now.files.iter().flatten().map(|file| (file.path.as_str(), file)).collect();
    let files = files.iter().map(|file| {
        let recorded = recorded.get(file.path.as_str()).filter(|_| !file.is_new);
        VersionedFile {
            path: file.path.clone(),
            oid: Some(file.oid),
            size_bytes: file.size_bytes,
            is_exec: file.is_exec,
            version: recorded.map_or_else(|| file.version.clone(), |file| file.version.clone()),
        }
    });
    Some(OutState { files: Some(files.collect()), ..state })
}

/// Makes the record of a version on a remote.
pub(super) fn version_on(remote: &str, etag: Option<String>, version_id: String) -> Version {
    Version { remote: Some(remote.to_owned()), etag, version_id: Some(version_id) }
}
