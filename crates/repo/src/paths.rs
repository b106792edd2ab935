//! Paths as text: joined, made relative and normalised without a look at the file system, as Python's
//! `os.path` does and DVC relies on.

use std::path::{Component, Path, PathBuf};

use crate::{Error, Result};

/// Takes `.` and `..` out of an absolute path without following links.
pub(crate) fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            // At the root, `..` stays at the root.
            Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}

/// Returns how to get from the folder `base` to `path`; both absolute and normal. The folder itself is `.`.
pub(crate) fn relative(path: &Path, base: &Path) -> PathBuf {
    let common = path.components().zip(base.components()).take_while(|(left, right)| left == right).count();
    let mut relative: PathBuf = base.components().skip(common).map(|_| Component::ParentDir).collect();
    relative.extend(path.components().skip(common));
    if relative.as_os_str().is_empty() { PathBuf::from(".") } else { relative }
}

/// Returns `path` with `/` between components.
///
/// # Errors
///
/// [`Error::NotUnicode`] if it cannot be written to a file of DVC.
pub(crate) fn posix(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| Error::NotUnicode(path.to_owned()))?;
    Ok(if cfg!(windows) { text.replace('\\', "/") } else { text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalize_resolves_dots() {
        for (path, expected) in
            [("/a/./b/../c", "/a/c"), ("/../a", "/a"), ("/a/b/../..", "/"), ("/a//b/", "/a/b")]
        {
            assert_eq!(normalize(Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn relative_path_leads_from_base_to_path() {
        for (path, base, expected) in [
            ("/a/b", "/a", "b"),
            ("/a", "/a", "."),
            ("/a", "/a/b/c", "../.."),
            ("/x/y", "/x/z", "../y"),
            ("/a", "/", "a"),
        ] {
            assert_eq!(relative(Path::new(path), Path::new(base)), Path::new(expected), "{path} from {base}");
        }
    }
}
