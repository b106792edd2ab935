//! Reads every metafile of the workspace, or of a commit.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::read::{Context, ReadStages};
use super::unseen::{self, Unseen};
use super::{Index, graph};
use crate::metafile::template::OptionStyle;
use crate::metafile::template::context::{FileContent, ReadFiles};
use crate::paths::is_absence;
use crate::{Error, Repo, Result};

/// The name of the file with pipeline stages.
pub(super) const DVC_YAML: &str = "dvc.yaml";

/// Returns whether DVC reads stages from a file of this name.
pub(crate) fn is_stage_file(name: &str) -> bool {
    name == DVC_YAML || name.strip_suffix(".dvc").is_some()
}

impl Index {
    /// Reads every metafile of the workspace, and checks that outs do not overlap.
    ///
    /// Directories that are ignored (`.dvcignore`, Git) or tracked as a whole are not entered, as in DVC.
    ///
    /// # Errors
    ///
    /// [`Error::Metafile`] for the first file, by path, that cannot be read; [`Error::OverlappingOuts`].
    pub fn collect(repo: &Repo) -> Result<Self> {
        let index = Self::collect_unchecked(repo)?;
        index.refuse_unresolved()?;
        graph::check(&index, repo)?;
        Ok(index)
    }

    /// Reads every metafile of the workspace; outs may overlap. Stages whose templates cannot be resolved are in the index
    /// as such.
    pub fn collect_unchecked(repo: &Repo) -> Result<Self> {
        let mut index = Self::default();
        let (files, unseen) = read_all(repo, Unreadable::PassOver)?;
        for stages in files.into_values() {
            index.extend(stages?);
        }
        match unseen {
            Ok(unseen) => index.unseen = unseen,
            Err(error) => {
                tracing::warn!(%error, source = error.source_text(), "cannot find out which metafiles Git tracks outside of the workspace");
                index.has_unknown = true;
            }
        }
        Ok(index)
    }

    /// Reads every metafile of the workspace for a command that deletes data that no metafile names: a directory that cannot
    /// be read is an error, and metafiles that Git tracks are included even if they are not in the workspace. Returns what
    /// could be read, and an error for each metafile that could not.
    pub(crate) fn collect_for_deletion(repo: &Repo) -> Result<(Self, Vec<Error>)> {
        let mut index = Self::default();
        let mut failed = Vec::new();
        let (files, unseen) = read_all(repo, Unreadable::Refuse)?;
        for stages in files.into_values().chain(unseen?.iter().map(|file| file.read(repo))) {
            match stages {
                Ok(mut stages) => {
                    let unresolved = std::mem::take(&mut stages.unresolved);
                    failed.extend(unresolved.into_iter().map(|stage| stage.error.into()));
                    index.extend(stages);
                }
                Err(error) => failed.push(error),
            }
        }
        Ok((index, failed))
    }
}

/// What to do if a directory, or Git's index, cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Skip it, as DVC's walk does.
    PassOver,
    Refuse,
}

/// The stages of each metafile, or why it cannot be read.
type MetafilesRead = BTreeMap<PathBuf, Result<ReadStages>>;

/// Reads every metafile of the workspace, and finds other metafiles that Git tracks.
fn read_all(repo: &Repo, unreadable: Unreadable) -> Result<(MetafilesRead, Result<Vec<Unseen>>)> {
    let mut files = MetafilesRead::new();
    let mut tracked: HashSet<PathBuf> = HashSet::new();
    let mut level = vec![repo.root().to_owned()];
    // The walk is breadth-first: the metafiles that track a directory are read before that directory would be entered.
    while !level.is_empty() {
        let found: Vec<Folder> =
            level.par_iter().map(|folder| read_folder(repo, folder, unreadable)).collect::<Result<_>>()?;
        let mut folders = Vec::new();
        for folder in found {
            for (path, stages) in folder.files {
                if let Ok(stages) = &stages {
                    tracked.extend(
                        stages.stages.iter().flat_map(|stage| &stage.outs).map(|out| out.path.clone()),
                    );
                }
                files.insert(path, stages);
            }
            folders.extend(folder.folders);
        }
        folders.retain(|folder| !tracked.contains(folder));
        level = without_ignored(repo, folders, unreadable)?;
    }
    let unseen = unseen::find(repo, &|path| files.contains_key(path), &|path| tracked.contains(path));
    Ok((files, unseen))
}

/// Returns the context for metafiles of the workspace.
fn context(repo: &Repo) -> Context<'_> {
    Context { ignore: Some(repo.ignore()), ..context_of_commit(repo, repo) }
}

/// Returns the context for metafiles of a commit, whose other files `files` reads. As in DVC, the ignore rules of the
/// workspace do not apply to outs of a commit.
pub(super) fn context_of_commit<'repo>(repo: &'repo Repo, files: &'repo dyn ReadFiles) -> Context<'repo> {
    let parsing = &repo.config().parsing;
    let style = OptionStyle {
        negates_booleans: parsing.negates_booleans.value,
        repeats_lists: parsing.repeats_lists.value,
    };
    Context { root: repo.root(), current_dir: repo.current_dir(), files, style, ignore: None }
}

impl ReadFiles for Repo {
    fn read(&self, path: &Path) -> std::io::Result<Option<FileContent>> {
        match fs_err::read(path) {
            Ok(bytes) => Ok(Some(FileContent::File(bytes))),
            Err(_) if path.is_dir() => Ok(Some(FileContent::Directory)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn shown(&self, path: &Path) -> String {
        self.display_path(path)
    }
}

impl Index {
    /// Reads the stages of one metafile, and of the `dvc.lock` beside a `dvc.yaml`.
    pub fn read(repo: &Repo, metafile: &Path) -> Result<Self> {
        let mut index = Self::default();
        index.extend(read_file(repo, metafile)?);
        Ok(index)
    }
}

pub(super) fn read_file(repo: &Repo, path: &Path) -> Result<ReadStages> {
    read_file_in(context(repo), path)
}

/// Reads the stages of one file, with the lock beside it.
pub(super) fn read_file_in(context: Context<'_>, path: &Path) -> Result<ReadStages> {
    let failed = |source| Error::io("cannot read a metafile", source);
    let text = fs_err::read(path).map_err(failed)?;
    let lock_path = path.with_extension("lock");
    let lock = if path.file_name().is_some_and(|name| name == DVC_YAML) {
        match fs_err::read(&lock_path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        }
    } else {
        None
    };
    let lock = lock.as_ref().map(|text| (lock_path.as_path(), text.as_slice()));
    read_stages(context, path, &text, lock)
}

pub(super) fn read_stages(
    context: Context<'_>,
    path: &Path,
    text: &[u8],
    lock: Option<(&Path, &[u8])>,
) -> Result<ReadStages> {
    let is_pipeline = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    Ok(if is_pipeline { context.pipeline(path, text, lock)? } else { context.dvc_file(path, text)? })
}

#[derive(Default)]
struct Folder {
    files: Vec<(PathBuf, Result<ReadStages>)>,
    folders: Vec<PathBuf>,
}

fn read_folder(repo: &Repo, folder: &Path, unreadable: Unreadable) -> Result<Folder> {
    let rules = repo.ignore().folder(folder);
    let failed = |source| Error::io("cannot look for metafiles", source);
    let mut found = Folder::default();
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        // DVC's walk skips directories without read permission, and those that were deleted in the meantime.
        Err(error)
            if error.kind() == std::io::ErrorKind::PermissionDenied && unreadable == Unreadable::PassOver =>
        {
            return Ok(found);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let file_type = entry.file_type().map_err(failed)?;
        if file_type.is_dir() {
            if !rules.is_ignored(&name, true) {
                found.folders.push(entry.path());
            }
            continue;
        }
        let path = entry.path();
        let is_stage_file = name.to_str().is_some_and(is_stage_file)
            && !rules.is_ignored(&name, false)
            && (file_type.is_file() || (file_type.is_symlink() && path.is_file()));
        if is_stage_file && !is_git_ignored(repo, &path, false, unreadable)? {
            let stages = read_file(repo, &path);
            found.files.push((path, stages));
        }
    }
    Ok(found)
}

fn without_ignored(repo: &Repo, mut folders: Vec<PathBuf>, unreadable: Unreadable) -> Result<Vec<PathBuf>> {
    // The directories are sorted, so that Git's rules are read once for each.
    folders.sort_unstable();
    let mut kept = Vec::with_capacity(folders.len());
    for folder in folders {
        if !is_git_ignored(repo, &folder, true, unreadable)? {
            kept.push(folder);
        }
    }
    Ok(kept)
}

/// Returns why the metafile `path` would not be read, in DVC's words; `None` if it would be.
pub(crate) fn git_ignored_text(repo: &Repo, path: &Path) -> Result<Option<String>> {
    let is_ignored = is_git_ignored(repo, path, false, Unreadable::PassOver)?;
    Ok(is_ignored.then(|| format!("bad DVC file name '{}' is git-ignored.", repo.display_path(path))))
}

/// Returns whether Git ignores a path: a rule matches it, and it is not tracked.
///
/// Deviation: haul reads a metafile that Git tracks even if a `.gitignore` that was added later ignores its directory, as
/// Git does. DVC does not read it: `status` says that all is up to date, `pull` omits its data, and `gc` deletes it.
pub(super) fn is_git_ignored(repo: &Repo, path: &Path, is_dir: bool, unreadable: Unreadable) -> Result<bool> {
    let Some(git) = repo.git() else { return Ok(false) };
    if !git.is_ignored(path, is_dir)? {
        return Ok(false);
    }
    match git.is_tracked(path) {
        Ok(is_tracked) => Ok(!is_tracked),
        // A command that deletes nothing continues as DVC does, which does not read Git's index.
        Err(error) if unreadable == Unreadable::PassOver => {
            tracing::debug!(%error, "cannot find out whether Git tracks an ignored path");
            Ok(true)
        }
        Err(error) => Err(error),
    }
}
