//! The files DVC keeps in Git (`.dvc`, `dvc.yaml`, `dvc.lock`) and the `.dir` object.
//!
//! Source: <https://dvc.org/doc/user-guide/project-structure/dvc-files>.

use std::path::PathBuf;

pub mod dependency;
pub mod dir_manifest;
pub mod dvc_file;
pub(crate) mod dvc_yaml;
pub(crate) mod import;
pub mod legacy_hash;
pub(crate) mod load;
pub(crate) mod params;
pub(crate) mod pre_commit;
mod python_json;
pub mod repo_dependency;
pub(crate) mod run;
mod schema;
pub(crate) mod stage_checksum;
pub(crate) mod template;
pub(crate) mod yaml;

/// An invalid metafile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MetafileError {
    /// The file.
    pub path: PathBuf,
    /// Line, counted from 1.
    pub line: Option<usize>,
    /// Column, counted from 1.
    pub column: Option<usize>,
    /// DVC's sentence, with line and column.
    pub message: String,
    /// What the user can do, if known.
    pub hint: Option<String>,
}
