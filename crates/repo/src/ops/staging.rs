//! The directory beside a destination in which `get` makes what it then moves there.

use std::fs::{File, TryLockError};
use std::path::Path;

use tempfile::TempDir;

use crate::{Error, Result};

/// What the names start with.
const PREFIX: &str = ".haul-get-";
/// The file that a process holds locked as long as it lives.
const LOCK: &str = "lock";

/// A directory that is deleted when this is dropped, or by the next `get` if the process was killed.
#[derive(Debug)]
pub(super) struct Staging {
    dir: TempDir,
    _lock: File,
}

impl Staging {
    /// Makes the directory in `parent`, and deletes those there whose processes are gone.
    pub(super) fn make(parent: &Path) -> Result<Self> {
        let failed = |source| Error::io("cannot prepare the destination", source);
        remove_stale(parent);
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent).map_err(failed)?;
        // Under its name the file is locked from the first moment.
        let (made, lock) = (dir.path().join("lock.new"), dir.path().join(LOCK));
        let file = fs_err::File::create_new(&made).map_err(failed)?.into_file();
        file.lock().map_err(failed)?;
        fs_err::rename(&made, &lock).map_err(failed)?;
        Ok(Self { dir, _lock: file })
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Deletes what killed processes left. What cannot be looked at or deleted is in no one's way.
fn remove_stale(parent: &Path) {
    let Ok(entries) = fs_err::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && let Ok(lock) = fs_err::File::open(entry.path().join(LOCK))
            && !matches!(lock.file().try_lock(), Err(TryLockError::WouldBlock | TryLockError::Error(_)))
            && let Err(error) = fs_err::remove_dir_all(entry.path())
        {
            tracing::debug!(%error, "cannot delete what a killed process left");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staging_removes_what_killed_processes_left_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let stale = parent.path().join(".haul-get-stale");
        let other = parent.path().join(".haul-get-without-lock");
        let own = parent.path().join("own");
        for dir in [&stale, &other, &own] {
            fs_err::create_dir(dir).unwrap();
        }
        fs_err::write(stale.join(LOCK), "").unwrap();
        fs_err::write(own.join(LOCK), "").unwrap();
        let first = Staging::make(parent.path()).unwrap();
        assert!(!stale.exists());
        assert!(other.exists() && own.exists());
        let second = Staging::make(parent.path()).unwrap();
        assert!(first.path().exists() && second.path().exists(), "one that is in use stays");
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
    }
}
