//! Putting files and bytes into the cache.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use super::pending::{PendingFile, protect_path};
use super::{Cache, StoreMode, StoredFile};
use crate::hash::reader::{self, FileSink, Run};
use crate::hash::{self, Flavour, HashedFile};
use crate::progress::{Observer, Phase};
use crate::{Error, ErrorKind, Layout, Oid, OidKind, Result};

impl Cache {
    /// Stores bytes, as those of a manifest, and returns their name. Does nothing if the object exists.
    pub fn store_bytes(&self, layout: Layout, kind: OidKind, bytes: &[u8]) -> Result<Oid> {
        let digest = hash::md5(bytes);
        let oid = match kind {
            OidKind::File => Oid::file(digest),
            OidKind::Dir => Oid::dir(digest),
        };
        if self.check(layout, &oid)?.is_none() {
            self.write_object(layout, &oid, bytes)?;
        }
        Ok(oid)
    }

    /// Hashes files and stores them, on all processors and with many files in flight; the answers are in the
    /// order of `paths`. What is stored is what was hashed: a file that changes while it is read is an error for
    /// this file, and is not stored. Reports bytes and files in [`Phase::Caching`]. After a cancellation, the files
    /// that were not stored yet are [`ErrorKind::Interrupted`].
    pub fn store_files(
        &self,
        paths: &[PathBuf],
        mode: StoreMode,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Vec<Result<StoredFile>> {
        let run = Run { flavour: Flavour::Md5, n_threads: self.options.n_threads, observer, cancel };
        match mode {
            StoreMode::Copy => {
                reader::run(paths, &CopyInto { cache: self, can_reflink: AtomicBool::new(true) }, run)
            }
            StoreMode::Move | StoreMode::Hardlink => reader::run(paths, &LinkInto { cache: self, mode }, run),
        }
    }

    /// Writes bytes that are known to be those of `oid`.
    pub(crate) fn write_object(&self, layout: Layout, oid: &Oid, bytes: &[u8]) -> Result<()> {
        let destination = self.object_path(layout, oid);
        let mut pending = PendingFile::create(parent(&destination), self.options)?;
        pending.write(bytes)?;
        pending.commit(&destination)
    }

    /// Creates a temporary file in the folder of `oid`, for its bytes.
    pub(crate) fn pending(&self, layout: Layout, oid: &Oid) -> Result<PendingFile> {
        PendingFile::create(parent(&self.object_path(layout, oid)), self.options)
    }
}

/// Copies files into the cache.
struct CopyInto<'a> {
    cache: &'a Cache,
    /// Becomes false with the first reflink that fails.
    can_reflink: AtomicBool,
}

/// A large file on its way into the cache. Its destination is not known before its last byte.
enum Copying {
    /// Shares the blocks of the source already.
    Cloned(PendingFile),
    Written(PendingFile),
}

impl FileSink for CopyInto<'_> {
    type Stream = Copying;
    type Output = StoredFile;

    const PHASE: Phase = Phase::Caching;
    const WRITES: bool = true;

    fn small(&self, _path: &Path, bytes: &[u8], hashed: HashedFile) -> Result<StoredFile> {
        store(self.cache, hashed, |oid| self.cache.write_object(Layout::Current, oid, bytes))
    }

    fn begin(&self, path: &Path) -> Result<Copying> {
        let folder = self.cache.root().join(Layout::Current.folder());
        if self.can_reflink.load(Ordering::Relaxed) {
            match PendingFile::reflink(&folder, path, self.cache.options) {
                Ok(pending) => return Ok(Copying::Cloned(pending)),
                Err(error) => tracing::debug!(%error, "no reflinks between workspace and cache"),
            }
            self.can_reflink.store(false, Ordering::Relaxed);
        }
        PendingFile::create(&folder, self.cache.options).map(Copying::Written)
    }

    fn write(&self, stream: &mut Copying, bytes: &[u8]) -> Result<()> {
        match stream {
            Copying::Cloned(_) => Ok(()),
            Copying::Written(pending) => pending.write(bytes),
        }
    }

    fn finish(&self, _path: &Path, stream: Copying, hashed: HashedFile) -> Result<StoredFile> {
        let (Copying::Cloned(pending) | Copying::Written(pending)) = stream;
        store(self.cache, hashed, |oid| pending.commit(&self.cache.object_path(Layout::Current, oid)))
    }
}

/// Hashes files, and makes them objects without a copy.
struct LinkInto<'a> {
    cache: &'a Cache,
    mode: StoreMode,
}

impl FileSink for LinkInto<'_> {
    type Stream = ();
    type Output = StoredFile;

    const PHASE: Phase = Phase::Caching;
    const WRITES: bool = false;

    fn small(&self, path: &Path, bytes: &[u8], hashed: HashedFile) -> Result<StoredFile> {
        let size_bytes = hashed.size_bytes;
        let metadata = hashed.metadata.clone();
        let stored = store(self.cache, hashed, |oid| {
            // As DVC: a hard link to an empty file would join all empty files of the workspace.
            if bytes.is_empty() || self.mode == StoreMode::Copy {
                return self.cache.write_object(Layout::Current, oid, bytes);
            }
            self.link(path, oid, size_bytes, &metadata)
        })?;
        self.end(path, &stored)?;
        Ok(stored)
    }

    fn begin(&self, _path: &Path) -> Result<()> {
        Ok(())
    }

    fn write(&self, _stream: &mut (), _bytes: &[u8]) -> Result<()> {
        Ok(())
    }

    fn finish(&self, path: &Path, _stream: (), hashed: HashedFile) -> Result<StoredFile> {
        let size_bytes = hashed.size_bytes;
        let metadata = hashed.metadata.clone();
        let stored = store(self.cache, hashed, |oid| self.link(path, oid, size_bytes, &metadata))?;
        self.end(path, &stored)?;
        Ok(stored)
    }
}

impl LinkInto<'_> {
    /// Gives the file the object's name; copies where that cannot be done, as to another file system, or must not be:
    /// the object would be the symbolic link itself.
    ///
    /// Deviation: the file that a symbolic link leads to is copied whatever the cache type. DVC makes it an object itself,
    /// read-only wherever it lies.
    fn link(&self, path: &Path, oid: &Oid, size_bytes: u64, hashed: &std::fs::Metadata) -> Result<()> {
        if fs_err::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
            return self.copy(path, oid);
        }
        let destination = self.cache.object_path(Layout::Current, oid);
        super::pending::make_folders(parent(&destination), self.cache.options.sharing)?;
        let linked = match self.mode {
            StoreMode::Move => fs_err::rename(path, &destination),
            StoreMode::Hardlink | StoreMode::Copy => fs_err::hard_link(path, &destination),
        };
        if let Err(error) = linked {
            tracing::debug!(%error, "copying instead of linking into the cache");
            return self.copy(path, oid);
        }
        // Not followed: a symbolic link that has just taken the place of the file is not what was hashed.
        let linked = fs_err::symlink_metadata(&destination)
            .map_err(|error| Error::io("cannot look at a new object", error))?;
        let stamp = |of: &std::fs::Metadata| (of.dev(), of.ino(), of.mtime(), of.mtime_nsec());
        if linked.len() != size_bytes || stamp(&linked) != stamp(hashed) {
            // Not read-only yet, so nobody trusts it: it can be given back.
            let undone = match self.mode {
                StoreMode::Move => fs_err::rename(&destination, path),
                StoreMode::Hardlink | StoreMode::Copy => fs_err::remove_file(&destination),
            };
            undone.map_err(|error| Error::io(format!("cannot give back `{}`", path.display()), error))?;
            return Err(Error::new(
                ErrorKind::Io,
                format!("`{}` changed while it was stored", path.display()),
            ));
        }
        protect_path(&destination);
        Ok(())
    }

    fn copy(&self, path: &Path, oid: &Oid) -> Result<()> {
        let sink = CopyInto { cache: self.cache, can_reflink: AtomicBool::new(true) };
        let token = CancellationToken::new();
        let observer = &crate::progress::NoObserver;
        let run = Run { flavour: Flavour::Md5, n_threads: Some(1), observer, cancel: &token };
        let stored =
            reader::run(&[path.to_path_buf()], &sink, run).pop().expect("one answer for one path")?;
        if stored.oid == *oid {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Io, format!("`{}` changed while it was stored", path.display())))
    }

    /// A moved file is gone, whether it became the object, was copied, or the object was there before.
    fn end(&self, path: &Path, _stored: &StoredFile) -> Result<()> {
        if self.mode != StoreMode::Move {
            return Ok(());
        }
        match fs_err::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("cannot remove a file that is in the cache now", error))
            }
            _ => Ok(()),
        }
    }
}

/// Stores a file under its name, if the object is not there.
fn store(cache: &Cache, hashed: HashedFile, write: impl FnOnce(&Oid) -> Result<()>) -> Result<StoredFile> {
    let oid = Oid::file(hashed.digest);
    let existed = cache.check(Layout::Current, &oid)?.is_some();
    if !existed {
        write(&oid)?;
    }
    Ok(StoredFile { oid, size_bytes: hashed.size_bytes, existed, source: hashed.metadata })
}

fn parent(path: &Path) -> &Path {
    path.parent().expect("an object lies in a folder")
}
