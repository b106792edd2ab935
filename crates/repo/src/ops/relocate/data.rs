//! Giving data its new place.

use std::io;
use std::path::Path;

use haul_storage::{CancellationToken, ErrorKind, Md5Digest};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::metafile::dvc_file::OutState;
use crate::ops::session::Session;
use crate::workspace::checkout::{OutPlan, Target, Wanted, apply, delete_file, flavour_of, plan};
use crate::workspace::scan::{FileEntry, Found, many};
use crate::workspace::state::{FileClock, FileStamp};
use crate::{DirManifest, Error, Out, Result};

/// Moves data that the cache has to a place where nothing is, or only a part of this data.
///
/// A rename does it; across file systems, or where an earlier run that was killed has begun so, the new place is made
/// from the cache as by a checkout, and then the old files are deleted, each if it still is what was stored. Returns
/// the files of the new place if they are other ones than before.
///
/// # Errors
///
/// The old place is as it was then, but for files that changed in the meantime.
pub(super) fn move_data(
    session: &Session<'_>,
    from: &Path,
    to: &Path,
    found: &Found,
    state: &OutState,
) -> Result<Option<Vec<FileEntry>>> {
    match rename_to_free_place(from, to) {
        Ok(()) => {
            remember(session, to, found, state);
            return Ok(None);
        }
        Err(Errno::XDEV | Errno::EXIST | Errno::NOTEMPTY) => {}
        Err(error) => return Err(cannot_move(error.into())),
    }
    if matches!(found, Found::Dir(dir) if dir.is_symlink) {
        let message = format!(
            "`{}` is a symbolic link to a directory and cannot be moved to another file system; move the directory, and \
             make the link again",
            from.display()
        );
        return Err(Error::Workspace { path: from.to_owned(), message });
    }
    let plan = plan_copy(session, to, state)?;
    if let Some((path, oid)) = plan.missing.first() {
        let message = format!("the object `{oid}` of `{path}` is not in the cache");
        return Err(Error::Workspace { path: from.to_owned(), message });
    }
    let Session { repo, cache, memo, observer, cancel } = *session;
    let applied = apply(plan, repo.root(), &session.linker()?, cache, memo, observer, cancel)?;
    many(applied.failures.into_iter().map(|(_, error)| error).collect())?;
    delete_old(from, found)?;
    Ok(applied.files)
}

/// Remembers the hash of a file that got another name, which changes its stamp: without that it would be read again.
fn remember(session: &Session<'_>, to: &Path, found: &Found, state: &OutState) {
    let (Found::File(file), Ok(metadata)) = (found, fs_err::metadata(to)) else { return };
    let (flavour, stamp) = (flavour_of(state.layout), FileStamp::of(&metadata));
    if let Some(digest) = file.digest
        && stamp.is_same_file(&file.stamp)
        && session.memo.knows(&file.stamp, flavour)
        && let Ok(clock) = FileClock::probe(session.memo.dir())
    {
        session.memo.record_written(&clock, &stamp, flavour, digest);
    }
}

/// Looks whether a run that was killed has begun to move the data of an out: at the new place is that data or a part of
/// it, and what is left at the old place is as recorded. Returns what is left, with all hashes.
pub(super) fn begun(
    session: &Session<'_>,
    out: &Out,
    state: &OutState,
    to: &Path,
    is_tracked_there: bool,
) -> Result<Option<Found>> {
    let mut found = session.scanner().look(&out.path)?;
    found.refuse_dangling(&out.path)?;
    let flavour = flavour_of(out.layout);
    let failures = session.scanner().hash(&out.path, found.files_mut(), flavour, session.observer)?;
    many(failures.into_iter().map(|(_, error)| error).collect())?;
    let is_left = match (&found, contents(session, state)?) {
        (Found::File(file), Contents::File(digest)) => file.digest == Some(digest),
        (Found::Dir(dir), Contents::Dir(manifest)) => dir.files.iter().all(|file| {
            let entries = manifest.entries();
            let recorded = entries.binary_search_by(|entry| entry.path.cmp(&file.path));
            recorded.is_ok_and(|at| Some(entries[at].digest) == file.digest)
        }),
        _ => false,
    };
    let is_begun = is_left && (is_tracked_there || plan_copy(session, to, state)?.only_adds());
    Ok(is_begun.then_some(found))
}

/// Takes back what a failed [`move_data`] has made at a place where nothing was, when the old place has again what was
/// deleted there.
pub(super) fn undo(session: &Session<'_>, from: &Path, to: &Path, state: &OutState) -> Result<()> {
    let go_on = CancellationToken::new();
    let session = Session { cancel: &go_on, ..*session };
    let Session { repo, cache, memo, observer, cancel } = session;
    // Files that the user has changed since stay as they are.
    if let Ok(lost) = plan_copy(&session, from, state)
        && lost.changes()
        && lost.only_adds()
    {
        let applied = apply(lost, repo.root(), &session.linker()?, cache, memo, observer, cancel)?;
        many(applied.failures.into_iter().map(|(_, error)| error).collect())?;
    }
    let is_dir = match fs_err::symlink_metadata(to) {
        Ok(metadata) => metadata.is_dir(),
        Err(_) => return Ok(()),
    };
    if !is_dir {
        return undo_file(&session, to, state);
    }
    let target = Target { path: to, within: None, wanted: Wanted::Dir(&[]), layout: state.layout };
    let plan = plan(&session.scanner(), cache, &target, None, observer, cancel)?;
    if plan.unsaved(cache, cancel)?.is_empty() {
        apply(plan, repo.root(), &session.linker()?, cache, memo, observer, cancel)?;
        // What another program has put there keeps it.
        drop(fs_err::remove_dir(to));
    }
    Ok(())
}

/// Deletes a file that has the data of an out, and leaves any other alone.
fn undo_file(session: &Session<'_>, path: &Path, state: &OutState) -> Result<()> {
    let found = session.scanner().scan(path, flavour_of(state.layout), session.observer)?;
    match &found {
        Found::File(entry) if entry.oid() == Some(state.oid) => delete_file(path, entry),
        _ => Ok(()),
    }
}

/// What data consists of.
enum Contents {
    File(Md5Digest),
    Dir(DirManifest),
}

fn contents(session: &Session<'_>, state: &OutState) -> Result<Contents> {
    if !state.oid.is_dir() {
        return Ok(Contents::File(*state.oid.digest()));
    }
    session.manifest(state.layout, &state.oid)?.map(Contents::Dir).ok_or_else(|| {
        let message = format!("the list of files of the directory (`{}`) is not in the cache", state.oid);
        Error::Storage(haul_storage::Error::new(ErrorKind::NotFound, message))
    })
}

fn plan_copy(session: &Session<'_>, to: &Path, state: &OutState) -> Result<OutPlan> {
    let contents = contents(session, state)?;
    let wanted = match &contents {
        Contents::File(digest) => {
            Wanted::File { digest: *digest, size_bytes: state.size_bytes, is_exec: state.is_exec }
        }
        Contents::Dir(manifest) => Wanted::Dir(manifest.entries()),
    };
    let target = Target { path: to, within: None, wanted, layout: state.layout };
    let plan = plan(&session.scanner(), session.cache, &target, None, session.observer, session.cancel)?;
    let unsaved = plan.unsaved(session.cache, session.cancel)?;
    if unsaved.is_empty() { Ok(plan) } else { Err(Error::UnsavedFiles(unsaved)) }
}

fn rename_to_free_place(from: &Path, to: &Path) -> std::result::Result<(), Errno> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can do it; look, then rename.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            if fs_err::symlink_metadata(to).is_ok() {
                return Err(Errno::EXIST);
            }
            rustix::fs::rename(from, to)
        }
        result => result,
    }
}

fn delete_old(from: &Path, found: &Found) -> Result<()> {
    let mut errors = Vec::new();
    for entry in found.files() {
        errors.extend(delete_file(&entry.full_path(from), entry).err());
    }
    many(errors)?;
    if let Found::Dir(dir) = found {
        // What DVC does not see keeps its directory, and stays.
        for folder in dir.folders.iter().rev() {
            drop(fs_err::remove_dir(from.join(&**folder)));
        }
        match fs_err::remove_dir(from) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                tracing::debug!(%error, "what is ignored stays in the old place");
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot_move(error)),
            _ => {}
        }
    }
    Ok(())
}

fn cannot_move(error: io::Error) -> Error {
    Error::io("cannot move the data", error)
}
