//! The index: every stage and out of the workspace, and the selection of those that a command works on.

use std::ops::Range;
use std::path::{Path, PathBuf};

use haul_storage::{Layout, Oid};

use crate::metafile::dependency::Dependency;
use crate::metafile::dir_manifest::{DirEntry, ManifestError};
use crate::metafile::params::Params;
use crate::metafile::repo_dependency::RepoDependency;
use crate::{DirManifest, Error, Repo, Result};

mod collect;
mod commit_files;
mod commits;
mod graph;
mod hidden;
mod ignored;
mod read;
mod select;
mod target;
mod unseen;

pub(crate) use collect::{git_ignored_text, is_stage_file};
pub(crate) use commits::{Broken, CommitReader, Reading};
pub(crate) use ignored::IgnoredOut;
pub(crate) use read::Unresolved;
#[cfg(feature = "fuzzing")]
pub(crate) use read::read_for_fuzzing;
pub use select::{SelectOptions, Selected, Selection};
pub use target::expand_globs;
pub(crate) use unseen::{Unseen, outs as unseen_outs, sentences as unseen_sentences};

/// A stage: one `.dvc` file, or one entry of `stages:` in a `dvc.yaml`.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The `.dvc` or `dvc.yaml`; absolute.
    pub metafile: PathBuf,
    /// The name of a pipeline stage.
    pub name: Option<String>,
    /// The directory its paths are relative to; absolute.
    pub wdir: PathBuf,
    /// Whether the stage has a command (a pipeline stage).
    pub has_command: bool,
    /// The command, one text or several, as `dvc.lock` records it.
    pub command: Vec<String>,
    /// Whether the command is written as a list.
    pub(crate) is_command_list: bool,
    /// Whether the command differs from the one recorded in `dvc.lock`.
    pub command_changed: bool,
    /// Whether the stage was edited since DVC wrote its checksum (`md5` at the top of a `.dvc` file).
    pub checksum_changed: bool,
    /// Whether the stage is frozen: its dependencies do not count.
    pub is_frozen: bool,
    /// `always_changed`.
    pub always_changed: bool,
    /// Whether the data is imported (`import-url`, `import`).
    pub is_import: bool,
    /// Whether the data is imported from another DVC or Git repository (`import`); such data is never pushed.
    pub is_repo_import: bool,
    /// Its dependencies.
    pub deps: Vec<Dep>,
    /// The parameters it depends on.
    pub(crate) params: Vec<Params>,
    /// Its outs, in [`Index::outs`].
    pub outs: Range<usize>,
}

impl Stage {
    /// Returns the target that names the stage on a command line: `a.dvc`, `build`, or `sub/dvc.yaml:build`.
    ///
    /// Paths are relative to `current_dir`; a stage of the `dvc.yaml` in it needs no path.
    pub fn addressing(&self, current_dir: &Path) -> String {
        let file = crate::paths::relative(&self.metafile, current_dir);
        match &self.name {
            Some(name) if file == Path::new("dvc.yaml") => name.clone(),
            Some(name) => format!("{}:{name}", file.display()),
            None => file.display().to_string(),
        }
    }

    /// Returns the source of an import from a URL (`import-url`).
    pub fn source(&self) -> Option<&Dependency> {
        self.deps.first().filter(|_| self.is_import && !self.is_repo_import)?.source.as_deref()
    }

    /// Returns the source of an import from another repository (`import`).
    pub fn repo_source(&self) -> Option<&RepoDependency> {
        self.deps.first().filter(|_| self.is_repo_import)?.repo.as_deref()
    }

    /// Returns the stage as DVC's messages show it: `stage: 'a.dvc'`, `stage: 'build'`.
    pub fn shown(&self, current_dir: &Path) -> String {
        format!("stage: '{}'", self.addressing(current_dir))
    }
}

/// A dependency of a stage.
#[derive(Debug, Clone)]
pub struct Dep {
    /// The path as written.
    pub def_path: String,
    /// The path, absolute, if it is a local file.
    pub path: Option<PathBuf>,
    /// The recorded hash, if it is an MD5.
    pub oid: Option<Oid>,
    /// The hash function.
    pub layout: Layout,
    /// The recorded size in bytes.
    pub size_bytes: Option<u64>,
    /// The recorded state of the source of an import from a URL.
    pub source: Option<Box<Dependency>>,
    /// The recorded state of a path in another repository.
    pub repo: Option<Box<RepoDependency>>,
}

/// An out: a file or directory that DVC tracks.
#[derive(Debug, Clone)]
pub struct Out {
    /// Its stage in [`Index::stages`].
    pub stage: usize,
    /// Its index among the outs of its stage.
    pub position: usize,
    /// The path as written, relative to the `wdir` of the stage.
    pub def_path: String,
    /// The path, absolute and without `.` and `..`.
    pub path: PathBuf,
    /// Whether the path is outside of the repository; such outs have no data in the cache.
    pub is_external: bool,
    /// The recorded hash; `None` if none is recorded yet.
    pub oid: Option<Oid>,
    /// The hash function, and the layout of the objects.
    pub layout: Layout,
    /// The recorded size in bytes.
    pub size_bytes: Option<u64>,
    /// The recorded number of files of a directory.
    pub n_files: Option<u64>,
    /// Whether the file is executable.
    pub is_exec: bool,
    /// Whether the data is kept in the cache (`cache`).
    pub use_cache: bool,
    /// Whether the data may be pushed (`push`).
    pub can_push: bool,
    /// Whether the data is kept when its stage runs (`persist`).
    pub persist: bool,
    /// The remote this out is bound to.
    pub remote: Option<String>,
    /// What the data is for.
    pub kind: OutKind,
    /// The version of the data in a cloud-versioned remote.
    pub version: Option<Version>,
    /// The files of a directory in a cloud-versioned remote, which are recorded in the metafile itself.
    pub files: Option<Vec<VersionedFile>>,
}

/// What an out is for, beyond being data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutKind {
    /// Nothing else.
    #[default]
    Data,
    /// It holds metrics.
    Metric,
    /// It is plotted.
    Plot,
}

impl Out {
    /// Returns the manifest of a directory whose files are recorded in the metafile with their hashes.
    pub fn recorded_manifest(&self) -> Option<DirManifest> {
        manifest_of(self.files.as_ref()?)?.ok()
    }
}

/// Makes the manifest of the files; `None` if the hash of one is not known.
fn manifest_of(files: &[VersionedFile]) -> Option<std::result::Result<DirManifest, ManifestError>> {
    let entry = |file: &VersionedFile| {
        Some(DirEntry { path: file.path.as_str().into(), digest: *file.oid?.digest() })
    };
    files.iter().map(entry).collect::<Option<Vec<_>>>().map(DirManifest::new)
}

/// A version of an object in a bucket with versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// The remote, if the metafile names one.
    pub remote: Option<String>,
    /// The entity tag.
    pub etag: Option<String>,
    /// The version id.
    pub version_id: Option<String>,
}

/// A file of a directory whose versions are recorded in the metafile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionedFile {
    /// The path below the directory.
    pub path: String,
    /// The hash.
    pub oid: Option<Oid>,
    /// Size in bytes.
    pub size_bytes: Option<u64>,
    /// Whether the file is executable.
    pub is_exec: bool,
    /// Its version, if it was pushed.
    pub version: Option<Version>,
}

/// Stages and outs, in the order of their metafiles.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// The stages.
    pub stages: Vec<Stage>,
    /// The outs of all stages.
    pub outs: Vec<Out>,
    /// Metafiles that Git tracks and that were not read, if the whole workspace was read.
    pub(crate) unseen: Vec<Unseen>,
    /// Whether there may be more unseen metafiles, because Git's index cannot be read.
    pub(crate) has_unknown: bool,
    /// Stages whose templates cannot be resolved.
    pub(crate) unresolved: Vec<Unresolved>,
    /// Paths that a `dvc.yaml` names as metrics or plots beside its stages.
    pub(crate) named: Vec<(OutKind, PathBuf)>,
}

impl Index {
    /// Returns the stage of an out.
    pub fn stage_of(&self, out: &Out) -> &Stage {
        &self.stages[out.stage]
    }

    /// Returns whether an out is of a kind, by its own flags or because a `dvc.yaml` names it, or something in it or around it.
    pub(crate) fn is_of_kind(&self, out: &Out, kind: OutKind) -> bool {
        let is_named = |(named, path): &(OutKind, PathBuf)| {
            *named == kind && (path.starts_with(&out.path) || out.path.starts_with(path))
        };
        let is_around = |other: &Out| {
            other.kind == kind && (other.path.starts_with(&out.path) || out.path.starts_with(&other.path))
        };
        self.named.iter().any(is_named) || self.outs.iter().any(is_around)
    }

    /// Returns the identity of an out, however its metafile spells its path.
    pub(crate) fn identity_of(&self, repo: &Repo, out: &Out) -> PathBuf {
        // Metafiles are found without following links, so the path of a metafile's directory is its identity.
        if out.path.parent() == self.stage_of(out).metafile.parent() {
            return out.path.clone();
        }
        repo.identify(&out.path)
    }

    /// Returns the local paths of the dependencies of a stage.
    pub(crate) fn dep_paths(stage: &Stage) -> Vec<PathBuf> {
        stage.deps.iter().filter_map(|dep| dep.path.clone()).collect()
    }

    /// Returns the paths of the outs of a stage.
    pub(crate) fn out_paths(&self, stage: &Stage) -> Vec<PathBuf> {
        self.outs[stage.outs.clone()].iter().map(|out| out.path.clone()).collect()
    }

    /// Fails if there is a stage whose templates cannot be resolved.
    fn refuse_unresolved(&self) -> Result<()> {
        let stage = self.unresolved.first();
        stage.map_or(Ok(()), |stage| Err(Error::UnresolvedStage(stage.error.clone())))
    }

    /// Adds the stages of one metafile.
    fn extend(&mut self, read: read::ReadStages) {
        self.unresolved.extend(read.unresolved);
        self.named.extend(read.named);
        for read::ReadStage { mut stage, outs } in read.stages {
            let first = self.outs.len();
            stage.outs = first..first + outs.len();
            let number = self.stages.len();
            self.outs.extend(outs.into_iter().map(|out| Out { stage: number, ..out }));
            self.stages.push(stage);
        }
    }
}
