//! Outs whose content is on its way into the cache and that no metafile names yet.
//!
//! The content of a file counts as saved when the cache has it. But a command that is killed between storing and recording
//! leaves objects that nothing names: the next checkout would put the recorded content in the place of the file, and
//! the next collection delete the object. So outs are noted before the first object is stored, and stay noted until
//! they are recorded, or given up with `-f`.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use haul_config::atomic::new_temp_file;

const FILE: &str = "unrecorded.json";

/// The outs, by path below the root of the repository. Written under the repository lock.
#[derive(Debug)]
pub struct Unrecorded {
    path: PathBuf,
    outs: BTreeSet<String>,
    is_changed: bool,
}

impl Unrecorded {
    /// Reads the note in `dir` (`.dvc/tmp/haul`); one that is missing or damaged counts as empty.
    pub fn load(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let outs = match fs_err::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::debug!(%error, path = %path.display(), "the note of outs that are not recorded is damaged");
                BTreeSet::new()
            }),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::debug!(%error, "the note of outs that are not recorded cannot be read");
                }
                BTreeSet::new()
            }
        };
        Self { path, outs, is_changed: false }
    }

    /// Returns whether no out is noted.
    pub fn is_empty(&self) -> bool {
        self.outs.is_empty()
    }

    /// Notes outs, and writes the note.
    pub fn note(&mut self, outs: impl IntoIterator<Item = String>) -> crate::Result<()> {
        for out in outs {
            self.is_changed |= self.outs.insert(out);
        }
        self.try_save().map_err(|error| crate::Error::io("cannot note what will be stored", error))
    }

    /// Forgets an out that is recorded.
    pub fn forget(&mut self, out: &str) {
        self.is_changed |= self.outs.remove(out);
    }

    /// Returns whether an out may have content that only the workspace and an unnamed object have.
    pub fn contains(&self, out: &str) -> bool {
        self.outs.contains(out)
    }

    /// Writes the note, if it changed. A failure is logged: an out that stays noted only makes a checkout ask for `-f`.
    pub fn save(&mut self) {
        if let Err(error) = self.try_save() {
            tracing::debug!(%error, "the note of outs that are not recorded cannot be written");
        }
    }

    fn try_save(&mut self) -> io::Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        if self.outs.is_empty() {
            fs_err::remove_file(&self.path)?;
        } else {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            fs_err::create_dir_all(folder)?;
            let mut temp = new_temp_file(folder)?;
            temp.write_all(&serde_json::to_vec(&self.outs)?)?;
            temp.persist(&self.path).map_err(|error| error.error)?;
        }
        self.is_changed = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn note_is_there_until_all_of_it_is_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let mut unrecorded = Unrecorded::load(folder.path());
        unrecorded.note(["a".to_owned(), "d/é".to_owned()]).unwrap();
        let mut unrecorded = Unrecorded::load(folder.path());
        assert!(unrecorded.contains("a") && unrecorded.contains("d/é") && !unrecorded.contains("d"));
        unrecorded.forget("a");
        unrecorded.save();
        assert!(!Unrecorded::load(folder.path()).contains("a"));
        unrecorded.forget("d/é");
        unrecorded.save();
        assert!(!folder.path().join(FILE).exists());
        fs_err::write(folder.path().join(FILE), "[\"a").unwrap();
        assert!(!Unrecorded::load(folder.path()).contains("a"));
    }
}
