//! A sorted table of records in one file, read whole and replaced whole.
//!
//! A reader sees the old or the new file. A file that was cut or damaged does not match its checksum and
//! counts as empty. There is no lock to be left behind and nothing to repair.

use std::io::{self, Write};
use std::path::Path;

use haul_config::atomic::new_temp_file;
use haul_storage::Md5Digest;
use haul_storage::hash::Flavour;

use super::FileStamp;

const MAGIC: [u8; 8] = *b"haulmemo";
const VERSION: u32 = 1;
const HEADER_LEN: usize = 32;
/// Bytes of one record, see [`Record::write`].
pub(super) const RECORD_LEN: usize = 64;

/// The hash of a file with this stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) stamp: FileStamp,
    pub(super) flavour: Flavour,
    pub(super) digest: Md5Digest,
    /// When it was written down, in days since the Unix epoch.
    pub(super) day: u32,
}

/// The order of records, and what makes two of them the same.
pub(super) type Key = (u64, u64, u8);

fn flavour_number(flavour: Flavour) -> u8 {
    match flavour {
        Flavour::Md5 => 0,
        Flavour::Md5Dos2Unix => 1,
    }
}

impl Record {
    pub(super) fn key(&self) -> Key {
        key(&self.stamp, self.flavour)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.stamp.device.to_le_bytes());
        out.extend_from_slice(&self.stamp.inode.to_le_bytes());
        out.extend_from_slice(&self.stamp.size_bytes.to_le_bytes());
        out.extend_from_slice(&self.stamp.mtime_ns.to_le_bytes());
        out.extend_from_slice(&self.stamp.ctime_ns.to_le_bytes());
        out.extend_from_slice(&self.digest);
        out.extend_from_slice(&self.day.to_le_bytes());
        out.extend_from_slice(&[flavour_number(self.flavour), 0, 0, 0]);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        Some(Self {
            stamp: FileStamp {
                device: word(0)?,
                inode: word(8)?,
                size_bytes: word(16)?,
                mtime_ns: word(24)?.cast_signed(),
                ctime_ns: word(32)?.cast_signed(),
            },
            digest: *bytes.get(40..)?.first_chunk()?,
            day: u32::from_le_bytes(*bytes.get(56..)?.first_chunk()?),
            flavour: match bytes.get(60)? {
                0 => Flavour::Md5,
                1 => Flavour::Md5Dos2Unix,
                _ => return None,
            },
        })
    }
}

/// Returns the key of the record of a file.
pub(super) fn key(stamp: &FileStamp, flavour: Flavour) -> Key {
    (stamp.device, stamp.inode, flavour_number(flavour))
}

/// The records of a file, sorted by key, as the bytes that were read.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    bytes: Vec<u8>,
}

impl Table {
    /// Reads a table; one that is missing, cut, damaged or of another version is empty.
    pub(super) fn read(path: &Path) -> Self {
        match fs_err::read(path) {
            Ok(bytes) if is_whole(&bytes) => Self { bytes },
            Ok(_) => {
                tracing::debug!(path = %path.display(), "the memo is damaged and starts anew");
                Self::default()
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::debug!(%error, "the memo cannot be read");
                }
                Self::default()
            }
        }
    }

    /// Returns the number of records.
    pub(super) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(HEADER_LEN) / RECORD_LEN
    }

    /// Finds a record.
    pub(super) fn get(&self, wanted: Key) -> Option<Record> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let record = self.at(middle)?;
            match record.key().cmp(&wanted) {
                std::cmp::Ordering::Equal => return Some(record),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Returns all records in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = Record> + '_ {
        (0..self.len()).filter_map(|index| self.at(index))
    }

    fn at(&self, index: usize) -> Option<Record> {
        let start = HEADER_LEN + index * RECORD_LEN;
        Record::read(self.bytes.get(start..start + RECORD_LEN)?)
    }
}

/// Replaces the table at `path` by `records`, which are sorted by key without repetition.
pub(super) fn write(path: &Path, records: impl ExactSizeIterator<Item = Record>) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + records.len() * RECORD_LEN);
    bytes.resize(HEADER_LEN, 0);
    for record in records {
        record.write(&mut bytes);
    }
    let n_records = (bytes.len() - HEADER_LEN) / RECORD_LEN;
    let sum = checksum(&bytes[HEADER_LEN..]);
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..24].copy_from_slice(&(n_records as u64).to_le_bytes());
    bytes[24..32].copy_from_slice(&sum.to_le_bytes());

    let folder = path.parent().unwrap_or(Path::new("."));
    let mut temp = new_temp_file(folder)?;
    temp.write_all(&bytes)?;
    temp.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some((header, records)) = bytes.split_at_checked(HEADER_LEN) else {
        return false;
    };
    header[..8] == MAGIC
        && header[8..12] == VERSION.to_le_bytes()
        && records.len().is_multiple_of(RECORD_LEN)
        && header[16..24] == ((records.len() / RECORD_LEN) as u64).to_le_bytes()
        && header[24..32] == checksum(records).to_le_bytes()
}

/// Sums whole words up, in four independent lanes so that a big table is checked at the speed of memory.
/// It guards against accidents only.
fn checksum(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes = [1_u64, 2, 3, 4];
    for block in bytes.chunks_exact(32) {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR).rotate_left(29);
        }
    }
    lanes.iter().fold(bytes.len() as u64, |sum, lane| (sum ^ lane).wrapping_mul(FACTOR).rotate_left(31))
}
