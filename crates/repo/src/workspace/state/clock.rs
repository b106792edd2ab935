//! The clock of a file system.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::FileStamp;
use super::stamp::nanoseconds;

/// Times of a file system move in ticks of the kernel, 1 to 10 ms.
const TICK_NS: i64 = 20_000_000;
/// File systems that keep whole (or, FAT, even) seconds.
const COARSE_TICK_NS: i64 = 2_000_000_000;
/// What the clocks of two file systems, one perhaps on another machine, may be apart.
const FOREIGN_TICK_NS: i64 = 5_000_000_000;

/// The time, as the file system of the repository stamps its files.
///
/// A file that is written twice within a tick of that clock has the same stamp before and after. So what was read
/// of it is remembered only if the stamp was older than a tick when the reading began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileClock {
    device: u64,
    now_ns: i64,
}

impl FileClock {
    /// Asks for the time by writing a file in `folder`, which exists.
    pub fn probe(folder: &Path) -> io::Result<Self> {
        let mut file =
            fs_err::OpenOptions::new().create(true).truncate(true).write(true).open(folder.join("clock"))?;
        file.write_all(b"0")?;
        let metadata = file.metadata()?;
        let now_ns = nanoseconds(metadata.mtime(), metadata.mtime_nsec());
        Ok(Self { device: metadata.dev(), now_ns })
    }

    /// Tells whether any change of the file from now on gives it another stamp.
    pub fn is_settled(&self, stamp: &FileStamp) -> bool {
        let tick = if stamp.device != self.device {
            FOREIGN_TICK_NS
        } else if stamp.ctime_ns % 1_000_000_000 == 0 && stamp.mtime_ns % 1_000_000_000 == 0 {
            COARSE_TICK_NS
        } else {
            TICK_NS
        };
        stamp.ctime_ns.saturating_add(tick) <= self.now_ns
    }

    /// Returns how long it takes until the file is settled; `None` if that is longer than a tick.
    pub(super) fn until_settled(&self, stamp: &FileStamp) -> Option<Duration> {
        if self.is_settled(stamp) {
            return Some(Duration::ZERO);
        }
        let left_ns = stamp.ctime_ns.saturating_add(TICK_NS).saturating_sub(self.now_ns);
        let is_soon = stamp.device == self.device && (1..=TICK_NS).contains(&left_ns);
        is_soon.then(|| Duration::from_nanos(left_ns.unsigned_abs()))
    }

    /// Returns the time in nanoseconds since the Unix epoch.
    pub(super) fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// Returns the number of days since the Unix epoch.
    pub(super) fn day(&self) -> u32 {
        u32::try_from(self.now_ns / (86_400 * 1_000_000_000)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_fresh_file_is_not_settled_and_old_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs_err::write(&path, "x").unwrap();
        let clock = FileClock::probe(folder.path()).unwrap();
        let stamp = FileStamp::of(&fs_err::metadata(&path).unwrap());
        assert!(!clock.is_settled(&stamp));
        let later = FileClock { now_ns: clock.now_ns + 2 * COARSE_TICK_NS, ..clock };
        assert!(later.is_settled(&stamp));
        assert!(!later.is_settled(&FileStamp { device: stamp.device + 1, ..stamp }));
    }

    #[test]
    fn clock_whole_seconds_need_more_time() {
        let stamp = FileStamp { device: 1, inode: 1, size_bytes: 0, mtime_ns: 0, ctime_ns: 5_000_000_000 };
        assert!(!FileClock { device: 1, now_ns: 6_500_000_000 }.is_settled(&stamp));
        assert!(FileClock { device: 1, now_ns: 7_000_000_000 }.is_settled(&stamp));
    }
}
