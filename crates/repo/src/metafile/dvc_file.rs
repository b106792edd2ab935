//! `.dvc` files.

use std::path::{Path, PathBuf};

use haul_storage::{Layout, Oid};

use crate::Result;

/// What is recorded about the content of an out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutState {
    /// The hash.
    pub oid: Oid,
    /// Which hash function and layout; [`Layout::Legacy`] outs have no `hash:` field.
    pub layout: Layout,
    /// Size in bytes; for a directory the sum over its paths. `None` if it is not known, and then not written.
    pub size_bytes: Option<u64>,
    /// Number of files of a directory.
    pub n_files: Option<u64>,
    /// Tells that a single file may be executed.
    pub is_exec: bool,
}

/// A `.dvc` file, editable without loss of comments, order and style.
#[derive(Debug, Clone)]
pub struct DvcFile {
    path: PathBuf,
}

impl DvcFile {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self> {
        let _ = path;
        unimplemented!()
    }

    /// Makes a file, not yet written, that tracks `out_path` (relative to the file, with `/`).
    pub fn new(path: &Path, out_path: &str) -> Self {
        let _ = out_path;
        Self { path: path.to_owned() }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Records the content of the out at `position`. Only changed fields change in the text.
    pub fn set_state(&mut self, position: usize, state: &OutState) -> Result<()> {
        let _ = (position, state);
        unimplemented!()
    }

    /// Tells whether there is anything to write.
    pub fn is_changed(&self) -> bool {
        unimplemented!()
    }

    /// Writes the file, if it changed, through a temp file beside it. Returns whether it did.
    pub fn write(&mut self) -> Result<bool> {
        unimplemented!()
    }
}
