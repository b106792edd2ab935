//! Realistic data sets: nested directories, odd names, empty files, and a big one.

use std::path::Path;

/// The contents of a data set. The same options make the same bytes, on every machine.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// The seed of the random bytes.
    pub seed: u64,
    /// The number of small files, in addition to the ones with odd names.
    pub n_small_files: usize,
    /// The largest of the small files, in bytes.
    pub max_small_bytes: usize,
    /// The size of the one big file, in bytes; with zero there is none.
    pub big_file_bytes: u64,
}

impl Default for DataSet {
    fn default() -> Self {
        Self { seed: 1, n_small_files: 40, max_small_bytes: 4096, big_file_bytes: 0 }
    }
}

/// Names that break programs which split, quote, decode or normalise paths carelessly.
pub const ODD_NAMES: [&str; 14] = [
    "with blank.txt",
    " leading and trailing ",
    "ünïcödé.csv",
    "日本語/データ.bin",
    "emoji 🚚.txt",
    "plus+percent%41&amp;.txt",
    "quote'\"`.txt",
    "back\\slash.txt",
    "hash#question?.txt",
    "tilde~star*[x].txt",
    ".hidden",
    "dots..and...more.",
    "new\nline.txt",
    "deep/er/and/er/still/leaf",
];

impl DataSet {
    /// Writes the data set into `folder`, which is created.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write_to(&self, folder: &Path) {
        let mut random = Random(self.seed);
        fs_err::create_dir_all(folder).expect("the folder can be made");
        for name in ODD_NAMES {
            // All of them differ.
            write(&folder.join("odd names").join(name), format!("this is {name:?}").as_bytes());
        }
        write(&folder.join("empty"), b"");
        write(&folder.join("nested/also empty"), b"");
        for index in 0..self.n_small_files {
            let path = format!("part-{:02}/{:03}/file {index}.dat", index % 7, index % 31);
            let size = random.below(self.max_small_bytes as u64 + 1);
            write(&folder.join(path), &random.bytes(size));
        }
        // The same content twice is one object.
        write(&folder.join("twin-a"), b"twins are stored once");
        write(&folder.join("nested/twin-b"), b"twins are stored once");
        if self.big_file_bytes > 0 {
            self.write_big_file(&folder.join("big.bin"), &mut random);
        }
    }

    fn write_big_file(&self, path: &Path, random: &mut Random) {
        use std::io::Write;
        let mut file = fs_err::File::create(path).expect("the file can be made");
        let mut left = self.big_file_bytes;
        while left > 0 {
            let chunk = random.bytes(left.min(1 << 20));
            file.write_all(&chunk).expect("the file can be written");
            left -= chunk.len() as u64;
        }
    }
}

/// Writes a file and creates its parent directories.
///
/// # Panics
/// If it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) {
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent).expect("the folder can be made");
    }
    fs_err::write(path, bytes).expect("the file can be written");
}

/// The splitmix64 generator, which is short and gives the same numbers on every machine.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// Returns the next number.
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `limit`, which is not zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next_number() % limit
    }

    /// Returns `length` bytes.
    pub fn bytes(&mut self, length: u64) -> Vec<u8> {
        let length = usize::try_from(length).expect("it fits memory");
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next_number().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}
