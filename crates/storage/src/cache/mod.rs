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

/// Which failures a finished object must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Objects are renamed without waiting for the disk: they survive a killed process but not a power failure, as in DVC.
    Rename,
    /// The disk has the bytes of an object before the object gets its name, and the name before the call that stores it
    /// returns: objects survive a power failure.
    #[default]
    Sync,
}

/// How a [`Cache`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheOptions {
    /// Who may write the cache directory.
    pub sharing: CacheSharing,
    /// Which failures a finished object must survive.
    pub durability: Durability,
    /// The number of threads that hash and copy; one for each processor if not set.
    pub n_threads: Option<usize>,
}

/// How the bytes of a workspace file get into the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreMode {
    /// Reflink for large files if the file system supports it, else copy; the source is not changed.
    #[default]
    Copy,
    /// Hard link, else copy; the source is removed when all objects are stored.
    Move,
    /// Hard link (first cache type `hardlink`), else as `Copy`. The source becomes read-only, as it is the object's file.
    Hardlink,
}

/// A file that [`Cache::store_files`] has stored.
#[derive(Debug, Clone)]
pub struct StoredFile {
    /// The object's name.
    pub oid: Oid,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Whether the cache already had the object.
    pub existed: bool,
    /// The metadata that `fstat` returned for the source while it was read. It does not include changes by the cache: the
    /// number of hard links and the mode.
    pub source: std::fs::Metadata,
}

/// A local object database in both layouts, such as DVC's `.dvc/cache`.
///
/// An object of mode exactly 0444 is trusted. One of any other mode is hashed again when it is checked, and then made
/// read-only or deleted. Every object is written under a temporary name and renamed when it is complete and on the disk
/// ([`Durability`]): a killed process or a power failure leaves at most temporary files. Clones use the same directory.
#[derive(Debug, Clone)]
pub struct Cache {
    root: Arc<PathBuf>,
    options: CacheOptions,
    /// Whether the cache is read-only: damaged objects stay, and no mode is changed.
    is_looking: bool,
    /// The file systems of existing objects that may not be on the disk yet: the process that wrote them may have been
    /// killed before it waited for the disk.
    found: Arc<Mutex<disk::FileSystems>>,
}

impl Cache {
    /// Makes the cache in the directory `root` (`cache.dir`, without `files/md5`), which need not exist yet.
    pub fn new(root: impl Into<PathBuf>, options: CacheOptions) -> Self {
        Self { root: Arc::new(root.into()), options, is_looking: false, found: Arc::default() }
    }

    /// Returns the same cache for a command that changes nothing, such as a dry run: a damaged object counts as missing
    /// and is not deleted.
    #[must_use]
    pub fn looking(&self) -> Self {
        Self { is_looking: true, ..self.clone() }
    }

    /// Returns the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the options.
    pub fn options(&self) -> CacheOptions {
        self.options
    }

    /// Returns the path of the object, which need not exist.
    pub fn object_path(&self, layout: Layout, oid: &Oid) -> PathBuf {
        self.root.join(layout.object_path(oid))
    }
}
