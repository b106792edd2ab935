//! Locks on single files and folders: DVC's `rwlock`.
//!
//! `.dvc/tmp/rwlock` is a JSON file that says which process reads and writes which paths; it is only touched
//! under the lock `rwlock.lock`. A pipeline that runs lets go of the repository's lock and keeps these.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use haul_storage::CancellationToken;
use serde::{Deserialize, Serialize};

use super::{LockWait, RepoLock};
use crate::{Error, Result};

/// Locks on paths; dropping it lets go.
#[derive(Debug)]
pub struct PathLocks {
    folder: PathBuf,
    holder: Holder,
    read: Vec<String>,
    write: Vec<String>,
}

/// A process, and the command it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    pid: i64,
    cmd: String,
}

/// The content of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    write: BTreeMap<String, Holder>,
    #[serde(default)]
    read: BTreeMap<String, Vec<Holder>>,
}

impl PathLocks {
    /// Takes locks on absolute paths; `folder` is `.dvc/tmp`, `shown` its name in messages, `command` what
    /// others are told about this process. What killed processes left is cleared away.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] in DVC's words if another process works on one of the paths, above or below.
    pub fn acquire(
        folder: &Path,
        shown: &str,
        command: &str,
        read: &[PathBuf],
        write: &[PathBuf],
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let texts =
            |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        let holder = Holder { pid: std::process::id().into(), cmd: command.to_owned() };
        let (read, write) = (texts(read), texts(write));
        let both: Vec<String> = read.iter().chain(&write).cloned().collect();
        let mut locks = Self { folder: folder.to_owned(), holder, read: Vec::new(), write: Vec::new() };
        edit(folder, shown, cancel, |table| {
            for (path, holder) in table.write.clone() {
                let others = [holder];
                let alive = blockers(&path, &others, &locks.holder, &both, folder)?;
                if !alive && !others.contains(&locks.holder) && overlaps_any(&path, &both) {
                    table.write.remove(&path);
                }
            }
            for (path, holders) in table.read.clone() {
                blockers(&path, &holders, &locks.holder, &write, folder)?;
                if overlaps_any(&path, &write) {
                    let kept: Vec<Holder> = holders
                        .into_iter()
                        .filter(|holder| *holder == locks.holder || is_alive(holder.pid))
                        .collect();
                    table.read.insert(path, kept);
                }
            }
            table.read.retain(|_, holders| !holders.is_empty());
            for path in read {
                let holders = table.read.entry(path.clone()).or_default();
                if !holders.contains(&locks.holder) {
                    holders.push(locks.holder.clone());
                    locks.read.push(path);
                }
            }
            for path in write {
                if table.write.insert(path.clone(), locks.holder.clone()).as_ref() != Some(&locks.holder) {
                    locks.write.push(path);
                }
            }
            Ok(())
        })?;
        Ok(locks)
    }

    /// Fails as [`acquire`](Self::acquire) does for paths that would be read, and takes no lock.
    pub fn check_readable(
        folder: &Path,
        shown: &str,
        read: &[PathBuf],
        cancel: &CancellationToken,
    ) -> Result<()> {
        if !folder.join("rwlock").exists() {
            return Ok(());
        }
        let _guard = RepoLock::acquire(&folder.join("rwlock.lock"), LockWait::Briefly, cancel)?;
        let table = load(folder, shown)?;
        let own = Holder { pid: std::process::id().into(), cmd: String::new() };
        let read: Vec<String> = read.iter().map(|path| path.display().to_string()).collect();
        for (path, holder) in table.write {
            blockers(&path, &[holder], &own, &read, folder)?;
        }
        Ok(())
    }
}

impl Drop for PathLocks {
    fn drop(&mut self) {
        // Also after Ctrl-C: what is held is let go.
        let released = edit(&self.folder, "rwlock", &CancellationToken::new(), |table| {
            for path in &self.write {
                if table.write.get(path) == Some(&self.holder) {
                    table.write.remove(path);
                }
            }
            for path in &self.read {
                if let Some(holders) = table.read.get_mut(path) {
                    holders.retain(|holder| *holder != self.holder);
                }
            }
            table.read.retain(|_, holders| !holders.is_empty());
            Ok(())
        });
        if let Err(error) = released {
            // The next process sees that this one is gone, and clears the entries away.
            tracing::warn!(%error, "cannot release the locks on paths");
        }
    }
}

/// Changes the table under its own lock.
fn edit(
    folder: &Path,
    shown: &str,
    cancel: &CancellationToken,
    change: impl FnOnce(&mut Table) -> Result<()>,
) -> Result<()> {
    let _guard = RepoLock::acquire(&folder.join("rwlock.lock"), LockWait::Briefly, cancel)?;
    let mut table = load(folder, shown)?;
    change(&mut table)?;
    let text = serde_json::to_vec(&table)
        .map_err(|error| Error::io("cannot write the locks on paths", error.into()))?;
    crate::atomic::write_unsynced(&folder.join("rwlock"), &text)
}

fn load(folder: &Path, shown: &str) -> Result<Table> {
    match fs_err::read(folder.join("rwlock")) {
        Ok(text) => parse(&text, shown),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Table::default()),
        Err(source) => Err(Error::io("cannot read the locks on paths", source)),
    }
}

fn parse(text: &[u8], shown: &str) -> Result<Table> {
    serde_json::from_slice(text).map_err(|error| {
        Error::Busy(if error.is_data() {
            format!("RWLock-file '{shown}' format error.")
        } else {
            format!("Unable to read RWLock-file '{shown}'. JSON structure is corrupted: {error}")
        })
    })
}

/// Fails if a living process other than `own` holds `path` and one of `wanted` overlaps it. Tells whether any
/// of the holders lives.
fn blockers(path: &str, holders: &[Holder], own: &Holder, wanted: &[String], folder: &Path) -> Result<bool> {
    let Some(waiting) = wanted.iter().find(|wanted| overlap(wanted, path)) else { return Ok(true) };
    let (alive, gone): (Vec<&Holder>, Vec<&Holder>) =
        holders.iter().filter(|holder| *holder != own).partition(|holder| is_alive(holder.pid));
    for holder in gone {
        tracing::warn!(
            "Process '{}' with (Pid {}), in RWLock-file '{path}' had been killed. Auto removed it from the lock file.",
            holder.cmd,
            holder.pid
        );
    }
    if alive.is_empty() {
        return Ok(false);
    }
    let list: Vec<String> =
        alive.iter().map(|holder| format!("  (PID {}): {}", holder.pid, holder.cmd)).collect();
    Err(Error::Busy(format!(
        "'{waiting}' is busy, it is being blocked by:\n{}\n\nIf there are no processes with such PIDs, you can manually \
         remove '{}' and try again.",
        list.join("\n"),
        folder.join("rwlock").display()
    )))
}

fn overlaps_any(path: &str, others: &[String]) -> bool {
    others.iter().any(|other| overlap(other, path))
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

    fn read_table(folder: &Path) -> serde_json::Value {
        serde_json::from_slice(&fs_err::read(folder.join("rwlock")).unwrap()).unwrap()
    }

    fn acquire(folder: &Path, read: &[&str], write: &[&str]) -> Result<PathLocks> {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let (read, write) = (paths(read), paths(write));
        PathLocks::acquire(folder, ".dvc/tmp/rwlock", "haul add", &read, &write, &CancellationToken::new())
    }

    /// A process that lives and is not this one: the first of the system.
    fn foreign(kind: &str, path: &str) -> String {
        let holder = r#"{"pid": 1, "cmd": "x"}"#;
        match kind {
            "write" => format!(r#"{{"write": {{"{path}": {holder}}}}}"#),
            _ => format!(r#"{{"read": {{"{path}": [{holder}]}}}}"#),
        }
    }

    #[test]
    fn path_locks_are_written_for_dvc_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let pid = std::process::id();
        let locks = acquire(folder.path(), &["/r/a"], &["/r/b"]).unwrap();
        let again = acquire(folder.path(), &["/r/a"], &["/r/b/c"]).unwrap();
        let holder = serde_json::json!({"pid": pid, "cmd": "haul add"});
        assert_eq!(
            read_table(folder.path()),
            serde_json::json!({"write": {"/r/b": holder, "/r/b/c": holder}, "read": {"/r/a": [holder]}})
        );
        drop(again);
        drop(locks);
        assert_eq!(read_table(folder.path()), serde_json::json!({"write": {}, "read": {}}));
    }

    #[test]
    fn path_lock_of_a_living_process_blocks_what_overlaps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rwlock");
        for (kind, held, read, write, is_blocked) in [
            ("write", "/r/d", "/r/d/x", "/o", true),
            ("write", "/r/d", "/r", "/o", true),
            ("write", "/r/d", "/o", "/r/d", true),
            ("write", "/r/d", "/r/d-x", "/o", false),
            ("read", "/r/d", "/r/d", "/o", false),
            ("read", "/r/d", "/o", "/r/d", true),
        ] {
            fs_err::write(&path, foreign(kind, held)).unwrap();
            let result = acquire(folder.path(), &[read], &[write]);
            assert_eq!(result.is_err(), is_blocked, "{kind} {held} {read} {write}");
            if let Err(error) = result {
                let message = error.to_string();
                assert!(message.contains("is busy, it is being blocked by:\n  (PID 1): x\n\n"), "{message}");
            }
        }
    }

    #[test]
    fn path_that_is_written_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rwlock");
        let (paths, cancel) = ([PathBuf::from("/r/d")], CancellationToken::new());
        let check = || PathLocks::check_readable(folder.path(), ".dvc/tmp/rwlock", &paths, &cancel);
        check().unwrap();
        for (kind, held, is_blocked) in
            [("write", "/r/d/x", true), ("write", "/r/e", false), ("read", "/r/d", false)]
        {
            fs_err::write(&path, foreign(kind, held)).unwrap();
            assert_eq!(check().is_err(), is_blocked, "{kind} {held}");
        }
    }

    #[test]
    fn path_lock_of_a_killed_process_is_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let gone = i32::MAX - 1;
        let text = format!(
            r#"{{"write": {{"/r/a": {{"pid": {gone}, "cmd": "x"}}}}, "read": {{"/r/b": [{{"pid": {gone}, "cmd": "x"}}]}}}}"#
        );
        fs_err::write(folder.path().join("rwlock"), text).unwrap();
        drop(acquire(folder.path(), &[], &["/r"]).unwrap());
        assert_eq!(read_table(folder.path()), serde_json::json!({"write": {}, "read": {}}));
    }

    #[test]
    fn broken_table_is_reported_in_the_words_of_dvc() {
        let folder = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("", "Unable to read RWLock-file '.dvc/tmp/rwlock'. JSON structure is corrupted: "),
            (r#"{"foo": 1}"#, "RWLock-file '.dvc/tmp/rwlock' format error."),
        ] {
            fs_err::write(folder.path().join("rwlock"), text).unwrap();
            let message = acquire(folder.path(), &[], &["/r"]).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
