//! The `.dir` object: which files a tracked directory holds.

use haul_storage::{Md5Digest, Oid};

/// One file of a tracked directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The path below the directory, with `/` between components.
    pub path: Box<str>,
    /// The MD5 of the file.
    pub digest: Md5Digest,
}

/// The files of a tracked directory, sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirManifest {
    entries: Vec<DirEntry>,
}

/// A manifest that must not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not a JSON list of entries.
    #[error("the directory object is not a JSON list of files: {0}")]
    Malformed(String),
    /// An entry names a path that must not be written.
    #[error("the directory object names the path `{path}`, which {reason}")]
    Path {
        /// The path, with control characters escaped.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The hash of an entry is not an MD5.
    #[error("the directory object gives `{path}` the hash `{hash}`, which is not 32 hex digits")]
    Hash {
        /// The path.
        path: String,
        /// What stands there.
        hash: String,
    },
}

impl DirManifest {
    /// Makes a manifest of the files of a directory; sorts them and checks their paths.
    pub fn new(entries: Vec<DirEntry>) -> Result<Self, ManifestError> {
        let _ = entries;
        unimplemented!()
    }

    /// Reads the bytes of a `.dir` object and refuses whatever could be written outside of the directory.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let _ = bytes;
        unimplemented!()
    }

    /// Returns the bytes DVC writes, whose MD5 is the name of the object.
    pub fn to_bytes(&self) -> Vec<u8> {
        unimplemented!()
    }

    /// Returns the files in the order of their paths.
    pub fn entries(&self) -> &[DirEntry] {
        &self.entries
    }

    /// Returns the entries at or below `path` (a file or folder inside the directory); empty if there is none.
    pub fn below(&self, path: &str) -> &[DirEntry] {
        let _ = path;
        unimplemented!()
    }

    /// Returns the hash of one file.
    pub fn get(&self, path: &str) -> Option<Oid> {
        let _ = path;
        unimplemented!()
    }
}
