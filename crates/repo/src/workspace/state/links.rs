//! Which outs were put into the workspace, so that they can be taken away when they are tracked no longer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::record::{read_record, write_record};

const FILE: &str = "links.json";

/// An out as we left it in the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// The object it was made from, as text.
    pub oid: String,
    /// Tells that the object lies in the layout of DVC 2.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_legacy: bool,
    /// A digest over the stamps of its files: it tells whether they were changed since.
    pub fingerprint: String,
}

/// All records, by path below the root of the repository. Written under the repository lock.
#[derive(Debug)]
pub struct Links {
    path: PathBuf,
    records: BTreeMap<String, LinkRecord>,
    is_changed: bool,
}

impl Links {
    /// Reads the records in `dir` (`.dvc/tmp/haul`); a file that is missing or damaged counts as empty.
    pub fn load(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let records = read_record(&path);
        Self { path, records, is_changed: false }
    }

    /// Returns all records.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &LinkRecord)> {
        self.records.iter().map(|(path, record)| (path.as_str(), record))
    }

    /// Returns the record of an out by its path below the root.
    pub fn get(&self, path: &str) -> Option<&LinkRecord> {
        self.records.get(path)
    }

    /// Remembers an out by its path below the root.
    pub fn insert(&mut self, path: &str, record: LinkRecord) {
        if self.records.get(path) != Some(&record) {
            self.records.insert(path.to_owned(), record);
            self.is_changed = true;
        }
    }

    /// Forgets an out; returns what was known of it.
    pub fn remove(&mut self, path: &str) -> Option<LinkRecord> {
        let record = self.records.remove(path);
        self.is_changed |= record.is_some();
        record
    }

    /// Writes the records, if they changed. A failure is logged: without a record an out just stays.
    ///
    /// Where a record went because its out is the user's own from now on, [`try_save`](Self::try_save) is needed.
    pub fn save(&mut self) {
        if let Err(error) = self.try_save() {
            tracing::debug!(%error, "the record of links cannot be written");
        }
    }

    /// Writes the records, if they changed.
    ///
    /// A command that takes a metafile away does this first: with a record that is left over, the next checkout would
    /// take the data for what it may delete.
    pub fn try_save(&mut self) -> crate::Result<()> {
        if self.is_changed {
            write_record(&self.path, &self.records)
                .map_err(|error| crate::Error::io("cannot write the record of links", error))?;
            self.is_changed = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_survive_a_round_trip_and_damage() {
        let folder = tempfile::tempdir().unwrap();
        let record = LinkRecord { oid: "aa".into(), is_legacy: true, fingerprint: "f".into() };
        let mut links = Links::load(folder.path());
        links.insert("d/é", record.clone());
        links.insert("x", record.clone());
        links.remove("x");
        links.save();
        let links = Links::load(folder.path());
        assert_eq!(links.iter().collect::<Vec<_>>(), [("d/é", &record)]);
        fs_err::write(folder.path().join(FILE), "{\"d/").unwrap();
        assert_eq!(Links::load(folder.path()).iter().count(), 0);
    }
}
