//! The files of parameters that the templates of a commit name.

use std::cell::RefCell;
use std::io;
use std::path::Path;

use gix::ObjectId;

use crate::Repo;
use crate::metafile::template::context::{FileContent, ReadFiles};
use crate::paths::posix;

/// A file that was read for a template, below the root of the repository, and what was there.
pub(super) type Input = (String, Option<ObjectId>);

/// Reads files of one commit, and keeps in mind which.
pub(super) struct CommitFiles<'a> {
    pub(super) repo: &'a Repo,
    pub(super) git: &'a gix::Repository,
    /// The tree of the DVC repository.
    pub(super) root: ObjectId,
    pub(super) inputs: RefCell<Vec<Input>>,
}

impl CommitFiles<'_> {
    /// Returns what is at a path below the root of the repository.
    pub(super) fn find(&self, path: &str) -> Result<Option<gix::object::tree::Entry<'_>>, gix::Error> {
        self.git.find_tree(self.root)?.lookup_entry_by_path(path)
    }

    /// Whether the files are as they were when they were read for another commit.
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
            // What lies outside of the repository is in no commit.
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
