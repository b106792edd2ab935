//! The index: every stage and out of the workspace, and which of them a command works on.

use std::ops::Range;
use std::path::PathBuf;

use haul_storage::{Layout, Oid};

use crate::{Repo, Result};

/// A stage: one `.dvc` file, or one entry of `stages:` in a `dvc.yaml`.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The `.dvc` or `dvc.yaml`; absolute.
    pub metafile: PathBuf,
    /// The name of a pipeline stage.
    pub name: Option<String>,
    /// The folder its paths are relative to; absolute.
    pub wdir: PathBuf,
    /// Tells that the stage has a command (a pipeline stage).
    pub has_command: bool,
    /// Tells that the stage is frozen: its dependencies do not count.
    pub is_frozen: bool,
    /// `always_changed`.
    pub always_changed: bool,
    /// Tells that the data comes from elsewhere (`import-url`, `import`).
    pub is_import: bool,
    /// Tells that the data comes from another DVC or Git repository (`import`); never pushed.
    pub is_repo_import: bool,
    /// Its dependencies.
    pub deps: Vec<Dep>,
    /// Its outs, in [`Index::outs`].
    pub outs: Range<usize>,
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
    /// Which hash function.
    pub layout: Layout,
    /// The recorded size in bytes.
    pub size_bytes: Option<u64>,
}

/// An out: a file or directory DVC tracks.
#[derive(Debug, Clone)]
pub struct Out {
    /// Its stage in [`Index::stages`].
    pub stage: usize,
    /// Its place among the outs of its stage.
    pub position: usize,
    /// The path as written, relative to the `wdir` of the stage.
    pub def_path: String,
    /// The path, absolute and without `.` and `..`.
    pub path: PathBuf,
    /// Tells that the path lies outside of the repository; such outs have no data in the cache.
    pub is_external: bool,
    /// The recorded hash; `None` if none is recorded yet.
    pub oid: Option<Oid>,
    /// Which hash function, and where objects lie.
    pub layout: Layout,
    /// The recorded size in bytes.
    pub size_bytes: Option<u64>,
    /// The recorded number of files of a directory.
    pub n_files: Option<u64>,
    /// Tells that the file may be executed.
    pub is_exec: bool,
    /// Tells that the data is kept in the cache (`cache`).
    pub use_cache: bool,
    /// Tells that the data may be pushed (`push`).
    pub can_push: bool,
    /// Tells that the data survives a run of its stage (`persist`).
    pub persist: bool,
    /// The remote this out is bound to.
    pub remote: Option<String>,
}

/// Stages and outs, in the order of their metafiles.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// The stages.
    pub stages: Vec<Stage>,
    /// The outs of all stages.
    pub outs: Vec<Out>,
}

/// Which outs a command works on.
#[derive(Debug, Clone, Default)]
pub struct SelectOptions {
    /// What the user named, as typed, relative to the working directory; none means everything.
    pub targets: Vec<String>,
    /// Take all stages below targets that are folders (`-R`).
    pub recursive: bool,
    /// Take the stages upstream too (`-d`).
    pub with_deps: bool,
    /// Targets are shell patterns (`--glob`).
    pub glob: bool,
}

/// One out a command works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The out, in [`Index::outs`].
    pub out: usize,
    /// The file or folder inside the out that was asked for, with `/`; `None` for the whole out.
    pub within: Option<String>,
}

/// An index together with what was selected from it.
#[derive(Debug, Clone)]
pub struct Selection {
    /// What was read: everything, or just the files the targets name.
    pub index: Index,
    /// The selected stages, each once, with the absolute path inside that was asked for.
    pub stages: Vec<(usize, Option<PathBuf>)>,
    /// The selected outs, each once per `within`.
    pub outs: Vec<Selected>,
}

impl Index {
    /// Reads every metafile of the workspace.
    pub fn collect(repo: &Repo) -> Result<Self> {
        let _ = repo;
        unimplemented!()
    }

    /// Returns the stage of an out.
    pub fn stage_of(&self, out: &Out) -> &Stage {
        &self.stages[out.stage]
    }
}

impl Selection {
    /// Finds what `options` names. Reads only the metafiles it must, as DVC does.
    pub fn resolve(repo: &Repo, options: &SelectOptions) -> Result<Self> {
        let _ = (repo, options);
        unimplemented!()
    }
}
