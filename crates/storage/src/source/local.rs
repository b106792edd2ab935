//! A local path as a source.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{Source, SourceEntry, SourceKind};
use crate::cache::presence::is_absence;
use crate::transfer::context::blocking;
use crate::{Download, Error, ErrorKind, FolderStore, ReadStore as _, Result};

/// The maximum depth of directories: links can make a tree endless.
const MAX_DEPTH: usize = 256;

/// A file or directory.
#[derive(Debug, Clone)]
pub(super) struct LocalSource {
    path: PathBuf,
    location: String,
}

impl LocalSource {
    pub(super) fn new(path: &Path) -> Self {
        Self { location: path.display().to_string(), path: path.to_owned() }
    }
}

#[async_trait]
impl Source for LocalSource {
    fn location(&self) -> &str {
        &self.location
    }

    fn kind(&self) -> SourceKind {
        SourceKind::Local
    }

    fn path(&self) -> String {
        self.location.clone()
    }

    async fn stat(&self) -> Result<Option<SourceEntry>> {
        let path = self.path.clone();
        blocking(move || match fs_err::metadata(&path) {
            Ok(metadata) => Ok(Some(entry(String::new(), &metadata))),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(Error::io("cannot read the metadata of a source", error)),
        })
        .await
    }

    async fn walk(&self) -> Result<Vec<SourceEntry>> {
        let root = self.path.clone();
        blocking(move || {
            let mut files = Vec::new();
            walk(&root, "", 0, &mut files)?;
            files.sort_unstable_by(|left, right| left.path.cmp(&right.path));
            Ok(files)
        })
        .await
    }

    async fn children(&self, folder: &str) -> Result<Vec<SourceEntry>> {
        let (root, folder) = (self.path.clone(), folder.to_owned());
        blocking(move || children(&root, &folder)).await
    }

    async fn open(&self, entry: &SourceEntry) -> Result<Download> {
        let path = if entry.path.is_empty() { self.path.clone() } else { self.path.join(&entry.path) };
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::new(ErrorKind::NotFound, format!("`{}` is not a file", path.display())));
        };
        let Some(name) = name.to_str() else { return Err(not_unicode(&path)) };
        FolderStore::new(folder).get(name, None, None).await
    }
}

fn entry(path: String, metadata: &std::fs::Metadata) -> SourceEntry {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    SourceEntry {
        path,
        is_dir: metadata.is_dir(),
        size_bytes: Some(metadata.len()),
        last_modified: modified.and_then(|since_epoch| i64::try_from(since_epoch.as_secs()).ok()),
        is_exec: metadata.is_file() && metadata.permissions().mode() & 0o111 != 0,
        ..SourceEntry::default()
    }
}

fn walk(root: &Path, folder: &str, depth: usize, files: &mut Vec<SourceEntry>) -> Result<()> {
    if depth > MAX_DEPTH {
        let message = format!("the directories in `{}` are nested deeper than {MAX_DEPTH}", root.display());
        return Err(Error::new(ErrorKind::Io, message));
    }
    for child in children(root, folder)? {
        // A link to a directory may form a cycle.
        if child.is_dir
            && fs_err::symlink_metadata(root.join(&child.path)).is_ok_and(|found| found.is_symlink())
        {
            continue;
        }
        if child.is_dir {
            walk(root, &child.path, depth + 1, files)?;
        } else {
            files.push(child);
        }
    }
    Ok(())
}

fn children(root: &Path, folder: &str) -> Result<Vec<SourceEntry>> {
    let cannot = |error: io::Error| Error::io("cannot list a source", error);
    let mut found = Vec::new();
    for child in fs_err::read_dir(root.join(folder)).map_err(cannot)? {
        let child = child.map_err(cannot)?;
        let name = child.file_name().into_string().map_err(|_| not_unicode(&child.path()))?;
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        match fs_err::metadata(child.path()) {
            Ok(metadata) => found.push(entry(path, &metadata)),
            // A dangling link is listed but cannot be opened; a file may have been deleted in the meantime.
            Err(error) if is_absence(&error) => {
                found.extend(
                    fs_err::symlink_metadata(child.path()).ok().map(|metadata| entry(path, &metadata)),
                );
            }
            Err(error) => return Err(cannot(error)),
        }
    }
    Ok(found)
}

fn not_unicode(path: &Path) -> Error {
    Error::new(ErrorKind::Io, format!("`{}` is not valid UTF-8", path.display()))
}
