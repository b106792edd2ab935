//! Reads the parameter files that the templates of a commit name.

use std::cell::RefCell;
use std::io;
use std::path::Path;

use gix::ObjectId;

use crate::Repo;
use crate::metafile::template::context::{FileContent, ReadFiles};
use crate::paths::posix;

/// A file that was read for a template, relative to the root of the repository, and its object, if it existed.
pub(super) type Input = (String, Option<ObjectId>);

/// Reads files of one commit, and records which files were read.
pub(super) struct CommitFiles<'a> {
    pub(super) repo: &'a Repo,
    pub(super) git: &'a gix::Repository,
    /// The tree of the DVC repository.
    pub(super) root: ObjectId,
    pub(super) inputs: RefCell<Vec<Input>>,
}

impl CommitFiles<'_> {
    /// Returns the entry at a path relative to the root of the repository.
    pub(super) fn find(&self, path: &str) -> Result<Option<gix::object::tree::Entry<'_>>, gix::Error> {
        self.git.find_tree(self.root)?.lookup_entry_by_path(path)
    }

    /// Returns whether the files are the same as when they were read for another commit.
    pub(super) fn are_same(&self, inputs: &[Input]) -> Result<bool, gix::Error> {
        for (path, content) in inputs {
            if self.find(path)?.map(|entry| entry.object_id()) != *content {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl ReadFiles for CommitFiles<'_> {
    fn read(&self, path: &Path) -> io::Result<Option<FileContent>> {
        let Some(below) = self.repo.relative(path) else {
            // A path outside of the repository is not part of a commit.
            return Ok(None);
        };
        let below = posix(below).map_err(io::Error::other)?;
        let entry = self.find(&below).map_err(io::Error::other)?;
        self.inputs.borrow_mut().push((below, entry.as_ref().map(gix::object::tree::Entry::object_id)));
        let Some(entry) = entry else { return Ok(None) };
        if entry.mode().is_tree() {
            return Ok(Some(FileContent::Directory));
        }
        let mut blob = self.git.find_blob(entry.object_id()).map_err(io::Error::other)?;
        Ok(Some(FileContent::File(blob.take_data())))
    }

    fn shown(&self, path: &Path) -> String {
        self.repo.display_path(path)
    }
}
