//! Objects that symbolic links of a workspace lead to.
//!
//! With `cache.type = symlink` a file of the workspace is a link to its object. Which object a metafile names now does
//! not matter to it: after `git checkout` of another commit, the links still lead to what was checked out before, and
//! deleting that would lose what the user sees. Copies, reflinks and hard links have their bytes for themselves.
//!
//! Deviation: DVC deletes objects that symbolic links of the workspace lead to, and leaves dangling links.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use haul_storage::Layout;

use super::projects::Project;
use super::used::Object;
use crate::paths::{is_absence, normalize};
use crate::workspace::state::Links;
use crate::{Error, Index, Result};

/// Looks at the outs of the workspace, and at what was put there for metafiles of another commit.
pub(super) fn linked_objects(project: &Project, index: &Index) -> Result<HashSet<Object>> {
    let repo = &project.repo;
    let cache = repo.cache_dir();
    let real_cache = fs_err::canonicalize(cache).unwrap_or_else(|_| cache.to_owned());
    let links = Links::load(project.stores.memo_dir());
    let mut pending: Vec<PathBuf> = index.outs.iter().map(|out| out.path.clone()).collect();
    pending.extend(links.iter().map(|(path, _)| repo.root().join(path)));
    pending.sort_unstable();
    pending.dedup();
    // What lies in another one is found with it.
    let mut last: Option<PathBuf> = None;
    pending.retain(|path| {
        let is_inside = last.as_ref().is_some_and(|last| path.starts_with(last));
        if !is_inside {
            last = Some(path.clone());
        }
        !is_inside
    });
    let mut found = HashSet::new();
    let cannot = |error| Error::io("cannot look for links to objects", error);
    while let Some(path) = pending.pop() {
        let metadata = match fs_err::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if is_absence(&error) => continue,
            Err(error) => return Err(cannot(error)),
        };
        if metadata.is_symlink() {
            found.extend(object_of(&path, [cache, &real_cache])?);
        } else if metadata.is_dir() {
            visit(&path, &mut |link| {
                found.extend(object_of(link, [cache, &real_cache])?);
                Ok(())
            })?;
        }
    }
    Ok(found)
}

/// Calls `take` with every symbolic link below `folder`.
fn visit(folder: &Path, take: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
    let cannot = |error| Error::io("cannot look for links to objects", error);
    let mut pending = vec![folder.to_owned()];
    while let Some(folder) = pending.pop() {
        let entries = match fs_err::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if is_absence(&error) => continue,
            Err(error) => return Err(cannot(error)),
        };
        for entry in entries {
            let entry = entry.map_err(cannot)?;
            let kind = entry.file_type().map_err(cannot)?;
            if kind.is_symlink() {
                take(&entry.path())?;
            } else if kind.is_dir() {
                pending.push(entry.path());
            }
        }
    }
    Ok(())
}

/// Returns the object a link leads to, if it leads into the cache.
fn object_of(link: &Path, caches: [&Path; 2]) -> Result<Option<Object>> {
    let target = match fs_err::read_link(link) {
        Ok(target) => target,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(Error::io("cannot look for links to objects", error)),
    };
    let folder = link.parent().unwrap_or(link);
    let as_written = normalize(&folder.join(target));
    let real = fs_err::canonicalize(link).ok();
    let object = |path: &Path| {
        let key = caches.iter().find_map(|cache| path.strip_prefix(cache).ok())?.to_str()?;
        [Layout::Current, Layout::Legacy]
            .into_iter()
            .find_map(|layout| layout.parse_path(key).map(|oid| (layout, oid)))
    };
    Ok(object(&as_written).or_else(|| real.as_deref().and_then(object)))
}
