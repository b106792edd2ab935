//! Writes and deletes files of the user atomically: a crash leaves the old content or the new, never a mixture.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use haul_config::atomic::{Replace, replace, sync_folder};

use crate::root::DVC_DIR;
use crate::{Error, Result};

/// Writes `content` to a temporary file, and renames it to `path` when it is on the disk. The new name is on the disk as
/// well when this returns.
///
/// A link at `path` is followed, and the permissions of an existing file are kept. The temporary file is in the `.dvc/tmp`
/// of the repository that contains `path`, which Git ignores.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    let target = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let staging = staging_of(path);
    replace(&target, content, Replace { staging: staging.as_deref(), is_private: false })
        .map_err(|source| Error::io(format!("cannot write `{}`", path.display()), source))
}

/// Deletes a file. The deletion is durable when this returns.
pub(crate) fn remove(path: &Path) -> Result<()> {
    remove_all([path]).pop().map_or(Ok(()), |(_, error)| Err(error))
}

/// Deletes files, and waits until the deletions are durable. Returns those that failed, with the reasons.
pub(crate) fn remove_all<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<(&'a Path, Error)> {
    let mut failed = Vec::new();
    let mut changed: BTreeMap<&Path, &Path> = BTreeMap::new();
    for path in paths {
        match fs_err::remove_file(path) {
            Ok(()) => drop(changed.insert(path.parent().unwrap_or(path), path)),
            Err(error) => failed.push((path, Error::io("cannot delete a file", error))),
        }
    }
    for (folder, path) in changed {
        if let Err(error) = sync_folder(folder) {
            let message = format!("cannot write the deletion of `{}` to the disk", path.display());
            failed.push((path, Error::io(message, error)));
        }
    }
    failed
}

/// Returns the `.dvc/tmp` of the innermost repository that contains a file, if there is one.
fn staging_of(path: &Path) -> Option<PathBuf> {
    let folders = path.ancestors().skip(1).filter(|folder| !folder.ends_with(DVC_DIR));
    folders.map(|folder| folder.join(DVC_DIR).join("tmp")).find(|staging| staging.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_replaces_content_and_leaves_no_temp_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"two");
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn temp_files_lie_in_the_innermost_repository() {
        let folder = tempfile::tempdir().unwrap();
        let (outer, inner) = (folder.path().join("outer"), folder.path().join("outer/sub/inner"));
        for repo in [&outer, &inner] {
            fs_err::create_dir_all(repo.join(".dvc/tmp")).unwrap();
        }
        assert_eq!(staging_of(&outer.join("x/y.dvc")), Some(outer.join(".dvc/tmp")));
        assert_eq!(staging_of(&outer.join(".dvc/.gitignore")), Some(outer.join(".dvc/tmp")));
        assert_eq!(staging_of(&outer.join(".dvc/tmp/rwlock")), Some(outer.join(".dvc/tmp")));
        assert_eq!(staging_of(&inner.join("a/.gitignore")), Some(inner.join(".dvc/tmp")));
        assert_eq!(staging_of(&folder.path().join("z")), None);
    }

    #[cfg(unix)]
    #[test]
    fn write_follows_a_link_and_keeps_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("f"), folder.path().join("link"));
        fs_err::write(&target, "one").unwrap();
        fs_err::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
        fs_err::os::unix::fs::symlink("f", &link).unwrap();
        write(&link, b"two").unwrap();
        assert!(fs_err::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs_err::read(&target).unwrap(), b"two");
        assert_eq!(fs_err::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
