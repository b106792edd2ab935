//! Reads the metafiles of many commits, each different content once.
//!
//! Commits share most of their trees. A directory with the same tree and the same `.dvcignore` rules as in an earlier
//! commit is not read again, nor is a metafile with the same blob. So the cost of a long history is that of its changes.
//!
//! The meaning of an unchanged metafile depends on the configuration of its commit, which may change the remote of its
//! outs. So there is a separate [`Reading`] for each configuration.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use gix::ObjectId;
use gix::object::Kind;
use gix::objs::tree::EntryKind;

use super::Index;
use super::collect::{DVC_YAML, context_of_commit, is_stage_file, read_stages};
use super::commit_files::{CommitFiles, Input};
use super::read::ReadStages;
use crate::git::{Git, Revision, unreadable};
use crate::ignore::{CommitRules, DVCIGNORE};
use crate::root::DVC_DIR;
use crate::{Error, Repo, Result};

/// What to do if a metafile or a directory of a commit cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Fail.
    Refuse,
    /// Fail, unless it is a stage whose templates cannot be resolved: that stage is in the index as such.
    RefuseFiles,
    /// Read the rest of the commit.
    PassOver,
}

/// What a commit adds to the commits that were read before.
#[derive(Debug, Default)]
pub(crate) struct Addition {
    pub(crate) index: Index,
    /// The errors of what could not be read, with [`Broken::PassOver`].
    pub(crate) failed: Vec<Error>,
}

/// Reads commits one after the other.
pub(crate) struct CommitReader<'repo> {
    repo: &'repo Repo,
    git: gix::Repository,
    /// The root of the DVC repository below that of Git, with `/`; empty where they are the same.
    root: Option<String>,
    /// Each different set of rules once; a set is named by its index.
    rules: Vec<CommitRules>,
    rule_numbers: HashMap<(usize, String, ObjectId), usize>,
    readings: HashMap<Reading, Seen>,
    /// Parsed metafiles, for commits that are read as a whole.
    parsed: HashMap<FileKey, Arc<ReadStages>>,
}

/// What commits are read for. A metafile that was read in one reading counts as not read in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reading {
    /// The metafiles alone.
    Metafiles,
    /// The metafiles under the configuration of this number.
    Under(usize),
    /// The metafiles under invalid configurations.
    UnderNone,
}

/// The directories and metafiles that were read.
#[derive(Debug, Default)]
struct Seen {
    folders: HashSet<FolderKey>,
    files: HashSet<FileKey>,
    /// Metafiles whose templates name other files, with the content of those files when they were read.
    templated: BTreeMap<String, Vec<(FileKey, Vec<Input>)>>,
}

/// The path of a directory, its tree, and the rules that apply in it.
type FolderKey = (String, ObjectId, usize);
/// The path of a metafile, its blob, and that of the lock beside it.
type FileKey = (String, ObjectId, Option<ObjectId>);

/// The result of a walk through a commit.
#[derive(Default)]
struct Walk {
    folders: Vec<FolderKey>,
    files: Vec<FileKey>,
    failed: Vec<Error>,
}

impl<'repo> CommitReader<'repo> {
    pub(crate) fn new(repo: &'repo Repo, git: &Git) -> Self {
        let root = repo.root().strip_prefix(git.work_dir()).ok();
        Self {
            repo,
            git: git.reader(),
            root: root.and_then(|root| root.to_str()).map(|root| root.replace('\\', "/")),
            rules: vec![CommitRules::new()],
            rule_numbers: HashMap::new(),
            readings: HashMap::new(),
            parsed: HashMap::new(),
        }
    }

    pub(crate) fn repo(&self) -> &'repo Repo {
        self.repo
    }

    /// Reads what `revision` has that the commits before it, in the same reading, did not have. If that fails, the commit
    /// counts as not read: what it shares with a later one is read with that one.
    pub(crate) fn addition(
        &mut self,
        revision: &Revision,
        reading: Reading,
        broken: Broken,
    ) -> Result<Addition> {
        // It is removed while it is in use, because the other fields are borrowed mutably too.
        let mut seen = self.readings.remove(&reading).unwrap_or_default();
        let addition = self.addition_to(&mut seen, revision, broken);
        self.readings.insert(reading, seen);
        addition
    }

    fn addition_to(&mut self, seen: &mut Seen, revision: &Revision, broken: Broken) -> Result<Addition> {
        let mut walk = self.walk(revision, Some(&seen.folders))?;
        let mut addition = Addition { failed: std::mem::take(&mut walk.failed), ..Addition::default() };
        let mut read = Vec::new();
        let Some(root) = self.root_of(revision)? else { return Ok(addition) };
        self.add_templated(seen, &mut walk.files, root, revision)?;
        for file in walk.files {
            if self.is_known(seen, &file, root, revision)? {
                continue;
            }
            let (stages, inputs) = self.read(&file, root);
            match stages {
                Ok(mut stages) => {
                    if broken != Broken::RefuseFiles {
                        let unresolved = std::mem::take(&mut stages.unresolved).into_iter();
                        addition.failed.extend(unresolved.map(|stage| Error::UnresolvedStage(stage.error)));
                    }
                    addition.index.extend(stages);
                }
                Err(error) => addition.failed.push(error),
            }
            // Also after a failure: it may succeed with other content of those files.
            if !inputs.is_empty() {
                seen.templated.entry(file.0.clone()).or_default().push((file.clone(), inputs));
            }
            read.push(file);
        }
        if broken != Broken::PassOver
            && let Some(error) = addition.failed.pop()
        {
            return Err(error);
        }
        seen.files.extend(read);
        seen.folders.extend(walk.folders);
        Ok(addition)
    }

    /// Reads everything that `revision` has.
    pub(crate) fn read_whole(&mut self, revision: &Revision) -> Result<Index> {
        let mut walk = self.walk(revision, None)?;
        if let Some(error) = walk.failed.pop() {
            return Err(error);
        }
        let mut index = Index::default();
        let Some(root) = self.root_of(revision)? else { return Ok(index) };
        for file in walk.files {
            if let Some(stages) = self.parsed.get(&file) {
                index.extend(ReadStages::clone(stages));
                continue;
            }
            let (stages, inputs) = self.read(&file, root);
            let stages = stages?;
            if inputs.is_empty() {
                self.parsed.insert(file, Arc::new(stages.clone()));
            }
            index.extend(stages);
        }
        Ok(index)
    }

    /// Adds the metafiles whose templates name other files, as these may have changed when the metafile has not.
    fn add_templated(
        &self,
        seen: &Seen,
        files: &mut Vec<FileKey>,
        root: ObjectId,
        revision: &Revision,
    ) -> Result<()> {
        let cannot = |source: gix::Error| {
            unreadable(&self.git, format!("cannot read the revision `{}`", revision.name), source)
        };
        let commit = self.commit_files(root);
        for name in seen.templated.keys() {
            let find = |name: &str| -> std::result::Result<Option<ObjectId>, gix::Error> {
                let entry = commit.find(name)?;
                Ok(entry.filter(|entry| entry.mode().is_blob()).map(|entry| entry.object_id()))
            };
            if files.iter().any(|file| file.0 == *name) {
                continue;
            }
            if let Some(blob) = find(name).map_err(cannot)? {
                let lock = format!("{}dvc.lock", name.strip_suffix(DVC_YAML).unwrap_or_default());
                let lock = find(&lock).map_err(cannot)?;
                files.push((name.clone(), blob, lock));
            }
        }
        Ok(())
    }

    /// Returns whether a metafile was read before with the same content of the files that its templates name.
    fn is_known(&self, seen: &Seen, file: &FileKey, root: ObjectId, revision: &Revision) -> Result<bool> {
        let Some(known) = seen.templated.get(&file.0).filter(|_| seen.files.contains(file)) else {
            return Ok(seen.files.contains(file));
        };
        let commit = self.commit_files(root);
        let of_file: Vec<_> = known.iter().filter(|(key, _)| key == file).collect();
        for (_, inputs) in &of_file {
            let is_same = commit.are_same(inputs).map_err(|source| {
                unreadable(&self.git, format!("cannot read the revision `{}`", revision.name), source)
            })?;
            if is_same {
                return Ok(true);
            }
        }
        // Without inputs, the metafile has no templates that name files.
        Ok(of_file.is_empty())
    }

    fn commit_files(&self, root: ObjectId) -> CommitFiles<'_> {
        CommitFiles { repo: self.repo, git: &self.git, root, inputs: RefCell::default() }
    }

    /// Walks through the directories of a commit, and skips those that were read before. It does not record any as read.
    fn walk(&mut self, revision: &Revision, seen: Option<&HashSet<FolderKey>>) -> Result<Walk> {
        let mut walk = Walk::default();
        let Some(start) = self.root_of(revision)? else { return Ok(walk) };
        let mut pending = vec![(String::new(), start, 0)];
        while let Some(key) = pending.pop() {
            if seen.is_some_and(|seen| seen.contains(&key)) {
                continue;
            }
            let found = self.folder(&key, &mut pending).map_err(|source| {
                let folder = if key.0.is_empty() { "the root" } else { &key.0 };
                unreadable(
                    &self.git,
                    format!("cannot read {folder} of the revision `{}`", revision.name),
                    source,
                )
            });
            match found {
                Ok(files) => walk.files.extend(files),
                Err(error) => walk.failed.push(error),
            }
            walk.folders.push(key);
        }
        walk.files.sort_unstable();
        Ok(walk)
    }

    /// Returns the tree of the DVC repository in a revision; `None` if the commit is older than the repository.
    fn root_of(&self, revision: &Revision) -> Result<Option<ObjectId>> {
        let cannot = |source: gix::Error| {
            unreadable(&self.git, format!("cannot read the revision `{}`", revision.name), source)
        };
        let object = self.git.find_object(revision.commit).map_err(cannot)?;
        let tree = object.peel_to_kind(Kind::Tree).map_err(cannot)?.id;
        self.root_tree(tree).map_err(cannot)
    }

    /// Returns the `.dvc/config` of a revision; `None` if it has none.
    pub(crate) fn config_of(&self, revision: &Revision) -> Result<Option<(ObjectId, Vec<u8>)>> {
        let cannot = |source: gix::Error| {
            unreadable(&self.git, format!("cannot read the configuration of `{}`", revision.name), source)
        };
        let Some(root) = self.root_of(revision)? else { return Ok(None) };
        let find = || {
            let entry = self.git.find_tree(root)?.lookup_entry_by_path(".dvc/config")?;
            let Some(entry) = entry.filter(|entry| entry.mode().is_blob()) else { return Ok(None) };
            Ok(Some((entry.object_id(), self.git.find_blob(entry.object_id())?.take_data())))
        };
        find().map_err(cannot)
    }

    /// Returns the tree of the DVC repository; `None` if the commit is older than the repository.
    fn root_tree(&self, tree: ObjectId) -> Result<Option<ObjectId>, gix::Error> {
        let Some(root) = &self.root else { return Ok(None) };
        if root.is_empty() {
            return Ok(Some(tree));
        }
        let entry = self.git.find_tree(tree)?.lookup_entry_by_path(root)?;
        Ok(entry.filter(|entry| entry.mode().is_tree()).map(|entry| entry.object_id()))
    }

    /// Returns the metafiles of a directory, and adds the directories in it to `pending`.
    fn folder(&mut self, key: &FolderKey, pending: &mut Vec<FolderKey>) -> Result<Vec<FileKey>, gix::Error> {
        let (folder, tree, outer) = key;
        let tree = self.git.find_tree(*tree)?;
        let mut folders = Vec::new();
        let mut files = Vec::new();
        let (mut lock, mut ignore) = (None, None);
        for entry in tree.iter() {
            let entry = entry?;
            // DVC's files cannot express names that are not UTF-8.
            let Ok(name) = std::str::from_utf8(entry.filename()) else { continue };
            match entry.mode().kind() {
                // A repository of its own.
                EntryKind::Tree if name == DVC_DIR && !folder.is_empty() => return Ok(Vec::new()),
                EntryKind::Tree => folders.push((name.to_owned(), entry.object_id())),
                EntryKind::Blob | EntryKind::BlobExecutable => match name {
                    DVCIGNORE => ignore = Some(entry.object_id()),
                    "dvc.lock" => lock = Some(entry.object_id()),
                    _ if is_stage_file(name) => files.push((name.to_owned(), entry.object_id())),
                    _ => {}
                },
                EntryKind::Link | EntryKind::Commit => {}
            }
        }
        drop(tree);
        let rules = match ignore {
            Some(blob) => self.rules_of(*outer, folder, blob)?,
            None => *outer,
        };
        let path = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        for (name, id) in folders {
            let path = path(&name);
            if !self.rules[rules].is_ignored(&path, true) {
                pending.push((path, id, rules));
            }
        }
        let mut found = Vec::new();
        for (name, id) in files {
            let path = path(&name);
            if !self.rules[rules].is_ignored(&path, false) {
                found.push((path, id, lock.filter(|_| name == DVC_YAML)));
            }
        }
        Ok(found)
    }

    /// Returns the number of the set of rules that applies inside `folder`.
    fn rules_of(&mut self, outer: usize, folder: &str, blob: ObjectId) -> Result<usize, gix::Error> {
        let key = (outer, folder.to_owned(), blob);
        if let Some(number) = self.rule_numbers.get(&key) {
            return Ok(*number);
        }
        let text = self.git.find_blob(blob)?.take_data();
        self.rules.push(self.rules[outer].enter(folder, &text));
        self.rule_numbers.insert(key, self.rules.len() - 1);
        Ok(self.rules.len() - 1)
    }

    /// Reads a metafile, and also returns the other files that its templates name.
    fn read(&self, file: &FileKey, root: ObjectId) -> (Result<ReadStages>, Vec<Input>) {
        let files = self.commit_files(root);
        let stages = self.read_with(file, &files);
        (stages, files.inputs.into_inner())
    }

    fn read_with(&self, (name, blob, lock): &FileKey, files: &CommitFiles<'_>) -> Result<ReadStages> {
        let data = |id: ObjectId| {
            let blob = self.git.find_blob(id);
            let cannot = |source| unreadable(&self.git, format!("cannot read `{name}` from Git"), source);
            blob.map(|mut blob| blob.take_data()).map_err(cannot)
        };
        let path = self.repo.root().join(name);
        let text = data(*blob)?;
        let lock = lock.map(data).transpose()?;
        let lock_path = path.with_file_name("dvc.lock");
        let lock = lock.as_ref().map(|text| (lock_path.as_path(), text.as_slice()));
        read_stages(context_of_commit(self.repo, files), &path, &text, lock)
    }
}
