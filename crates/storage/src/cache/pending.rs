//! A file that has no name yet: written beside its destination, and renamed when it is complete.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use fs_err::File;

use super::{CacheOptions, CacheSharing, Durability, disk};
use crate::{Error, Result};

/// The mode of a finished object; DVC trusts a cache file of exactly this mode.
pub(crate) const OBJECT_MODE: u32 = 0o444;

/// A temporary file. Dropping it without [`commit`](Self::commit) deletes it.
#[derive(Debug)]
pub(crate) struct PendingFile {
    file: File,
    name: TemporaryName,
    options: CacheOptions,
}

/// The name of a temporary file. Dropping it before the file is renamed deletes the file.
#[derive(Debug)]
pub(super) struct TemporaryName {
    path: PathBuf,
    /// Directories in which new directories were created for the file.
    changed: Vec<PathBuf>,
    is_renamed: bool,
}

impl PendingFile {
    /// Creates a file with a temporary name in `folder`, which is created if it does not exist.
    pub(crate) fn create(folder: &Path, options: CacheOptions) -> Result<Self> {
        let mut name = TemporaryName::new(folder);
        let mut open = fs_err::OpenOptions::new();
        fs_err::os::unix::fs::OpenOptionsExt::mode(open.read(true).write(true).create_new(true), OBJECT_MODE);
        let file = match open.open(&name.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                name.changed = make_folders(folder, options.sharing)?;
                open.open(&name.path)
            }
            other => other,
        };
        let file =
            file.map_err(|error| Error::io(format!("cannot write into `{}`", folder.display()), error))?;
        Ok(Self { file, name, options })
    }

    /// Creates a clone of `source` that shares its blocks, if the file system supports that.
    pub(crate) fn reflink(folder: &Path, source: &Path, options: CacheOptions) -> io::Result<Self> {
        // Some systems create the file before they report that they cannot clone: dropping the name deletes it.
        let mut name = TemporaryName::new(folder);
        name.changed = make_folders(folder, options.sharing).map_err(io::Error::other)?;
        reflink_copy::reflink(source, &name.path)?;
        let file = File::open(&name.path)?;
        Ok(Self { file, name, options })
    }

    /// Returns the file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Returns the temporary path.
    pub(crate) fn path(&self) -> &Path {
        &self.name.path
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| {
            Error::io(format!("cannot write into `{}`", parent(&self.name.path).display()), error)
        })
    }

    /// Makes the file read-only, then gives it its name. In this order, DVC never sees an object that it would hash again.
    ///
    /// With [`Durability::Sync`] this waits for the disk. For many files, use a
    /// [`Committer`](super::committer::Committer), which waits for all of them together.
    pub(crate) fn commit(self, destination: &Path) -> Result<()> {
        let cannot = |error| Error::io(format!("cannot write `{}`", destination.display()), error);
        let options = self.options;
        if options.durability == Durability::Sync {
            disk::sync_file(self.file.file()).map_err(cannot)?;
        }
        let changed = self.finish().rename(destination, options.sharing)?;
        if options.durability == Durability::Sync {
            changed.iter().try_for_each(|folder| disk::sync_folder(folder)).map_err(cannot)?;
        }
        Ok(())
    }

    /// Makes the file read-only and closes it; after that it only needs its name.
    pub(super) fn finish(self) -> TemporaryName {
        protect(&self.file);
        self.name
    }
}

impl TemporaryName {
    /// Makes a random name in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self { path: folder.join(temporary_name()), changed: Vec::new(), is_renamed: false }
    }

    /// Returns the path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the directory of the name if it does not exist.
    pub(super) fn make_folder(&mut self, sharing: CacheSharing) -> Result<()> {
        self.changed.extend(make_folders(parent(&self.path), sharing)?);
        Ok(())
    }

    /// Renames the file. Returns the directories that have new names, of files or directories.
    pub(super) fn rename(mut self, destination: &Path, sharing: CacheSharing) -> Result<Vec<PathBuf>> {
        let cannot = |error| Error::io(format!("cannot write `{}`", destination.display()), error);
        match fs_err::rename(&self.path, destination) {
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && self.path.parent() != destination.parent() =>
            {
                self.changed.extend(make_folders(parent(destination), sharing)?);
                fs_err::rename(&self.path, destination).map_err(cannot)?;
            }
            other => other.map_err(cannot)?,
        }
        self.is_renamed = true;
        let mut changed = std::mem::take(&mut self.changed);
        changed.push(parent(destination).to_owned());
        Ok(changed)
    }

    /// Renames a hard link. If `destination` is already a link to the same file, a rename would do nothing, and the
    /// temporary link is removed.
    pub(super) fn rename_link(self, destination: &Path, sharing: CacheSharing) -> Result<Vec<PathBuf>> {
        let path = self.path.clone();
        let changed = self.rename(destination, sharing)?;
        match fs_err::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::debug!(%error, "cannot remove a temporary link");
            }
            _ => {}
        }
        Ok(changed)
    }
}

impl Drop for TemporaryName {
    fn drop(&mut self) {
        if self.is_renamed {
            return;
        }
        if let Err(error) = fs_err::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(%error, "cannot remove a temporary file");
        }
    }
}

/// Makes a file read-only. As in DVC, it is not an error if the file system does not support that: the object is then
/// hashed whenever it is checked.
fn protect(file: &File) {
    // The file was created with this mode, unless the umask or an access list of the directory reduced it. Reading the
    // mode is cheaper than setting it.
    if file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o7777 == OBJECT_MODE) {
        return;
    }
    if let Err(error) = file.set_permissions(std::fs::Permissions::from_mode(OBJECT_MODE)) {
        tracing::debug!(%error, "cannot make an object read-only");
    }
}

/// Makes the file at `path` read-only, if that is possible.
pub(crate) fn protect_path(path: &Path) {
    if let Err(error) = fs_err::set_permissions(path, std::fs::Permissions::from_mode(OBJECT_MODE)) {
        tracing::debug!(%error, "cannot make an object read-only");
    }
}

/// Creates `folder` and its missing parents. In a shared cache each new directory gets mode 02775, whatever the umask.
/// Returns the parents of the new directories.
pub(crate) fn make_folders(folder: &Path, sharing: CacheSharing) -> Result<Vec<PathBuf>> {
    let cannot = |error| Error::io(format!("cannot create the directory `{}`", folder.display()), error);
    if folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut changed = match folder.parent() {
        Some(above) if !above.as_os_str().is_empty() => make_folders(above, sharing)?,
        _ => Vec::new(),
    };
    let mode = if sharing == CacheSharing::Group { 0o2775 } else { 0o777 };
    match std::fs::DirBuilder::new().mode(mode).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => return Ok(changed),
        other => other.map_err(cannot)?,
    }
    if sharing == CacheSharing::Group {
        fs_err::set_permissions(folder, std::fs::Permissions::from_mode(mode)).map_err(cannot)?;
    }
    changed.push(parent(folder).to_owned());
    Ok(changed)
}

/// Returns a new name in DVC's format: a dot, 16 random bytes in URL-safe base64, `.tmp`.
fn temporary_name() -> String {
    let random: [u8; 16] = rand::random();
    format!(".{}.tmp", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random))
}

/// Returns whether DVC or haul gives such names to temporary files.
pub(crate) fn is_temporary_name(name: &str) -> bool {
    name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp")).is_some_and(|name| {
        name.len() == 22
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn pending_file_has_its_name_only_when_committed() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("ab");
        let mut pending = PendingFile::create(&inside, CacheOptions::default()).unwrap();
        pending.write(b"bytes").unwrap();
        let [name] = &names(&inside)[..] else { panic!("one file") };
        assert!(is_temporary_name(name), "{name}");
        pending.commit(&inside.join("cd")).unwrap();
        assert_eq!(names(&inside), ["cd"]);
        assert_eq!(fs_err::read(inside.join("cd")).unwrap(), b"bytes");
        assert_eq!(fs_err::metadata(inside.join("cd")).unwrap().permissions().mode() & 0o7777, OBJECT_MODE);
    }

    #[test]
    fn pending_file_dropped_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let pending = PendingFile::create(folder.path(), CacheOptions::default()).unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        drop(pending);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn pending_file_moves_into_a_folder_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let options = CacheOptions { durability: Durability::Sync, ..CacheOptions::default() };
        let pending = PendingFile::create(folder.path(), options).unwrap();
        pending.commit(&folder.path().join("new/name")).unwrap();
        assert!(folder.path().join("new/name").exists());
    }

    #[test]
    fn shared_folders_are_open_to_the_group() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("a/b");
        make_folders(&inside, CacheSharing::Group).unwrap();
        for path in [folder.path().join("a"), inside] {
            assert_eq!(fs_err::metadata(path).unwrap().permissions().mode() & 0o7777, 0o2775);
        }
    }
}
