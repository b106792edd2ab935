//! The directory manifest (`.dir` object): the list of the files of a tracked directory.
//!
//! Its bytes are the output of Python's `json.dumps(entries, sort_keys=True)`, and its name is their MD5:
//! `[{"md5": "…", "relpath": "a/b.txt"}, …]`, sorted by path, ASCII only, without a newline at the end.
//!
//! A manifest comes from a remote, so it may be hostile: [`DirManifest`] only contains paths that stay inside the
//! directory and do not contradict each other.
//!
//! Deviation: DVC does not check the paths of a `.dir` object, and a `relpath` of `../../x` makes it write outside of the
//! repository; haul refuses the object. It also refuses paths and names that are longer than a file system allows.
//! Tests: `tests/dir_manifest.rs`.

use std::borrow::Cow;
use std::fmt;

use haul_storage::{Md5Digest, Oid};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::paths::{MAX_PATH_BYTES, private_folder};

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
    /// The object is not a JSON list of entries.
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
        /// The value of `md5`.
        hash: String,
    },
}

impl DirManifest {
    /// Makes a manifest of the files of a directory: sorts them and checks their paths.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Path`] for the first path that cannot be a file of a tracked directory.
    pub fn new(mut entries: Vec<DirEntry>) -> Result<Self, ManifestError> {
        for entry in &entries {
            check_path(&entry.path).map_err(|reason| path_error(&entry.path, reason))?;
        }
        // The order of the bytes of UTF-8 is the order of Python's strings: by code point.
        if !entries.is_sorted_by(|left, right| left.path <= right.path) {
            entries.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        }
        check_clashes(&entries)?;
        Ok(Self { entries })
    }

    /// Parses the bytes of a `.dir` object and refuses paths that could lead outside of the directory.
    ///
    /// Members of an entry other than `md5` and `relpath` are ignored, as in DVC. Entries need not be sorted.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let RawEntries(entries) =
            serde_json::from_slice(bytes).map_err(|error| ManifestError::Malformed(error.to_string()))?;
        let entries = entries.map_err(|bad| ManifestError::Hash {
            path: bad.path.escape_debug().to_string(),
            hash: bad.hash.chars().take(64).flat_map(char::escape_debug).collect(),
        })?;
        Self::new(entries)
    }

    /// Returns the bytes that DVC writes, whose MD5 is the name of the object.
    pub fn to_bytes(&self) -> Vec<u8> {
        let paths_bytes: usize = self.entries.iter().map(|entry| entry.path.len()).sum();
        let mut bytes = Vec::with_capacity(paths_bytes + 64 * self.entries.len() + 2);
        bytes.push(b'[');
        for (position, entry) in self.entries.iter().enumerate() {
            bytes.extend_from_slice(if position == 0 { b"{\"md5\": \"" } else { b", {\"md5\": \"" });
            let start = bytes.len();
            bytes.resize(start + 32, 0);
            hex::encode_to_slice(entry.digest, &mut bytes[start..]).expect("32 digits for 16 bytes");
            bytes.extend_from_slice(b"\", \"relpath\": \"");
            push_json_text(&mut bytes, &entry.path);
            bytes.extend_from_slice(b"\"}");
        }
        bytes.push(b']');
        bytes
    }

    /// Returns the files in the order of their paths.
    pub fn entries(&self) -> &[DirEntry] {
        &self.entries
    }

    /// Returns the files as owned entries, in the order of their paths.
    pub fn into_entries(self) -> Vec<DirEntry> {
        self.entries
    }

    /// Returns the entries at or below `path`, a file or directory inside the directory; empty if there is none.
    pub fn below(&self, path: &str) -> &[DirEntry] {
        if let Ok(position) = self.position(path) {
            return &self.entries[position..=position];
        }
        let folder = format!("{path}/");
        let start = self.entries.partition_point(|entry| *entry.path < *folder);
        let count = self.entries[start..].partition_point(|entry| entry.path.starts_with(&folder));
        &self.entries[start..start + count]
    }

    /// Returns the hash of one file.
    pub fn get(&self, path: &str) -> Option<Oid> {
        self.position(path).ok().map(|position| Oid::file(self.entries[position].digest))
    }

    /// Returns a manifest in which `files` replace the entries at or below `path`, for a directory of which only one file or
    /// subdirectory was read. Their paths are relative to the manifest's directory.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Path`] if the result contradicts itself, for example if `path` is below a file.
    pub fn replaced(&self, path: &str, files: Vec<DirEntry>) -> Result<Self, ManifestError> {
        let folder = format!("{path}/");
        let kept =
            self.entries.iter().filter(|entry| *entry.path != *path && !entry.path.starts_with(&folder));
        Self::new(kept.cloned().chain(files).collect())
    }

    fn position(&self, path: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| (*entry.path).cmp(path))
    }
}

/// The maximum number of characters of a path in a message.
const MAX_SHOWN: usize = 200;

/// Returns whether a name is too long for all file systems: Linux counts bytes, macOS and Windows count units of UTF-16.
fn is_too_long(name: &str) -> bool {
    const MAX_NAME: usize = 255;
    let is_counted_in_bytes = !cfg!(any(windows, target_vendor = "apple"));
    name.len() > MAX_NAME && (is_counted_in_bytes || name.encode_utf16().count() > MAX_NAME)
}

/// Checks that `path` can be the path of a file inside a tracked directory; the error is the reason.
pub(crate) fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("is empty");
    }
    if path.starts_with('/') {
        return Err("is absolute");
    }
    if path.len() > MAX_PATH_BYTES {
        return Err("is longer than any path can be");
    }
    if path.contains('\0') {
        return Err("contains a NUL character");
    }
    if cfg!(windows) && path.contains(['\\', ':']) {
        return Err("contains a character that has a special meaning on Windows");
    }
    for component in path.split('/') {
        match component {
            "" => return Err("has an empty component"),
            "." => return Err("has the component `.`"),
            ".." => return Err("leaves the directory"),
            _ if is_too_long(component) => return Err("has a component of more than 255 bytes"),
            _ => match private_folder(component) {
                Some(".git") => return Err("is inside a `.git` directory"),
                Some(_) => return Err("is inside a `.dvc` directory"),
                None => {}
            },
        }
    }
    Ok(())
}

/// Refuses a path that occurs twice in `entries`, or once as a file and once as a directory.
fn check_clashes(entries: &[DirEntry]) -> Result<(), ManifestError> {
    let mut last = "";
    for entry in entries {
        let path = &*entry.path;
        if path == last {
            return Err(path_error(path, "occurs twice"));
        }
        // The parents that are shared with the previous entry have already been checked.
        let shared = path.bytes().zip(last.bytes()).take_while(|(left, right)| left == right).count();
        for (position, _) in path.match_indices('/').filter(|&(position, _)| position >= shared) {
            let folder = &path[..position];
            if entries.binary_search_by(|other| (*other.path).cmp(folder)).is_ok() {
                return Err(path_error(folder, "is both a file and a directory"));
            }
        }
        last = path;
    }
    Ok(())
}

fn path_error(path: &str, reason: &'static str) -> ManifestError {
    // A long path is cut, but enough of it is shown to recognise it.
    let shown: String = path.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    let rest = if path.chars().nth(MAX_SHOWN).is_some() { "…" } else { "" };
    ManifestError::Path { path: shown + rest, reason }
}

/// Appends `text` as Python's JSON encoder does with `ensure_ascii`.
pub(crate) fn push_json_text(bytes: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '"' => bytes.extend_from_slice(b"\\\""),
            '\\' => bytes.extend_from_slice(b"\\\\"),
            ' '..='~' => bytes.push(character as u8),
            '\u{8}' => bytes.extend_from_slice(b"\\b"),
            '\u{c}' => bytes.extend_from_slice(b"\\f"),
            '\n' => bytes.extend_from_slice(b"\\n"),
            '\r' => bytes.extend_from_slice(b"\\r"),
            '\t' => bytes.extend_from_slice(b"\\t"),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    bytes.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
        }
    }
}

/// The entries of the JSON, or the first one whose hash is not an MD5.
struct RawEntries(Result<Vec<DirEntry>, BadHash>);

struct BadHash {
    path: String,
    hash: String,
}

#[derive(Deserialize)]
struct RawEntry<'json> {
    #[serde(borrow)]
    md5: Cow<'json, str>,
    #[serde(borrow)]
    relpath: Cow<'json, str>,
}

impl<'json> Deserialize<'json> for RawEntries {
    fn deserialize<D: Deserializer<'json>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'json> Visitor<'json> for List {
            type Value = RawEntries;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of files")
            }

            fn visit_seq<A: SeqAccess<'json>>(self, mut list: A) -> Result<RawEntries, A::Error> {
                let mut entries = Vec::new();
                let mut bad_hash = None;
                while let Some(RawEntry { md5, relpath }) = list.next_element()? {
                    let mut digest = Md5Digest::default();
                    if hex::decode_to_slice(&*md5, &mut digest).is_err() && bad_hash.is_none() {
                        bad_hash = Some(BadHash { path: relpath.to_string(), hash: md5.into_owned() });
                    }
                    entries.push(DirEntry { path: relpath.into(), digest });
                }
                Ok(RawEntries(bad_hash.map_or(Ok(entries), Err)))
            }
        }

        deserializer.deserialize_seq(List)
    }
}
