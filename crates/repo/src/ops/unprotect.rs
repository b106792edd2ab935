//! `unprotect`: give workspace files bytes of their own, so that they may be edited.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use haul_config::LinkType;
use haul_storage::hash::Flavour;
use haul_storage::progress::{NoObserver, Observer};
use haul_storage::{CancellationToken, Layout};
use rayon::prelude::*;

use super::session::{Session, Stores};
use crate::ops::Failure;
use crate::workspace::checkout::check_parents;
use crate::workspace::link::{Linker, Placed, Staging};
use crate::workspace::scan::{FileEntry, Found};
use crate::{Error, LockWait, Repo, Result};

/// What to unprotect.
#[derive(Debug, Clone, Default)]
pub struct UnprotectOptions {
    /// Files and directories as typed, relative to the working directory.
    pub targets: Vec<String>,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// What was unprotected.
#[derive(Debug, Default)]
pub struct UnprotectReport {
    /// Number of links that were replaced by a copy.
    pub n_copied: u64,
    /// What could not be unprotected; as in DVC, nothing behind it is looked at.
    pub failed: Vec<Failure>,
}

/// Replaces links to the cache by private, writable files, each by a rename: killed at any moment, a path is the link or
/// the file, and the same command goes on.
pub fn unprotect(repo: &Repo, options: &UnprotectOptions) -> Result<UnprotectReport> {
    let _lock = repo.lock(options.wait)?;
    let stores = Stores::of(repo);
    let observer: &dyn Observer = &NoObserver;
    let session = stores.session(repo, observer, &options.cancel);
    let mut report = UnprotectReport::default();
    for target in &options.targets {
        let path = repo.absolute(target);
        match unprotect_path(&session, &path) {
            Ok(n_copied) => report.n_copied += n_copied,
            Err(error) if error.is_interrupted() => return Err(error),
            Err(error) => {
                report.failed.push(Failure { subject: target.clone(), path: Some(path), error });
                break;
            }
        }
    }
    Ok(report)
}

/// Unprotects one file or directory; the caller holds the repository lock. Returns the number of copies made.
pub(super) fn unprotect_path(session: &Session<'_>, path: &Path) -> Result<u64> {
    let mut found = session.scanner().look_at_everything(path)?;
    if matches!(found, Found::Nothing | Found::Dangling) {
        let message = format!("can't unprotect non-existing data '{}'", session.repo.display_path(path));
        return Err(Error::Workspace { path: path.to_owned(), message });
    }
    check_parents(session.repo.root(), path)?;
    if found.is_linked_dir() {
        let message = format!(
            "`{}` is a symbolic link to a directory, and nothing is changed through it; name the directory itself",
            path.display()
        );
        return Err(Error::Workspace { path: path.to_owned(), message });
    }
    let staging = Staging::open(session.memo.dir())
        .map_err(|error| Error::io("cannot prepare the workspace", error))?;
    let linker = Linker::new(vec![LinkType::Reflink, LinkType::Copy], staging);
    let linker = note_copies(session, linker, path, &mut found)?;
    let copied: Vec<Result<bool>> = found
        .files()
        .par_iter()
        .map(|file| {
            session.check_cancelled()?;
            unprotect_file(&linker, file, &file.full_path(path))
        })
        .collect();
    let mut n_copied = 0;
    let mut errors = Vec::new();
    for result in copied {
        match result {
            Ok(is_copied) => n_copied += u64::from(is_copied),
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => errors.push(error),
        }
    }
    crate::workspace::scan::many(errors)?;
    Ok(n_copied)
}

/// Notes which links become files with bytes of their own.
fn note_copies(session: &Session<'_>, linker: Linker, path: &Path, found: &mut Found) -> Result<Linker> {
    if !found.files().iter().any(is_link) {
        return Ok(linker);
    }
    let failures = session.scanner().hash(path, found.files_mut(), Flavour::Md5, session.observer)?;
    crate::workspace::scan::many(failures.into_iter().map(|(_, error)| error).collect())?;
    let links = found.files().iter().filter(|file| is_link(file));
    let writes: Vec<_> =
        links.filter_map(|file| Some((file.full_path(path), Layout::Current, file.oid()?))).collect();
    session.note_writes(linker, writes.into_iter())
}

fn is_link(file: &FileEntry) -> bool {
    file.is_symlink || file.n_links > 1
}

fn unprotect_file(linker: &Linker, file: &FileEntry, path: &Path) -> Result<bool> {
    let cannot = |error| Error::io("cannot unprotect a file", error);
    if is_link(file) {
        let source = fs_err::canonicalize(path).map_err(cannot)?;
        linker.place(&source, path, Placed::Over(file.stamp), file.mode & 0o100 != 0)?;
        return Ok(true);
    }
    if file.mode & 0o200 == 0 {
        let permissions = std::fs::Permissions::from_mode(file.mode | 0o200);
        fs_err::set_permissions(path, permissions).map_err(cannot)?;
    }
    Ok(false)
}
