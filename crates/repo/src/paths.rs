//! Joins, normalises and relativises paths as text, without access to the file system, as Python's `os.path` does and
//! DVC relies on.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use crate::{Error, Result};

/// The maximum length of a path in bytes: `PATH_MAX` of Linux without the NUL at the end.
pub(crate) const MAX_PATH_BYTES: usize = 4095;

/// Returns whether there is nothing at a path: neither the file, nor the directory it would be in.
pub(crate) fn is_absence(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// Returns the path of the `.dvc` file beside some data, as DVC names it.
pub(crate) fn with_suffix(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".dvc");
    path.with_file_name(name)
}

/// Removes `.` and `..` from an absolute path without following links.
pub(crate) fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            // The parent of the root is the root.
            Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}

/// Returns `path` relative to the directory `base`; both are absolute and normal. The directory itself is `.`.
pub(crate) fn relative(path: &Path, base: &Path) -> PathBuf {
    let common = path.components().zip(base.components()).take_while(|(left, right)| left == right).count();
    let mut relative: PathBuf = base.components().skip(common).map(|_| Component::ParentDir).collect();
    relative.extend(path.components().skip(common));
    if relative.as_os_str().is_empty() { PathBuf::from(".") } else { relative }
}

/// Returns `.git` or `.dvc` if a name means this directory, which must never contain data, on any file system.
///
/// As in Git, letter case and characters that HFS+ ignores make no difference, nor do the forms that are equivalent on
/// NTFS: dots and blanks at the end, and short names (`core.protectHFS`, `core.protectNTFS` of
/// <https://git-scm.com/docs/git-config>).
pub(crate) fn private_folder(name: &str) -> Option<&'static str> {
    let name: Cow<'_, str> = if name.is_ascii() {
        name.into()
    } else {
        name.chars().filter(|character| !is_passed_over(*character)).collect::<String>().into()
    };
    let name = name.trim_end_matches(['.', ' ']);
    [(".git", "git~1"), (".dvc", "dvc~1")]
        .into_iter()
        .find(|(long, short)| name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short))
        .map(|(long, _)| long)
}

/// Returns whether HFS+ ignores a character in a name.
fn is_passed_over(character: char) -> bool {
    matches!(character, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Returns the first component of a path that means `.git` or `.dvc`, as [`private_folder`] does.
pub(crate) fn private_folder_in(path: &Path) -> Option<&'static str> {
    path.components().find_map(|component| private_folder(&component.as_os_str().to_string_lossy()))
}

/// Returns `path` with `/` between components.
///
/// # Errors
///
/// [`Error::NotUnicode`] if it is not UTF-8, which DVC's files require.
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
    fn private_folder_is_known_however_it_is_spelled() {
        for name in [".git", ".GiT", ".g\u{200c}it", ".git ", ".git. .", "GIT~1"] {
            assert_eq!(private_folder(name), Some(".git"), "{name:?}");
        }
        for name in [".dvc", ".DVC", "dvc~1"] {
            assert_eq!(private_folder(name), Some(".dvc"), "{name:?}");
        }
        for name in ["git", ".gitignore", ".github", "a.dvc", ".dvcignore", "..", ".", "größe", "git~2"] {
            assert_eq!(private_folder(name), None, "{name:?}");
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
