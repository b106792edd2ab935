//! By what a file is recognised as unchanged.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// What the file system says of the content of a file. A file whose stamp is the same has the same bytes,
/// if the stamp was not fresh when it was taken (see [`FileClock`](super::FileClock)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileStamp {
    /// The device.
    pub device: u64,
    /// The inode.
    pub inode: u64,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Time of the last write, in nanoseconds since the Unix epoch; users can set it.
    pub mtime_ns: i64,
    /// Time of the last change of content or attributes, in nanoseconds since the Unix epoch.
    pub ctime_ns: i64,
}

impl FileStamp {
    /// Takes the stamp from what `stat` said.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size_bytes: metadata.size(),
            mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Tells whether it is the same file and was not written to in between. The time of the last change of
    /// attributes does not count: it moves whenever another hard link of the file comes or goes.
    pub fn is_same_file(&self, other: &Self) -> bool {
        Self { ctime_ns: 0, ..*self } == Self { ctime_ns: 0, ..*other }
    }
}

/// Joins seconds and their fraction; years outside of 1677 to 2262 are cut to the border.
pub(super) fn nanoseconds(seconds: i64, fraction: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(fraction)
}
