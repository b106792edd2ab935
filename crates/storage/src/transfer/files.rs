//! Reading pieces of files.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;

use crate::hash::Md5Hasher;
use crate::{Error, Md5Digest, Result};

const CHUNK_BYTES: usize = 256 << 10;

/// Returns the MD5 of a range of a file.
pub(super) fn hash_range(path: &Path, range: Range<u64>) -> Result<Md5Digest> {
    let cannot = |error| Error::io("cannot read an object", error);
    let mut file = fs_err::File::open(path).map_err(cannot)?;
    file.seek(SeekFrom::Start(range.start)).map_err(cannot)?;
    let mut left = range.end - range.start;
    let mut hasher = Md5Hasher::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    while left > 0 {
        let n = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        file.read_exact(&mut buffer[..n]).map_err(cannot)?;
        hasher.update(&buffer[..n]);
        left -= n as u64;
    }
    Ok(hasher.digest())
}
