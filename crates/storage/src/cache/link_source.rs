//! What a file was when it was hashed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind, Result};

/// A file of the user that becomes an object itself, as it was when it was hashed.
#[derive(Debug)]
pub(super) struct LinkSource {
    path: PathBuf,
    stamp: Stamp,
}

type Stamp = (u64, u64, u64, i64, i64);

impl LinkSource {
    /// Takes what `fstat` said of the file at `path` while it was read.
    pub(super) fn new(path: &Path, hashed: &Metadata) -> Self {
        Self { path: path.to_owned(), stamp: stamp(hashed) }
    }

    /// Returns the size in bytes.
    pub(super) fn size_bytes(&self) -> u64 {
        self.stamp.2
    }

    /// Fails if what has the name `link` is not what was hashed any more.
    pub(super) fn refuse_changed(&self, link: &Path) -> Result<()> {
        // Not followed: a symbolic link that has just taken the place of the file is not what was hashed.
        let metadata = fs_err::symlink_metadata(link)
            .map_err(|error| Error::io("cannot look at a new object", error))?;
        if stamp(&metadata) == self.stamp {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Io, format!("`{}` changed while it was stored", self.path.display())))
    }
}

fn stamp(of: &Metadata) -> Stamp {
    (of.dev(), of.ino(), of.len(), of.mtime(), of.mtime_nsec())
}
