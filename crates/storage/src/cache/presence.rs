//! Checks whether the cache has an object.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::pending::{OBJECT_MODE, parent, protect_path};
use super::{Cache, Durability, disk};
use crate::hash::{self, Flavour, is_named};
use crate::{Error, ErrorKind, Layout, Oid, Result};

/// The number of objects that one thread checks before it takes the next batch.
const BATCH: usize = 256;

/// A file that has not changed for this long is on the disk.
const WRITTEN_OUT_AFTER: Duration = Duration::from_hours(1);

/// The MD5 of no bytes.
const EMPTY: crate::Md5Digest = 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e_u128.to_be_bytes();

impl Cache {
    /// Checks an object by DVC's rules: one whose mode is not 0444 is hashed, and then made 0444 or deleted. Returns its
    /// size in bytes, or `None` if it does not exist or was deleted.
    ///
    /// Deviation: an empty file in the cache is deleted, unless its name is the MD5 of no bytes. DVC trusts it if its mode
    /// is 0444, but a power failure leaves such files. A symbolic link with an object's name is deleted as well, but not
    /// its target: other programs may write to that.
    pub fn check(&self, layout: Layout, oid: &Oid) -> Result<Option<u64>> {
        self.check_sized(layout, oid, None)
    }

    /// Does [`check`](Self::check) for an object with a known size: one of another size is hashed, whatever its mode.
    ///
    /// Deviation: haul hashes an object whose size is not the recorded one. DVC trusts an object of mode 0444 of any size,
    /// puts it into the workspace, and does not fetch it again.
    pub fn check_sized(&self, layout: Layout, oid: &Oid, size_bytes: Option<u64>) -> Result<Option<u64>> {
        let path = self.object_path(layout, oid);
        let cannot = |error| Error::io(format!("cannot check `{}`", path.display()), error);
        let metadata = match fs_err::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(cannot(error)),
        };
        if metadata.is_symlink() && self.is_looking {
            return Ok(None);
        }
        if metadata.is_symlink() {
            tracing::warn!(path = %path.display(), "removed a symbolic link with the name of an object from the cache");
            self.remove(layout, oid)?;
            return Ok(None);
        }
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::Io, format!("`{}` is not a regular file", path.display())));
        }
        let mode = metadata.permissions().mode() & 0o7777;
        let is_suspect = metadata.len() == 0 && *oid.digest() != EMPTY
            || size_bytes.is_some_and(|size_bytes| size_bytes != metadata.len());
        if mode == OBJECT_MODE && !is_suspect {
            self.record_recent(&metadata, &path);
            return Ok(Some(metadata.len()));
        }
        if is_intact(layout, oid, &path)? {
            // DVC makes an object executable if an executable file of the workspace is a link to it. Such an object is
            // read-only too; removing the permission would remove it from the file of the workspace.
            let is_executable_link = mode & 0o222 == 0 && mode & 0o111 != 0;
            if !self.is_looking && !is_executable_link {
                if self.options.durability == Durability::Sync && is_recent(&metadata) {
                    // From now on the object is trusted, but the bytes that were hashed may not be on the disk yet.
                    fs_err::File::open(&path)
                        .and_then(|file| disk::sync_file(file.file()))
                        .map_err(cannot)?;
                }
                protect_path(&path);
            }
            return Ok(Some(metadata.len()));
        }
        self.remove_damaged(layout, oid, &path)?;
        Ok(None)
    }

    /// Hashes an object, whatever its mode, and returns whether it is intact; false if it does not exist.
    pub fn verify(&self, layout: Layout, oid: &Oid) -> Result<bool> {
        let path = self.object_path(layout, oid);
        if matches!(fs_err::metadata(&path), Err(error) if is_absence(&error)) {
            return Ok(false);
        }
        is_intact(layout, oid, &path)
    }

    /// Hashes a file that has no name yet, and returns whether it has the bytes of `oid`.
    pub(crate) fn verify_file(layout: Layout, oid: &Oid, path: &Path) -> Result<bool> {
        is_intact(layout, oid, path)
    }

    /// Does [`check`](Self::check) for many objects on all processors; the answers are in the order of `oids`.
    pub fn check_many(&self, oids: &[(Layout, Oid)], cancel: &CancellationToken) -> Vec<Result<Option<u64>>> {
        let objects: Vec<_> = oids.iter().map(|(layout, oid)| (*layout, *oid, None)).collect();
        self.check_many_sized(&objects, cancel)
    }

    /// Does [`check_sized`](Self::check_sized) for many objects, as [`check_many`](Self::check_many).
    pub fn check_many_sized(
        &self,
        oids: &[(Layout, Oid, Option<u64>)],
        cancel: &CancellationToken,
    ) -> Vec<Result<Option<u64>>> {
        let n_threads =
            std::thread::available_parallelism().map_or(1, usize::from).min(oids.len().div_ceil(BATCH));
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(oids.len().div_ceil(BATCH)));
        let work = || {
            while !cancel.is_cancelled() {
                let start = next.fetch_add(BATCH, Ordering::Relaxed);
                let Some(batch) =
                    oids.get(start..oids.len().min(start + BATCH)).filter(|batch| !batch.is_empty())
                else {
                    break;
                };
                let check = |(layout, oid, size_bytes): &(Layout, Oid, _)| {
                    self.check_sized(*layout, oid, *size_bytes)
                };
                let answers: Vec<_> = batch.iter().map(check).collect();
                done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((start, answers));
            }
        };
        if n_threads > 1 {
            std::thread::scope(|scope| {
                for _ in 0..n_threads {
                    scope.spawn(work);
                }
            });
        } else {
            work();
        }
        let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.sort_unstable_by_key(|&(start, _)| start);
        let mut answers = Vec::with_capacity(oids.len());
        for (start, batch) in done {
            // A cancellation leaves gaps only at the end: batches are started in order, and a started batch is finished.
            debug_assert_eq!(start, answers.len());
            answers.extend(batch);
        }
        answers.resize_with(oids.len(), || Err(Error::new(ErrorKind::Interrupted, "interrupted")));
        answers
    }

    /// Reads a whole object, at most `max_bytes`, and checks its hash whatever its mode. A damaged object is deleted and
    /// counts as missing.
    pub fn read(&self, layout: Layout, oid: &Oid, max_bytes: u64) -> Result<Option<Bytes>> {
        let path = self.object_path(layout, oid);
        let metadata = match fs_err::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(Error::io("cannot read the cache", error)),
        };
        if metadata.len() > max_bytes {
            let message = format!(
                "`{}` has {} bytes, more than the {max_bytes} expected",
                path.display(),
                metadata.len()
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        let bytes = match fs_err::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(Error::io("cannot read the cache", error)),
        };
        if is_named(layout, oid, &bytes, &hash::md5(&bytes)) {
            return Ok(Some(bytes.into()));
        }
        self.remove_damaged(layout, oid, &path)?;
        Ok(None)
    }

    /// Records that a trusted object may not be on the disk yet, for [`sync_found`](Self::sync_found).
    fn record_recent(&self, metadata: &std::fs::Metadata, path: &Path) {
        if self.is_looking || self.options.durability != Durability::Sync || !is_recent(metadata) {
            return;
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.open_of(metadata, parent(path));
    }

    /// Waits until the disk has the recent objects that were found since the last call. Otherwise a metafile could survive
    /// a power failure without its object: the process that stored the object may have been killed before it waited.
    pub fn sync_found(&self) -> Result<()> {
        let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        found
            .sync_opened()
            .map_err(|error| Error::io("cannot write existing objects of the cache to the disk", error))
    }

    /// Deletes an object whose bytes do not match its name. If it cannot be deleted, it counts as missing, and the next
    /// command that has the right bytes replaces it.
    fn remove_damaged(&self, layout: Layout, oid: &Oid, path: &Path) -> Result<()> {
        if self.is_looking {
            tracing::warn!(path = %path.display(), "an object of the cache is damaged");
            return Ok(());
        }
        match self.remove(layout, oid) {
            Err(error) if error.kind() == ErrorKind::Unwritable => {
                tracing::warn!(path = %path.display(), "cannot remove a damaged object from the cache");
                Ok(())
            }
            Err(error) => Err(error),
            Ok(()) => {
                tracing::warn!(path = %path.display(), "removed a damaged object from the cache");
                Ok(())
            }
        }
    }
}

/// Returns whether a file may not be on the disk yet; the kernel writes out what is older than half a minute.
pub(crate) fn is_recent(metadata: &std::fs::Metadata) -> bool {
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(metadata.ctime().try_into().unwrap_or(0));
    // A time in the future comes from another clock and proves nothing.
    changed.elapsed().map_or(true, |age| age < WRITTEN_OUT_AFTER)
}

/// Hashes a file and returns whether its bytes match its name.
fn is_intact(layout: Layout, oid: &Oid, path: &Path) -> Result<bool> {
    let is_named_by = |flavour| hash::hash_file(path, flavour).map(|file| file.digest == *oid.digest());
    Ok(is_named_by(Flavour::Md5)?
        || (layout == Layout::Legacy && !oid.is_dir() && is_named_by(Flavour::Md5Dos2Unix)?))
}

/// Returns whether the error means that the file does not exist; a parent that is not a directory means the same.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
