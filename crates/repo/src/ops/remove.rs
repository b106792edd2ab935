//! `remove`: stop tracking.

use std::io;
use std::path::{Path, PathBuf};

use haul_storage::CancellationToken;
use haul_storage::progress::Observer;

use super::session::{Session, Stores};
use super::unprotect::unprotect_path;
use crate::git::gitignore;
use crate::metafile::dvc_file::DvcLock;
use crate::metafile::dvc_yaml::DvcYaml;
use crate::ops::Failure;
use crate::workspace::checkout::check_parents;
use crate::workspace::state::Links;
use crate::{Error, Index, LockWait, Out, Repo, Result, Selection, Stage};

/// What to stop tracking.
#[derive(Debug, Clone, Default)]
pub struct RemoveOptions {
    /// `.dvc` files and stages as typed, relative to the working directory.
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
    /// The `.dvc` files that are gone, and each `dvc.yaml` once for each stage that is.
    pub removed: Vec<PathBuf>,
    /// Targets that could not be removed.
    pub failed: Vec<Failure>,
}

/// Deletes `.dvc` files, takes stages out of `dvc.yaml` and `dvc.lock`, and deletes what Git was told to ignore for them.
/// The objects stay in the cache. As in DVC, nothing of this is staged in Git, whatever `core.autostage` says, and the first
/// target that fails is the last one that is looked at.
///
/// In this order: the data of all targets becomes the user's own (or goes, with `--outs`), and Git sees it again; the
/// records by which a checkout would delete it go, in one write; the `.dvc` files and stages go last. Killed at any moment,
/// a target is tracked as before, or it is not and no later command touches its data; the same command goes on.
pub fn remove(repo: &Repo, options: &RemoveOptions, observer: &dyn Observer) -> Result<RemoveReport> {
    let _lock = repo.lock(options.wait)?;
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let mut links = Links::load(session.memo.dir());
    let mut report = RemoveReport::default();
    let mut released: Vec<Tracked> = Vec::new();
    for target in &options.targets {
        if options.cancel.is_cancelled() {
            break;
        }
        match release(&session, target, options.outs, &mut links, &mut released) {
            Ok(()) => {}
            Err(error) => {
                let path = Some(repo.absolute(target));
                report.failed.push(Failure { subject: target.clone(), path, error });
                break;
            }
        }
    }
    links.try_save()?;
    // The last one first: the same command after a kill stops at one that is gone, and deletes those before it.
    for tracked in released.into_iter().rev() {
        match tracked.delete() {
            Ok(()) => report.removed.push(tracked.metafile),
            Err(error) => {
                let subject = repo.display_path(&tracked.metafile);
                report.failed.push(Failure { subject, path: Some(tracked.metafile), error });
            }
        }
    }
    report.removed.reverse();
    session.check_cancelled()?;
    Ok(report)
}

/// What tracks data: a `.dvc` file, or a stage of a `dvc.yaml`.
#[derive(Debug, PartialEq, Eq)]
struct Tracked {
    metafile: PathBuf,
    stage: Option<String>,
}

impl Tracked {
    fn delete(&self) -> Result<()> {
        let Some(stage) = &self.stage else {
            return crate::atomic::remove(&self.metafile);
        };
        let lock = self.metafile.with_file_name("dvc.lock");
        if lock.exists() {
            DvcLock::read(&lock)?.remove(stage)?;
        }
        DvcYaml::read(&self.metafile)?.remove(stage)
    }
}

/// Does all there is to do for a target before what tracks it goes, and adds that to `released`.
///
/// Deviation: DVC makes Git see the outs of a stage with templates before it refuses to remove it; haul refuses first.
fn release(
    session: &Session<'_>,
    target: &str,
    outs: bool,
    links: &mut Links,
    released: &mut Vec<Tracked>,
) -> Result<()> {
    let repo = session.repo;
    let selection =
        Selection::stages_of(repo, target).map_err(|error| not_a_metafile(repo, target, error))?;
    let index = &selection.index;
    for (number, _) in &selection.stages {
        let stage = &index.stages[*number];
        let tracked = Tracked { metafile: stage.metafile.clone(), stage: stage.name.clone() };
        // The same one under two names of it.
        if released.contains(&tracked) {
            continue;
        }
        if let Some(name) = &stage.name {
            let shown = stage.shown(repo.current_dir());
            DvcYaml::read(&stage.metafile)?.refuse_parametrized(name, &shown, "remove")?;
        }
        release_outs(session, index, stage, outs, links)?;
        released.push(tracked);
    }
    Ok(())
}

/// Explains that data was named instead of its `.dvc` file.
fn not_a_metafile(repo: &Repo, target: &str, error: Error) -> Error {
    match error {
        Error::TargetNotFound { message, .. } if repo.absolute(format!("{target}.dvc")).exists() => {
            let message = format!("'{target}' is not a .dvc file. Do you mean '{target}.dvc'?: {message}");
            Error::no_target(target.to_owned(), message)
        }
        error => error,
    }
}

fn release_outs(
    session: &Session<'_>,
    index: &Index,
    stage: &Stage,
    outs: bool,
    links: &mut Links,
) -> Result<()> {
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
        if let Some(git) = session.repo.git() {
            gitignore::unignore(git, &out.path)?;
        }
        // The data is the user's own from now on.
        if let Some(key) = session.link_key(&out.path) {
            links.remove(&key);
        }
    }
    Ok(())
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
