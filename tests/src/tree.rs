//! Trees of files, which are compared byte for byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The entry at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file: its size and the MD5 of its bytes.
    File(u64, [u8; 16]),
    /// A directory.
    Folder,
    /// A symbolic link and its target.
    Link(PathBuf),
    /// A FIFO, a socket, a device.
    Other,
}

/// All entries below a directory, by relative path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    /// The entries.
    pub entries: BTreeMap<PathBuf, Entry>,
}

impl Tree {
    /// Reads the tree below `folder`, without following links.
    ///
    /// # Panics
    /// If something there cannot be read.
    pub fn read(folder: &Path) -> Self {
        let mut tree = Self::default();
        tree.walk(folder, Path::new(""), false);
        tree
    }

    /// Reads it, with each link to a file as the file itself, as a program that opens the path sees it.
    ///
    /// # Panics
    /// If something there cannot be read.
    pub fn read_through_links(folder: &Path) -> Self {
        let mut tree = Self::default();
        tree.walk(folder, Path::new(""), true);
        tree
    }

    fn walk(&mut self, folder: &Path, relative: &Path, follow: bool) {
        for entry in fs_err::read_dir(folder).expect("the folder can be read") {
            let entry = entry.expect("the folder can be read");
            let path = entry.path();
            let relative = relative.join(entry.file_name());
            let metadata = if follow { fs_err::metadata(&path) } else { fs_err::symlink_metadata(&path) };
            let metadata = metadata.expect("the entry can be looked at");
            let kind = metadata.file_type();
            let found = if kind.is_dir() {
                self.walk(&path, &relative, follow);
                Entry::Folder
            } else if kind.is_file() {
                Entry::File(metadata.len(), file_md5(&path))
            } else if kind.is_symlink() {
                Entry::Link(fs_err::read_link(&path).expect("a link can be read"))
            } else {
                Entry::Other
            };
            self.entries.insert(relative, found);
        }
    }

    /// Returns the number of files.
    pub fn n_files(&self) -> usize {
        self.entries.values().filter(|entry| matches!(entry, Entry::File(..))).count()
    }

    /// Returns the sum of the sizes of the files.
    pub fn total_bytes(&self) -> u64 {
        let size = |entry: &Entry| if let Entry::File(size_bytes, _) = entry { *size_bytes } else { 0 };
        self.entries.values().map(size).sum()
    }

    /// Fails unless both are equal, and names each path that differs.
    ///
    /// # Panics
    /// If they differ.
    #[track_caller]
    pub fn assert_equals(&self, expected: &Self) {
        let mut differences = String::new();
        let paths = self.entries.keys().chain(expected.entries.keys());
        for path in paths.collect::<std::collections::BTreeSet<_>>() {
            let (found, wanted) = (self.entries.get(path), expected.entries.get(path));
            if found != wanted {
                writeln!(differences, "{}: found {found:?}, expected {wanted:?}", path.display())
                    .expect("writing to a string cannot fail");
            }
        }
        assert!(differences.is_empty(), "the trees differ:\n{differences}");
    }
}

fn file_md5(path: &Path) -> [u8; 16] {
    use md5::Digest;
    let mut file = fs_err::File::open(path).expect("the file can be read");
    let mut hash = md5::Md5::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut file, &mut buffer).expect("the file can be read") {
            0 => return hash.finalize().into(),
            n => hash.update(&buffer[..n]),
        }
    }
}
