//! The state of a file when it was hashed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind, Result};

/// A file of the user that becomes an object by a hard link, and its state when it was hashed.
#[derive(Debug)]
pub(super) struct LinkSource {
    path: PathBuf,
    stamp: Stamp,
}

type Stamp = (u64, u64, u64, i64, i64);

impl LinkSource {
    /// Makes one from the metadata that `fstat` returned for the file at `path` while it was read.
    pub(super) fn new(path: &Path, hashed: &Metadata) -> Self {
        Self { path: path.to_owned(), stamp: stamp(hashed) }
    }

    /// Returns the size in bytes.
    pub(super) fn size_bytes(&self) -> u64 {
        self.stamp.2
    }

    /// Fails if the file at `link` is not the file that was hashed, or has changed since.
    pub(super) fn refuse_changed(&self, link: &Path) -> Result<()> {
        // Symbolic links are not followed: a link that has just replaced the file is not what was hashed.
        let metadata = fs_err::symlink_metadata(link)
            .map_err(|error| Error::io("cannot read the metadata of a new object", error))?;
        if stamp(&metadata) == self.stamp {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Io, format!("`{}` changed while it was stored", self.path.display())))
    }
}

fn stamp(of: &Metadata) -> Stamp {
    (of.dev(), of.ino(), of.len(), of.mtime(), of.mtime_nsec())
}
