//! Walking a directory, folder by folder on all processors.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use haul_config::atomic::is_temp_name;
use haul_storage::CancellationToken;
use haul_storage::progress::{Event, Observer, Phase};
use rayon::prelude::*;

use super::{FileEntry, Found, FoundDir, many};
use crate::paths::is_absence;
use crate::root::DVC_DIR;
use crate::{Error, IgnoreRules, Result};

/// Entries of one folder that are looked at by one thread.
const CHUNK: usize = 1024;

/// A folder to read: its path, and the path below the scanned directory with a `/` at its end.
struct Folder {
    path: PathBuf,
    prefix: String,
}

/// What one folder holds.
#[derive(Default)]
struct Listing {
    files: Vec<FileEntry>,
    folders: Vec<Folder>,
    dangling: Vec<Box<str>>,
    stale: Vec<Box<str>>,
    ignored: Vec<Box<str>>,
    errors: Vec<Error>,
    /// The folder is a DVC repository of its own: DVC does not see it.
    is_hidden: bool,
}

/// What a walk works with.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) ignore: &'a IgnoreRules,
    pub(super) observer: &'a dyn Observer,
    pub(super) cancel: &'a CancellationToken,
}

/// Whether `.dvcignore` has a say in what lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// What is tracked must not be ignored.
    Out,
    /// As in DVC, a dependency counts whether it is ignored or not; files that are ignored in a directory do not.
    Dependency,
    /// Everything counts, whatever `.dvcignore` says.
    Everything,
}

/// Looks what is at `path`.
pub(super) fn look(path: &Path, role: Role, walk: Walk<'_>) -> Result<Found> {
    let metadata = match fs_err::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if is_absence(&error) => return Ok(Found::Nothing),
        Err(error) => return Err(Error::io("cannot look at the workspace", error)),
    };
    let is_symlink = metadata.is_symlink();
    let metadata = if is_symlink {
        match fs_err::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if is_dangling(&error) => return Ok(Found::Dangling),
            Err(error) => return Err(Error::io("cannot look at the workspace", error)),
        }
    } else {
        metadata
    };
    let ignored = walk.ignore.check(path, metadata.is_dir()).filter(|found| found.is_ignored);
    if let (Role::Out, Some(found)) = (role, ignored) {
        return Err(Error::BadOut(format!("Path '{}' is ignored by {}", path.display(), found.rule)));
    }
    if metadata.is_file() {
        return Ok(Found::File(FileEntry::new("", &metadata, is_symlink)));
    }
    if !metadata.is_dir() {
        return Err(cannot_track(path, kind_of(&metadata)));
    }
    if role == Role::Out && is_subrepo(path) {
        return Err(cannot_track(path, "a DVC repository of its own, which cannot be tracked as data"));
    }
    walk.dir(path, role, is_symlink).map(Found::Dir)
}

impl Walk<'_> {
    fn dir(self, root: &Path, role: Role, is_symlink: bool) -> Result<FoundDir> {
        let mut files = Vec::new();
        let mut folders: Vec<Box<str>> = Vec::new();
        let mut dangling: Vec<Box<str>> = Vec::new();
        let mut stale: Vec<Box<str>> = Vec::new();
        let mut ignored = BTreeSet::new();
        let mut errors = Vec::new();
        // Level by level: no recursion, so that no depth of folders is too deep.
        let mut level = vec![Folder { path: root.to_owned(), prefix: String::new() }];
        while !level.is_empty() {
            if self.cancel.is_cancelled() {
                return Err(Error::Interrupted);
            }
            let listings: Vec<Listing> = level.par_iter().map(|folder| self.list(folder, role)).collect();
            for (folder, listing) in std::mem::take(&mut level).into_iter().zip(listings) {
                if listing.is_hidden {
                    ignored.insert(folder.prefix.trim_end_matches('/').into());
                } else if !folder.prefix.is_empty() {
                    folders.push(folder.prefix.trim_end_matches('/').into());
                }
                ignored.extend(listing.ignored);
                files.extend(listing.files);
                dangling.extend(listing.dangling);
                stale.extend(listing.stale);
                errors.extend(listing.errors);
                level.extend(listing.folders);
            }
        }
        many(errors)?;
        folders.sort_unstable();
        dangling.sort_unstable();
        files.par_sort_unstable_by(|left, right| left.path.cmp(&right.path));
        Ok(FoundDir { files, folders, dangling, stale, ignored, is_symlink })
    }

    fn list(self, folder: &Folder, role: Role) -> Listing {
        let entries = match fs_err::read_dir(&folder.path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => {
                return Listing {
                    errors: vec![Error::io("cannot read a directory", error)],
                    ..Listing::default()
                };
            }
        };
        let is_subrepo = entries.iter().any(|entry| {
            entry.file_name() == DVC_DIR && entry.file_type().is_ok_and(|file_type| file_type.is_dir())
        });
        if is_subrepo {
            return Listing { is_hidden: true, ..Listing::default() };
        }
        if role != Role::Everything && entries.iter().any(|entry| entry.file_name() == ".dvcignore") {
            let message =
                format!(".dvcignore file should not be in collected dir path: '{}'", folder.path.display());
            let error = Error::Workspace { path: folder.path.clone(), message };
            return Listing { errors: vec![error], ..Listing::default() };
        }
        let rules = self.ignore.folder(&folder.path);
        let look_at = |entries: &[fs_err::DirEntry]| {
            let mut listing = Listing::default();
            for entry in entries {
                let is_ignored =
                    |name: &OsStr, is_dir: bool| role != Role::Everything && rules.is_ignored(name, is_dir);
                add_entry(folder, entry, &is_ignored, &mut listing);
            }
            let n_objects = listing.files.len() as u64;
            self.observer.on(Event::Finished { phase: Phase::Collecting, n_objects });
            listing
        };
        if entries.len() <= CHUNK {
            return look_at(&entries);
        }
        let parts: Vec<Listing> = entries.par_chunks(CHUNK).map(look_at).collect();
        parts.into_iter().fold(Listing::default(), |mut all, part| {
            all.files.extend(part.files);
            all.folders.extend(part.folders);
            all.dangling.extend(part.dangling);
            all.stale.extend(part.stale);
            all.ignored.extend(part.ignored);
            all.errors.extend(part.errors);
            all
        })
    }
}

fn add_entry(
    folder: &Folder,
    entry: &fs_err::DirEntry,
    is_ignored: &dyn Fn(&OsStr, bool) -> bool,
    listing: &mut Listing,
) {
    let file_name = entry.file_name();
    let file_type = match entry.file_type() {
        Ok(file_type) => file_type,
        Err(error) => return listing.errors.push(Error::io("cannot look at the workspace", error)),
    };
    if is_ignored(&file_name, file_type.is_dir()) {
        // A name that is not UTF-8 is in no manifest.
        listing.ignored.extend(file_name.to_str().map(|name| format!("{}{name}", folder.prefix).into()));
        return;
    }
    let path = || folder.path.join(&file_name);
    let Some(name) = file_name.to_str() else {
        return listing.errors.push(Error::NotUnicode(path()));
    };
    if file_type.is_dir() {
        return listing.folders.push(Folder { path: path(), prefix: format!("{}{name}/", folder.prefix) });
    }
    if is_temp_name(name) && file_type.is_file() {
        return listing.stale.push(format!("{}{name}", folder.prefix).into());
    }
    let metadata = if file_type.is_symlink() { fs_err::metadata(path()) } else { entry.metadata() };
    match metadata {
        Ok(metadata) if metadata.is_file() => {
            let relative = format!("{}{name}", folder.prefix);
            listing.files.push(FileEntry::new(&relative, &metadata, file_type.is_symlink()));
        }
        // A link to a directory: DVC passes over it.
        Ok(metadata) if metadata.is_dir() => {}
        Ok(metadata) => listing.errors.push(cannot_track(&path(), kind_of(&metadata))),
        Err(error) if file_type.is_symlink() && is_dangling(&error) => {
            listing.dangling.push(format!("{}{name}", folder.prefix).into());
        }
        // Deleted while we looked.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => listing.errors.push(Error::io("cannot look at the workspace", error)),
    }
}

/// Tells whether a symbolic link leads to nothing, as one in a loop does.
fn is_dangling(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::PermissionDenied
}

fn is_subrepo(path: &Path) -> bool {
    fs_err::symlink_metadata(path.join(DVC_DIR)).is_ok_and(|metadata| metadata.is_dir())
}

pub(super) fn cannot_track(path: &Path, what: &'static str) -> Error {
    Error::Untrackable { path: path.to_owned(), what }
}

fn kind_of(metadata: &std::fs::Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let file_type = metadata.file_type();
    if file_type.is_fifo() {
        "a named pipe (FIFO), not a file"
    } else if file_type.is_socket() {
        "a socket, not a file"
    } else if file_type.is_block_device() || file_type.is_char_device() {
        "a device, not a file"
    } else {
        "not a file"
    }
}
