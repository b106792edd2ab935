//! Files that are replaced as a whole or not at all.
//!
//! The new content is written under a temporary name first. Killed at that moment, the file stays behind: so it lies
//! where Git does not see it, in `.dvc/tmp`, unless that is on another file system.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const PREFIX: &str = ".haul-";
const SUFFIX: &str = ".tmp";
const RANDOM_CHARACTERS: usize = 32;
/// A temporary file lives for moments; what is older was left by a process that was killed.
const STALE_AFTER: Duration = Duration::from_mins(10);

/// How a file is replaced.
#[derive(Debug, Clone, Copy)]
pub struct Replace<'a> {
    /// The folder for the temporary file (`.dvc/tmp`); it is used if it is on the file system of the file.
    pub staging: Option<&'a Path>,
    /// Whether the file is for its owner alone; a mode that allows less stays.
    pub is_private: bool,
}

/// Replaces the content of a file.
///
/// A reader sees the old or the new content at any time, also after a power failure, and the new one once this has
/// returned. The permissions of the file stay; it must be no symlink.
pub fn replace(target: &Path, content: &[u8], how: Replace<'_>) -> io::Result<()> {
    let beside = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Some(staging) = how.staging.filter(|staging| is_same_device(staging, beside)) {
        match replace_through(staging, beside, target, content, how.is_private) {
            // Two mounts of one file system look like one.
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
            result => return result,
        }
    }
    replace_through(beside, beside, target, content, how.is_private)
}

fn replace_through(
    folder: &Path,
    beside: &Path,
    target: &Path,
    content: &[u8],
    is_private: bool,
) -> io::Result<()> {
    let mut file = new_temp_file(folder)?;
    // Before the content, which may be for the owner alone.
    let permissions = match fs_err::metadata(target) {
        Ok(metadata) => Some(metadata.permissions()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let permissions = match permissions {
        None if is_private => Some(file.as_file().metadata()?.permissions()),
        found => found,
    };
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(if is_private { for_owner(&permissions) } else { permissions })?;
    }
    file.write_all(content)?;
    // An empty file may have the new name after a power failure, if the name is quicker than the content.
    sync_file(file.as_file())?;
    file.persist(target).map_err(|error| error.error)?;
    sync_folder(beside)
}

/// Takes away what others may do with a file.
#[cfg(unix)]
fn for_owner(permissions: &std::fs::Permissions) -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::Permissions::from_mode(permissions.mode() & 0o600)
}

/// Changes nothing: there are no modes here.
#[cfg(not(unix))]
fn for_owner(permissions: &std::fs::Permissions) -> std::fs::Permissions {
    permissions.clone()
}

/// Waits until the disk has the content of a file.
pub fn sync_file(file: &std::fs::File) -> io::Result<()> {
    accept_unsupported(file.sync_data())
}

/// Waits until the disk has the names in a folder.
#[cfg(unix)]
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    match fs_err::File::open(folder) {
        // It may be written to, but not read: there is no way to wait.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
        Ok(opened) => accept_unsupported(opened.file().sync_all()),
    }
}

/// Does nothing: a folder cannot be opened here.
#[cfg(not(unix))]
pub fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Some file systems of networks and of user space know no such request; there is nothing to wait for there.
fn accept_unsupported(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        other => other,
    }
}

/// Makes a temporary file with a name that [`is_temp_name`] knows; dropping it removes it.
///
/// The umask decides who may read it, as for any new file.
pub fn new_temp_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX).rand_bytes(RANDOM_CHARACTERS);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Tells whether `name` is a temporary name of ours.
pub fn is_temp_name(name: &str) -> bool {
    name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX)).is_some_and(|random| {
        random.len() == RANDOM_CHARACTERS && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Removes the temporary files in `folder` that killed processes left; what cannot be removed stays.
pub fn sweep(folder: &Path, now: SystemTime) {
    let is_stale = |path: &Path| {
        let modified = fs_err::symlink_metadata(path).and_then(|metadata| metadata.modified());
        modified.is_ok_and(|time| now.duration_since(time).is_ok_and(|age| age > STALE_AFTER))
    };
    let paths: Vec<PathBuf> = fs_err::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_temp_name))
        .map(|entry| entry.path())
        .collect();
    for path in paths.iter().filter(|path| is_stale(path)) {
        // Another process may have been quicker; what cannot be removed is tried again the next time.
        drop(fs_err::remove_file(path));
    }
}

#[cfg(unix)]
fn is_same_device(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| fs_err::metadata(path).map(|metadata| metadata.dev()).ok();
    device(one).is_some_and(|one| Some(one) == device(other))
}

#[cfg(not(unix))]
fn is_same_device(one: &Path, _other: &Path) -> bool {
    one.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how(staging: Option<&Path>) -> Replace<'_> {
        Replace { staging, is_private: false }
    }

    #[test]
    fn content_is_replaced_and_no_temp_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (path, staging) = (folder.path().join("f"), folder.path().join("tmp"));
        replace(&path, b"one", how(None)).unwrap();
        fs_err::create_dir(&staging).unwrap();
        replace(&path, b"two", how(Some(&staging))).unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"two");
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 2);
        assert_eq!(fs_err::read_dir(&staging).unwrap().count(), 0);
    }

    #[test]
    fn temp_file_lies_in_the_staging_folder_and_has_a_name_that_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let (target, staging) = (folder.path().join("target"), folder.path().join("tmp"));
        fs_err::create_dir(&staging).unwrap();
        // A folder with something in it cannot be replaced by a file.
        fs_err::create_dir_all(target.join("x")).unwrap();
        let error = replace(&target, b"x", how(Some(&staging))).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("tmp") || error.contains("directory"), "{error}");
        let file = new_temp_file(&staging).unwrap();
        assert!(is_temp_name(file.path().file_name().unwrap().to_str().unwrap()));
    }

    #[test]
    fn other_names_are_not_ours() {
        for name in [".haul-.tmp", ".haul-12.tmp", "haul-0123456789abcdef0123456789abcdef.tmp", "a", ".x.tmp"]
        {
            assert!(!is_temp_name(name), "{name}");
        }
        assert!(is_temp_name(".haul-0123456789abcdef0123456789abcdef.tmp"));
    }

    #[test]
    fn only_old_temp_files_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let file = new_temp_file(folder.path()).unwrap();
        fs_err::write(folder.path().join("mine.tmp"), "").unwrap();
        sweep(folder.path(), SystemTime::now());
        assert!(file.path().exists());
        sweep(folder.path(), SystemTime::now() + STALE_AFTER + Duration::from_mins(1));
        assert!(!file.path().exists());
        assert!(folder.path().join("mine.tmp").exists());
        sweep(&folder.path().join("none"), SystemTime::now());
    }

    #[cfg(unix)]
    #[test]
    fn permissions_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs_err::write(&path, "one").unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        replace(&path, b"two", how(None)).unwrap();
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
