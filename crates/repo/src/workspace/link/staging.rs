//! Temporary names for files on their way into the workspace.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const FOLDER: &str = "staging";

/// The folder of temporary names. There is one at a time in a repository: it is used under the repository lock.
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    device: u64,
    counter: AtomicU64,
}

impl Staging {
    /// Makes the folder in `dir` (`.dvc/tmp/haul`), empty: what a killed process left there goes.
    /// The caller holds the repository lock.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let folder = dir.join(FOLDER);
        match fs_err::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs_err::create_dir_all(&folder)?;
        let device = fs_err::metadata(&folder)?.dev();
        Ok(Self { folder, device, counter: AtomicU64::new(0) })
    }

    /// Returns a new name on the file system of `device`, from which a file can be renamed into `parent`.
    pub(super) fn temp_path(&self, parent: &Path, device: u64) -> PathBuf {
        if device == self.device {
            return self.folder.join(self.counter.fetch_add(1, Ordering::Relaxed).to_string());
        }
        // A name that `is_temp_name` knows.
        parent.join(format!(".haul-{:032x}.tmp", rand::random::<u128>()))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = fs_err::remove_dir_all(&self.folder) {
            tracing::debug!(%error, "cannot remove the folder of temporary files");
        }
    }
}

#[cfg(test)]
mod tests {
    use haul_config::atomic::is_temp_name;

    use super::*;

    #[test]
    fn temp_name_is_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::open(folder.path()).unwrap();
        let path = staging.temp_path(Path::new("/x"), staging.device + 1);
        assert_eq!(path.parent(), Some(Path::new("/x")));
        assert!(is_temp_name(path.file_name().unwrap().to_str().unwrap()));
    }

    #[test]
    fn staging_left_by_a_killed_process_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::open(folder.path()).unwrap();
        fs_err::write(staging.temp_path(Path::new("/x"), staging.device), "half").unwrap();
        std::mem::forget(staging);
        let staging = Staging::open(folder.path()).unwrap();
        assert_eq!(fs_err::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
        drop(staging);
        assert!(!folder.path().join(FOLDER).exists());
    }
}
