//! Stores files and bytes in the cache.

use std::collections::HashMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use super::committer::{Committer, Unfinished};
use super::link_source::LinkSource;
use super::pending::{PendingFile, TemporaryName, parent};
use super::{Cache, StoreMode, StoredFile};
use crate::hash::reader::{self, FileSink, Run};
use crate::hash::{self, Flavour, HashedFile};
use crate::progress::{Observer, Phase};
use crate::{Error, ErrorKind, Layout, Oid, OidKind, Result};

impl Cache {
    /// Stores bytes, such as those of a directory manifest, and returns the object's name. Does nothing if it exists.
    pub fn store_bytes(&self, layout: Layout, kind: OidKind, bytes: &[u8]) -> Result<Oid> {
        let digest = hash::md5(bytes);
        let oid = match kind {
            OidKind::File => Oid::file(digest),
            OidKind::Dir => Oid::dir(digest),
        };
        if self.check_sized(layout, &oid, Some(bytes.len() as u64))?.is_none() {
            self.write_object(layout, &oid, bytes)?;
        }
        self.sync_found()?;
        Ok(oid)
    }

    /// Hashes files and stores them, on all processors and with many files in flight; the answers are in the
    /// order of `paths`. A file that changes while it is read is an error, and is not stored: an object always has the
    /// bytes that were hashed. All objects are on the disk when this returns ([`Durability`](super::Durability)). Reports
    /// bytes and files in [`Phase::Caching`]. After a cancellation, the files that were not stored yet are
    /// [`ErrorKind::Interrupted`].
    pub fn store_files(
        &self,
        paths: &[PathBuf],
        mode: StoreMode,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Vec<Result<StoredFile>> {
        let run = Run { flavour: Flavour::Md5, n_threads: self.options.n_threads, observer, cancel };
        let committer = Committer::new(self);
        let mut answers = match mode {
            StoreMode::Copy => reader::run(paths, &CopyInto::new(self, &committer), run),
            StoreMode::Move | StoreMode::Hardlink => {
                reader::run(paths, &LinkInto { cache: self, committer: &committer }, run)
            }
        };
        fail_unfinished(&mut answers, committer.finish());
        if mode == StoreMode::Move {
            for (answer, path) in answers.iter_mut().zip(paths).filter(|(answer, _)| answer.is_ok()) {
                if let Err(error) = remove_source(path) {
                    *answer = Err(error);
                }
            }
        }
        answers
    }

    /// Writes the bytes of `oid`, which the caller has checked.
    pub(crate) fn write_object(&self, layout: Layout, oid: &Oid, bytes: &[u8]) -> Result<()> {
        self.write_pending(layout, oid, bytes)?.commit(&self.object_path(layout, oid))
    }

    /// Writes bytes to a temporary file in the directory of `oid`.
    pub(crate) fn write_pending(&self, layout: Layout, oid: &Oid, bytes: &[u8]) -> Result<PendingFile> {
        let mut pending = self.pending(layout, oid)?;
        pending.write(bytes)?;
        Ok(pending)
    }

    /// Creates an empty temporary file in the directory of `oid`.
    pub(crate) fn pending(&self, layout: Layout, oid: &Oid) -> Result<PendingFile> {
        PendingFile::create(parent(&self.object_path(layout, oid)), self.options)
    }
}

/// Turns the answers whose objects are not durably in the cache into errors.
fn fail_unfinished(answers: &mut [Result<StoredFile>], unfinished: Unfinished) {
    if unfinished.objects.is_empty() && unfinished.names.is_none() && unfinished.found.is_none() {
        return;
    }
    let failed: HashMap<Oid, Error> = unfinished.objects.into_iter().collect();
    for answer in answers.iter_mut() {
        let Ok(stored) = answer else { continue };
        let of_all = if stored.existed { &unfinished.found } else { &unfinished.names };
        if let Some(error) = failed.get(&stored.oid).or(of_all.as_ref()) {
            let reason = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            *answer = Err(Error::new(error.kind(), format!("{error}{reason}")));
        }
    }
}

/// Copies files into the cache.
struct CopyInto<'a> {
    cache: &'a Cache,
    committer: &'a Committer,
    /// Becomes false when a reflink fails for the first time.
    can_reflink: AtomicBool,
}

/// A large file that is being copied into the cache. Its name is known only after its last byte.
enum Copying {
    /// A reflink, which already has all bytes.
    Cloned(PendingFile),
    Written(PendingFile),
}

impl<'a> CopyInto<'a> {
    fn new(cache: &'a Cache, committer: &'a Committer) -> Self {
        Self { cache, committer, can_reflink: AtomicBool::new(true) }
    }
}

impl FileSink for CopyInto<'_> {
    type Stream = Copying;
    type Output = StoredFile;

    const PHASE: Phase = Phase::Caching;
    const WRITES: bool = true;

    fn small(&self, _path: &Path, bytes: &[u8], hashed: HashedFile) -> Result<StoredFile> {
        store(self.cache, self.committer, hashed, |oid| {
            self.committer.add(self.cache.write_pending(Layout::Current, oid, bytes)?, Layout::Current, oid)
        })
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
        store(self.cache, self.committer, hashed, |oid| self.committer.add(pending, Layout::Current, oid))
    }
}

/// Hashes files, and makes them objects by hard links.
struct LinkInto<'a> {
    cache: &'a Cache,
    committer: &'a Committer,
}

impl FileSink for LinkInto<'_> {
    type Stream = ();
    type Output = StoredFile;

    const PHASE: Phase = Phase::Caching;
    const WRITES: bool = false;

    fn small(&self, path: &Path, bytes: &[u8], hashed: HashedFile) -> Result<StoredFile> {
        let metadata = hashed.metadata.clone();
        store(self.cache, self.committer, hashed, |oid| {
            // As in DVC: hard links would make all empty files of the workspace the same file.
            if bytes.is_empty() {
                return self.committer.add(
                    self.cache.write_pending(Layout::Current, oid, bytes)?,
                    Layout::Current,
                    oid,
                );
            }
            self.link(path, oid, &metadata)
        })
    }

    fn begin(&self, _path: &Path) -> Result<()> {
        Ok(())
    }

    fn write(&self, _stream: &mut (), _bytes: &[u8]) -> Result<()> {
        Ok(())
    }

    fn finish(&self, path: &Path, _stream: (), hashed: HashedFile) -> Result<StoredFile> {
        let metadata = hashed.metadata.clone();
        store(self.cache, self.committer, hashed, |oid| self.link(path, oid, &metadata))
    }
}

impl LinkInto<'_> {
    /// Makes the file the object by a hard link. Copies it if that is not possible, as on another file system, or if the
    /// path is a symbolic link, which would itself become the object.
    ///
    /// Deviation: haul copies the target of a symbolic link into the cache, whatever the cache type. DVC hard-links the
    /// target, which then becomes read-only wherever it is.
    fn link(&self, path: &Path, oid: &Oid, hashed: &std::fs::Metadata) -> Result<bool> {
        if fs_err::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
            return self.copy(path, oid);
        }
        let destination = self.cache.object_path(Layout::Current, oid);
        let mut name = TemporaryName::new(parent(&destination));
        name.make_folder(self.cache.options.sharing)?;
        if let Err(error) = fs_err::hard_link(path, name.path()) {
            tracing::debug!(%error, "copying instead of linking into the cache");
            return self.copy(path, oid);
        }
        let source = LinkSource::new(path, hashed);
        source.refuse_changed(name.path())?;
        self.committer.add_link(name, source, Layout::Current, oid)
    }

    fn copy(&self, path: &Path, oid: &Oid) -> Result<bool> {
        let sink = CopyInto::new(self.cache, self.committer);
        let token = CancellationToken::new();
        let observer = &crate::progress::NoObserver;
        let run = Run { flavour: Flavour::Md5, n_threads: Some(1), observer, cancel: &token };
        let stored =
            reader::run(&[path.to_path_buf()], &sink, run).pop().expect("one answer for one path")?;
        if stored.oid == *oid {
            return Ok(!stored.existed);
        }
        Err(Error::new(ErrorKind::Io, format!("`{}` changed while it was stored", path.display())))
    }
}

/// Removes the source of a move: it became the object, was copied, or the object already existed.
fn remove_source(path: &Path) -> Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("cannot remove a file that was moved into the cache", error))
        }
        _ => Ok(()),
    }
}

/// Stores a file under its object's name if the object does not exist. `write` returns whether the object is new.
fn store(
    cache: &Cache,
    committer: &Committer,
    hashed: HashedFile,
    write: impl FnOnce(&Oid) -> Result<bool>,
) -> Result<StoredFile> {
    let oid = Oid::file(hashed.digest);
    let is_there = committer.has(Layout::Current, &oid)
        || cache.check_sized(Layout::Current, &oid, Some(hashed.size_bytes))?.is_some();
    let existed = is_there || !write(&oid)?;
    Ok(StoredFile { oid, size_bytes: hashed.size_bytes, existed, source: hashed.metadata })
}
