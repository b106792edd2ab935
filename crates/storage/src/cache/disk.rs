//! Waits until the disk has what was written.
//!
//! After a power failure, a file that was written and renamed may be empty or full of zeros: its name reaches the disk
//! within seconds, its bytes up to half a minute later. So a file gets a trusted name only when the disk has its bytes.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

pub(crate) use haul_config::atomic::{sync_file, sync_folder};

/// The file systems that hold the files of a store: usually one, unless a directory of it is a link or a mount.
#[derive(Debug, Default)]
pub(crate) struct FileSystems {
    /// The device number and an open directory of each.
    opened: Vec<(u64, fs_err::File)>,
}

#[cfg(target_os = "linux")]
impl FileSystems {
    /// Opens the file system of a directory, if the directory exists. Returns the index among the open ones.
    pub(crate) fn open(&mut self, folder: &Path) -> Option<usize> {
        let metadata = fs_err::metadata(folder).ok()?;
        self.open_of(&metadata, folder)
    }

    /// Opens the file system of a file that has this metadata and lies in `folder`.
    pub(crate) fn open_of(&mut self, metadata: &std::fs::Metadata, folder: &Path) -> Option<usize> {
        use std::os::unix::fs::MetadataExt as _;
        let device = metadata.dev();
        let known = self.opened.iter().position(|(known, _)| *known == device);
        known.or_else(|| {
            self.opened.push((device, fs_err::File::open(folder).ok()?));
            Some(self.opened.len() - 1)
        })
    }

    /// Waits until the disks have everything that was written to the open file systems, if the platform supports it.
    pub(crate) fn sync_opened(&self) -> io::Result<()> {
        self.opened.iter().try_for_each(|(_, folder)| sync_file_system(folder).map(drop))
    }

    /// Waits until the disks have all bytes and names that any process wrote to the file systems of these directories.
    /// Returns false if the platform does not support that for one of them.
    pub(crate) fn sync<'a>(&mut self, folders: impl Iterator<Item = &'a Path>) -> io::Result<bool> {
        let folders: BTreeSet<&Path> = folders.collect();
        let mut places = BTreeSet::new();
        for folder in folders {
            let Some(place) = self.open(folder) else { return Ok(false) };
            places.insert(place);
        }
        for place in places {
            if !sync_file_system(&self.opened[place].1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Waits until the disk has all of an open directory's file system. Returns whether the platform supports it.
#[cfg(target_os = "linux")]
fn sync_file_system(folder: &fs_err::File) -> io::Result<bool> {
    use rustix::io::Errno;
    match rustix::fs::syncfs(folder.file()) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// This platform cannot synchronise a whole file system.
#[cfg(not(target_os = "linux"))]
impl FileSystems {
    pub(crate) fn open(&mut self, _folder: &Path) -> Option<usize> {
        None
    }

    pub(crate) fn open_of(&mut self, _metadata: &std::fs::Metadata, _folder: &Path) -> Option<usize> {
        None
    }

    #[expect(clippy::unused_self, reason = "the same on every system")]
    pub(crate) fn sync_opened(&self) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn sync<'a>(&mut self, _folders: impl Iterator<Item = &'a Path>) -> io::Result<bool> {
        Ok(false)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn each_file_system_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        // Where it exists, this is a file system in memory, and so another one than the disk's.
        let other = Path::new("/dev/shm");
        let mut disks = FileSystems::default();
        disks.open(folder.path());
        let all = [folder.path(), other, folder.path()];
        if other.is_dir() {
            assert!(disks.sync(all.into_iter()).unwrap());
            assert!(disks.opened.len() <= 2);
            let devices: BTreeSet<u64> = disks.opened.iter().map(|(device, _)| *device).collect();
            assert_eq!(devices.len(), disks.opened.len());
        }
        assert!(!disks.sync([Path::new("/nonexistent")].into_iter()).unwrap(), "the directory is missing");
    }
}
