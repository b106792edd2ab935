//! Waiting for the disk.
//!
//! A file that was written and renamed may be empty or full of zeros after a power failure: its bytes reach the disk up
//! to half a minute later, its name within seconds. So bytes are waited for before they get a name that is trusted.

use std::io;

pub(crate) use haul_config::atomic::{sync_file, sync_folder};

/// Waits until the disk has all that was written to the file system of `folder`, be it bytes or names, whoever wrote
/// it. Returns whether the system can do that.
#[cfg(target_os = "linux")]
pub(crate) fn sync_file_system(folder: &std::fs::File) -> io::Result<bool> {
    use rustix::io::Errno;
    match rustix::fs::syncfs(folder) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns that there is no such thing here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sync_file_system(_folder: &std::fs::File) -> io::Result<bool> {
    Ok(false)
}
