//! An entry of a data tree.

use haul_storage::{Layout, Oid};

use super::Tracked;
use crate::ignore::DVCIGNORE;
use crate::index::is_stage_file;
use crate::tree::TreeEntry;

/// An object in a cache or on a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DataObject {
    pub(crate) layout: Layout,
    pub(crate) oid: Oid,
}

/// A file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataEntry {
    pub(crate) name: String,
    pub(crate) is_dir: bool,
    /// Whether it is a symbolic link of the tree, which a walk does not enter.
    pub(crate) is_link: bool,
    pub(crate) is_exec: bool,
    /// The size in bytes, if it is known.
    pub(crate) size_bytes: Option<u64>,
    /// Whether the path is an out, or is inside one.
    pub(crate) is_out: bool,
    /// Its data; for a directory that is an out, its manifest.
    pub(crate) object: Option<DataObject>,
    /// Whether it is in the tree of the repository's own files.
    pub(crate) is_in_tree: bool,
}

impl DataEntry {
    /// Returns whether it is a file of DVC itself, which is listed and never copied.
    pub(crate) fn is_metafile(&self) -> bool {
        !self.is_dir && (is_stage_file(&self.name) || self.name == DVCIGNORE)
    }

    /// Merges the entry of the tree with that of the outs. If they disagree about the kind, the tree's counts; the entry is
    /// still marked as an out and has its hash, as in DVC.
    pub(super) fn merge(
        name: &str,
        in_tree: Option<TreeEntry>,
        tracked: Option<Tracked<'_>>,
    ) -> Option<Self> {
        let from_outs = tracked.map(|tracked| Self::tracked(name, tracked));
        let Some(in_tree) = in_tree else { return from_outs };
        Some(Self {
            name: name.to_owned(),
            is_dir: in_tree.is_dir,
            is_link: in_tree.is_link,
            is_exec: in_tree.is_exec,
            size_bytes: Some(in_tree.size_bytes),
            is_out: from_outs.as_ref().is_some_and(|entry| entry.is_out),
            object: from_outs.and_then(|entry| entry.object),
            is_in_tree: true,
        })
    }

    fn tracked(name: &str, tracked: Tracked<'_>) -> Self {
        let entry = Self {
            name: name.to_owned(),
            is_dir: true,
            is_link: false,
            is_exec: false,
            size_bytes: None,
            is_out: true,
            object: None,
            is_in_tree: false,
        };
        match tracked {
            Tracked::Above => Self { is_out: false, ..entry },
            Tracked::Dir => entry,
            Tracked::Unknown => Self { is_dir: false, ..entry },
            Tracked::Out(out) => {
                let object = out.oid.map(|oid| DataObject { layout: out.layout, oid });
                let is_dir = out.oid.is_some_and(|oid| oid.is_dir());
                // DVC shows 0 for what has never been recorded.
                let size_bytes = out.size_bytes.or(out.oid.is_none().then_some(0));
                Self { is_dir, size_bytes, object, ..entry }
            }
            Tracked::File(object) => Self { is_dir: false, object: Some(object), ..entry },
        }
    }
}
