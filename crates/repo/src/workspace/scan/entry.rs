//! One file of the workspace.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use haul_storage::hash::Md5Hasher;
use haul_storage::{Md5Digest, Oid};

use crate::workspace::state::FileStamp;

/// One file of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// The path below the scanned directory, with `/`; empty if the file itself was scanned.
    pub path: Box<str>,
    /// The stamp of its content (of the file a link points to).
    pub stamp: FileStamp,
    /// The hash, once it is known.
    pub digest: Option<Md5Digest>,
    /// Number of hard links to the content.
    pub n_links: u32,
    /// Permission bits.
    pub mode: u32,
    /// Tells that the name is a symbolic link.
    pub is_symlink: bool,
}

impl FileEntry {
    /// Makes an entry of what `stat` said.
    pub(super) fn new(path: &str, metadata: &Metadata, is_symlink: bool) -> Self {
        Self {
            path: path.into(),
            stamp: FileStamp::of(metadata),
            digest: None,
            n_links: u32::try_from(metadata.nlink()).unwrap_or(u32::MAX),
            mode: metadata.mode() & 0o7777,
            is_symlink,
        }
    }

    /// Looks at the file `full_path`, which is called `path` below its directory.
    pub(crate) fn read(path: &str, full_path: &Path) -> io::Result<Self> {
        let metadata = fs_err::symlink_metadata(full_path)?;
        if metadata.is_symlink() {
            return Ok(Self::new(path, &fs_err::metadata(full_path)?, true));
        }
        Ok(Self::new(path, &metadata, false))
    }

    /// Returns the path of the file below `root`, the path that was scanned.
    pub fn full_path(&self, root: &Path) -> PathBuf {
        if self.path.is_empty() { root.to_owned() } else { root.join(&*self.path) }
    }

    /// Returns the name of its content, once it is known.
    pub fn oid(&self) -> Option<Oid> {
        self.digest.map(Oid::file)
    }

    /// Tells whether anybody may execute it.
    pub fn is_exec(&self) -> bool {
        self.mode & 0o111 != 0
    }
}

/// A digest over the names and stamps of files.
pub type Fingerprint = String;

/// Tells files apart from the same files with another content, without reading them.
pub fn fingerprint(entries: &[FileEntry]) -> Fingerprint {
    let mut hasher = Md5Hasher::new();
    for entry in entries {
        hasher.update(entry.path.as_bytes());
        hasher.update(&[0]);
        hasher.update(&entry.stamp.inode.to_le_bytes());
        hasher.update(&entry.stamp.size_bytes.to_le_bytes());
        hasher.update(&entry.stamp.mtime_ns.to_le_bytes());
    }
    Oid::file(hasher.digest()).to_string()
}
