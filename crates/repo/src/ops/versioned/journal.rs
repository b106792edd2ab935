//! What was sent and is not recorded in a metafile yet.
//!
//! A push that is killed, or that fails for a file, leaves the metafiles as they were. The journal knows the versions
//! it made, so that the next push records them instead of making new ones. It is a hint: a version is looked for
//! before it is believed, and a journal that is lost costs a second upload.

use std::collections::{HashMap, HashSet};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use haul_storage::versions::NewVersion;
use haul_storage::{Layout, Oid, hash};
use serde::{Deserialize, Serialize};

/// A line of the journal.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    key: String,
    hash: String,
    legacy: bool,
    version_id: String,
    etag: Option<String>,
    size: u64,
}

/// The journal of the pushes to one remote.
#[derive(Debug)]
pub(super) struct Journal {
    file: PathBuf,
    known: HashMap<(String, Layout, Oid), NewVersion>,
    /// The lines that were there, or that this push has added. Others may come from pushes that are under way.
    lines: Mutex<HashSet<String>>,
    writer: Mutex<Option<fs_err::File>>,
}

impl Journal {
    /// Reads the journal of the remote at `location`, in the folder for haul's own state.
    pub(super) fn open(state_dir: &Path, location: &str) -> Self {
        let file = state_dir.join("versions").join(hex_of(location));
        let text = fs_err::read_to_string(&file).unwrap_or_default();
        let mut known = HashMap::new();
        let lines = Mutex::new(text.lines().map(str::to_owned).collect());
        for line in text.lines() {
            // The last line of a killed push may be cut.
            let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
            let Ok(oid) = line.hash.parse::<Oid>() else { continue };
            let layout = if line.legacy { Layout::Legacy } else { Layout::Current };
            let version = NewVersion { version_id: line.version_id, etag: line.etag, size_bytes: line.size };
            known.insert((line.key, layout, oid), version);
        }
        Self { file, known, lines, writer: Mutex::new(None) }
    }

    /// Returns the version of this content that was sent to `key`.
    pub(super) fn get(&self, key: &str, layout: Layout, oid: Oid) -> Option<&NewVersion> {
        self.known.get(&(key.to_owned(), layout, oid))
    }

    /// Adds a version. Not to be able to is no reason to fail.
    pub(super) fn add(&self, key: &str, layout: Layout, oid: Oid, version: &NewVersion) {
        let line = Line {
            key: key.to_owned(),
            hash: oid.to_string(),
            legacy: layout == Layout::Legacy,
            version_id: version.version_id.clone(),
            etag: version.etag.clone(),
            size: version.size_bytes,
        };
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.append(&mut writer, &line);
        if let Err(error) = written {
            tracing::debug!(%error, "a version could not be noted");
        }
    }

    fn append(&self, writer: &mut Option<fs_err::File>, line: &Line) -> std::io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone());
        text.push('\n');
        if writer.is_none() {
            fs_err::create_dir_all(self.file.parent().expect("the journal lies in a folder"))?;
            // What follows a line that was cut must not be lost with it.
            let is_cut =
                fs_err::read(&self.file).is_ok_and(|bytes| bytes.last().is_some_and(|byte| *byte != b'\n'));
            if is_cut {
                text.insert(0, '\n');
            }
            *writer = Some(fs_err::OpenOptions::new().create(true).append(true).open(&self.file)?);
        }
        match writer {
            // One write for each line: those of two processes do not mix.
            Some(file) => locked(file, |file| file.write_all(text.as_bytes())),
            None => Ok(()),
        }
    }

    /// Forgets the versions of files that are recorded now. What other pushes have added meanwhile stays: they may still
    /// have to record it.
    pub(super) fn forget(&self, keys: &HashSet<&str>) {
        if let Err(error) = self.shorten(keys)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(%error, "a journal stays as it is");
        }
    }

    fn shorten(&self, keys: &HashSet<&str>) -> std::io::Result<()> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = fs_err::OpenOptions::new().read(true).append(true).open(&self.file)?;
        // In its place: other processes have the file open. Killed between the two, it is lost, and only a hint.
        locked(&mut file, |file| {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            let is_recorded = |line: &str| {
                let key = serde_json::from_str::<Line>(line).map(|line| line.key);
                lines.contains(line) && key.map_or(true, |key| keys.contains(key.as_str()))
            };
            let kept: String =
                text.lines().filter(|line| !is_recorded(line)).flat_map(|line| [line, "\n"]).collect();
            file.set_len(0)?;
            file.write_all(kept.as_bytes())
        })
    }
}

/// Works with the file while no other process does; where there are no locks, without.
fn locked<T>(
    file: &mut fs_err::File,
    work: impl FnOnce(&mut fs_err::File) -> std::io::Result<T>,
) -> std::io::Result<T> {
    let is_locked = file.file().lock().is_ok();
    let result = work(file);
    if is_locked {
        file.file().unlock()?;
    }
    result
}

fn hex_of(location: &str) -> String {
    Oid::file(hash::md5(location.as_bytes())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_survives_a_cut_line() {
        let folder = tempfile::tempdir().unwrap();
        let oid = Oid::file([7; 16]);
        let version = |id: &str| NewVersion { version_id: id.into(), etag: Some("e".into()), size_bytes: 3 };
        let journal = Journal::open(folder.path(), "s3://b");
        journal.add("a é", Layout::Current, oid, &version("1"));
        let file = journal.file.clone();
        drop(journal);
        let text = fs_err::read_to_string(&file).unwrap();
        fs_err::write(&file, format!("{text}{}", &text[..20])).unwrap();
        let journal = Journal::open(folder.path(), "s3://b");
        journal.add("b", Layout::Legacy, oid, &version("2"));
        drop(journal);
        let journal = Journal::open(folder.path(), "s3://b");
        assert_eq!(journal.get("a é", Layout::Current, oid), Some(&version("1")));
        assert_eq!(journal.get("b", Layout::Legacy, oid), Some(&version("2")));
        assert_eq!(journal.get("b", Layout::Current, oid), None);
        assert_eq!(Journal::open(folder.path(), "s3://c").known.len(), 0);
        journal.forget(&HashSet::from(["a é", "b"]));
        assert_eq!(fs_err::read_to_string(&file).unwrap(), "");
    }

    #[test]
    fn journal_forgets_what_was_recorded_and_keeps_what_another_push_has_added() {
        let folder = tempfile::tempdir().unwrap();
        let oid = Oid::file([7; 16]);
        let version = |id: &str| NewVersion { version_id: id.into(), etag: None, size_bytes: 3 };
        let [one, other] = [(); 2].map(|()| Journal::open(folder.path(), "s3://b"));
        one.add("mine", Layout::Current, oid, &version("1"));
        other.add("its", Layout::Current, oid, &version("2"));
        one.add("lacking", Layout::Current, oid, &version("3"));
        one.forget(&HashSet::from(["mine", "its"]));
        other.add("its next", Layout::Current, oid, &version("4"));
        let after = Journal::open(folder.path(), "s3://b");
        let get = |key: &str| after.get(key, Layout::Current, oid).map(|version| version.version_id.as_str());
        assert_eq!(["mine", "its", "lacking", "its next"].map(get), [None, Some("2"), Some("3"), Some("4")]);
    }
}
