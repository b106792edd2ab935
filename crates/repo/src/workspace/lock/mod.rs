//! The locks of a repository, shared with DVC.
//!
//! DVC takes `flock` on `.dvc/tmp/lock` around every command that reads or writes metafiles, writes its
//! process id into the file, and never deletes it. A process that takes the same `flock` is kept apart from DVC.

use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use haul_storage::CancellationToken;

use crate::{Error, Result};

mod paths;
mod transfer;

pub use paths::PathLocks;
pub use transfer::TransferLock;

/// How long to wait for a lock that another process holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LockWait {
    /// Try again every half second, six times, as DVC does.
    #[default]
    Briefly,
    /// Wait for ever (`--wait-for-lock`).
    Forever,
}

/// DVC's words when the lock cannot be had.
const BUSY: &str = "Unable to acquire lock. Most likely another DVC process is running or was terminated \
    abruptly. Check the page <https://dvc.org/doc/user-guide/troubleshooting#lock-issue> for other possible \
    reasons and to learn how to resolve this.";

const RETRY_DELAY: Duration = Duration::from_millis(500);
const RETRIES: u32 = 6;
/// How long a wait does not notice that the user has enough.
const GLANCE: Duration = Duration::from_millis(50);

/// A held lock; dropping it lets go. The file stays, as DVC expects.
#[derive(Debug)]
pub struct RepoLock {
    path: PathBuf,
    /// Closing the file ends the lock.
    _file: fs_err::File,
}

impl RepoLock {
    /// Takes the lock at `path` (`.dvc/tmp/lock`), blocking this thread while it waits.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] in DVC's words if another process keeps the lock; [`Error::Interrupted`] if `cancel` ends the
    /// wait. A lock that is free is taken all the same.
    pub fn acquire(path: &Path, wait: LockWait, cancel: &CancellationToken) -> Result<Self> {
        let mut retries = 0;
        loop {
            if let Some(lock) = Self::try_acquire(path)? {
                return Ok(lock);
            }
            if wait == LockWait::Briefly && retries == RETRIES {
                return Err(Error::Locked(BUSY.to_owned()));
            }
            retries += 1;
            pause(cancel)?;
        }
    }

    /// Takes the lock at `path` if it is free.
    pub fn try_acquire(path: &Path) -> Result<Option<Self>> {
        let failed = |source| Error::io("cannot take the lock of the repository", source);
        // The content belongs to the process that holds the lock, so opening must not truncate it.
        let mut file = fs_err::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.file().try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
            Err(std::fs::TryLockError::Error(error)) => {
                return Err(failed(std::io::Error::new(
                    error.kind(),
                    format!("cannot lock `{}`: {error}", path.display()),
                )));
            }
        }
        let content = format!(" {}\n", std::process::id());
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        file.write_all(content.as_bytes()).map_err(failed)?;
        file.set_len(content.len() as u64).map_err(failed)?;
        Ok(Some(Self { path: path.to_owned(), _file: file }))
    }

    /// Returns the file of the lock.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes the lock of a command that only looks optional: where the file of the lock cannot be written, as on a disk that is
/// mounted read-only, the command goes on without it. What it reads is not being written there either.
///
/// Deviation: DVC's `status`, `diff` and dry runs fail where `.dvc/tmp` cannot be written; its `data status` does not.
pub(crate) fn if_writable<Lock>(lock: Result<Lock>) -> Result<Option<Lock>> {
    match lock {
        Err(Error::Io { source, .. })
            if matches!(source.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) =>
        {
            tracing::debug!(error = %source, "nothing can be written here");
            Ok(None)
        }
        lock => lock.map(Some),
    }
}

/// Waits until it is time to try again, or the user has enough.
fn pause(cancel: &CancellationToken) -> Result<()> {
    let end = Instant::now() + RETRY_DELAY;
    while Instant::now() < end {
        if cancel.is_cancelled() {
            return Err(Error::Interrupted);
        }
        std::thread::sleep(GLANCE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_is_exclusive_and_names_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs_err::write(&path, " 123456789\n").unwrap();
        let held = RepoLock::acquire(&path, LockWait::Briefly, &CancellationToken::new()).unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), format!(" {}\n", std::process::id()));
        assert!(RepoLock::try_acquire(&path).unwrap().is_none());
        drop(held);
        assert!(path.exists());
        assert!(RepoLock::try_acquire(&path).unwrap().is_some());
    }

    #[test]
    fn wait_for_a_lock_ends_when_the_user_has_enough() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let cancel = CancellationToken::new();
        cancel.cancel();
        let held = RepoLock::acquire(&path, LockWait::Forever, &cancel).unwrap();
        let error = RepoLock::acquire(&path, LockWait::Forever, &cancel).unwrap_err();
        assert!(error.is_interrupted(), "{error}");
        drop(held);
    }
}
