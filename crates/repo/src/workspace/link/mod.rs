//! Putting a cached object into the workspace: reflink, hard link, symbolic link or copy.
//!
//! Every file is made under a temporary name and renamed, so that a reader sees the old or the new file.
//! Temporary names lie in a folder of ours below `.dvc/tmp`, so that a killed process leaves nothing in a tracked
//! directory. Only on another file system than `.dvc` do they lie beside the file, under a name that every
//! command of ours passes over and cleans.

mod failure;
mod place;
mod staging;

pub use failure::LinkError;
pub use place::{Linker, Placed};
pub use staging::Staging;

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use haul_config::{CacheConfig, LinkType};

use crate::workspace::scan::FileEntry;

/// Returns the configured cache types in their order; DVC's default is reflink, then copy.
pub fn link_types(config: &CacheConfig) -> Vec<LinkType> {
    match &config.types {
        Some(types) if !types.value.is_empty() => types.value.clone(),
        _ => vec![LinkType::Reflink, LinkType::Copy],
    }
}

impl Linker {
    /// Returns whether a workspace file that has the bytes of `object` is linked as the configured types ask for: by the first
    /// of them that works here. A reflink cannot be told from a copy. An executable file is never a link, whose mode would
    /// be that of the object.
    pub fn is_as_wanted(&self, entry: &FileEntry, path: &Path, object: &Path, is_exec: bool) -> bool {
        let is_plain = !entry.is_symlink && entry.n_links == 1;
        let mut types = self.types();
        while let Some((&link_type, others)) = types.split_first() {
            let is_any_plain = |types: &[LinkType]| {
                types.iter().all(|link_type| matches!(link_type, LinkType::Reflink | LinkType::Copy))
            };
            if is_exec || is_any_plain(types) {
                return is_plain;
            }
            let is_so = match link_type {
                LinkType::Copy | LinkType::Reflink => is_plain,
                LinkType::Hardlink => {
                    // An empty file is never a hard link, so that a million of them are no hundred thousand links to one.
                    (is_plain && entry.stamp.size_bytes == 0)
                        || (!entry.is_symlink && is_same_file(entry, object))
                }
                LinkType::Symlink => {
                    entry.is_symlink && fs_err::read_link(path).is_ok_and(|target| target == object)
                }
            };
            // What is linked so needs no trial; only a plain file may be a copy in the place of a reflink.
            if is_so && link_type != LinkType::Reflink {
                return true;
            }
            if self.works(link_type, object, path) {
                return is_so;
            }
            types = others;
        }
        false
    }
}

fn is_same_file(entry: &FileEntry, object: &Path) -> bool {
    fs_err::metadata(object)
        .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == (entry.stamp.device, entry.stamp.inode))
}
