//! The tree of a commit.

use std::collections::HashMap;
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
    git: Mutex<Reader>,
    /// The name of the revision, for messages.
    name: String,
    /// The tree of the root of the DVC repository.
    root: ObjectId,
}

/// Git's repository, and the directories of the commit that were looked at: a path costs the same at every depth.
struct Reader {
    git: gix::Repository,
    folders: HashMap<String, Option<Folder>>,
}

/// A directory of the commit.
#[derive(Clone)]
struct Folder {
    tree: ObjectId,
    /// The rules for its entries; none if the directory is ignored.
    rules: Option<CommitRules>,
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
        Ok(root.map(|root| {
            let git = Mutex::new(Reader { git: reader, folders: HashMap::new() });
            Self { git, name: revision.name.clone(), root }
        }))
    }

    /// Returns the content of a file, even if DVC ignores it; `None` if it does not exist.
    pub(crate) fn read_hidden(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.ask(|reader| match reader.find(self.root, path)? {
            Some((kind, blob)) if is_file(kind) => Ok(Some(reader.git.find_blob(blob)?.take_data())),
            _ => Ok(None),
        })
    }

    /// Calls `question` with Git's repository, and words its error.
    fn ask<T>(&self, question: impl FnOnce(&mut Reader) -> GixResult<T>) -> Result<T> {
        let mut reader = self.git.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let answer = question(&mut reader);
        answer.map_err(|source| {
            unreadable(&reader.git, format!("cannot read the revision `{}`", self.name), source)
        })
    }
}

impl Reader {
    /// Returns the kind and the object at a path below the tree `root`.
    fn find(&mut self, root: ObjectId, path: &str) -> GixResult<Option<(EntryKind, ObjectId)>> {
        if path.is_empty() {
            return Ok(Some((EntryKind::Tree, root)));
        }
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        match self.folder(root, above)? {
            Some(folder) => self.entry(folder.tree, name),
            None => Ok(None),
        }
    }

    /// Returns the kind and the object of an entry of a tree.
    fn entry(&self, tree: ObjectId, name: &str) -> GixResult<Option<(EntryKind, ObjectId)>> {
        let tree = self.git.find_tree(tree)?;
        Ok(tree.find_entry(name).map(|entry| (entry.mode().kind(), entry.object_id())))
    }

    /// Returns the directory at a path below the tree `root`; `None` if there is none.
    fn folder(&mut self, root: ObjectId, directory: &str) -> GixResult<Option<Folder>> {
        if let Some(known) = self.folders.get(directory) {
            return Ok(known.clone());
        }
        // From the root down, not recursively: no directory is too deep.
        let ends = directory.match_indices('/').map(|(end, _)| end).chain([directory.len()]);
        let mut folder = None;
        for end in [0].into_iter().chain(ends.filter(|end| *end > 0)) {
            let path = &directory[..end];
            folder = if let Some(known) = self.folders.get(path) {
                known.clone()
            } else {
                let entered = self.enter(root, path, folder.as_ref())?;
                self.folders.insert(path.to_owned(), entered.clone());
                entered
            };
        }
        Ok(folder)
    }

    /// Returns the directory at a path; `around` is the one that contains it.
    fn enter(&self, root: ObjectId, path: &str, around: Option<&Folder>) -> GixResult<Option<Folder>> {
        let (tree, rules) = if path.is_empty() {
            (root, Some(CommitRules::new()))
        } else {
            let Some(around) = around else { return Ok(None) };
            let name = path.rsplit('/').next().unwrap_or(path);
            let Some((EntryKind::Tree, tree)) = self.entry(around.tree, name)? else { return Ok(None) };
            (tree, around.rules.clone().filter(|rules| !rules.is_ignored(path, true)))
        };
        let Some(rules) = rules else { return Ok(Some(Folder { tree, rules: None })) };
        let rules = match self.entry(tree, DVCIGNORE)? {
            Some((kind, blob)) if is_file(kind) => rules.enter(path, &self.git.find_blob(blob)?.take_data()),
            _ => rules,
        };
        Ok(Some(Folder { tree, rules: Some(rules) }))
    }
}

impl Tree for CommitTree {
    fn stat(&self, path: &str) -> Result<Option<TreeEntry>> {
        self.ask(|reader| {
            let Some((kind, object)) = reader.find(self.root, path)? else { return Ok(None) };
            let above = path.rsplit_once('/').map_or("", |(above, _)| above);
            let is_seen = path.is_empty()
                || reader
                    .folder(self.root, above)?
                    .and_then(|folder| folder.rules)
                    .is_some_and(|rules| !rules.is_ignored(path, kind == EntryKind::Tree));
            let name = path.rsplit('/').next().unwrap_or_default();
            if is_seen { entry(&reader.git, name, kind, object) } else { Ok(None) }
        })
    }

    fn list(&self, directory: &str) -> Result<Vec<TreeEntry>> {
        self.ask(|reader| {
            let Some(Folder { tree, rules: Some(rules) }) = reader.folder(self.root, directory)? else {
                return Ok(Vec::new());
            };
            let git = &reader.git;
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
        self.ask(|reader| {
            let found = reader.find(self.root, &join(directory, DVC_DIR))?;
            Ok(matches!(found, Some((EntryKind::Tree, _))))
        })
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
