//! The identity of a file: one path, however the user or a metafile spells it.
//!
//! `link/f` is `data/f` if `link` leads to `data`. Locks, comparisons, deletions and the state of the workspace must know
//! that; otherwise a file that is tracked by one path would seem to be no longer tracked by the other.
//!
//! Deviation: haul resolves symbolic links in the paths of outs and targets, so that two spellings are one file. DVC takes
//! them for two files, and deletes the file that it has just checked out.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use crate::Repo;

/// The number of links that are followed before they count as a loop, as on Linux.
const MAX_LINKS: usize = 40;

impl Repo {
    /// Returns the identity of a file of the repository: its path without symbolic links in its parents. A link that leads
    /// out of the repository, or is dangling, stays in the path; a path outside of the repository is not changed.
    ///
    /// The last component is not followed: a link is a file itself.
    pub(crate) fn identify(&self, path: &Path) -> PathBuf {
        identify(self.root(), path, &|_, name| name.to_owned())
    }

    /// Returns the identity of a path that a user typed, relative to the working directory. On a file system that ignores
    /// letter case, the names are spelled as on the disk.
    pub(crate) fn target_path(&self, text: impl AsRef<Path>) -> PathBuf {
        identify(self.root(), &self.absolute(text), &name_on_disk)
    }
}

/// Returns a path with the links in its parents resolved; unchanged if that fails.
pub(crate) fn physical(path: &Path) -> PathBuf {
    // On Windows the resolved path has a prefix that other programs do not accept.
    if cfg!(windows) {
        return path.to_owned();
    }
    fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn identify(root: &Path, path: &Path, name_in: &dyn Fn(&Path, &OsStr) -> OsString) -> PathBuf {
    let Some(mut below) = below_root(root, path) else { return path.to_owned() };
    'again: for _ in 0..MAX_LINKS {
        let mut found = root.to_owned();
        let mut names = below.components().peekable();
        while let Some(name) = names.next() {
            let Component::Normal(name) = name else { return path.to_owned() };
            found.push(name_in(&found, name));
            if names.peek().is_some() && found.is_symlink() {
                let Ok(real) = fs_err::canonicalize(&found) else { return path.to_owned() };
                let Ok(inside) = real.strip_prefix(physical(root)) else { return path.to_owned() };
                below = inside.join(names.collect::<PathBuf>());
                continue 'again;
            }
        }
        return found;
    }
    path.to_owned()
}

/// Returns the part of `path` below the root, also if it leads there through a link outside of the repository.
fn below_root(root: &Path, path: &Path) -> Option<PathBuf> {
    if let Ok(below) = path.strip_prefix(root) {
        return Some(below.to_owned());
    }
    let folder = fs_err::canonicalize(path.parent()?).ok()?;
    Some(folder.strip_prefix(physical(root)).ok()?.join(path.file_name()?))
}

/// Returns the name of an entry as the directory lists it: if the file system ignores letter case, the user may type it
/// in another case.
fn name_on_disk(folder: &Path, name: &OsStr) -> OsString {
    let as_typed = || name.to_owned();
    let Some(text) = name.to_str() else { return as_typed() };
    let swapped: String = text
        .chars()
        .map(|letter| {
            if letter.is_ascii_lowercase() {
                letter.to_ascii_uppercase()
            } else {
                letter.to_ascii_lowercase()
            }
        })
        .collect();
    // On a file system with letter case, this is the only system call.
    if swapped == text || !is_same_file(&folder.join(name), &folder.join(&swapped)) {
        return as_typed();
    }
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let names: Vec<OsString> = entries.map(|entry| entry.file_name()).collect();
    if names.iter().any(|other| other == name) {
        return as_typed();
    }
    let lower = text.to_lowercase();
    let is_meant = |other: &&OsString| other.to_str().is_some_and(|other| other.to_lowercase() == lower);
    names.iter().find(is_meant).cloned().unwrap_or_else(as_typed)
}

#[cfg(unix)]
fn is_same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs_err::symlink_metadata(other), fs_err::symlink_metadata(one)) {
        (Ok(other), Ok(one)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same_file(one: &Path, other: &Path) -> bool {
    fs_err::canonicalize(one).is_ok_and(|one| fs_err::canonicalize(other).is_ok_and(|other| one == other))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn plain(root: &Path, path: &Path) -> PathBuf {
        identify(root, path, &|_, name| name.to_owned())
    }

    #[test]
    fn path_through_links_is_the_path_of_the_file() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let base = physical(folder.path());
        let root = base.join("repo");
        fs_err::create_dir_all(root.join("data/sub")).unwrap();
        fs_err::create_dir_all(base.join("outside")).unwrap();
        symlink("data", root.join("link")).unwrap();
        symlink(root.join("link/sub"), root.join("data/again")).unwrap();
        symlink(base.join("outside"), root.join("out")).unwrap();
        symlink("nothing", root.join("dangling")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        symlink(&root, base.join("alias")).unwrap();
        for (typed, expected) in [
            ("data/f", "data/f"),
            ("link/f", "data/f"),
            ("link/not/there", "data/not/there"),
            ("data/again/f", "data/sub/f"),
            ("link/again/f", "data/sub/f"),
            // The link itself is a file.
            ("link", "link"),
            ("data/again", "data/again"),
            ("out/f", "out/f"),
            ("dangling/f", "dangling/f"),
            ("loop/f", "loop/f"),
        ] {
            assert_eq!(plain(&root, &root.join(typed)), root.join(expected), "{typed}");
        }
        assert_eq!(plain(&root, &base.join("alias/link/f")), root.join("data/f"));
        assert_eq!(plain(&root, &base.join("outside/f")), base.join("outside/f"));
    }

    #[test]
    fn name_that_differs_in_letter_case_is_that_on_the_disk_where_case_makes_no_difference() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("Name.dvc"), "").unwrap();
        let ignores_case = folder.path().join("nAME.dvc").exists();
        let expected = if ignores_case { "Name.dvc" } else { "NAME.dvc" };
        assert_eq!(name_on_disk(folder.path(), OsStr::new("NAME.dvc")), expected);
        // Two hard links are two names.
        fs_err::write(folder.path().join("x"), "").unwrap();
        if !ignores_case {
            fs_err::hard_link(folder.path().join("x"), folder.path().join("X")).unwrap();
            assert_eq!(name_on_disk(folder.path(), OsStr::new("X")), "X");
        }
    }
}
