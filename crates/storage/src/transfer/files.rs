//! Reading pieces of files.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::hash::shared::{BUFFER_BYTES, SharedLanes};
use crate::{Error, Md5Digest, Result};

/// Returns the MD5 of a range of a file, hashed in a lane beside other ranges.
pub(super) fn hash_range(lanes: &Arc<SharedLanes>, path: &Path, range: &Range<u64>) -> Result<Md5Digest> {
    let cannot = |error| Error::io("cannot read an object", error);
    let mut file = fs_err::File::open(path).map_err(cannot)?;
    file.seek(SeekFrom::Start(range.start)).map_err(cannot)?;
    let mut left = range.end - range.start;
    let mut hasher = lanes.unnamed();
    while left > 0 {
        let n = usize::try_from(left).map_or(BUFFER_BYTES, |left| left.min(BUFFER_BYTES));
        let mut buffer = lanes.buffer();
        buffer.resize(n, 0);
        file.read_exact(&mut buffer).map_err(cannot)?;
        hasher.update(buffer);
        left -= n as u64;
    }
    Ok(hasher.digest())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::md5;

    #[test]
    fn range_has_the_digest_of_its_bytes_and_a_short_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..3 * BUFFER_BYTES + 17).map(|at| at.to_le_bytes()[0]).collect();
        fs_err::write(&path, &bytes).unwrap();
        let lanes = Arc::default();
        for range in [0..0, 0..1, 5..(2 * BUFFER_BYTES as u64 + 3), 0..bytes.len() as u64] {
            let at = |end: u64| usize::try_from(end).unwrap();
            let expected = md5(&bytes[at(range.start)..at(range.end)]);
            assert_eq!(hash_range(&lanes, &path, &range).unwrap(), expected, "{range:?}");
        }
        hash_range(&lanes, &path, &(1..bytes.len() as u64 + 1)).unwrap_err();
    }
}
