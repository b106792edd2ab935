//! Writing a file of the user so that a crash leaves the old content or the new, never a mixture.

use std::io::Write;
use std::path::Path;

use crate::{Error, Result};

/// Writes `content` to a temp file beside `path`, and renames it over `path` once it is on the disk.
///
/// A link at `path` is followed, and the permissions of an existing file are kept.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    replace(path, content, true)
}

/// Does what [`write`] does, and does not wait for the disk: for what has no meaning after a power failure.
pub(crate) fn write_unsynced(path: &Path, content: &[u8]) -> Result<()> {
    replace(path, content, false)
}

fn replace(path: &Path, content: &[u8], is_synced: bool) -> Result<()> {
    let failed = |source| Error::io(format!("cannot write `{}`", path.display()), source);
    let target = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".haul-").suffix(".tmp");
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        // Like a file made by `open`: what the umask leaves.
        builder.permissions(std::fs::Permissions::from_mode(0o666))
    };
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    if let Ok(metadata) = fs_err::metadata(&target) {
        file.as_file().set_permissions(metadata.permissions()).map_err(failed)?;
    }
    if is_synced {
        file.as_file().sync_all().map_err(failed)?;
    }
    file.persist(&target).map_err(|error| failed(error.error))?;
    Ok(())
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
