//! The local object database: a directory of read-only files named by their hash.

pub(crate) mod committer;
pub(crate) mod disk;
mod link_source;
mod objects;
pub(crate) mod pending;
pub(crate) mod presence;
mod store;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub use objects::{CachedObject, TemporaryFile};

use crate::{Layout, Oid};

/// Who may write the cache directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheSharing {
    /// The user: directories get 0777 less the umask.
    #[default]
    Private,
    /// The group (`cache.shared = group`): directories get 02775.
    Group,
}

/// How sure a finished object must be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// As sure as the file system makes a rename: survives a killed process, as DVC's, and no power failure.
    Rename,
    /// The disk has the bytes of an object before it gets its name, and the name before the call that stores it returns:
    /// survives a power failure.
    #[default]
    Sync,
}

/// How a [`Cache`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheOptions {
    /// Who may write.
    pub sharing: CacheSharing,
    /// How sure a finished object must be.
    pub durability: Durability,
    /// Threads that hash and copy; one for each processor if not set.
    pub n_threads: Option<usize>,
}

/// How the bytes of a workspace file get into the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreMode {
    /// Reflink for large files where the file system can, else copy; the source stays as it is.
    #[default]
    Copy,
    /// Hard link, else copy; the source is removed when all objects are stored.
    Move,
    /// Hard link (first cache type `hardlink`), else as `Copy`. The source becomes read-only with the object.
    Hardlink,
}

/// A file that [`Cache::store_files`] has stored.
#[derive(Debug, Clone)]
pub struct StoredFile {
    /// The object's name.
    pub oid: Oid,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Tells that the cache had the object before.
    pub existed: bool,
    /// What `fstat` said of the source while it was read. A hard link or a mode that changed since is not in it.
    pub source: std::fs::Metadata,
}

/// A local object database in both layouts, as DVC's `.dvc/cache`.
///
/// An object of mode exactly 0444 is trusted; any other mode makes it be hashed again when it is looked at,
/// and then be made read-only or deleted. Every object is written under a temporary name and renamed when it is
/// whole, and on the disk ([`Durability`]): a killed process or a power failure leaves at most files that no one takes
/// for objects. Clones name the same directory.
#[derive(Debug, Clone)]
pub struct Cache {
    root: Arc<PathBuf>,
    options: CacheOptions,
    /// Whether objects are only looked at: damaged ones stay, and no mode is changed.
    is_looking: bool,
    /// The file systems of objects that were found and may not be on the disk yet: another process named them, and was
    /// killed before it waited.
    found: Arc<Mutex<disk::FileSystems>>,
}

impl Cache {
    /// Names the cache in the directory `root` (`cache.dir`, without `files/md5`), which need not exist yet.
    pub fn new(root: impl Into<PathBuf>, options: CacheOptions) -> Self {
        Self { root: Arc::new(root.into()), options, is_looking: false, found: Arc::default() }
    }

    /// Returns the same cache for a command that changes nothing, as a dry run: a damaged object counts as not there
    /// and stays where it is.
    #[must_use]
    pub fn looking(&self) -> Self {
        Self { is_looking: true, ..self.clone() }
    }

    /// Returns the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns how the cache works.
    pub fn options(&self) -> CacheOptions {
        self.options
    }

    /// Returns where the object lies, whether it exists or not.
    pub fn object_path(&self, layout: Layout, oid: &Oid) -> PathBuf {
        self.root.join(layout.object_path(oid))
    }
}
