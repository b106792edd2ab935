//! Putting a cached object into the workspace: reflink, hard link, symbolic link or copy.
//!
//! Every file is made under a temporary name and renamed, so that a reader sees the old or the new file.
//! Temporary names lie in a folder of ours below `.dvc/tmp`, so that a killed process leaves nothing in a tracked
//! directory. Only on another file system than `.dvc` do they lie beside the file, under a name that every
//! command of ours passes over and cleans.

mod place;
mod staging;

pub use place::{LinkError, Linker, Placed};
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

/// Tells whether a workspace file that has the bytes of `object` is linked as one of `types` asks for. A reflink
/// cannot be told from a copy; either will do where one is asked for.
pub fn is_linked_as_wanted(types: &[LinkType], entry: &FileEntry, path: &Path, object: &Path) -> bool {
    let is_plain = !entry.is_symlink && entry.n_links == 1;
    types.iter().any(|link_type| match link_type {
        LinkType::Copy | LinkType::Reflink => is_plain,
        LinkType::Hardlink => {
            // An empty file is never a hard link, so that a million of them are no hundred thousand links to one.
            (is_plain && entry.stamp.size_bytes == 0) || (!entry.is_symlink && is_same_file(entry, object))
        }
        LinkType::Symlink => entry.is_symlink && fs_err::read_link(path).is_ok_and(|target| target == object),
    })
}

fn is_same_file(entry: &FileEntry, object: &Path) -> bool {
    fs_err::metadata(object)
        .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == (entry.stamp.device, entry.stamp.inode))
}
