//! `remove`: stop tracking.

use std::io;
use std::path::{Path, PathBuf};

use haul_storage::CancellationToken;
use haul_storage::progress::Observer;

use super::session::{Session, Stores};
use super::unprotect::unprotect_path;
use crate::checkout::check_parents;
use crate::git::gitignore;
use crate::ops::Failure;
use crate::state::Links;
use crate::{Error, Index, LockWait, Out, Repo, Result, SelectOptions, Selection};

/// What to stop tracking.
#[derive(Debug, Clone, Default)]
pub struct RemoveOptions {
    /// `.dvc` files as typed, relative to the working directory.
    pub targets: Vec<String>,
    /// Delete the data in the workspace as well (`--outs`).
    pub outs: bool,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// What is tracked no longer.
#[derive(Debug, Default)]
pub struct RemoveReport {
    /// The `.dvc` files that are gone.
    pub removed: Vec<PathBuf>,
    /// Targets that could not be removed.
    pub failed: Vec<Failure>,
}

/// Deletes `.dvc` files and what Git was told to ignore for them. The objects stay in the cache. As in DVC, nothing of
/// this is staged in Git, whatever `core.autostage` says.
///
/// In this order: the data of all targets becomes the user's own (or goes, with `--outs`), and Git sees it again; the
/// records by which a checkout would delete it go, in one write; the `.dvc` files go last. Killed at any moment, a target
/// is tracked as before, or it is not and no later command touches its data; the same command goes on.
pub fn remove(repo: &Repo, options: &RemoveOptions, observer: &dyn Observer) -> Result<RemoveReport> {
    let _lock = repo.lock(options.wait)?;
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let mut links = Links::load(session.memo.dir());
    let mut report = RemoveReport::default();
    let failure = |target: &str, error| Failure {
        subject: target.to_owned(),
        path: Some(repo.absolute(target)),
        error,
    };
    let mut released = Vec::new();
    for target in &options.targets {
        if options.cancel.is_cancelled() {
            break;
        }
        match release(&session, target, options.outs, &mut links) {
            Ok(metafile) => released.push((target, metafile)),
            Err(error) => report.failed.push(failure(target, error)),
        }
    }
    links.try_save()?;
    // The same file may have two names.
    let mut metafiles: Vec<PathBuf> = Vec::new();
    for (_, metafile) in &released {
        if !metafiles.contains(metafile) {
            metafiles.push(metafile.clone());
        }
    }
    for (metafile, error) in crate::atomic::remove_all(metafiles.iter().map(PathBuf::as_path)) {
        let target = released.iter().find(|(_, released)| released == metafile);
        report.failed.extend(target.map(|(target, _)| failure(target, error)));
    }
    report.removed = metafiles.into_iter().filter(|metafile| !metafile.exists()).collect();
    session.check_cancelled()?;
    Ok(report)
}

/// Does all there is to do for a target before its metafile goes, and returns the metafile.
fn release(session: &Session<'_>, target: &str, outs: bool, links: &mut Links) -> Result<PathBuf> {
    let repo = session.repo;
    let path = repo.target_path(target);
    let with_suffix =
        path.with_file_name(format!("{}.dvc", path.file_name().unwrap_or_default().to_string_lossy()));
    if path.extension() != Some("dvc".as_ref()) && with_suffix.is_file() {
        return Err(Error::BadOut(format!(
            "'{target}' is not a .dvc file. Do you mean '{}'?",
            repo.display_path(&with_suffix)
        )));
    }
    let select = SelectOptions { targets: vec![target.to_owned()], ..SelectOptions::default() };
    let selection = Selection::resolve(repo, &select)?;
    let index: &Index = &selection.index;
    let stage =
        selection.stages.iter().map(|(stage, _)| &index.stages[*stage]).find(|stage| stage.metafile == path);
    let Some(stage) = stage.filter(|stage| !stage.has_command && stage.name.is_none()) else {
        return Err(Error::BadOut(format!(
            "`{target}` is not a .dvc file; stages of `dvc.yaml` are removed by `dvc remove {target}`"
        )));
    };
    session.refuse_busy(&[], &index.out_paths(stage))?;
    for out in &index.outs[stage.outs.clone()] {
        if out.is_external {
            continue;
        }
        if outs {
            delete_out(session, out)?;
        } else if out.path.exists() && out.use_cache {
            unprotect_path(session, &out.path)?;
        }
        if let Some(git) = repo.git() {
            gitignore::unignore(git, &out.path)?;
        }
        // The data is the user's own from now on.
        if let Some(key) = session.link_key(&out.path) {
            links.remove(&key);
        }
    }
    Ok(stage.metafile.clone())
}

pub(super) fn delete_out(session: &Session<'_>, out: &Out) -> Result<()> {
    check_parents(session.repo.root(), &out.path)?;
    let is_dir = fs_err::symlink_metadata(&out.path).is_ok_and(|metadata| metadata.is_dir());
    let delete = |path: &Path| if is_dir { fs_err::remove_dir_all(path) } else { fs_err::remove_file(path) };
    match delete(&out.path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("cannot delete data", error)),
        _ => Ok(()),
    }
}
