//! Entries in `.gitignore` for what DVC tracks.

use std::path::{Path, PathBuf};

use super::Git;
use crate::Result;

/// Makes Git ignore `path` by an entry in the `.gitignore` beside it, unless it does already.
/// Returns the file if it was changed.
pub fn ignore(git: &Git, path: &Path) -> Result<Option<PathBuf>> {
    let _ = (git, path);
    unimplemented!()
}

/// Takes the entry of `path` out again; an empty file is deleted. Returns the file if it was changed.
pub fn unignore(git: &Git, path: &Path) -> Result<Option<PathBuf>> {
    let _ = (git, path);
    unimplemented!()
}
