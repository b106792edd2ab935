//! The hashes of files that did not change.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use haul_storage::Md5Digest;
use haul_storage::hash::Flavour;

use super::epoch::epoch_of;
use super::table::{self, Key, Record, Table};
use super::{FileClock, FileStamp, WRITTEN_OUT_NS};

/// The table of nearly everything.
const BASE: &str = "memo";
/// The table of what came later; it is small, so that a small change costs a small write.
const RECENT: &str = "memo.recent";
/// The tables of files that may not be on the disk yet; the epoch follows.
const UNWRITTEN: &str = "memo.unwritten.";
const LOCK: &str = "memo.lock";
/// The recent table is merged into the base when it has this many records, and an eighth of the base.
const MERGE_AT: usize = 4096;
/// A record that is used after this many days is written again, so that it is known to be of use.
const REFRESH_DAYS: u32 = 30;
/// A record that was not used for so many days is dropped when the tables are merged.
const KEEP_DAYS: u32 = 120;
/// To read so much again takes longer than a tick of the clock.
const WORTH_A_TICK_BYTES: u64 = 8 << 20;
/// The clock of a file system moves in steps: it may take some looks until it has passed a tick.
const MAX_LOOKS_AT_CLOCK: usize = 8;
/// Waiting longer for another process to write its records costs more than losing ours.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

/// Remembers the hashes of files by their stamps (device, inode, size, mtime, ctime).
///
/// It only ever makes things faster: it is safe to delete, a damaged one counts as empty, and failures to
/// write it are logged and forgotten. Processes may use it side by side.
///
/// A power failure can give a file other bytes and leave its stamp. So the hash of a file that the system may not have
/// written out yet is forgotten when the machine starts anew, or the file system is mounted anew.
#[derive(Debug)]
pub struct Memo {
    dir: PathBuf,
    /// In the order in which they are looked at.
    tables: OnceLock<[Table; 3]>,
    epoch: OnceLock<String>,
    clock: OnceLock<Option<FileClock>>,
    fresh: Mutex<BTreeMap<Key, Record>>,
    /// Files that we wrote so shortly before that their stamps were not settled.
    unsettled: Mutex<Vec<Record>>,
}

impl Memo {
    /// Names the memo in `dir` (`.dvc/tmp/haul`). Nothing is read before it is needed.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            tables: OnceLock::new(),
            epoch: OnceLock::new(),
            clock: OnceLock::new(),
            fresh: Mutex::new(BTreeMap::new()),
            unsettled: Mutex::default(),
        }
    }

    /// Returns the hash of the file with this stamp, if it is known.
    pub fn get(&self, stamp: &FileStamp, flavour: Flavour) -> Option<Md5Digest> {
        let key = table::key(stamp, flavour);
        let record = self.tables().iter().find_map(|table| table.get(key))?;
        if record.stamp != *stamp {
            return None;
        }
        if let Some(clock) = self.clock.get().copied().flatten()
            && clock.day().saturating_sub(record.day) > REFRESH_DAYS
        {
            self.insert(Record { day: clock.day(), ..record });
        }
        Some(record.digest)
    }

    /// Tells whether the hash of the file with this stamp is known or was recorded.
    pub(crate) fn knows(&self, stamp: &FileStamp, flavour: Flavour) -> bool {
        let key = table::key(stamp, flavour);
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = fresh.get(&key).is_some_and(|record| record.stamp == *stamp);
        is_fresh
            || self
                .tables()
                .iter()
                .find_map(|table| table.get(key))
                .is_some_and(|record| record.stamp == *stamp)
    }

    /// Starts a round of reading files with these stamps; returns the time for [`record_read`](Self::record_read), if it
    /// can be told.
    ///
    /// Where much was changed within the last tick, the tick is waited out first: without that, what is read now would
    /// have to be read again.
    #[expect(clippy::needless_pass_by_value, reason = "iterators are handed over")]
    pub fn begin_reading(&self, stamps: impl Iterator<Item = FileStamp> + Clone) -> Option<FileClock> {
        let clock = *self.clock.get_or_init(|| {
            fs_err::create_dir_all(&self.dir)
                .and_then(|()| FileClock::probe(&self.dir))
                .map_err(|error| tracing::debug!(%error, "the memo cannot tell the time"))
                .ok()
        });
        clock.map(|clock| self.wait_out(clock, &stamps))
    }

    /// Remembers the hash of a file that was read after `clock`, from [`begin_reading`](Self::begin_reading), and had this
    /// stamp before and after. A file that changed so shortly before that it could change again without a new
    /// stamp is not remembered.
    pub fn record_read(&self, clock: &FileClock, stamp: &FileStamp, flavour: Flavour, digest: Md5Digest) {
        if clock.is_settled(stamp) {
            self.insert(Record { stamp: *stamp, flavour, digest, day: clock.day() });
        }
    }

    /// Remembers the hash of a file that we wrote ourselves before `clock`. A file that could still change without a new
    /// stamp waits for [`save`](Self::save).
    pub fn record_written(&self, clock: &FileClock, stamp: &FileStamp, flavour: Flavour, digest: Md5Digest) {
        let record = Record { stamp: *stamp, flavour, digest, day: clock.day() };
        if clock.is_settled(stamp) {
            self.insert(record);
        } else {
            self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).push(record);
        }
    }

    /// Returns a time by which these files are settled, if it comes within a tick and waiting costs less than reading them
    /// again; else the time that it is given.
    fn wait_out(&self, given: FileClock, stamps: &(impl Iterator<Item = FileStamp> + Clone)) -> FileClock {
        let mut clock = given;
        for look in 0..MAX_LOOKS_AT_CLOCK {
            let unsettled =
                || stamps.clone().filter_map(|stamp| Some((stamp.size_bytes, clock.until_settled(&stamp)?)));
            let soon = || unsettled().filter(|(_, wait)| !wait.is_zero());
            // The time may have been told long ago: the first look is at what it is now.
            let is_much = if look == 0 {
                let open = stamps.clone().filter(|stamp| !clock.is_settled(stamp));
                open.map(|stamp| stamp.size_bytes).sum::<u64>() >= WORTH_A_TICK_BYTES
            } else {
                soon().map(|(size_bytes, _)| size_bytes).sum::<u64>() >= WORTH_A_TICK_BYTES
            };
            if !is_much {
                break;
            }
            if look > 0 {
                std::thread::sleep(soon().map(|(_, wait)| wait).max().unwrap_or_default());
            }
            match FileClock::probe(&self.dir) {
                Ok(now) => clock = now,
                Err(error) => {
                    tracing::debug!(%error, "the memo cannot tell the time");
                    break;
                }
            }
        }
        clock
    }

    /// Takes in the files that we wrote and that were not settled.
    fn settle(&self) {
        let records = std::mem::take(&mut *self.unsettled.lock().unwrap_or_else(PoisonError::into_inner));
        if records.is_empty() {
            return;
        }
        let Ok(now) = FileClock::probe(&self.dir) else { return };
        let clock = self.wait_out(now, &records.iter().map(|record| record.stamp));
        for record in records.into_iter().filter(|record| clock.is_settled(&record.stamp)) {
            self.insert(record);
        }
    }

    /// Writes what was recorded.
    pub fn save(&self) {
        self.settle();
        let fresh = std::mem::take(&mut *self.fresh.lock().unwrap_or_else(PoisonError::into_inner));
        if !fresh.is_empty()
            && let Err(error) = self.merge(fresh)
        {
            tracing::debug!(%error, "the memo cannot be written");
        }
    }

    /// Returns the folder of the memo.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn insert(&self, record: Record) {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner).insert(record.key(), record);
    }

    fn tables(&self) -> &[Table; 3] {
        self.tables
            .get_or_init(|| [&self.unwritten(), RECENT, BASE].map(|name| Table::read(&self.dir.join(name))))
    }

    /// Returns the name of the table of files that may not be on the disk yet.
    fn unwritten(&self) -> String {
        format!("{UNWRITTEN}{}", self.epoch.get_or_init(|| epoch_of(&self.dir)))
    }

    fn merge(&self, mut fresh: BTreeMap<Key, Record>) -> io::Result<()> {
        fs_err::create_dir_all(&self.dir)?;
        let Some(_lock) = self.lock()? else {
            tracing::debug!("another process writes the memo: this run is not remembered");
            return Ok(());
        };
        // Another process may have written since this one read.
        let unwritten = Table::read(&self.dir.join(self.unwritten()));
        for record in unwritten.iter() {
            fresh.entry(record.key()).or_insert(record);
        }
        let now_ns = FileClock::probe(&self.dir)?.now_ns();
        let is_written =
            |_: &Key, record: &mut Record| record.stamp.ctime_ns.saturating_add(WRITTEN_OUT_NS) <= now_ns;
        let written: BTreeMap<Key, Record> = fresh.extract_if(.., is_written).collect();
        self.write_unwritten(std::mem::replace(&mut fresh, written))?;
        if fresh.is_empty() {
            return Ok(());
        }
        let recent = Table::read(&self.dir.join(RECENT));
        for record in recent.iter() {
            fresh.entry(record.key()).or_insert(record);
        }
        let base = Table::read(&self.dir.join(BASE));
        if fresh.len() < MERGE_AT || fresh.len() < base.len() / 8 {
            return table::write(&self.dir.join(RECENT), fresh.into_values());
        }
        let today = fresh.values().map(|record| record.day).max().unwrap_or(0);
        let merged = merge_sorted(base.iter(), fresh.into_values())
            .filter(|record| today.saturating_sub(record.day) <= KEEP_DAYS)
            .collect::<Vec<_>>();
        table::write(&self.dir.join(BASE), merged.into_iter())?;
        // Until it is gone it only repeats what the base says.
        fs_err::remove_file(self.dir.join(RECENT)).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
    }

    /// Replaces the table of files that may not be on the disk yet, and removes those of earlier epochs.
    fn write_unwritten(&self, records: BTreeMap<Key, Record>) -> io::Result<()> {
        let name = self.unwritten();
        for entry in fs_err::read_dir(&self.dir)? {
            let entry = entry?;
            let is_other =
                |other: &str| other.starts_with(UNWRITTEN) && (other != name || records.is_empty());
            if entry.file_name().to_str().is_some_and(is_other) {
                fs_err::remove_file(entry.path())?;
            }
        }
        if records.is_empty() { Ok(()) } else { table::write(&self.dir.join(name), records.into_values()) }
    }

    /// Takes the lock of the writers; the kernel lets go of it when a process dies.
    fn lock(&self) -> io::Result<Option<fs_err::File>> {
        let file = fs_err::OpenOptions::new().create(true).append(true).open(self.dir.join(LOCK))?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(file)),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Merges two sorted rows of records; of two with one key the newer one stays.
fn merge_sorted(
    old: impl Iterator<Item = Record>,
    new: impl Iterator<Item = Record>,
) -> impl Iterator<Item = Record> {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    std::iter::from_fn(move || match (old.peek(), new.peek()) {
        (Some(old_record), Some(new_record)) => match old_record.key().cmp(&new_record.key()) {
            std::cmp::Ordering::Less => old.next(),
            std::cmp::Ordering::Greater => new.next(),
            std::cmp::Ordering::Equal => {
                old.next();
                new.next()
            }
        },
        (Some(_), None) => old.next(),
        (None, _) => new.next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(inode: u64) -> FileStamp {
        FileStamp { device: 7, inode, size_bytes: inode * 3, mtime_ns: 11, ctime_ns: 12 }
    }

    fn digest(inode: u64) -> Md5Digest {
        u128::from(inode).to_be_bytes()
    }

    fn memo_with(dir: &Path, inodes: impl Iterator<Item = u64>) -> Memo {
        let memo = Memo::new(dir);
        let clock = memo.begin_reading(std::iter::empty()).unwrap();
        for inode in inodes {
            memo.record_read(&clock, &stamp(inode), Flavour::Md5, digest(inode));
        }
        memo
    }

    #[test]
    fn memo_returns_what_was_saved_for_the_same_stamp_only() {
        let folder = tempfile::tempdir().unwrap();
        memo_with(folder.path(), 0..100).save();
        let memo = Memo::new(folder.path());
        for inode in 0..100 {
            assert_eq!(memo.get(&stamp(inode), Flavour::Md5), Some(digest(inode)));
        }
        assert_eq!(memo.get(&stamp(100), Flavour::Md5), None);
        assert_eq!(memo.get(&stamp(5), Flavour::Md5Dos2Unix), None);
        for changed in [
            FileStamp { size_bytes: 1, ..stamp(5) },
            FileStamp { mtime_ns: 1, ..stamp(5) },
            FileStamp { ctime_ns: 1, ..stamp(5) },
            FileStamp { device: 1, ..stamp(5) },
        ] {
            assert_eq!(memo.get(&changed, Flavour::Md5), None);
        }
    }

    #[test]
    fn memo_of_many_rounds_keeps_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        memo_with(folder.path(), 0..10_000).save();
        memo_with(folder.path(), (0..20_000).step_by(7)).save();
        let memo = Memo::new(folder.path());
        let clock = memo.begin_reading(std::iter::empty()).unwrap();
        let newer = FileStamp { mtime_ns: 99, ..stamp(7) };
        memo.record_read(&clock, &newer, Flavour::Md5, [1; 16]);
        memo.save();
        let memo = Memo::new(folder.path());
        assert_eq!(memo.get(&newer, Flavour::Md5), Some([1; 16]));
        assert_eq!(memo.get(&stamp(7), Flavour::Md5), None);
        assert_eq!(memo.get(&stamp(9999), Flavour::Md5), Some(digest(9999)));
        assert_eq!(memo.get(&stamp(19_999), Flavour::Md5), Some(digest(19_999)));
        memo_with(folder.path(), 30_000..40_000).save();
        assert!(!folder.path().join(RECENT).exists());
        let memo = Memo::new(folder.path());
        assert_eq!(memo.get(&newer, Flavour::Md5), Some([1; 16]));
        assert_eq!(memo.get(&stamp(9999), Flavour::Md5), Some(digest(9999)));
        assert_eq!(memo.get(&stamp(39_999), Flavour::Md5), Some(digest(39_999)));
    }

    #[test]
    fn memo_that_is_damaged_anywhere_is_never_trusted() {
        let folder = tempfile::tempdir().unwrap();
        memo_with(folder.path(), 0..50).save();
        let path = folder.path().join(RECENT);
        let whole = fs_err::read(&path).unwrap();
        for at in 0..whole.len() {
            // Bytes 12 to 15 of the header are not used.
            if (12..16).contains(&at) {
                continue;
            }
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            fs_err::write(&path, &damaged).unwrap();
            assert_eq!(Table::read(&path).len(), 0, "byte {at}");
        }
        for len in [0, 1, 31, 32, 64, whole.len() - 1] {
            fs_err::write(&path, &whole[..len]).unwrap();
            assert_eq!(Table::read(&path).len(), 0, "cut at {len}");
        }
        memo_with(folder.path(), 0..2).save();
        assert_eq!(Table::read(&path).len(), 2);
    }

    #[test]
    fn memo_written_by_many_at_once_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for part in 0..8 {
                let dir = folder.path();
                scope.spawn(move || memo_with(dir, part * 1000..part * 1000 + 1000).save());
            }
        });
        let memo = Memo::new(folder.path());
        assert!((0..8000).all(|inode| memo.get(&stamp(inode), Flavour::Md5) == Some(digest(inode))));
    }

    #[test]
    fn memo_of_a_fresh_file_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let memo = Memo::new(folder.path().join("state"));
        fs_err::write(&path, "x").unwrap();
        let clock = memo.begin_reading(std::iter::empty()).unwrap();
        let stamp = FileStamp::of(&fs_err::metadata(&path).unwrap());
        memo.record_read(&clock, &stamp, Flavour::Md5, [1; 16]);
        memo.save();
        assert_eq!(Memo::new(memo.dir()).get(&stamp, Flavour::Md5), None);
    }

    #[test]
    fn memo_of_a_large_fresh_file_waits_out_the_tick() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let fresh_stamp = || {
            fs_err::File::create(&path).unwrap().set_len(WORTH_A_TICK_BYTES).unwrap();
            FileStamp::of(&fs_err::metadata(&path).unwrap())
        };
        // As `status` does right after the file was written by another program.
        let memo = Memo::new(folder.path().join("state"));
        let stamp = fresh_stamp();
        let clock = memo.begin_reading(std::iter::once(stamp)).unwrap();
        memo.record_read(&clock, &stamp, Flavour::Md5, [1; 16]);
        memo.save();
        assert_eq!(Memo::new(memo.dir()).get(&stamp, Flavour::Md5), Some([1; 16]));
        // As `checkout` does, which wrote the file.
        let memo = Memo::new(folder.path().join("state"));
        let stamp = fresh_stamp();
        let clock = FileClock::probe(memo.dir()).unwrap();
        memo.record_written(&clock, &stamp, Flavour::Md5, [2; 16]);
        memo.save();
        assert_eq!(Memo::new(memo.dir()).get(&stamp, Flavour::Md5), Some([2; 16]));
    }

    #[test]
    fn memo_does_not_wait_for_what_no_tick_settles() {
        let folder = tempfile::tempdir().unwrap();
        let memo = Memo::new(folder.path());
        let now_ns = FileClock::probe(folder.path()).unwrap().now_ns();
        let of_tomorrow =
            FileStamp { size_bytes: 1 << 40, ctime_ns: now_ns + 86_400_000_000_000, ..stamp(1) };
        let clock = memo.begin_reading(std::iter::once(of_tomorrow)).unwrap();
        assert!(!clock.is_settled(&of_tomorrow));
        assert!(clock.now_ns() - now_ns < 10_000_000_000, "it waited");
    }

    #[test]
    fn memo_of_a_file_that_may_not_be_on_the_disk_ends_with_the_epoch() {
        let folder = tempfile::tempdir().unwrap();
        let now_ns = FileClock::probe(folder.path()).unwrap().now_ns();
        let young = FileStamp { ctime_ns: now_ns - WRITTEN_OUT_NS / 2, ..stamp(1) };
        let old = FileStamp { ctime_ns: now_ns - 2 * WRITTEN_OUT_NS, ..stamp(2) };
        let memo_of = |epoch: &str| {
            let memo = Memo::new(folder.path());
            memo.epoch.set(epoch.to_owned()).unwrap();
            memo
        };
        let memo = memo_of("a");
        let clock = memo.begin_reading(std::iter::empty()).unwrap();
        memo.record_read(&clock, &young, Flavour::Md5, digest(1));
        memo.record_read(&clock, &old, Flavour::Md5, digest(2));
        memo.save();
        assert_eq!(memo_of("a").get(&young, Flavour::Md5), Some(digest(1)));
        for epoch in ["b", "a"] {
            let memo = memo_of(epoch);
            assert_eq!(memo.get(&old, Flavour::Md5), Some(digest(2)));
            assert_eq!(memo.get(&young, Flavour::Md5).is_some(), epoch == "a");
        }
        let memo = memo_of("b");
        let clock = memo.begin_reading(std::iter::empty()).unwrap();
        memo.record_read(&clock, &FileStamp { inode: 3, ..old }, Flavour::Md5, digest(3));
        memo.save();
        assert_eq!(memo_of("a").get(&young, Flavour::Md5), None, "tables of other epochs are removed");
    }
}
