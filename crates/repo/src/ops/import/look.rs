//! Looking at the source of an import: what stands for its content, and which files it has.

use std::path::Path;
use std::sync::Arc;

use haul_storage::hash::md5;
use haul_storage::source::{Source, SourceEntry, SourceKind, SourceVersion, open_source};
use haul_storage::{Layout, OidKind};

use crate::metafile::dependency::{Dependency, DependencyFile, DependencyHash};
use crate::metafile::dir_manifest::{DirEntry, push_json_text};
use crate::ops::manifest_of;
use crate::ops::session::Session;
use crate::workspace::checkout::flavour_of;
use crate::workspace::scan::Found;
use crate::{DirManifest, Error, Repo, Result};

/// A source and how many of its files are got at once.
#[derive(Debug, Clone)]
pub(in crate::ops) struct Opened {
    pub(in crate::ops) source: Arc<dyn Source>,
    /// Requests at once, from the configuration.
    jobs: Option<usize>,
}

/// What a source has now.
#[derive(Debug, Clone)]
pub(in crate::ops) struct Looked {
    /// What is to be recorded. The hash of local content is missing until it is read.
    pub(in crate::ops) dependency: Dependency,
    /// The files; the source itself if it is one.
    pub(in crate::ops) entries: Vec<SourceEntry>,
    pub(in crate::ops) is_dir: bool,
}

impl Opened {
    /// Opens the source of an import; a path starts in `wdir`.
    pub(in crate::ops) fn of(repo: &Repo, wdir: &Path, dependency: &Dependency) -> Result<Self> {
        Self::at(repo, wdir, dependency, &SourceVersion::AsWritten)
    }

    /// Opens the source of an import at a version.
    pub(in crate::ops) fn at(
        repo: &Repo,
        wdir: &Path,
        dependency: &Dependency,
        version: &SourceVersion,
    ) -> Result<Self> {
        let is_url = dependency.path.contains("://");
        let path = if is_url { None } else { Some(crate::paths::normalize(&wdir.join(&dependency.path))) };
        let url = match &path {
            Some(path) => path.to_str().ok_or_else(|| Error::NotUnicode(path.clone()))?,
            None => &dependency.path,
        };
        let mut options = dependency.options.clone();
        if dependency.is_version_aware() && !options.iter().any(|(name, _)| name == "version_aware") {
            options.push(("version_aware".to_owned(), "true".to_owned()));
        }
        let remote = repo.config().external(url, &options)?;
        let source = open_source(&remote, version, repo.env(), repo.contact())?;
        Ok(Self { source, jobs: remote.jobs.map(|jobs| jobs.value.get()) })
    }

    /// Returns how many requests may be under way at once.
    pub(in crate::ops) fn jobs(&self, wanted: Option<usize>) -> usize {
        wanted.filter(|jobs| *jobs > 0).or(self.jobs).unwrap_or(super::JOBS)
    }

    /// Looks at the source; `None` if there is nothing. Paths that lead out of the source are refused.
    pub(in crate::ops) async fn look(&self, dependency: &Dependency) -> Result<Option<Looked>> {
        let source = &self.source;
        let Some(root) = source.stat().await? else { return Ok(None) };
        let template = Dependency {
            path: dependency.path.clone(),
            options: dependency.options.clone(),
            ..Dependency::default()
        };
        if !root.is_dir {
            let hash = root.etag.clone().map(DependencyHash::Etag);
            let dependency = Dependency {
                hash: hash.or_else(|| root.checksum.clone().map(DependencyHash::Checksum)),
                size_bytes: root.size_bytes,
                is_exec: root.is_exec,
                version_id: root.version_id.clone().filter(|_| source.is_version_aware()),
                ..template
            };
            return Ok(Some(Looked { dependency, entries: vec![root], is_dir: false }));
        }
        let entries = source.walk().await?;
        check_paths(&entries, source.location())?;
        let size_bytes = entries.iter().filter_map(|entry| entry.size_bytes).sum();
        let dependency = if source.is_version_aware() {
            Dependency { files: Some(entries.iter().map(file_of).collect()), ..template }
        } else {
            let list = (source.kind() != SourceKind::Local).then(|| list_of(&entries));
            Dependency {
                hash: list.map(|list| DependencyHash::Md5(format!("{}.dir", hex::encode(md5(&list))))),
                size_bytes: Some(size_bytes),
                n_files: Some(entries.len() as u64),
                ..template
            }
        };
        Ok(Some(Looked { dependency, entries, is_dir: true }))
    }
}

impl Looked {
    /// Makes what a `.dvc` file records of files with versions the content that is to be got.
    pub(in crate::ops) fn recorded(dependency: &Dependency) -> Self {
        let entry = |file: &DependencyFile| SourceEntry {
            path: file.path.clone(),
            size_bytes: file.size_bytes,
            etag: file.etag.clone(),
            version_id: file.version_id.clone(),
            ..SourceEntry::default()
        };
        let itself = DependencyFile {
            path: String::new(),
            etag: None,
            size_bytes: dependency.size_bytes,
            version_id: dependency.version_id.clone(),
        };
        let entries = match &dependency.files {
            Some(files) => files.iter().map(entry).collect(),
            None => vec![entry(&itself)],
        };
        Self { dependency: dependency.clone(), entries, is_dir: dependency.files.is_some() }
    }

    /// Hashes local content, whose hash is all that stands for it.
    pub(in crate::ops) fn hash_local(&mut self, session: &Session<'_>, wdir: &Path) -> Result<()> {
        if self.dependency.hash.is_some() || self.dependency.files.is_some() {
            return Ok(());
        }
        let path = crate::paths::normalize(&wdir.join(&self.dependency.path));
        let found =
            session.scanner().scan_dependency(&path, flavour_of(Layout::Current), session.observer)?;
        let oid = match &found {
            Found::Nothing | Found::Dangling => return Ok(()),
            Found::File(entry) => entry.oid().ok_or(Error::Interrupted)?,
            Found::Dir(dir) => manifest_of(&dir.files)?.1,
        };
        self.dependency.hash = Some(DependencyHash::Md5(oid.to_string()));
        Ok(())
    }

    /// Stores the list of files by which DVC names a directory in a bucket.
    pub(in crate::ops) fn store_list(&self, session: &Session<'_>) -> Result<()> {
        if self.is_dir && self.entries.iter().any(|entry| entry.etag.is_some()) {
            session.cache.store_bytes(Layout::Current, OidKind::Dir, &list_of(&self.entries))?;
        }
        Ok(())
    }

    /// Whether all that was found is empty.
    pub(in crate::ops) fn is_empty(&self) -> bool {
        if self.is_dir { self.entries.is_empty() } else { self.entries[0].size_bytes == Some(0) }
    }
}

fn file_of(entry: &SourceEntry) -> DependencyFile {
    DependencyFile {
        path: entry.path.clone(),
        etag: entry.etag.clone(),
        size_bytes: entry.size_bytes,
        version_id: entry.version_id.clone(),
    }
}

/// Returns the list of files, whose MD5 is what DVC records of a directory in a bucket: as Python's `json.dumps` writes it.
fn list_of(entries: &[SourceEntry]) -> Vec<u8> {
    let mut bytes = vec![b'['];
    for (position, entry) in entries.iter().enumerate() {
        bytes.extend_from_slice(if position == 0 { b"{" } else { b", {" });
        if let Some(etag) = &entry.etag {
            bytes.extend_from_slice(b"\"etag\": \"");
            push_json_text(&mut bytes, etag);
            bytes.extend_from_slice(b"\", ");
        }
        bytes.extend_from_slice(b"\"relpath\": \"");
        push_json_text(&mut bytes, &entry.path);
        bytes.extend_from_slice(b"\"}");
    }
    bytes.push(b']');
    bytes
}

/// Refuses a listing with paths that could be written elsewhere, or in each other's place.
pub(in crate::ops) fn check_paths(entries: &[SourceEntry], location: &str) -> Result<()> {
    let entry = |entry: &SourceEntry| DirEntry { path: entry.path.as_str().into(), digest: [0; 16] };
    DirManifest::new(entries.iter().map(entry).collect()).map(drop).map_err(|error| {
        let error = error.to_string().replace("the directory object names", "it has");
        Error::BadOut(format!("cannot take the files of `{location}`: {error}"))
    })
}
