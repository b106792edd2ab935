//! The tree of a commit.

use std::io::Write;
use std::sync::Mutex;

use gix::ObjectId;
use gix::object::Kind;
use gix::objs::tree::EntryKind;

use super::{Tree, TreeEntry, join};
use crate::git::{Git, Revision, unreadable};
use crate::ignore::{CommitRules, DVCIGNORE};
use crate::root::DVC_DIR;
use crate::{Error, Result};

/// The files of a commit.
pub(crate) struct CommitTree {
    git: Mutex<gix::Repository>,
    /// The name of the revision, for messages.
    name: String,
    /// The tree of the root of the DVC repository.
    root: ObjectId,
}

type GixResult<T> = std::result::Result<T, gix::Error>;

impl CommitTree {
    /// Opens the tree of the directory `below` the root of Git in a revision; `None` if it does not exist.
    pub(crate) fn open(git: &Git, revision: &Revision, below: &str) -> Result<Option<Self>> {
        let reader = git.reader();
        let find = || -> GixResult<Option<ObjectId>> {
            let tree = reader.find_object(revision.commit)?.peel_to_kind(Kind::Tree)?.id;
            if below.is_empty() {
                return Ok(Some(tree));
            }
            let entry = reader.find_tree(tree)?.lookup_entry_by_path(below)?;
            Ok(entry.filter(|entry| entry.mode().is_tree()).map(|entry| entry.object_id()))
        };
        let root = find().map_err(|source| {
            unreadable(&reader, format!("cannot read the revision `{}`", revision.name), source)
        })?;
        Ok(root.map(|root| Self { git: Mutex::new(reader), name: revision.name.clone(), root }))
    }

    /// Returns the content of a file, even if DVC ignores it; `None` if it does not exist.
    pub(crate) fn read_hidden(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.ask(|git| match self.find(git, path)? {
            Some((kind, blob)) if is_file(kind) => Ok(Some(git.find_blob(blob)?.take_data())),
            _ => Ok(None),
        })
    }

    /// Calls `question` with Git's repository, and words its error.
    fn ask<T>(&self, question: impl FnOnce(&gix::Repository) -> GixResult<T>) -> Result<T> {
        let git = self.git.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        question(&git)
            .map_err(|source| unreadable(&git, format!("cannot read the revision `{}`", self.name), source))
    }

    /// Returns the kind and the object at a path.
    fn find(&self, git: &gix::Repository, path: &str) -> GixResult<Option<(EntryKind, ObjectId)>> {
        if path.is_empty() {
            return Ok(Some((EntryKind::Tree, self.root)));
        }
        let entry = git.find_tree(self.root)?.lookup_entry_by_path(path)?;
        Ok(entry.map(|entry| (entry.mode().kind(), entry.object_id())))
    }

    /// Returns the rules for the entries of a directory; `None` if the directory is ignored.
    fn rules(&self, git: &gix::Repository, directory: &str) -> GixResult<Option<CommitRules>> {
        let mut rules = CommitRules::new();
        let ends = directory.match_indices('/').map(|(end, _)| end).chain([directory.len()]);
        for end in [0].into_iter().chain(ends.filter(|end| *end > 0)) {
            let above = &directory[..end];
            if !above.is_empty() && rules.is_ignored(above, true) {
                return Ok(None);
            }
            if let Some((kind, blob)) = self.find(git, &join(above, DVCIGNORE))?
                && is_file(kind)
            {
                rules = rules.enter(above, &git.find_blob(blob)?.take_data());
            }
        }
        Ok(Some(rules))
    }
}

impl Tree for CommitTree {
    fn stat(&self, path: &str) -> Result<Option<TreeEntry>> {
        self.ask(|git| {
            let Some((kind, object)) = self.find(git, path)? else { return Ok(None) };
            let above = path.rsplit_once('/').map_or("", |(above, _)| above);
            let is_seen = path.is_empty()
                || self
                    .rules(git, above)?
                    .is_some_and(|rules| !rules.is_ignored(path, kind == EntryKind::Tree));
            let name = path.rsplit('/').next().unwrap_or_default();
            if is_seen { entry(git, name, kind, object) } else { Ok(None) }
        })
    }

    fn list(&self, directory: &str) -> Result<Vec<TreeEntry>> {
        self.ask(|git| {
            let Some((EntryKind::Tree, tree)) = self.find(git, directory)? else { return Ok(Vec::new()) };
            let Some(rules) = self.rules(git, directory)? else { return Ok(Vec::new()) };
            let mut found = Vec::new();
            for listed in git.find_tree(tree)?.iter() {
                let listed = listed?;
                // DVC's files cannot express names that are not UTF-8.
                let Ok(name) = std::str::from_utf8(listed.filename()) else { continue };
                // Git does not check the names of fetched trees: such a name would lead out of its directory.
                if matches!(name, "" | "." | "..") || name.contains('/') {
                    continue;
                }
                let kind = listed.mode().kind();
                let is_dir = kind == EntryKind::Tree;
                let is_other = is_dir && git.find_tree(listed.object_id())?.find_entry(DVC_DIR).is_some();
                if !is_other && !rules.is_ignored(&join(directory, name), is_dir) {
                    found.extend(entry(git, name, kind, listed.object_id())?);
                }
            }
            found.sort_by(|left, right| left.name.cmp(&right.name));
            Ok(found)
        })
    }

    fn copy(&self, path: &str, sink: &mut dyn Write) -> Result<()> {
        let data = self.read_hidden(path)?;
        let failed = |source| Error::io(format!("cannot copy `{path}`"), source);
        let data = data.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        sink.write_all(&data).map_err(failed)
    }

    fn is_repository(&self, directory: &str) -> Result<bool> {
        self.ask(|git| Ok(matches!(self.find(git, &join(directory, DVC_DIR))?, Some((EntryKind::Tree, _)))))
    }
}

fn is_file(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link)
}

/// Returns the entry of an object of Git; `None` for a submodule, whose files are not in the commit.
fn entry(
    git: &gix::Repository,
    name: &str,
    kind: EntryKind,
    object: ObjectId,
) -> GixResult<Option<TreeEntry>> {
    if kind == EntryKind::Commit {
        return Ok(None);
    }
    Ok(Some(TreeEntry {
        name: name.to_owned(),
        is_dir: kind == EntryKind::Tree,
        is_link: kind == EntryKind::Link,
        is_exec: kind == EntryKind::BlobExecutable,
        size_bytes: git.find_header(object)?.size(),
    }))
}
