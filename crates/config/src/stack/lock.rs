//! One edit at a time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::write::follow;

/// Keeps other edits of the same files waiting, until it is dropped.
///
/// What is locked are the folders of the files: a file itself is replaced by each edit, and a file for the lock would
/// have to lie somewhere. DVC locks nothing when it edits its configuration.
#[derive(Debug)]
pub(super) struct EditLock {
    _folders: Vec<fs_err::File>,
}

impl EditLock {
    /// Waits until no other process edits one of the files; `is_new` tells that a file may be made.
    ///
    /// Where there are no locks, as on some network file systems, no process is kept waiting. What is wrong with a folder is
    /// told by the read or the write that follows.
    pub(super) fn acquire(files: &[&Path], is_new: bool) -> Self {
        let folder = |file: &&Path| {
            let target = follow(file).unwrap_or_else(|_| (*file).to_owned());
            let folder = target.parent()?.to_owned();
            if is_new && fs_err::create_dir_all(&folder).is_err() {
                return None;
            }
            fs_err::canonicalize(folder).ok()
        };
        // In one order everywhere, and each once: no process waits for itself, or for one that waits for it.
        let folders: BTreeSet<PathBuf> = files.iter().filter_map(folder).collect();
        let lock = |folder: PathBuf| {
            let file = fs_err::File::open(folder).ok()?;
            file.file().lock().is_ok().then_some(file)
        };
        Self { _folders: folders.into_iter().filter_map(lock).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_edit_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("new/config"), folder.path().join("new/config.local"));
        let lock = EditLock::acquire(&[&one, &other], true);
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _lock = EditLock::acquire(&[&other], false);
                sender.send(()).unwrap();
            });
            let soon = std::time::Duration::from_millis(50);
            assert!(receiver.recv_timeout(soon).is_err());
            drop(lock);
            receiver.recv().unwrap();
        });
    }

    #[test]
    fn edit_of_a_file_that_is_nowhere_makes_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("none/config");
        drop(EditLock::acquire(&[&file], false));
        assert!(!folder.path().join("none").exists());
    }
}
