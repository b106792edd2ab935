//! Writing an out.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use haul_storage::progress::{Event, Observer, Phase};
use haul_storage::{Cache, CancellationToken};
use rayon::prelude::*;

use super::OutPlan;
use super::plan::{Create, ancestors};
use crate::paths::is_absence;
use crate::paths::private_folder_in;
use crate::workspace::link::{LinkError, Linker, Placed};
use crate::workspace::scan::FileEntry;
use crate::workspace::state::{FileClock, FileStamp, Memo};
use crate::{Error, Result};

use super::flavour_of;

/// What became of an out.
#[derive(Debug, Default)]
pub struct Applied {
    /// Files that were made where none was.
    pub n_added: u64,
    /// Files that were replaced.
    pub n_modified: u64,
    /// Files and folders that were deleted.
    pub n_deleted: u64,
    /// Files that were linked again.
    pub n_relinked: u64,
    /// What went wrong, file by file.
    pub failures: Vec<(PathBuf, Error)>,
    /// Tells that none of the configured cache types worked for a file.
    pub is_link_failure: bool,
    /// The files of the out as they are now, sorted by path; `None` if the out is not whole.
    pub files: Option<Vec<FileEntry>>,
}

/// Makes an out what it should be, as far as the cache has the objects. Files that are gone or new or changed since
/// they were looked at are left alone and reported.
pub fn apply(
    plan: OutPlan,
    root: &Path,
    linker: &Linker,
    cache: &Cache,
    memo: &Memo,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<Applied> {
    let mut applied = Applied::default();
    check_parents(root, &plan.path)?;
    for stale in &plan.stale {
        let path = plan.path.join(&**stale);
        if let Err(error) = fs_err::remove_file(path) {
            tracing::debug!(%error, "cannot remove a temporary file");
        }
    }
    delete_files(&plan, &mut applied);
    delete_folders(&plan, &mut applied);
    let blocked = make_folders(&plan, &mut applied)?;
    if plan.chmod {
        let mode = fs_err::metadata(&plan.path).map_err(|error| Error::io("cannot check out", error))?.mode();
        let permissions = std::fs::Permissions::from_mode(mode & 0o7777 | 0o100);
        fs_err::set_permissions(&plan.path, permissions)
            .map_err(|error| Error::io("cannot check out", error))?;
        applied.n_modified += 1;
    }
    create_files(plan, &blocked, linker, cache, memo, observer, cancel, &mut applied)?;
    Ok(applied)
}

/// Refuses an out below a symbolic link that leaves the repository, or leads to what Git and DVC keep for themselves.
pub(crate) fn check_parents(root: &Path, path: &Path) -> Result<()> {
    let Ok(relative) = path.strip_prefix(root) else {
        return Ok(());
    };
    let mut folder = root.to_owned();
    for component in relative.parent().into_iter().flat_map(Path::components) {
        folder.push(component);
        if fs_err::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_symlink()) {
            let real = fs_err::canonicalize(&folder).ok().zip(fs_err::canonicalize(root).ok());
            let inside = real.and_then(|(folder, root)| Some(folder.strip_prefix(root).ok()?.to_owned()));
            let leads = match inside {
                None => String::from("leaves the repository"),
                Some(inside) => match private_folder_in(&inside) {
                    Some(name) => format!("leads into a `{name}` folder"),
                    None => continue,
                },
            };
            let message = format!(
                "`{}` lies behind the symbolic link `{}`, which {leads}: nothing is written there",
                path.display(),
                folder.display()
            );
            return Err(Error::Workspace { path: path.to_owned(), message });
        }
    }
    Ok(())
}

/// Deletes a file of the workspace if it is, at this moment, the one that was looked at; one that is gone is fine.
pub(crate) fn delete_file(path: &Path, entry: &FileEntry) -> Result<()> {
    let cannot = |error| Error::io("cannot delete a file", error);
    match FileEntry::read(&entry.path, path) {
        Ok(now) if now.stamp.is_same_file(&entry.stamp) && now.is_symlink == entry.is_symlink => {
            fs_err::remove_file(path).map_err(cannot)
        }
        Err(error) if is_absence(&error) && fs_err::symlink_metadata(path).is_err() => Ok(()),
        Err(error) if !is_absence(&error) => Err(cannot(error)),
        _ => Err(changed(path)),
    }
}

fn delete_files(plan: &OutPlan, applied: &mut Applied) {
    for entry in &plan.delete {
        let path = entry.full_path(&plan.path);
        match delete_file(&path, entry) {
            Ok(()) => applied.n_deleted += 1,
            Err(error) => applied.failures.push((path, error)),
        }
    }
    for link in &plan.delete_dangling {
        let path = if link.is_empty() { plan.path.clone() } else { plan.path.join(&**link) };
        if fs_err::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) && !path.exists() {
            match fs_err::remove_file(&path) {
                Ok(()) => applied.n_deleted += 1,
                Err(error) => applied.failures.push((path, Error::io("cannot delete a link", error))),
            }
        }
    }
}

fn delete_folders(plan: &OutPlan, applied: &mut Applied) {
    for folder in &plan.delete_folders {
        let path = if folder.is_empty() { plan.path.clone() } else { plan.path.join(&**folder) };
        // A folder that still holds something DVC does not see stays.
        if fs_err::remove_dir(path).is_ok() {
            applied.n_deleted += 1;
        }
    }
}

/// Makes the folders of the files to come. Returns those that cannot be made, because a symbolic link or a file that
/// DVC does not see is in the way; those below them are not tried.
fn make_folders(plan: &OutPlan, applied: &mut Applied) -> Result<BTreeSet<Box<str>>> {
    let cannot_make = |error| Error::io("cannot make a folder", error);
    if plan.is_dir {
        fs_err::create_dir_all(&plan.path).map_err(cannot_make)?;
    } else if let Some(parent) = plan.path.parent() {
        fs_err::create_dir_all(parent).map_err(cannot_make)?;
    }
    let mut blocked: BTreeSet<Box<str>> = BTreeSet::new();
    let mut last = "";
    // Files of one folder follow each other, so each folder is made once, and none is kept in memory.
    for create in &plan.create {
        let path = &*create.path;
        let shared = path.bytes().zip(last.bytes()).take_while(|(left, right)| left == right).count();
        last = path;
        if is_blocked(path, &blocked) {
            continue;
        }
        for folder in ancestors(path).filter(|folder| folder.len() >= shared) {
            if let Err(error) = make_folder(&plan.path.join(folder)) {
                if error.ends_run() {
                    return Err(error);
                }
                applied.failures.push((plan.path.join(folder), error));
                blocked.insert(folder.into());
                break;
            }
        }
    }
    Ok(blocked)
}

/// Makes a folder, unless it is there.
fn make_folder(path: &Path) -> Result<()> {
    let cannot_make = |error| Error::io("cannot make a folder", error);
    match fs_err::create_dir(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(cannot_make(error)),
        Err(_) => {
            let metadata = fs_err::symlink_metadata(path).map_err(cannot_make)?;
            if metadata.is_dir() {
                return Ok(());
            }
            let what = if metadata.is_symlink() { "a symbolic link" } else { "not a folder" };
            let message = format!(
                "`{}` is {what}, and nothing is written through it; remove it, then check out again",
                path.display()
            );
            Err(Error::Workspace { path: path.to_owned(), message })
        }
    }
}

/// Tells whether a folder above `path` cannot be made.
fn is_blocked(path: &str, blocked: &BTreeSet<Box<str>>) -> bool {
    !blocked.is_empty() && ancestors(path).any(|folder| blocked.contains(folder))
}

#[expect(clippy::too_many_arguments, reason = "one step of `apply`")]
fn create_files(
    plan: OutPlan,
    blocked: &BTreeSet<Box<str>>,
    linker: &Linker,
    cache: &Cache,
    memo: &Memo,
    observer: &dyn Observer,
    cancel: &CancellationToken,
    applied: &mut Applied,
) -> Result<()> {
    let OutPlan { path: out, layout, is_exec, create, mut unchanged, missing, .. } = plan;
    observer.on(Event::Planned { phase: Phase::CheckingOut, n_objects: create.len() as u64, total_bytes: 0 });
    let (is_stopped, is_ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let results: Vec<Option<Result<FileEntry>>> = create
        .par_iter()
        .map(|create| {
            if is_blocked(&create.path, blocked) {
                return None;
            }
            if cancel.is_cancelled() {
                is_stopped.store(true, Ordering::Relaxed);
                return None;
            }
            if is_ended.load(Ordering::Relaxed) {
                return None;
            }
            let object = cache.object_path(layout, &create.oid);
            let result = create_file(&out, create, linker, &object, is_exec).map_err(Error::from);
            // Of those that meet a full disk side by side, one tells.
            if result.as_ref().is_err_and(Error::ends_run) && is_ended.swap(true, Ordering::Relaxed) {
                return None;
            }
            observer.on(Event::Finished { phase: Phase::CheckingOut, n_objects: 1 });
            Some(result)
        })
        .collect();

    let clock = memo.dir().is_dir().then(|| FileClock::probe(memo.dir()).ok()).flatten();
    let mut is_whole = missing.is_empty() && applied.failures.is_empty();
    for (create, result) in create.iter().zip(results) {
        match result {
            Some(Ok(entry)) => {
                if let (Some(clock), Some(digest)) = (&clock, entry.digest) {
                    memo.record_written(clock, &entry.stamp, flavour_of(layout), digest);
                }
                unchanged.push(entry);
                match (&create.over, create.is_relink) {
                    (_, true) => applied.n_relinked += 1,
                    (Some(_), false) => applied.n_modified += 1,
                    (None, false) => applied.n_added += 1,
                }
            }
            Some(Err(error)) => {
                is_whole = false;
                applied.is_link_failure |= matches!(error, Error::Link(LinkError::NoType { .. }));
                let path = if create.path.is_empty() { out.clone() } else { out.join(&*create.path) };
                applied.failures.push((path, error));
            }
            None => is_whole = false,
        }
    }
    if is_stopped.into_inner() {
        return Err(Error::Interrupted);
    }
    if is_whole {
        unchanged.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        applied.files = Some(unchanged);
    }
    Ok(())
}

fn create_file(
    out: &Path,
    create: &Create,
    linker: &Linker,
    object: &Path,
    is_exec: bool,
) -> Result<FileEntry, LinkError> {
    let path = if create.path.is_empty() { out.to_owned() } else { out.join(&*create.path) };
    let placed = match &create.over {
        Some(entry) => Placed::Over(entry.stamp),
        None if create.is_over_dangling && !path.exists() => Placed::Anyway,
        None => Placed::New,
    };
    let stamp = linker.place(object, &path, placed, is_exec)?;
    known_entry(create, path, &stamp)
}

/// Returns the entry of a file that was made and had this stamp before it got its name: only of that file is the content
/// known.
fn known_entry(create: &Create, path: PathBuf, stamp: &FileStamp) -> Result<FileEntry, LinkError> {
    let mut entry = FileEntry::read(&create.path, &path)
        .map_err(|source| LinkError::Io { path: path.clone(), source })?;
    if !entry.stamp.is_same_file(stamp) {
        return Err(LinkError::Changed(path));
    }
    entry.digest = Some(*create.oid.digest());
    Ok(entry)
}

fn changed(path: &Path) -> Error {
    LinkError::Changed(path.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use haul_storage::Oid;

    use super::*;

    #[test]
    fn hash_is_known_of_the_file_that_was_made_and_of_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let oid = Oid::file([7; 16]);
        let create = Create { path: "".into(), oid, over: None, is_over_dangling: false, is_relink: false };
        fs_err::write(&path, "made").unwrap();
        let stamp = FileStamp::of(&fs_err::metadata(&path).unwrap());
        let entry = known_entry(&create, path.clone(), &stamp).unwrap();
        assert_eq!(entry.digest, Some(*oid.digest()));

        // Another program replaces it as soon as it has its name.
        let other = folder.path().join("other");
        fs_err::write(&other, "edit").unwrap();
        fs_err::rename(&other, &path).unwrap();
        let result = known_entry(&create, path, &stamp);
        assert!(matches!(result, Err(LinkError::Changed(_))), "{result:?}");
    }
}
