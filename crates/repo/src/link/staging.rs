//! Temporary names for files on their way into the workspace.

use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const FOLDER: &str = "staging";
const PREFIX: &str = ".haul-";
const SUFFIX: &str = ".tmp";
const RANDOM_DIGITS: usize = 32;

/// Tells whether `name` is a temporary name of ours beside a workspace file.
pub fn is_temp_name(name: &str) -> bool {
    name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX)).is_some_and(|digits| {
        digits.len() == RANDOM_DIGITS
            && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

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
        let mut name = PREFIX.to_owned();
        // Writing to a String cannot fail.
        let _ignored = write!(name, "{:032x}", rand::random::<u128>());
        name.push_str(SUFFIX);
        parent.join(name)
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
    use super::*;

    #[test]
    fn temp_name_is_recognised_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::open(folder.path()).unwrap();
        let path = staging.temp_path(Path::new("/x"), staging.device + 1);
        assert_eq!(path.parent(), Some(Path::new("/x")));
        assert!(is_temp_name(path.file_name().unwrap().to_str().unwrap()));
        for name in [".haul-.tmp", ".haul-12.tmp", "haul-0123456789abcdef0123456789abcdef.tmp", "a"] {
            assert!(!is_temp_name(name), "{name}");
        }
        assert!(!is_temp_name(".haul-0123456789ABCDEF0123456789abcdef.tmp"));
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
