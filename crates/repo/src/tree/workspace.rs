//! The tree of the workspace.

use std::fs::Metadata;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Tree, TreeEntry};
use crate::paths::is_absence;
use crate::root::DVC_DIR;
use crate::{Error, IgnoreRules, Result};

/// The files of a workspace. As in DVC, the entry of a symbolic link is that of its target, and a walk does not enter it.
pub(crate) struct WorkspaceTree {
    pub(crate) ignore: Arc<IgnoreRules>,
}

impl WorkspaceTree {
    fn absolute(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.ignore.root().to_owned() } else { self.ignore.root().join(path) }
    }
}

impl Tree for WorkspaceTree {
    fn stat(&self, path: &str) -> Result<Option<TreeEntry>> {
        let absolute = self.absolute(path);
        let metadata = match fs_err::metadata(&absolute).or_else(|_| fs_err::symlink_metadata(&absolute)) {
            Ok(metadata) => metadata,
            Err(error) if is_absence(&error) => {
                return Ok(None);
            }
            Err(error) => return Err(Error::io("cannot read the workspace", error)),
        };
        if !path.is_empty() && self.ignore.is_ignored(&absolute, metadata.is_dir()) {
            return Ok(None);
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        Ok(Some(entry(name, &metadata)))
    }

    fn list(&self, directory: &str) -> Result<Vec<TreeEntry>> {
        let absolute = self.absolute(directory);
        let entries = match fs_err::read_dir(&absolute) {
            Ok(entries) => entries,
            Err(error) if is_absence(&error) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(Error::io("cannot read the workspace", error)),
        };
        let rules = self.ignore.folder(&absolute);
        let mut found = Vec::new();
        for listed in entries {
            let listed = listed.map_err(|error| Error::io("cannot read the workspace", error))?;
            let (name, path) = (listed.file_name(), listed.path());
            let Ok(metadata) = fs_err::metadata(&path).or_else(|_| fs_err::symlink_metadata(&path)) else {
                // It was deleted in the meantime.
                continue;
            };
            if !rules.is_ignored(&name, metadata.is_dir()) {
                let is_link = listed.file_type().is_ok_and(|kind| kind.is_symlink());
                found.push(TreeEntry { is_link, ..entry(&name.to_string_lossy(), &metadata) });
            }
        }
        found.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(found)
    }

    fn copy(&self, path: &str, sink: &mut dyn Write) -> Result<()> {
        let failed = |source| Error::io(format!("cannot copy `{path}`"), source);
        let mut file = fs_err::File::open(self.absolute(path)).map_err(failed)?;
        io::copy(&mut file, sink).map_err(failed)?;
        Ok(())
    }

    fn is_repository(&self, directory: &str) -> Result<bool> {
        Ok(self.absolute(directory).join(DVC_DIR).is_dir())
    }
}

fn entry(name: &str, metadata: &Metadata) -> TreeEntry {
    TreeEntry {
        name: name.to_owned(),
        is_dir: metadata.is_dir(),
        is_link: false,
        is_exec: metadata.is_file() && metadata.permissions().mode() & 0o111 != 0,
        size_bytes: metadata.len(),
    }
}
