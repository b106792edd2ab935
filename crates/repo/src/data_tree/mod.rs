//! The files of a repository as its users see them: those of its tree, and the data of its outs.
//!
//! A path leads to a file or directory of the tree, to an object, or to both. The files of a tracked directory are known
//! after its manifest was added with [`DataTree::add_manifest`].

mod compare;
mod entry;

use std::collections::{BTreeMap, HashMap};

use haul_storage::{Layout, Oid};

pub(crate) use compare::{Change, ChangeKind, Portion, Side, Sided, compare};
pub(crate) use entry::{DataEntry, DataObject};

use crate::index::Index;
use crate::metafile::dependency::DependencyHash;
use crate::paths::posix;
use crate::tree::{Tree, TreeEntry, join};
use crate::{DirManifest, Out, Result, Stage};

/// What the outs have at a path.
#[derive(Debug, Clone, Copy)]
enum Tracked<'tree> {
    /// An out itself.
    Out(&'tree Out),
    /// An import of which nothing is recorded, not even its source.
    Unknown,
    /// A directory that contains outs.
    Above,
    /// A file in a tracked directory.
    File(DataObject),
    /// A directory in a tracked directory.
    Dir,
}

/// Returns an out with what is recorded of the source of an import whose data was never got; `None` for all others.
fn imported(stage: &Stage, out: &Out) -> Option<Out> {
    let source = stage.source().filter(|_| out.oid.is_none() && out.files.is_none())?;
    let Some(DependencyHash::Md5(md5)) = &source.hash else { return None };
    let oid = md5.parse().ok()?;
    Some(Out { oid: Some(oid), size_bytes: source.size_bytes, n_files: source.n_files, ..out.clone() })
}

/// A tree with the data of its outs.
pub(crate) struct DataTree<'a> {
    tree: &'a dyn Tree,
    index: &'a Index,
    /// The outs by their paths below the root.
    outs: BTreeMap<String, usize>,
    /// What stands for imports that record their source alone: outs with its hash and size.
    imported: HashMap<usize, Out>,
    manifests: HashMap<(Layout, Oid), DirManifest>,
}

impl<'a> DataTree<'a> {
    /// Combines the tree of the repository at `root` with the outs of `index`. Outs outside of the repository are left out, and
    /// so are those that are not cached: they are files of the tree.
    pub(crate) fn new(tree: &'a dyn Tree, index: &'a Index, root: &std::path::Path) -> Self {
        let mut outs = BTreeMap::new();
        for (number, out) in index.outs.iter().enumerate().filter(|(_, out)| out.use_cache) {
            let below = out.path.strip_prefix(root).ok().and_then(|below| posix(below).ok());
            if let Some(path) = below.filter(|path| !path.is_empty()) {
                outs.insert(path, number);
            }
        }
        let recorded =
            index.outs.iter().filter_map(|out| Some(((out.layout, out.oid?), out.recorded_manifest()?)));
        let manifests = recorded.collect();
        let imported = outs.values().filter_map(|&number| {
            let out = &index.outs[number];
            Some((number, imported(index.stage_of(out), out)?))
        });
        let imported = imported.collect();
        Self { tree, index, outs, imported, manifests }
    }

    /// Returns the tracked directories below or above `path` whose files are not known yet, each manifest once.
    pub(crate) fn unknown(&self, path: &str) -> Vec<&'a Out> {
        let mut seen = std::collections::HashSet::new();
        let index = self.index;
        let around = self.out_around(path).map(|(number, _)| number);
        let below = self.below(path).map(|(_, number)| number);
        let outs = around.into_iter().chain(below).map(|number| &index.outs[number]);
        outs.filter(|out| {
            let key = out.oid.filter(Oid::is_dir).map(|oid| (out.layout, oid));
            key.is_some_and(|key| !self.manifests.contains_key(&key) && seen.insert(key))
        })
        .collect()
    }

    /// Returns the stage of an out.
    pub(crate) fn stage_of(&self, out: &Out) -> &'a Stage {
        self.index.stage_of(out)
    }

    /// Adds the files of a directory.
    pub(crate) fn add_manifest(&mut self, layout: Layout, oid: Oid, manifest: DirManifest) {
        self.manifests.insert((layout, oid), manifest);
    }

    /// Returns the manifest of an out that is a directory; `None` if it is not known.
    pub(crate) fn manifest(&self, out: &Out) -> Option<&DirManifest> {
        self.manifests.get(&(out.layout, out.oid?))
    }

    /// Returns the outs by their paths below the root.
    pub(crate) fn outs(&self) -> impl Iterator<Item = (&str, &Out)> {
        self.numbered_outs().map(|(path, number)| (path, self.out(number)))
    }

    fn out(&self, number: usize) -> &Out {
        self.imported.get(&number).unwrap_or(&self.index.outs[number])
    }

    /// Returns the numbers of the outs in the index by their paths below the root.
    pub(crate) fn numbered_outs(&self) -> impl Iterator<Item = (&str, usize)> {
        self.outs.iter().map(|(path, number)| (path.as_str(), *number))
    }

    /// Returns the entry at a path; `None` if there is none.
    pub(crate) fn stat(&self, path: &str) -> Result<Option<DataEntry>> {
        let in_tree = self.tree.stat(path)?;
        let mut tracked = self.tracked(path);
        if tracked.is_some() && in_tree.is_none() && self.is_below_file(path)? {
            tracked = None;
        }
        Ok(DataEntry::merge(path.rsplit('/').next().unwrap_or_default(), in_tree, tracked))
    }

    /// Returns the entries of a directory, sorted by name. With `data_only`, files of the tree itself are left out.
    pub(crate) fn list(&self, directory: &str, data_only: bool) -> Result<Vec<DataEntry>> {
        let in_tree = if data_only { Vec::new() } else { self.tree.list(directory)? };
        let mut names: BTreeMap<String, (Option<TreeEntry>, Option<Tracked<'_>>)> = BTreeMap::new();
        for entry in in_tree {
            let slot = names.entry(entry.name.clone()).or_default();
            slot.0 = Some(entry);
        }
        // A file of the tree has no entries below it, whatever a metafile says.
        let is_file = !data_only && self.tree.stat(directory)?.is_some_and(|entry| !entry.is_dir);
        if !is_file {
            for name in self.names_in(directory) {
                let tracked = self.tracked(&join(directory, &name));
                names.entry(name).or_default().1 = tracked;
            }
        }
        let merged = names
            .into_iter()
            .filter_map(|(name, (in_tree, tracked))| DataEntry::merge(&name, in_tree, tracked));
        Ok(merged.collect())
    }

    /// Calls `visit` with every path below a directory and its entry, a directory before its content; directories for which
    /// it returns `false` are not entered.
    pub(crate) fn walk(
        &self,
        directory: &str,
        data_only: bool,
        visit: &mut dyn FnMut(&str, &DataEntry) -> Result<bool>,
    ) -> Result<()> {
        for entry in self.list(directory, data_only)? {
            let path = join(directory, &entry.name);
            if visit(&path, &entry)? && entry.is_dir && !entry.is_link {
                self.walk(&path, data_only, visit)?;
            }
        }
        Ok(())
    }

    /// Writes the content of a file of the tree to `sink`.
    pub(crate) fn copy(&self, path: &str, sink: &mut dyn std::io::Write) -> Result<()> {
        self.tree.copy(path, sink)
    }

    fn tracked(&self, path: &str) -> Option<Tracked<'_>> {
        if let Some((number, below)) = self.out_around(path) {
            let out = self.out(number);
            if below.is_empty() {
                let is_unknown = out.oid.is_none() && self.index.stage_of(out).is_import;
                return Some(if is_unknown { Tracked::Unknown } else { Tracked::Out(out) });
            }
            let entries = self.manifest(out)?.below(below);
            let first = entries.first()?;
            return Some(if *first.path == *below {
                Tracked::File(DataObject { layout: out.layout, oid: Oid::file(first.digest) })
            } else {
                Tracked::Dir
            });
        }
        (path.is_empty() || self.below(path).next().is_some()).then_some(Tracked::Above)
    }

    /// Returns the names that outs give to entries of a directory.
    fn names_in(&self, directory: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut add = |path: &str| {
            let name = path.split('/').next().unwrap_or_default();
            if names.last().is_none_or(|last| last != name) {
                names.push(name.to_owned());
            }
        };
        if let Some((number, below)) = self.out_around(directory) {
            let Some(manifest) = self.manifest(self.out(number)) else { return names };
            let (entries, skipped) = match below {
                "" => (manifest.entries(), 0),
                below => (manifest.below(below), below.len() + 1),
            };
            for entry in entries {
                if let Some(rest) = entry.path.get(skipped..) {
                    add(rest);
                }
            }
        } else {
            let skipped = if directory.is_empty() { 0 } else { directory.len() + 1 };
            for (path, _) in self.below(directory) {
                add(&path[skipped..]);
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns the out that is at a path or contains it, and the path in it.
    fn out_around<'path>(&self, path: &'path str) -> Option<(usize, &'path str)> {
        let mut ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        ends.find_map(|end| Some((*self.outs.get(&path[..end])?, path[end..].trim_start_matches('/'))))
    }

    /// Returns the outs below a directory, which is not an out itself.
    fn below<'path>(&'path self, directory: &'path str) -> impl Iterator<Item = (&'path str, usize)> {
        let start = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let range = self.outs.range(start.clone()..);
        range
            .take_while(move |(path, _)| path.starts_with(&start))
            .map(|(path, number)| (path.as_str(), *number))
    }

    /// Returns whether a parent of a path is a file of the tree.
    fn is_below_file(&self, path: &str) -> Result<bool> {
        for (end, _) in path.match_indices('/') {
            if self.tree.stat(&path[..end])?.is_some_and(|entry| !entry.is_dir) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
