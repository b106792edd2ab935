//! Metafiles that Git tracks and that a walk through the workspace does not find.
//!
//! A sparse checkout leaves files out, and a directory that became a symbolic link is not entered. The data of such
//! metafiles is still in use: a command that deletes must keep it, and every other command must say that it skipped them.
//!
//! Deviation: haul also counts metafiles that Git tracks and that are not in the workspace, as in a sparse checkout. DVC
//! does not know of them, and `gc` deletes their data.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::bstr::{BStr, ByteSlice};

use super::collect::{DVC_YAML, context_of_commit, is_stage_file, read_file_in, read_stages};
use super::read::ReadStages;
use crate::git::TrackedFile;
use crate::root::DVC_DIR;
use crate::{Error, Repo, Result};

/// The maximum number of metafiles that one message names.
const MAX_NAMED: usize = 3;

/// A metafile that Git tracks and the walk did not find.
#[derive(Debug, Clone)]
pub(crate) struct Unseen {
    /// Its path, absolute.
    metafile: PathBuf,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// Git left it out of the workspace. Has the blobs of the metafile and of the lock beside it.
    NotCheckedOut(ObjectId, Option<ObjectId>),
    /// A parent is a symbolic link.
    BehindLink(PathBuf),
    /// It is in a directory that DVC tracks.
    InsideOut(PathBuf),
}

/// Finds the metafiles that Git tracks and that were not read. Metafiles that were deleted from the workspace, that
/// `.dvcignore` ignores, or that belong to another repository are left out.
///
/// # Errors
///
/// If Git's index cannot be read.
pub(super) fn find(
    repo: &Repo,
    is_read: &dyn Fn(&Path) -> bool,
    is_out: &dyn Fn(&Path) -> bool,
) -> Result<Vec<Unseen>> {
    let Some(git) = repo.git() else { return Ok(Vec::new()) };
    let tracked = git.tracked_files(&is_wanted)?;
    let (roots, files): (Vec<&TrackedFile>, Vec<&TrackedFile>) =
        tracked.iter().partition(|file| file.path.file_name().is_some_and(|name| name == "config"));
    // The `.dvc` directory of another repository may also be missing in the workspace.
    let others: BTreeSet<&Path> = roots
        .iter()
        .filter_map(|file| file.path.parent()?.parent())
        .filter(|root| *root != repo.root() && root.starts_with(repo.root()))
        .collect();
    let is_lock = |file: &TrackedFile| file.path.file_name().is_some_and(|name| name == "dvc.lock");
    let mut unseen = Vec::new();
    for file in files.iter().filter(|file| !is_lock(file)) {
        let path = &file.path;
        let is_ours = path.starts_with(repo.root())
            && !path.ancestors().any(|folder| others.contains(folder))
            && !repo.ignore().is_ignored(path, false);
        if !is_ours || is_read(path) || is_read(&repo.identify(path)) {
            continue;
        }
        let reason = if path.is_file() {
            let below = || path.ancestors().skip(1).take_while(|folder| *folder != repo.root());
            match below().find(|folder| folder.is_symlink()) {
                Some(link) => Reason::BehindLink(link.to_owned()),
                None => match below().find(|folder| is_out(folder)) {
                    Some(out) => Reason::InsideOut(out.to_owned()),
                    None => continue,
                },
            }
        } else if file.is_skipped {
            let lock = path.with_file_name("dvc.lock");
            let is_pipeline = path.file_name().is_some_and(|name| name == DVC_YAML);
            let lock = files.iter().find(|file| is_pipeline && file.path == lock);
            Reason::NotCheckedOut(file.blob, lock.map(|lock| lock.blob))
        } else {
            continue;
        };
        unseen.push(Unseen { metafile: path.clone(), reason });
    }
    Ok(unseen)
}

/// Returns whether a path of Git is a metafile, or a file that shows the root of a repository.
fn is_wanted(path: &BStr) -> bool {
    let name = path.rsplit_str("/").next().unwrap_or_default();
    let is_stage_file = name.to_str().is_ok_and(|name| is_stage_file(name) || name == "dvc.lock");
    is_stage_file || (name == b"config" && path.ends_with_str(format!("{DVC_DIR}/config")))
}

impl Unseen {
    /// Reads its stages, from the workspace or from Git.
    pub(super) fn read(&self, repo: &Repo) -> Result<ReadStages> {
        let (Reason::NotCheckedOut(blob, lock), Some(git)) = (&self.reason, repo.git()) else {
            return read_file_in(context_of_commit(repo, repo), &self.metafile);
        };
        let text = git.blob(*blob, &self.metafile)?;
        let lock_path = self.metafile.with_file_name("dvc.lock");
        let lock = lock.map(|lock| git.blob(lock, &lock_path)).transpose()?;
        let lock = lock.as_ref().map(|text| (lock_path.as_path(), text.as_slice()));
        read_stages(context_of_commit(repo, repo), &self.metafile, &text, lock)
    }

    /// Returns whether it is at or below a path, is a metafile of that name, or tracks data at, above or below the path.
    pub(super) fn concerns(&self, repo: &Repo, path: &Path, metafile: &Path) -> Result<bool> {
        if self.metafile == metafile || self.metafile.starts_with(path) {
            return Ok(true);
        }
        let stages = self.read(repo)?.stages;
        let mut outs = stages.iter().flat_map(|stage| &stage.outs);
        Ok(outs.any(|out| out.path.starts_with(path) || path.starts_with(&out.path)))
    }

    /// Says that a sparse checkout leaves it out, and what brings it.
    pub(super) fn how_to_see(&self, repo: &Repo) -> String {
        let directory = repo.display_path(self.metafile.parent().unwrap_or(&self.metafile));
        format!(
            "`{}` is not in this sparse checkout; `git sparse-checkout add {}` brings it",
            repo.display_path(&self.metafile),
            crate::git::shell_quoted(&directory)
        )
    }
}

/// Returns the warnings about skipped metafiles, one sentence for each reason.
pub(crate) fn sentences(repo: &Repo, unseen: &[Unseen]) -> Vec<String> {
    let named = |files: &[&Unseen]| {
        let names: Vec<String> = files
            .iter()
            .take(MAX_NAMED)
            .map(|file| format!("`{}`", repo.display_path(&file.metafile)))
            .collect();
        let more = files.len().saturating_sub(MAX_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", names.join(", "))
    };
    let mut sentences = Vec::new();
    let left_out: Vec<&Unseen> =
        unseen.iter().filter(|file| matches!(file.reason, Reason::NotCheckedOut(..))).collect();
    if !left_out.is_empty() {
        sentences.push(format!(
            "metafiles that Git tracks are not in this sparse checkout, and were skipped: {}; `git sparse-checkout add \
             <directory>` brings them",
            named(&left_out)
        ));
    }
    let places: BTreeSet<&Reason> = unseen
        .iter()
        .map(|file| &file.reason)
        .filter(|reason| !matches!(reason, Reason::NotCheckedOut(..)))
        .collect();
    for place in places {
        let files: Vec<&Unseen> = unseen.iter().filter(|file| file.reason == *place).collect();
        let why = match place {
            Reason::BehindLink(link) => format!("`{}` is a symbolic link", repo.display_path(link)),
            Reason::InsideOut(out) => format!("`{}` is tracked as a whole", repo.display_path(out)),
            Reason::NotCheckedOut(..) => continue,
        };
        sentences
            .push(format!("{why}, and metafiles that Git tracks below it were skipped: {}", named(&files)));
    }
    sentences
}

/// Returns the paths of the outs of unseen metafiles.
///
/// # Errors
///
/// If one of the metafiles cannot be read.
pub(crate) fn outs(repo: &Repo, unseen: &[Unseen]) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for file in unseen {
        let read = file.read(repo)?;
        if let Some(stage) = read.unresolved.into_iter().next() {
            return Err(stage.error.into());
        }
        paths.extend(read.stages.iter().flat_map(|stage| &stage.outs).map(|out| out.path.clone()));
    }
    Ok(paths)
}
