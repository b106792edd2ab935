//! What `add` was asked to add.

use std::path::{Path, PathBuf};

use crate::git::gitignore;
use crate::index::git_ignored_text;
use crate::workspace::scan::many;
use crate::{Error, Index, Repo, Result};

/// A target that may be added.
#[derive(Debug)]
pub(in crate::ops) struct AddTarget {
    /// As typed.
    pub(in crate::ops) name: String,
    /// The file or directory, absolute.
    pub(in crate::ops) path: PathBuf,
    /// The out that tracks it: the target, or a tracked directory above it.
    pub(in crate::ops) out: PathBuf,
    /// The path of the target below the out, if it is not the out itself.
    pub(in crate::ops) within: Option<String>,
    /// The `.dvc` file.
    pub(in crate::ops) metafile: PathBuf,
    /// The place of the out in the `.dvc` file.
    pub(in crate::ops) position: usize,
    /// The out in the index, if it is tracked already.
    pub(in crate::ops) known: Option<usize>,
}

/// Finds out what each name stands for, each target once.
///
/// # Errors
///
/// All targets that cannot be outs, in DVC's words.
pub(super) fn resolve(repo: &Repo, index: &Index, names: &[String]) -> Result<Vec<AddTarget>> {
    let mut targets: Vec<AddTarget> = Vec::new();
    let mut errors = Vec::new();
    for name in names {
        match resolve_one(repo, index, name) {
            Ok(target) if targets.iter().any(|other| other.path == target.path) => {}
            Ok(target) => targets.push(target),
            Err(error) => errors.push(error),
        }
    }
    let overlap = targets.iter().enumerate().find_map(|(at, target)| {
        let child = targets.iter().enumerate().find(|(other, child)| {
            *other != at && target.known.is_none() && child.path.starts_with(&target.path)
        });
        child.map(|(_, child)| overlap(repo, &target.out, &child.out, &repo.display_path(&child.metafile)))
    });
    errors.extend(overlap);
    many(errors)?;
    Ok(targets)
}

fn resolve_one(repo: &Repo, index: &Index, name: &str) -> Result<AddTarget> {
    let path = repo.absolute(name);
    let root = repo.root();
    // Deviation: an ignored file of a tracked directory is refused. DVC adds it, and the next `add` of the directory drops
    // it again.
    if let Some(reason) = repo.ignore().refusal(&path) {
        return Err(Error::BadOut(reason));
    }
    if let Some((at, out)) = index.outs.iter().enumerate().find(|(_, out)| path.starts_with(&out.path)) {
        let stage = index.stage_of(out);
        if stage.has_command {
            let file = repo.display_path(&stage.metafile);
            let shown = stage.shown(repo.current_dir());
            return Err(Error::BadOut(format!(
                "cannot update '{}': overlaps with an output of {shown} in '{file}'.\nRun the pipeline or use \
                 'dvc commit' to force update it.",
                path.file_name().unwrap_or_default().to_string_lossy()
            )));
        }
        let within = path.strip_prefix(&out.path).ok().filter(|within| !within.as_os_str().is_empty());
        let within = match within {
            None => None,
            Some(within) => {
                if out.oid.is_some_and(|oid| !oid.is_dir()) {
                    let name = repo.display_path(&out.path);
                    let message = format!("Cannot modify '{name}' which is being tracked as a file");
                    return Err(Error::BadOut(message));
                }
                Some(within.to_str().ok_or_else(|| Error::NotUnicode(path.clone()))?.to_owned())
            }
        };
        refuse_symlinked_folder(root, &path)?;
        refuse_name(repo, &out.path)?;
        return Ok(AddTarget {
            name: name.to_owned(),
            out: out.path.clone(),
            within,
            metafile: stage.metafile.clone(),
            position: out.position,
            known: Some(at),
            path,
        });
    }
    if path == root || root.starts_with(&path) {
        return Err(Error::BadOut(format!(
            "Path: {} does not overlap with base path: {}",
            path.parent().unwrap_or(&path).display(),
            root.display()
        )));
    }
    if !path.starts_with(root) {
        return Err(cached_outside(&path));
    }
    let file_name = path.file_name().unwrap_or_default();
    let file_name = file_name.to_str().ok_or_else(|| Error::NotUnicode(path.clone()))?;
    let metafile = path.with_file_name(format!("{file_name}.dvc"));
    refuse_place(repo, &path, Some(&metafile))?;
    refuse_symlinked_folder(root, &path)?;
    // Deviation: what lies in a repository of its own is refused here, because its data belongs to that one; where Git does
    // not track it, DVC records an empty directory, or a second `.dvc` file for the same data.
    if let Some(rule) = repo.ignore().check(&path, path.is_dir())
        && rule.is_ignored
    {
        return Err(Error::BadOut(format!("Path '{}' is ignored by {}", path.display(), rule.rule)));
    }
    if let Some(child) = index.outs.iter().find(|out| out.path.starts_with(&path)) {
        let stage = index.stage_of(child).addressing(repo.current_dir());
        return Err(overlap(repo, &path, &child.path, &stage));
    }
    if fs_err::symlink_metadata(&metafile).is_ok() {
        // Deviation: DVC replaces a `.dvc` file that tracks something else, which is then tracked no longer.
        let file = repo.display_path(&metafile);
        return Err(Error::BadOut(format!("`{file}` exists and tracks something else than `{file_name}`")));
    }
    Ok(AddTarget {
        name: name.to_owned(),
        out: path.clone(),
        within: None,
        metafile,
        position: 0,
        known: None,
        path,
    })
}

/// Refuses a path where nothing new can be tracked, and a metafile that no command would read, in DVC's words.
pub(in crate::ops) fn refuse_place(repo: &Repo, path: &Path, metafile: Option<&Path>) -> Result<()> {
    let git_ignored = metafile.map(|metafile| git_ignored_text(repo, metafile)).transpose()?.flatten();
    if let Some(reason) = git_ignored.or_else(|| repo.ignore().refusal(path)) {
        return Err(Error::BadOut(reason));
    }
    let is_metafile = path.extension() == Some("dvc".as_ref())
        || [".dvc", "dvc.yaml", "dvc.lock"].iter().any(|name| path.ends_with(name));
    if is_metafile {
        return Err(Error::BadOut(format!("DVC file '{}' cannot be an output.", repo.display_path(path))));
    }
    refuse_name(repo, path)
}

/// Refuses a name that `.gitignore` cannot express, before anything is stored under it.
fn refuse_name(repo: &Repo, path: &Path) -> Result<()> {
    if repo.git().is_some() { gitignore::check_name(path) } else { Ok(()) }
}

fn overlap(repo: &Repo, parent: &Path, child: &Path, stage: &str) -> Error {
    let (parent, child) = (repo.display_path(parent), repo.display_path(child));
    Error::OverlappingOuts(format!(
        "Cannot add '{parent}', because it is overlapping with other DVC tracked output: '{child}'.\nTo include '{child}' in \
         '{parent}', run 'dvc remove {stage}' and then 'dvc add {parent}'"
    ))
}

/// Says that nothing outside of the repository can be tracked.
pub(in crate::ops) fn cached_outside(path: &Path) -> Error {
    Error::BadOut(format!(
        "Cached output(s) outside of DVC project: {}. See \
         <https://dvc.org/doc/user-guide/data-management/importing-external-data> for more info.",
        path.display()
    ))
}

pub(in crate::ops) fn refuse_symlinked_folder(root: &Path, path: &Path) -> Result<()> {
    let mut folders = path.ancestors().skip(1).take_while(|folder| *folder != root);
    if folders.any(is_symlink) || (is_symlink(path) && path.is_dir()) {
        return Err(Error::BadOut(
            "Cannot add files inside symlinked directories to DVC. See \
             <https://dvc.org/doc/user-guide/troubleshooting#add-symlink> for more information."
                .to_owned(),
        ));
    }
    Ok(())
}

fn is_symlink(path: &Path) -> bool {
    fs_err::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}
