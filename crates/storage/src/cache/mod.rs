//! The local object database: a folder of read-only files named by their hash.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::progress::Observer;
use crate::{Layout, Oid, OidKind, Result};

/// Who may write the cache folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheSharing {
    /// The user: folders get 0777 less the umask.
    #[default]
    Private,
    /// The group (`cache.shared = group`): folders get 02775.
    Group,
}

/// How sure a finished object must be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// As sure as the file system makes a rename: survives a killed process, as DVC's.
    #[default]
    Rename,
    /// Synchronised before the rename: survives a power failure.
    Sync,
}

/// How a [`Cache`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheOptions {
    /// Who may write.
    pub sharing: CacheSharing,
    /// How sure a finished object must be.
    pub durability: Durability,
}

/// How the bytes of a workspace file get into the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreMode {
    /// Reflink, else copy; the source stays as it is.
    #[default]
    Copy,
    /// Rename, else copy and remove; the source is gone afterwards.
    Move,
    /// Hard link (first cache type `hardlink`), else as `Copy`. The source becomes read-only with the object.
    Hardlink,
}

/// A file that [`Cache::store_files`] has stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// The object's name.
    pub oid: Oid,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Tells that the cache had the object before.
    pub existed: bool,
}

/// A local object database in both layouts, as DVC's `.dvc/cache`.
///
/// An object of mode exactly 0444 is trusted; any other mode makes it be hashed again when it is looked at,
/// and then be made read-only or deleted. Every object is written under a temporary name in its own folder
/// and renamed. Clones share nothing but the path.
#[derive(Debug, Clone)]
pub struct Cache {
    root: Arc<PathBuf>,
    options: CacheOptions,
}

impl Cache {
    /// Names the cache in the folder `root` (`cache.dir`, without `files/md5`), which need not exist yet.
    pub fn new(root: impl Into<PathBuf>, options: CacheOptions) -> Self {
        Self { root: Arc::new(root.into()), options }
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns how the cache writes.
    pub fn options(&self) -> CacheOptions {
        self.options
    }

    /// Returns where the object lies, whether it exists or not.
    pub fn object_path(&self, layout: Layout, oid: &Oid) -> PathBuf {
        self.root.join(layout.object_path(oid))
    }

    /// Looks for an object by DVC's rules and returns its size in bytes, or `None` if it is not there (any more):
    /// an object that is not 0444 is hashed, and made 0444 or deleted.
    pub fn check(&self, layout: Layout, oid: &Oid) -> Result<Option<u64>> {
        unimplemented!("{layout:?} {oid}")
    }

    /// Does [`check`](Self::check) for many objects on all processors; the answers are in the order of `oids`.
    pub fn check_many(&self, oids: &[(Layout, Oid)], cancel: &CancellationToken) -> Vec<Result<Option<u64>>> {
        unimplemented!("{oids:?} {cancel:?}")
    }

    /// Reads a whole object, at most `max_bytes`, and checks its hash whatever its mode.
    pub fn read(&self, layout: Layout, oid: &Oid, max_bytes: u64) -> Result<Option<Bytes>> {
        unimplemented!("{layout:?} {oid} {max_bytes}")
    }

    /// Stores bytes, as those of a manifest, and returns their name. Does nothing if the object exists.
    pub fn store_bytes(&self, layout: Layout, kind: OidKind, bytes: &[u8]) -> Result<Oid> {
        unimplemented!("{layout:?} {kind:?} {bytes:?}")
    }

    /// Hashes files and stores them, on all processors and with many files in flight; the answers are in the
    /// order of `files`. A file that changes while it is read is an error for this file, and is not stored.
    /// Reports bytes and files in [`Phase::Caching`](crate::progress::Phase::Caching).
    pub fn store_files(
        &self,
        files: &[PathBuf],
        mode: StoreMode,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Vec<Result<StoredFile>> {
        unimplemented!("{files:?} {mode:?} {cancel:?} {}", size_of_val(observer))
    }

    /// Lists all objects of a layout. Foreign files are passed over.
    pub fn objects(&self, layout: Layout) -> Result<Vec<CachedObject>> {
        unimplemented!("{layout:?}")
    }

    /// Deletes an object; not an error if it is not there.
    pub fn remove(&self, layout: Layout, oid: &Oid) -> Result<()> {
        unimplemented!("{layout:?} {oid}")
    }
}

/// An object that [`Cache::objects`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedObject {
    /// The object's name.
    pub oid: Oid,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Seconds since the Unix epoch.
    pub modified: i64,
}
