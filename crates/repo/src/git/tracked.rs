//! The files in Git's index, whether they are in the workspace or not.

use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Mode, Stage};
use gix::objs::tree::EntryKind;

use super::{Git, unreadable};
use crate::{Error, Result};

/// A file of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrackedFile {
    /// Its path, absolute.
    pub(crate) path: PathBuf,
    /// Its content.
    pub(crate) blob: ObjectId,
    /// Whether Git leaves it out of the workspace, as in a sparse checkout.
    pub(crate) is_skipped: bool,
}

impl Git {
    /// Returns whether `path`, or a path below it, is in the index.
    pub fn is_tracked(&self, path: &Path) -> Result<bool> {
        let Some(name) = self.name(path) else { return Ok(false) };
        let repo = self.repo.to_thread_local();
        let index = repo.index_or_empty().map_err(cannot_read_index)?;
        let folder = BString::from([name.as_slice(), b"/"].concat());
        let is_below = index.prefixed_entries(folder.as_ref()).is_some_and(|entries| !entries.is_empty());
        Ok(is_below || index.entry_range(name.as_ref()).is_some())
    }

    /// Returns the content that a file has in the index; `None` if Git does not track it.
    pub(super) fn staged(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let Some(name) = self.name(path) else { return Ok(None) };
        let repo = self.repo.to_thread_local();
        let index = repo.index_or_empty().map_err(cannot_read_index)?;
        let Some(entry) = index.entry_by_path(name.as_ref()) else { return Ok(None) };
        self.blob(entry.id, path).map(Some)
    }

    /// Reads a blob; `path` is the file's path, for messages.
    pub(crate) fn blob(&self, blob: ObjectId, path: &Path) -> Result<Vec<u8>> {
        let repo = self.repo.to_thread_local();
        let found = repo.find_blob(blob);
        let failed = |source| unreadable(&repo, format!("cannot read `{}` from Git", path.display()), source);
        Ok(found.map_err(failed)?.take_data())
    }

    /// Lists the regular files of the index whose path in the work tree is `wanted`. Directories that a sparse index keeps
    /// as one entry are read too.
    pub(crate) fn tracked_files(&self, wanted: &dyn Fn(&BStr) -> bool) -> Result<Vec<TrackedFile>> {
        let repo = self.repo.to_thread_local();
        let index = repo.index_or_empty().map_err(cannot_read_index)?;
        let mut found = Vec::new();
        for entry in index.entries().iter().filter(|entry| entry.stage() == Stage::Unconflicted) {
            let name = entry.path(&index);
            let is_skipped = entry.flags.contains(Flags::SKIP_WORKTREE);
            if entry.mode.is_sparse() {
                self.files_of_tree(&repo, name, entry.id, wanted, &mut found)?;
            } else if matches!(entry.mode, Mode::FILE | Mode::FILE_EXECUTABLE) && wanted(name) {
                found.push(TrackedFile { path: self.path(name)?, blob: entry.id, is_skipped });
            }
        }
        Ok(found)
    }

    /// Adds the files of a directory that is not in the workspace.
    fn files_of_tree(
        &self,
        repo: &gix::Repository,
        folder: &BStr,
        tree: ObjectId,
        wanted: &dyn Fn(&BStr) -> bool,
        found: &mut Vec<TrackedFile>,
    ) -> Result<()> {
        let mut pending = vec![(BString::from(folder.trim_end_with(|character| character == '/')), tree)];
        while let Some((folder, tree)) = pending.pop() {
            let cannot =
                || format!("cannot read `{folder}`, which Git tracks and which is not in the workspace");
            let tree = repo.find_tree(tree).map_err(|source| unreadable(repo, cannot(), source))?;
            for entry in tree.iter() {
                let entry = entry.map_err(|source| unreadable(repo, cannot(), source))?;
                let name = BString::from([folder.as_slice(), b"/", entry.filename()].concat());
                match entry.mode().kind() {
                    EntryKind::Tree => pending.push((name, entry.object_id())),
                    EntryKind::Blob | EntryKind::BlobExecutable if wanted(name.as_ref()) => {
                        let path = self.path(name.as_ref())?;
                        found.push(TrackedFile { path, blob: entry.object_id(), is_skipped: true });
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Returns the absolute path of a name of Git.
    fn path(&self, name: &BStr) -> Result<PathBuf> {
        let below =
            gix::path::from_bstr(name).map_err(|_| Error::NotUnicode(PathBuf::from(name.to_string())))?;
        Ok(self.work_dir.join(below))
    }
}

fn cannot_read_index(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::git("cannot read the index of Git", source)
}
