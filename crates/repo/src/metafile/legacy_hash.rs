//! The hash of DVC 2 (`md5-dos2unix`): the MD5 of a text with its line ends made LF.
//!
//! DVC decides chunk by chunk, and a CRLF that lies across two chunks stays: to get the same hash, the chunks
//! must be exactly those of DVC.

use std::io::{self, Read};

use haul_storage::Md5Digest;
use haul_storage::hash::Md5Hasher;

/// What DVC reads at once.
const CHUNK_BYTES: usize = 1 << 20;

/// How much of a chunk decides whether it is text.
const PROBE_BYTES: usize = 512;

/// Returns the legacy hash of everything `reader` gives.
///
/// # Errors
///
/// Whatever `reader` fails with.
pub fn md5_dos2unix(reader: &mut dyn Read) -> io::Result<Md5Digest> {
    let mut hasher = Md5Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let n_bytes = read_full(reader, &mut chunk)?;
        let chunk = &chunk[..n_bytes];
        if is_text(&chunk[..n_bytes.min(PROBE_BYTES)]) {
            update_without_cr(&mut hasher, chunk);
        } else {
            hasher.update(chunk);
        }
        if n_bytes < CHUNK_BYTES {
            return Ok(hasher.digest());
        }
    }
}

/// Fills `buffer` as far as the reader has bytes.
fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n_bytes) => filled += n_bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// DVC's guess, taken from Perl: no NUL, and at most 30 % that is not printable ASCII or white space.
fn is_text(block: &[u8]) -> bool {
    let is_odd = |byte: &&u8| !matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t' | 0x0c | 0x08);
    let n_odd = block.iter().filter(is_odd).count();
    !block.contains(&0) && n_odd * 10 <= block.len() * 3
}

fn update_without_cr(hasher: &mut Md5Hasher, text: &[u8]) {
    let mut start = 0;
    for (position, pair) in text.windows(2).enumerate() {
        if pair == b"\r\n" {
            hasher.update(&text[start..position]);
            start = position + 1;
        }
    }
    hasher.update(&text[start..]);
}
