//! Outs whose content is on its way into the cache and that no metafile names yet.
//!
//! The content of a file counts as saved when the cache has it. But a command that is killed between storing and recording
//! leaves objects that nothing names: the next checkout would put the recorded content in the place of the file, and
//! the next collection delete the object. So an out is noted before its first object is stored, and stays noted until
//! it is recorded, or given up with `-f`.
//!
//! Only what was cut short stays noted: after an error that the user was told of, the outs are what they were before.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::record::{read_record, write_record};
use crate::{Error, Result};

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
        let outs = read_record(&path);
        Self { path, outs, is_changed: false }
    }

    /// Returns whether no out is noted.
    pub fn is_empty(&self) -> bool {
        self.outs.is_empty()
    }

    /// Stores and records outs with `work`, which are noted meanwhile. They stay noted if the process is killed, if the user
    /// interrupts it, or if the disk is full, say.
    ///
    /// # Errors
    /// Those of `work`; [`Error::Io`] if the note cannot be written, before anything is stored.
    pub fn during<T>(&mut self, outs: &[String], work: impl FnOnce() -> Result<T>) -> Result<T> {
        let new: Vec<&String> = outs.iter().filter(|out| !self.outs.contains(*out)).collect();
        self.outs.extend(outs.iter().cloned());
        self.is_changed |= !new.is_empty();
        self.try_save().map_err(|error| Error::io("cannot note what will be stored", error))?;
        let result = work();
        let over = match &result {
            Ok(_) => outs.iter().collect(),
            Err(error) if error.is_interrupted() || error.ends_run() => Vec::new(),
            Err(_) => new,
        };
        for out in over {
            self.forget(out);
        }
        self.save();
        result
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
            write_record(&self.path, &self.outs)?;
        }
        self.is_changed = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_stays_noted_only_if_its_work_was_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let outs = ["a".to_owned(), "d/é".to_owned()];
        let load = || Unrecorded::load(folder.path());
        load()
            .during(&outs, || {
                assert!(load().contains("a") && load().contains("d/é") && !load().contains("d"));
                Ok(())
            })
            .unwrap();
        assert!(load().is_empty() && !folder.path().join(FILE).exists());
        load().during(&outs, || Err::<(), _>(Error::BadOut("no".to_owned()))).unwrap_err();
        assert!(load().is_empty());
        load().during(&outs[..1], || Err::<(), _>(Error::Interrupted)).unwrap_err();
        assert!(load().contains("a"));
        // A later failure takes back what it noted itself.
        load().during(&outs, || Err::<(), _>(Error::BadOut("no".to_owned()))).unwrap_err();
        assert!(load().contains("a") && !load().contains("d/é"));
        let mut unrecorded = load();
        unrecorded.forget("a");
        unrecorded.save();
        assert!(load().is_empty());
        fs_err::write(folder.path().join(FILE), "[\"a").unwrap();
        assert!(load().is_empty());
    }
}
