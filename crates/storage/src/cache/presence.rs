//! When an object counts as being there.

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

/// Objects that one thread looks at before it asks for more.
const BATCH: usize = 256;

/// The disk surely has a file that did not change for so long.
const WRITTEN_OUT_AFTER: Duration = Duration::from_hours(1);

/// The MD5 of nothing.
const EMPTY: crate::Md5Digest = 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e_u128.to_be_bytes();

impl Cache {
    /// Looks for an object by DVC's rules and returns its size in bytes, or `None` if it is not there (any more):
    /// an object that is not 0444 is hashed, and made 0444 or deleted.
    ///
    /// Deviation: an empty file under another name than that of nothing is deleted whatever its mode. DVC trusts
    /// it; but a power failure leaves such files. A symbolic link is deleted as well, not what it leads to: somebody
    /// else may write there.
    pub fn check(&self, layout: Layout, oid: &Oid) -> Result<Option<u64>> {
        self.check_sized(layout, oid, None)
    }

    /// Does [`check`](Self::check) for an object that should have this size: one of another size is hashed, whatever its
    /// mode.
    ///
    /// Deviation: DVC trusts an object of mode 0444 with any size, puts it into the workspace, and does not fetch it again.
    pub fn check_sized(&self, layout: Layout, oid: &Oid, size_bytes: Option<u64>) -> Result<Option<u64>> {
        let path = self.object_path(layout, oid);
        let cannot = |error| Error::io(format!("cannot look at `{}`", path.display()), error);
        let metadata = match fs_err::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(cannot(error)),
        };
        if metadata.is_symlink() && self.is_looking {
            return Ok(None);
        }
        if metadata.is_symlink() {
            tracing::warn!(path = %path.display(), "a symbolic link in the place of an object was removed from the cache");
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
            self.take_note(&metadata, &path);
            return Ok(Some(metadata.len()));
        }
        if is_intact(layout, oid, &path)? {
            // DVC sets the right to execute on an object, for an executable file of the workspace that is a link to it.
            // It is read-only nevertheless; taking the right away would take it from the file.
            let is_executable_link = mode & 0o222 == 0 && mode & 0o111 != 0;
            if !self.is_looking && !is_executable_link {
                if self.options.durability == Durability::Sync && is_recent(&metadata) {
                    // What was hashed may be in the memory of the system only, and is trusted from now on.
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

    /// Hashes an object, whatever its mode; `false` also if it is not there.
    pub fn verify(&self, layout: Layout, oid: &Oid) -> Result<bool> {
        let path = self.object_path(layout, oid);
        if matches!(fs_err::metadata(&path), Err(error) if is_absence(&error)) {
            return Ok(false);
        }
        is_intact(layout, oid, &path)
    }

    /// Hashes a file that has no name yet, and tells whether it is what that name says.
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
            // A cancellation leaves gaps only at the end: batches are taken in their order, and those taken are done.
            debug_assert_eq!(start, answers.len());
            answers.extend(batch);
        }
        answers.resize_with(oids.len(), || Err(Error::new(ErrorKind::Interrupted, "interrupted")));
        answers
    }

    /// Reads a whole object, at most `max_bytes`, and checks its hash whatever its mode. A damaged object is deleted,
    /// and counts as not there.
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

    /// Takes note of a trusted object that the disk may not have yet.
    fn take_note(&self, metadata: &std::fs::Metadata, path: &Path) {
        if self.is_looking || self.options.durability != Durability::Sync || !is_recent(metadata) {
            return;
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.open_of(metadata, parent(path));
    }

    /// Waits until the disk has the objects that were found since the last time and are young. Without that, a metafile
    /// could outlive an object that it names: the process that stored it may have been killed before it waited.
    pub fn sync_found(&self) -> Result<()> {
        let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        found.sync_opened().map_err(|error| {
            Error::io("cannot wait until the disk has objects that were in the cache already", error)
        })
    }

    /// Deletes an object that is not what its name says. Where nothing can be deleted, it stays: it counts as not there,
    /// and is replaced by the next command that has its bytes.
    fn remove_damaged(&self, layout: Layout, oid: &Oid, path: &Path) -> Result<()> {
        if self.is_looking {
            tracing::warn!(path = %path.display(), "a damaged object is in the cache");
            return Ok(());
        }
        match self.remove(layout, oid) {
            Err(error) if error.kind() == ErrorKind::Unwritable => {
                tracing::warn!(path = %path.display(), "a damaged object cannot be removed from the cache");
                Ok(())
            }
            Err(error) => Err(error),
            Ok(()) => {
                tracing::warn!(path = %path.display(), "a damaged object was removed from the cache");
                Ok(())
            }
        }
    }
}

/// Tells whether the disk may not have a file yet; the system writes out what is older than half a minute.
pub(crate) fn is_recent(metadata: &std::fs::Metadata) -> bool {
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(metadata.ctime().try_into().unwrap_or(0));
    // A time that is still to come is that of another clock.
    changed.elapsed().map_or(true, |age| age < WRITTEN_OUT_AFTER)
}

/// Hashes a file and tells whether it is what its name says.
fn is_intact(layout: Layout, oid: &Oid, path: &Path) -> Result<bool> {
    let is_named_by = |flavour| hash::hash_file(path, flavour).map(|file| file.digest == *oid.digest());
    Ok(is_named_by(Flavour::Md5)?
        || (layout == Layout::Legacy && !oid.is_dir() && is_named_by(Flavour::Md5Dos2Unix)?))
}

/// Tells that there is no such file; a file in the place of a directory above it is the same.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
