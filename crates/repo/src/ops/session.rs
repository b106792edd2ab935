//! What all operations work with.

use std::path::{Path, PathBuf};

use haul_storage::progress::{Event, Observer};
use haul_storage::transfer::TransferMode;
use haul_storage::{Cache, CancellationToken, Layout, Oid, RemoteOdb};

use crate::git::add_command;
use crate::workspace::checkout::{cache_of, checksum_jobs};
use crate::workspace::link::{Linker, Staging, link_types};
use crate::workspace::scan::Scanner;
use crate::workspace::state::{Memo, NotedWrite, note_writes, state_dir};
use crate::{DirManifest, Error, Out, Repo, Result};

/// One run of an operation.
#[derive(Clone, Copy)]
pub(super) struct Session<'a> {
    pub(super) repo: &'a Repo,
    pub(super) cache: &'a Cache,
    pub(super) memo: &'a Memo,
    pub(super) observer: &'a dyn Observer,
    pub(super) cancel: &'a CancellationToken,
}

/// What a session borrows.
pub(super) struct Stores {
    cache: Cache,
    memo: Memo,
}

impl Stores {
    pub(super) fn of(repo: &Repo) -> Self {
        Self { cache: cache_of(repo), memo: Memo::new(state_dir(&repo.tmp_dir())) }
    }

    /// Does [`of`](Self::of) for a command that changes nothing in the cache.
    pub(super) fn looking(repo: &Repo) -> Self {
        let stores = Self::of(repo);
        Self { cache: stores.cache.looking(), ..stores }
    }

    /// Does [`of`](Self::of) for a transfer, which may be a dry run.
    pub(super) fn for_mode(repo: &Repo, mode: TransferMode) -> Self {
        match mode {
            TransferMode::Execute => Self::of(repo),
            TransferMode::DryRun => Self::looking(repo),
        }
    }

    /// Returns the folder of what is remembered between runs.
    pub(super) fn memo_dir(&self) -> &Path {
        self.memo.dir()
    }

    pub(super) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(super) fn session<'a>(
        &'a self,
        repo: &'a Repo,
        observer: &'a dyn Observer,
        cancel: &'a CancellationToken,
    ) -> Session<'a> {
        Session { repo, cache: &self.cache, memo: &self.memo, observer, cancel }
    }
}

impl<'a> Session<'a> {
    pub(super) fn scanner(&self) -> Scanner<'a> {
        Scanner::new(self.repo.ignore(), self.memo, self.cancel)
            .with_threads(checksum_jobs(self.repo))
            .with_walks_observed(self.observer)
    }

    /// Fails if another process works on one of these paths; warns if the table of these processes is broken. The caller
    /// holds the repository lock.
    pub(super) fn refuse_busy(&self, read: &[PathBuf], write: &[PathBuf]) -> Result<()> {
        if let Some(warning) = self.repo.refuse_busy_paths(read, write)? {
            self.observer.on(Event::Warning(&warning));
        }
        Ok(())
    }

    /// Makes a linker; the caller holds the repository lock.
    pub(super) fn linker(&self) -> Result<Linker> {
        let staging = Staging::open(self.memo.dir())
            .map_err(|error| Error::io("cannot prepare the workspace", error))?;
        Ok(Linker::new(link_types(&self.repo.config().cache), staging))
    }

    /// Notes which files will get bytes of their own, so that one that a power failure cuts is not taken for work of the
    /// user. Returns the linker to write them with; the caller holds the repository lock.
    pub(super) fn note_writes(
        &self,
        linker: Linker,
        files: impl Iterator<Item = (PathBuf, Layout, Oid)>,
    ) -> Result<Linker> {
        let noted = |(path, layout, oid): (PathBuf, _, _)| {
            self.key(&path).map(|path| NotedWrite { path, layout, oid })
        };
        let mut files = files.filter_map(noted).peekable();
        if !self.repo.waits_for_disk() || files.peek().is_none() {
            return Ok(linker);
        }
        let mark = note_writes(self.memo.dir(), files)
            .map_err(|error| Error::io("cannot note which files will be written", error))?;
        Ok(linker.with_mark(mark))
    }

    /// Reads the manifest of a directory from the cache; `None` if the cache does not have it.
    pub(super) fn manifest(&self, layout: Layout, oid: &Oid) -> Result<Option<DirManifest>> {
        match self.cache.read(layout, oid, RemoteOdb::MAX_MANIFEST_BYTES)? {
            Some(bytes) => DirManifest::parse(&bytes).map(Some).map_err(|error| bad_manifest(oid, &error)),
            None => Ok(None),
        }
    }

    /// Returns the manifest of a directory: as its metafile records it file by file, else from the cache.
    pub(super) fn manifest_of(&self, out: &Out, oid: &Oid) -> Result<Option<DirManifest>> {
        match out.recorded_manifest() {
            Some(manifest) => Ok(Some(manifest)),
            None => self.manifest(out.layout, oid),
        }
    }

    /// Returns `path` below the root with `/` between its components; `None` outside or if it is not UTF-8.
    pub(super) fn key(&self, path: &Path) -> Option<String> {
        self.repo.relative(path)?.to_str().map(str::to_owned)
    }

    /// Returns the name under which an out is remembered: its one path, however it is spelled.
    pub(super) fn link_key(&self, path: &Path) -> Option<String> {
        self.key(&self.repo.identify(path))
    }

    /// Stages files that were written in Git, if the user wants that (`core.autostage`); tells whether they are staged.
    ///
    /// # Errors
    ///
    /// [`Error::Unstaged`]: the files are safe, so it is no reason to stop.
    pub(super) fn autostage(&self, files: &[PathBuf]) -> Result<bool> {
        let is_wanted = self.repo.config().core.autostage.value && !files.is_empty();
        let Some(git) = self.repo.git().filter(|_| is_wanted) else {
            return Ok(false);
        };
        git.stage(files).map(|()| true).map_err(|source| {
            let files: Vec<String> = files.iter().map(|path| self.repo.display_path(path)).collect();
            Error::Unstaged { command: add_command(&files), source: Box::new(source) }
        })
    }

    pub(super) fn check_cancelled(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// Makes an error of a manifest that must not be used.
pub(super) fn bad_manifest(oid: &Oid, error: &crate::metafile::dir_manifest::ManifestError) -> Error {
    let kind = haul_storage::ErrorKind::Corrupt;
    Error::Storage(haul_storage::Error::new(
        kind,
        format!("cannot use the directory object `{oid}`: {error}"),
    ))
}
