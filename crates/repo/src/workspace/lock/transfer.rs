//! The lock between transfers and the one command that deletes.
//!
//! A push, fetch or pull does not hold DVC's lock while objects move: many of them may be at work at once. Each holds a
//! share of this lock instead, and `gc` takes it for itself alone. So nothing is deleted that a transfer has just found
//! to be there, or has just stored for a directory whose manifest is still to come.

use std::fs::TryLockError;
use std::path::Path;

use haul_storage::CancellationToken;

use super::{LockWait, RETRIES, pause};
use crate::{Error, Result};

const FILE: &str = "transfer.lock";

const COLLECTING: &str = "`haul gc` is at work in this repository; try again when it has ended";
const TRANSFERRING: &str = "a push, fetch or pull is under way in this repository, and may need what would be deleted; try again when it has \
     ended";

/// A held lock; dropping it lets go. The file stays.
#[derive(Debug)]
pub struct TransferLock {
    /// Closing the file ends the lock.
    _file: fs_err::File,
}

impl TransferLock {
    /// Takes a share of the lock in `folder` (`.dvc/tmp/haul`), blocking this thread while it waits.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if objects are being collected; [`Error::Interrupted`] if `cancel` ends the wait.
    pub fn share(folder: &Path, wait: LockWait, cancel: &CancellationToken) -> Result<Self> {
        Self::acquire(folder, wait, cancel, std::fs::File::try_lock_shared, COLLECTING)
    }

    /// Takes the lock alone.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if a transfer is under way; [`Error::Interrupted`] if `cancel` ends the wait.
    pub fn alone(folder: &Path, wait: LockWait, cancel: &CancellationToken) -> Result<Self> {
        Self::acquire(folder, wait, cancel, std::fs::File::try_lock, TRANSFERRING)
    }

    fn acquire(
        folder: &Path,
        wait: LockWait,
        cancel: &CancellationToken,
        take: fn(&std::fs::File) -> Result<(), TryLockError>,
        busy: &str,
    ) -> Result<Self> {
        let failed = |source| Error::io("cannot take the lock of transfers", source);
        fs_err::create_dir_all(folder).map_err(failed)?;
        let path = folder.join(FILE);
        let mut open = fs_err::OpenOptions::new();
        let file = open.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let mut retries = 0;
        loop {
            match take(file.file()) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    let text = format!("cannot lock `{}`: {error}", path.display());
                    return Err(failed(std::io::Error::new(error.kind(), text)));
                }
            }
            if wait == LockWait::Briefly && retries == RETRIES {
                return Err(Error::Locked(busy.to_owned()));
            }
            retries += 1;
            pause(cancel)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfers_share_the_lock_and_keep_collection_out() {
        let (folder, go_on) = (tempfile::tempdir().unwrap(), CancellationToken::new());
        let one = TransferLock::share(folder.path(), LockWait::Briefly, &go_on).unwrap();
        let two = TransferLock::share(folder.path(), LockWait::Briefly, &go_on).unwrap();
        drop(one);
        let error = TransferLock::alone(folder.path(), LockWait::Briefly, &go_on).unwrap_err();
        assert!(matches!(&error, Error::Locked(text) if text.contains("push")), "{error}");
        drop(two);
        let alone = TransferLock::alone(folder.path(), LockWait::Briefly, &go_on).unwrap();
        let error = TransferLock::share(folder.path(), LockWait::Briefly, &go_on).unwrap_err();
        assert!(matches!(&error, Error::Locked(text) if text.contains("gc")), "{error}");
        drop(alone);
        TransferLock::share(folder.path(), LockWait::Briefly, &go_on).unwrap();
    }

    #[test]
    fn wait_for_transfers_ends_when_the_user_has_enough() {
        let (folder, stop) = (tempfile::tempdir().unwrap(), CancellationToken::new());
        stop.cancel();
        let _share = TransferLock::share(folder.path(), LockWait::Forever, &stop).unwrap();
        let error = TransferLock::alone(folder.path(), LockWait::Forever, &stop).unwrap_err();
        assert!(error.is_interrupted(), "{error}");
    }
}
