//! Lists and deletes objects.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Cache;
use super::pending::is_temporary_name;
use super::presence::is_absence;
use crate::{Error, Layout, Oid, Result};

/// The age from which temporary files are deleted: no process takes longer to write one object.
const DAY: Duration = Duration::from_hours(24);

/// An object that [`Cache::objects`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedObject {
    /// The object's name.
    pub oid: Oid,
    /// Size in bytes.
    pub size_bytes: u64,
    /// When it was written, in seconds since the Unix epoch. A file that was moved or linked into the cache keeps its
    /// own time.
    pub modified: i64,
    /// When its bytes, its mode or the number of its links last changed, in seconds since the Unix epoch. Programs
    /// cannot set this time, so an object that was just added never looks old.
    pub changed: i64,
}

/// A file with a temporary name among objects, which [`Cache::temporary_files`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporaryFile {
    /// The file.
    pub path: PathBuf,
    /// Size in bytes.
    pub size_bytes: u64,
    /// When it was last written to, in seconds since the Unix epoch.
    pub modified: i64,
}

impl Cache {
    /// Lists all objects of a layout, in the order of their names. Files without an object's name are skipped.
    pub fn objects(&self, layout: Layout) -> Result<Vec<CachedObject>> {
        let mut objects = Vec::new();
        self.visit(layout, &mut |_, name, entry| {
            if let Some(oid) = layout.parse_path(&format!("{}{name}", layout.folder())) {
                let metadata = match entry.metadata() {
                    Ok(metadata) => metadata,
                    Err(error) if is_absence(&error) => return Ok(()),
                    Err(error) => return Err(Error::io("cannot list the cache", error)),
                };
                let (modified, changed) = (metadata.mtime(), metadata.ctime());
                objects.push(CachedObject { oid, size_bytes: metadata.len(), modified, changed });
            }
            Ok(())
        })?;
        objects.sort_unstable_by_key(|object| object.oid);
        Ok(objects)
    }

    /// Lists the temporary files among the objects of a layout: left by killed processes, or in use by a running one.
    pub fn temporary_files(&self, layout: Layout) -> Result<Vec<TemporaryFile>> {
        let mut files = Vec::new();
        self.visit(layout, &mut |path, name, entry| {
            if let (true, Ok(metadata)) =
                (is_temporary_name(name.rsplit('/').next().unwrap_or(name)), entry.metadata())
            {
                let (path, size_bytes) = (path.to_owned(), metadata.len());
                files.push(TemporaryFile { path, size_bytes, modified: metadata.mtime() });
            }
            Ok(())
        })?;
        Ok(files)
    }

    /// Deletes an object; it is not an error if it does not exist.
    pub fn remove(&self, layout: Layout, oid: &Oid) -> Result<()> {
        remove_file(&self.object_path(layout, oid))
    }

    /// Deletes temporary files that killed processes left, if they have not been written to for `age`, and returns their
    /// number. Younger ones may belong to a running process.
    pub fn remove_stale_temporary_files(&self, age: Duration, now: SystemTime) -> Result<u64> {
        let mut n_removed = 0;
        let mut remove = |path: &Path, name: &str, entry: &fs_err::DirEntry| {
            // The name is checked first, as it is cheap and hardly any file of a cache is temporary.
            if !is_temporary_name(name) {
                return Ok(());
            }
            let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else {
                return Ok(());
            };
            if now.duration_since(modified).is_ok_and(|idle| idle >= age) {
                remove_file(path)?;
                n_removed += 1;
            }
            Ok(())
        };
        for layout in [Layout::Current, Layout::Legacy] {
            visit_files(&self.root().join(layout.folder()), &mut remove)?;
            self.visit(layout, &mut |path, name, entry| {
                remove(path, name.rsplit('/').next().unwrap_or(name), entry)
            })?;
        }
        Ok(n_removed)
    }

    /// Does [`remove_stale_temporary_files`](Self::remove_stale_temporary_files) for files older than a day, at most once
    /// a day: the time of the file `stamp` is the time of the last sweep. Every command that writes to the cache calls it.
    pub fn sweep(&self, stamp: &Path, now: SystemTime) -> Result<u64> {
        let swept = fs_err::metadata(stamp).and_then(|metadata| metadata.modified());
        if swept.is_ok_and(|swept| now.duration_since(swept).is_ok_and(|since| since < DAY)) {
            return Ok(0);
        }
        let n_removed = self.remove_stale_temporary_files(DAY, now)?;
        let cannot = |error| Error::io("cannot record that temporary files of the cache were deleted", error);
        if let Some(folder) = stamp.parent() {
            fs_err::create_dir_all(folder).map_err(cannot)?;
        }
        let stamp = fs_err::File::create(stamp).map_err(cannot)?;
        stamp.file().set_modified(now).map_err(cannot)?;
        Ok(n_removed)
    }

    /// Visits the files in the directories of two hex digits, with names such as `9d/d4e4…`.
    fn visit(&self, layout: Layout, visitor: &mut Visitor<'_>) -> Result<()> {
        let root = self.root().join(layout.folder());
        for first in 0..=u8::MAX {
            let folder = format!("{first:02x}");
            visit_files(&root.join(&folder), &mut |path, name, entry| {
                visitor(path, &format!("{folder}/{name}"), entry)
            })?;
        }
        Ok(())
    }
}

type Visitor<'a> = dyn FnMut(&Path, &str, &fs_err::DirEntry) -> Result<()> + 'a;

fn visit_files(folder: &Path, visitor: &mut Visitor<'_>) -> Result<()> {
    let cannot = |error| Error::io("cannot list the cache", error);
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absence(&error) => return Ok(()),
        Err(error) => return Err(cannot(error)),
    };
    for entry in entries {
        let entry = entry.map_err(cannot)?;
        if let Some(name) = entry.file_name().to_str()
            && entry.file_type().map_err(cannot)?.is_file()
        {
            visitor(&entry.path(), name, &entry)?;
        }
    }
    Ok(())
}

fn remove_file(path: &Path) -> Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if !is_absence(&error) => Err(Error::io("cannot delete an object", error)),
        _ => Ok(()),
    }
}
