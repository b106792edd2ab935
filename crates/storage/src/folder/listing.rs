//! Pages of keys out of a tree of directories.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::cache::pending::is_temporary_name;
use crate::cache::presence::is_absence;
use crate::{Error, ListFrom, ListPage, ObjectInfo, Result};

/// Most objects of a page, as in S3.
const PAGE_OBJECTS: usize = 1000;

/// Looks at an object: its file, and what the system says of it.
type Visitor<'a> = dyn FnMut(&Path, &Metadata) + 'a;

/// Returns the first objects behind `after`. Temporary files and names that are not UTF-8 are passed over.
/// `found` is told of each object.
pub(super) fn page(root: &Path, prefix: &str, after: &str, found: &mut Visitor<'_>) -> Result<ListPage> {
    let mut objects = Vec::new();
    let folder = prefix.rfind('/').map_or("", |end| &prefix[..=end]);
    let is_truncated = visit(root, folder, prefix, after, &mut objects, found)?;
    let next = is_truncated
        .then(|| objects.last().map(|object: &ObjectInfo| ListFrom::AfterKey(object.key.clone())))
        .flatten();
    Ok(ListPage { objects, is_truncated, next })
}

/// Adds the objects below `folder`, a key that is empty or ends with `/`; true as soon as the page is full and there
/// is more.
fn visit(
    root: &Path,
    folder: &str,
    prefix: &str,
    after: &str,
    objects: &mut Vec<ObjectInfo>,
    found: &mut Visitor<'_>,
) -> Result<bool> {
    let cannot = |error| Error::io("cannot list a remote", error);
    let entries = match fs_err::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if is_absence(&error) => return Ok(false),
        Err(error) => return Err(cannot(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(cannot)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_folder = match entry.file_type().map_err(cannot)? {
            kind if kind.is_symlink() => entry.path().is_dir(),
            kind => kind.is_dir(),
        };
        if is_folder || !is_temporary_name(&name) {
            // A directory sorts as its keys do: with the slash.
            names.push(if is_folder { format!("{folder}{name}/") } else { format!("{folder}{name}") });
        }
    }
    names.sort_unstable();
    for key in names {
        if key.ends_with('/') {
            let may_match = key.starts_with(prefix) || prefix.starts_with(&key);
            let is_behind = key.as_str() > after || after.starts_with(&key);
            if may_match && is_behind && visit(root, &key, prefix, after, objects, found)? {
                return Ok(true);
            }
        } else if key.starts_with(prefix) && key.as_str() > after {
            let metadata = match fs_err::metadata(root.join(&key)) {
                Ok(metadata) if metadata.is_file() => metadata,
                Ok(_) => continue,
                Err(error) if is_absence(&error) => continue,
                Err(error) => return Err(cannot(error)),
            };
            if objects.len() == PAGE_OBJECTS {
                return Ok(true);
            }
            found(&root.join(&key), &metadata);
            objects.push(info(key, &metadata));
        }
    }
    Ok(false)
}

pub(super) fn info(key: String, metadata: &Metadata) -> ObjectInfo {
    ObjectInfo { key, size_bytes: metadata.len(), etag: None, last_modified: Some(metadata.mtime()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_all_keys_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = Vec::new();
        for first in ["a", "a.b", "ab", "b"] {
            for second in 0..600 {
                keys.push(format!("{first}/{second:04}"));
            }
        }
        keys.push("a-file".to_owned());
        for key in &keys {
            let path = folder.path().join(key);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "x").unwrap();
        }
        fs_err::write(folder.path().join("a/.JFn5gOVADzTHBXMN0WEbiA.tmp"), "").unwrap();
        keys.sort();
        for prefix in ["", "a", "a/", "a/05", "ab/0599", "nothing/"] {
            let mut listed = Vec::new();
            let mut after = String::new();
            loop {
                let page = page(folder.path(), prefix, &after, &mut |_, _| {}).unwrap();
                assert!(page.objects.len() <= PAGE_OBJECTS);
                listed.extend(page.objects.into_iter().map(|object| object.key));
                match page.next {
                    Some(ListFrom::AfterKey(key)) => after = key,
                    Some(other) => panic!("{other:?}"),
                    None => break,
                }
            }
            let expected: Vec<_> = keys.iter().filter(|key| key.starts_with(prefix)).cloned().collect();
            assert_eq!(listed, expected, "{prefix}");
        }
    }
}
