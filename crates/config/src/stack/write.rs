//! How the file of a level is replaced.

use std::io;
use std::path::{Path, PathBuf};

use crate::atomic::{self, Replace};

/// Replaces the content of a configuration file.
///
/// Whoever reads at any time, also after a power failure, sees the old or the new content. The mode of the file stays, but a private
/// file is for its owner alone; a symlink
/// stays and its target is replaced; a file that is not writable is an error. Missing folders are made.
pub(super) fn replace(path: &Path, content: &str, is_private: bool) -> io::Result<()> {
    let target = follow(path)?;
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    match fs_err::metadata(&target) {
        Ok(metadata) if metadata.permissions().readonly() => {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let staging = staging_of(path)?;
    atomic::replace(&target, content.as_bytes(), Replace { staging: staging.as_deref(), is_private })
}

/// Returns the folder for temporary files of a repository's configuration: a secret in one that is left behind must
/// not be seen by Git. The other levels have none.
fn staging_of(path: &Path) -> io::Result<Option<PathBuf>> {
    let Some(dvc_dir) = path.parent().filter(|folder| folder.file_name() == Some(".dvc".as_ref())) else {
        return Ok(None);
    };
    let staging = dvc_dir.join("tmp");
    // A fresh clone has none.
    fs_err::create_dir_all(&staging)?;
    Ok(Some(staging))
}

/// Follows symlinks, also to a file that does not exist yet.
pub(super) fn follow(path: &Path) -> io::Result<PathBuf> {
    // As many as Linux follows.
    const MAX_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs_err::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => {
                let target = fs_err::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(target);
            }
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}
