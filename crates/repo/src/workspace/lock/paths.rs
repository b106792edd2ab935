//! Locks on single files and folders: DVC's `rwlock`.
//!
//! `.dvc/tmp/rwlock` is a JSON file that says which process reads and writes which paths; it is only touched
//! under the lock `rwlock.lock`. A pipeline that runs lets go of the repository's lock and keeps these.
//!
//! Deviation: haul looks into the table and never enters its own paths, as DVC does. DVC enters and reads paths under the
//! lock of the repository only, which haul holds for as long as it works on them; and a table that a power failure cut
//! would stop every later command of DVC.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use haul_storage::CancellationToken;
use serde::Deserialize;

use super::{LockWait, RepoLock, if_writable};
use crate::{Error, Result};

/// The table of the processes that work on paths.
#[derive(Debug, Clone, Copy)]
pub struct PathLocks<'a> {
    /// `.dvc/tmp`.
    pub folder: &'a Path,
    /// The name of the table in messages.
    pub shown: &'a str,
}

/// A process, and the command it runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Holder {
    pid: i64,
    cmd: String,
}

/// The content of the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    write: BTreeMap<String, Holder>,
    #[serde(default)]
    read: BTreeMap<String, Vec<Holder>>,
}

impl PathLocks<'_> {
    /// Fails if another process works on one of these absolute paths, above or below, so that they cannot be read or
    /// written. The caller holds the lock of the repository: no process of DVC begins to work on them meanwhile.
    ///
    /// A table that is empty or cut, as DVC leaves it after a power failure, is removed; a sentence for the user is
    /// returned then.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] in DVC's words.
    pub fn refuse_busy(
        self,
        read: &[PathBuf],
        write: &[PathBuf],
        cancel: &CancellationToken,
    ) -> Result<Option<String>> {
        let file = self.folder.join("rwlock");
        // DVC makes the lock of the table before the table.
        if !file.exists() {
            return Ok(None);
        }
        let guard = RepoLock::acquire(&self.folder.join("rwlock.lock"), LockWait::Briefly, cancel);
        let _guard = if write.is_empty() { if_writable(guard)? } else { Some(guard?) };
        let text = match fs_err::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::io("cannot read the locks on paths", source)),
        };
        let table: Table = match serde_json::from_slice(&text) {
            Ok(table) => table,
            Err(error) if error.is_data() => {
                return Err(Error::Busy(format!("RWLock-file '{}' format error.", self.shown)));
            }
            // Deviation: DVC fails until the user deletes the file, and says nothing else of it.
            Err(error) => {
                fs_err::remove_file(&file).map_err(|source| {
                    Error::io("cannot remove the broken table of locks on paths", source)
                })?;
                return Ok(Some(format!(
                    "'{}' was cut off, as by a power failure ({error}), and was removed: it named the processes that work in \
                     this repository.",
                    self.shown
                )));
            }
        };
        let texts =
            |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        let (read, write) = (texts(read), texts(write));
        let both: Vec<String> = read.iter().chain(&write).cloned().collect();
        for (path, holder) in &table.write {
            self.refuse(path, std::slice::from_ref(holder), &both)?;
        }
        for (path, holders) in &table.read {
            self.refuse(path, holders, &write)?;
        }
        Ok(None)
    }

    /// Fails if a living process holds `path` and one of `wanted` overlaps it.
    fn refuse(self, path: &str, holders: &[Holder], wanted: &[String]) -> Result<()> {
        let Some(waiting) = wanted.iter().find(|wanted| overlap(wanted, path)) else { return Ok(()) };
        // One with the number of this process was killed: this one enters nothing.
        let is_other = |holder: &&Holder| holder.pid != i64::from(std::process::id()) && is_alive(holder.pid);
        let list: Vec<String> = holders
            .iter()
            .filter(is_other)
            .map(|holder| format!("  (PID {}): {}", holder.pid, holder.cmd))
            .collect();
        if list.is_empty() {
            return Ok(());
        }
        Err(Error::Busy(format!(
            "'{waiting}' is busy, it is being blocked by:\n{}\n\nIf there are no processes with such PIDs, you can manually \
             remove '{}' and try again.",
            list.join("\n"),
            self.folder.join("rwlock").display()
        )))
    }
}

fn overlap(left: &str, right: &str) -> bool {
    Path::new(left).starts_with(right) || Path::new(right).starts_with(left)
}

#[cfg(unix)]
fn is_alive(pid: i64) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    // A process of another user may not be signalled, and lives.
    rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

/// Where there is no cheap way to ask, a process counts as living: DVC clears the entry away.
#[cfg(not(unix))]
fn is_alive(_pid: i64) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(folder: &Path, read: &[&str], write: &[&str]) -> Result<Option<String>> {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let locks = PathLocks { folder, shown: ".dvc/tmp/rwlock" };
        locks.refuse_busy(&paths(read), &paths(write), &CancellationToken::new())
    }

    fn table(kind: &str, path: &str, pid: i64) -> String {
        let holder = format!(r#"{{"pid": {pid}, "cmd": "x"}}"#);
        match kind {
            "write" => format!(r#"{{"write": {{"{path}": {holder}}}}}"#),
            _ => format!(r#"{{"read": {{"{path}": [{holder}]}}}}"#),
        }
    }

    #[test]
    fn path_of_a_living_process_blocks_what_overlaps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rwlock");
        look(folder.path(), &["/r"], &["/r"]).unwrap();
        for (kind, held, read, write, is_blocked) in [
            ("write", "/r/d", "/r/d/x", "/o", true),
            ("write", "/r/d", "/r", "/o", true),
            ("write", "/r/d", "/o", "/r/d", true),
            ("write", "/r/d", "/r/d-x", "/o", false),
            ("read", "/r/d", "/r/d", "/o", false),
            ("read", "/r/d", "/o", "/r/d", true),
        ] {
            // A process that lives and is not this one: the first of the system.
            fs_err::write(&path, table(kind, held, 1)).unwrap();
            let result = look(folder.path(), &[read], &[write]);
            assert_eq!(result.is_err(), is_blocked, "{kind} {held} {read} {write}");
            if let Err(error) = result {
                let message = error.to_string();
                assert!(message.contains("is busy, it is being blocked by:\n  (PID 1): x\n\n"), "{message}");
            }
        }
    }

    #[test]
    fn path_of_a_killed_process_blocks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for pid in [i64::from(i32::MAX - 1), i64::from(std::process::id())] {
            let text = table("write", "/r/a", pid);
            fs_err::write(folder.path().join("rwlock"), &text).unwrap();
            assert_eq!(look(folder.path(), &[], &["/r"]).unwrap(), None);
            assert_eq!(fs_err::read_to_string(folder.path().join("rwlock")).unwrap(), text);
        }
    }

    #[test]
    fn table_that_a_power_failure_cut_is_removed_with_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rwlock");
        let whole = table("write", "/r/a", 1);
        for text in [b"".as_slice(), &whole.as_bytes()[..20], &[0; 64], b"\xff\xfe"] {
            fs_err::write(&path, text).unwrap();
            let warning = look(folder.path(), &[], &["/r"]).unwrap().unwrap();
            assert!(warning.starts_with("'.dvc/tmp/rwlock' was cut off"), "{warning}");
            assert!(!path.exists());
            assert_eq!(look(folder.path(), &[], &["/r"]).unwrap(), None);
        }
    }

    #[test]
    fn table_of_another_shape_is_reported_in_the_words_of_dvc() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("rwlock"), r#"{"foo": 1}"#).unwrap();
        let message = look(folder.path(), &[], &["/r"]).unwrap_err().to_string();
        assert_eq!(message, "RWLock-file '.dvc/tmp/rwlock' format error.");
        assert!(folder.path().join("rwlock").exists());
    }

    #[test]
    fn looking_leaves_no_table() {
        let folder = tempfile::tempdir().unwrap();
        look(folder.path(), &["/r/a"], &["/r/b"]).unwrap();
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }
}
