//! Putting files and bytes into the cache.

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
    /// Stores bytes, as those of a manifest, and returns their name. Does nothing if the object exists.
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
    /// order of `paths`. What is stored is what was hashed: a file that changes while it is read is an error for
    /// this file, and is not stored. All is on the disk when this returns ([`Durability`](super::Durability)). Reports bytes
    /// and files in [`Phase::Caching`]. After a cancellation, the files
    /// that were not stored yet are [`ErrorKind::Interrupted`].
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
        take_back(&mut answers, committer.finish());
        if mode == StoreMode::Move {
            for (answer, path) in answers.iter_mut().zip(paths).filter(|(answer, _)| answer.is_ok()) {
                if let Err(error) = remove_source(path) {
                    *answer = Err(error);
                }
            }
        }
        answers
    }

    /// Writes bytes that are known to be those of `oid`.
    pub(crate) fn write_object(&self, layout: Layout, oid: &Oid, bytes: &[u8]) -> Result<()> {
        self.written(layout, oid, bytes)?.commit(&self.object_path(layout, oid))
    }

    /// Writes bytes to a temporary file in the directory of `oid`.
    pub(crate) fn written(&self, layout: Layout, oid: &Oid, bytes: &[u8]) -> Result<PendingFile> {
        let mut pending = self.pending(layout, oid)?;
        pending.write(bytes)?;
        Ok(pending)
    }

    /// Creates a temporary file in the directory of `oid`, for its bytes.
    pub(crate) fn pending(&self, layout: Layout, oid: &Oid) -> Result<PendingFile> {
        PendingFile::create(parent(&self.object_path(layout, oid)), self.options)
    }
}

/// Makes answers errors, whose objects are not in the cache after all.
fn take_back(answers: &mut [Result<StoredFile>], unfinished: Unfinished) {
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
    /// Becomes false with the first reflink that fails.
    can_reflink: AtomicBool,
}

/// A large file on its way into the cache. Its destination is not known before its last byte.
enum Copying {
    /// Shares the blocks of the source already.
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
            self.committer.add(self.cache.written(Layout::Current, oid, bytes)?, Layout::Current, oid)
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

/// Hashes files, and makes them objects without a copy.
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
            // As DVC: a hard link to an empty file would join all empty files of the workspace.
            if bytes.is_empty() {
                return self.committer.add(
                    self.cache.written(Layout::Current, oid, bytes)?,
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
    /// Gives the file the object's name; copies where that cannot be done, as to another file system, or must not be:
    /// the object would be the symbolic link itself.
    ///
    /// Deviation: the file that a symbolic link leads to is copied whatever the cache type. DVC makes it an object itself,
    /// read-only wherever it lies.
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

/// Removes a file that was moved: it became the object, was copied, or the object was there before.
fn remove_source(path: &Path) -> Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("cannot remove a file that is in the cache now", error))
        }
        _ => Ok(()),
    }
}

/// Stores a file under its name, if the object is not there. `write` returns whether it was new.
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
