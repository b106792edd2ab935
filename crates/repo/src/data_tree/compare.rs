//! Compares the data of two sides: two commits, or a commit and the workspace.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::{DataObject, DataTree};
use crate::DirManifest;
use crate::metafile::dir_manifest::DirEntry;

/// A file or directory of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sided {
    pub(crate) is_dir: bool,
    /// Its data; for a directory, its manifest.
    pub(crate) object: Option<DataObject>,
}

/// The data of one side, by path.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub(crate) entries: BTreeMap<String, Sided>,
    /// Directories whose manifest could not be read: only their hash is known.
    pub(crate) opaque: Vec<String>,
}

/// Which part of an out is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Portion {
    Whole,
    /// Everything at or below these paths in it.
    Below(BTreeSet<String>),
}

impl Portion {
    /// Adds another portion of the same out.
    pub(crate) fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Below(paths), Self::Below(others)) => paths.extend(others),
            (_, Self::Whole) => *self = Self::Whole,
            (Self::Whole, Self::Below(_)) => {}
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }

    /// Returns the wanted files of a directory.
    pub(crate) fn of<'a>(&self, manifest: &'a DirManifest) -> Vec<&'a DirEntry> {
        match self {
            Self::Whole => manifest.entries().iter().collect(),
            Self::Below(paths) => paths.iter().flat_map(|path| manifest.below(path)).collect(),
        }
    }
}

impl Side {
    /// Makes the side of the wanted outs of a tree, with the files of directories if `is_granular`.
    pub(crate) fn of_tree(
        tree: &DataTree<'_>,
        is_granular: bool,
        wanted: &dyn Fn(&str) -> Option<Portion>,
    ) -> Self {
        let mut side = Self::default();
        for (path, out) in tree.outs() {
            let Some(portion) = wanted(path) else { continue };
            let object = out.oid.map(|oid| DataObject { layout: out.layout, oid });
            let is_dir = out.oid.is_some_and(|oid| oid.is_dir());
            if portion.is_whole() {
                side.entries.insert(path.to_owned(), Sided { is_dir, object });
            }
            if !is_dir || !is_granular {
                continue;
            }
            let Some(manifest) = tree.manifest(out) else {
                side.opaque.push(path.to_owned());
                continue;
            };
            for file in portion.of(manifest) {
                let object = DataObject { layout: out.layout, oid: haul_storage::Oid::file(file.digest) };
                let file = format!("{path}/{}", file.path);
                side.entries.insert(file, Sided { is_dir: false, object: Some(object) });
            }
        }
        side
    }
}

/// How a path changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Deleted,
    Modified,
    /// The data was at this path on the old side.
    Renamed(String),
    Unchanged,
    /// Not known: it is in a directory of which one side has only the hash.
    Unknown,
}

/// A path, and how it changed, if it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) kind: ChangeKind,
    pub(crate) old: Option<Sided>,
    pub(crate) new: Option<Sided>,
}

impl Change {
    /// Returns whether the path is a directory, on the side that has it.
    pub(crate) fn is_dir(&self) -> bool {
        self.new.or(self.old).is_some_and(|sided| sided.is_dir)
    }
}

/// Compares two sides. Returns every path of either, sorted; data that was deleted at one path and added at another is a
/// rename.
pub(crate) fn compare(old: &Side, new: &Side) -> Vec<Change> {
    let mut changes = Vec::new();
    let opaque: HashSet<&str> = old.opaque.iter().chain(&new.opaque).map(String::as_str).collect();
    let is_opaque = |path: &str| path.match_indices('/').any(|(end, _)| opaque.contains(&path[..end]));
    let mut add = |path: &String, old: Option<Sided>, new: Option<Sided>| {
        let kind = match (old, new) {
            _ if !opaque.is_empty() && is_opaque(path) => ChangeKind::Unknown,
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Deleted,
            (old, new) if old == new => ChangeKind::Unchanged,
            _ => ChangeKind::Modified,
        };
        changes.push(Change { path: path.clone(), kind, old, new });
    };
    let (mut left, mut right) = (old.entries.iter().peekable(), new.entries.iter().peekable());
    loop {
        match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some((path, old)), Some((other, new))) if path == other => {
                add(path, Some(**old), Some(**new));
                left.next();
                right.next();
            }
            (Some((path, old)), other) if other.is_none_or(|(other, _)| path < other) => {
                add(path, Some(**old), None);
                left.next();
            }
            (_, Some((path, new))) => {
                add(path, None, Some(**new));
                right.next();
            }
            (Some(_), None) => unreachable!("what is only on the left was taken"),
        }
    }
    with_renames(changes)
}

/// Joins deletions and additions of the same hash to renames, in the order of the paths.
fn with_renames(changes: Vec<Change>) -> Vec<Change> {
    let mut deleted: HashMap<DataObject, VecDeque<String>> = HashMap::new();
    for change in changes.iter().filter(|change| change.kind == ChangeKind::Deleted) {
        if let Some(object) = change.old.and_then(|sided| sided.object) {
            deleted.entry(object).or_default().push_back(change.path.clone());
        }
    }
    let mut gone: HashMap<String, Sided> = HashMap::new();
    let mut joined: Vec<Change> = Vec::with_capacity(changes.len());
    for mut change in changes {
        if change.kind == ChangeKind::Added
            && let Some(new) = change.new
            && let Some(object) = new.object
            && let Some(from) = deleted.get_mut(&object).and_then(VecDeque::pop_front)
        {
            gone.insert(from.clone(), new);
            change.old = Some(new);
            change.kind = ChangeKind::Renamed(from);
        }
        joined.push(change);
    }
    joined.retain(|change| change.kind != ChangeKind::Deleted || !gone.contains_key(&change.path));
    joined
}

#[cfg(test)]
mod tests {
    use haul_storage::hash::md5;
    use haul_storage::{Layout, Oid};

    use super::*;

    fn side(entries: &[(&str, &str)]) -> Side {
        let sided = |content: &str| Sided {
            is_dir: false,
            object: Some(DataObject { layout: Layout::Current, oid: Oid::file(md5(content.as_bytes())) }),
        };
        let entries = entries.iter().map(|(path, content)| ((*path).to_owned(), sided(content)));
        Side { entries: entries.collect(), opaque: Vec::new() }
    }

    fn kinds(old: &Side, new: &Side) -> Vec<(String, ChangeKind)> {
        compare(old, new).into_iter().map(|change| (change.path, change.kind)).collect()
    }

    #[test]
    fn every_path_of_either_side_is_told() {
        let (old, new) =
            (side(&[("a", "1"), ("b", "2"), ("c", "3")]), side(&[("b", "2"), ("c", "4"), ("d", "5")]));
        let expected = [
            ("a", ChangeKind::Deleted),
            ("b", ChangeKind::Unchanged),
            ("c", ChangeKind::Modified),
            ("d", ChangeKind::Added),
        ];
        assert_eq!(kinds(&old, &new), expected.map(|(path, kind)| (path.to_owned(), kind)));
    }

    #[test]
    fn data_that_moved_is_renamed_once_for_each_place_it_left() {
        let (old, new) = (side(&[("a", "1"), ("b", "1")]), side(&[("x", "1"), ("y", "1"), ("z", "1")]));
        let renamed = |path: &str| ChangeKind::Renamed(path.to_owned());
        let expected = [("x", renamed("a")), ("y", renamed("b")), ("z", ChangeKind::Added)];
        assert_eq!(kinds(&old, &new), expected.map(|(path, kind)| (path.to_owned(), kind)));
    }

    #[test]
    fn nothing_is_said_of_files_whose_directory_is_not_known() {
        let (mut old, new) = (side(&[]), side(&[("d/a", "1"), ("e", "2")]));
        old.opaque.push(String::from("d"));
        let expected = [("d/a", ChangeKind::Unknown), ("e", ChangeKind::Added)];
        assert_eq!(kinds(&old, &new), expected.map(|(path, kind)| (path.to_owned(), kind)));
    }
}
