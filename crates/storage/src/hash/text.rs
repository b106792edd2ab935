//! `md5-dos2unix`, the hash that DVC 2 named files by.

use super::Md5Hasher;
use crate::Md5Digest;

/// DVC reads files in pieces of this size, and decides for each piece whether it is text.
const PIECE_BYTES: usize = 1 << 20;

/// The number of bytes of a piece that DVC examines to distinguish text from binary.
const PROBE_BYTES: usize = 512;

/// The MD5 of a file whose text pieces have their CRLF replaced by LF.
///
/// As in DVC, a CRLF that spans two pieces is not replaced (`dvc_data/hashfile/hash.py`).
#[derive(Debug, Clone, Default)]
pub struct TextHasher {
    hasher: Md5Hasher,
    /// The bytes of the current, incomplete piece.
    piece: Vec<u8>,
}

impl TextHasher {
    /// Starts a file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while self.piece.len() + bytes.len() >= PIECE_BYTES {
            let (head, tail) = bytes.split_at(PIECE_BYTES - self.piece.len());
            if self.piece.is_empty() {
                hash_piece(&mut self.hasher, head);
            } else {
                self.piece.extend_from_slice(head);
                hash_piece(&mut self.hasher, &self.piece);
                self.piece.clear();
            }
            bytes = tail;
        }
        self.piece.extend_from_slice(bytes);
    }

    /// Returns the digest of all bytes so far.
    pub fn digest(&self) -> Md5Digest {
        let mut hasher = self.hasher.clone();
        hash_piece(&mut hasher, &self.piece);
        hasher.digest()
    }
}

fn hash_piece(hasher: &mut Md5Hasher, piece: &[u8]) {
    if !is_text(&piece[..piece.len().min(PROBE_BYTES)]) {
        hasher.update(piece);
        return;
    }
    let mut start = 0;
    for at in 1..piece.len() {
        if piece[at] == b'\n' && piece[at - 1] == b'\r' {
            hasher.update(&piece[start..at - 1]);
            start = at;
        }
    }
    hasher.update(&piece[start..]);
}

/// Returns whether DVC takes the bytes for text (`dvc_data/hashfile/istextfile.py`): no NUL, at most 30 % unusual bytes.
fn is_text(probe: &[u8]) -> bool {
    let is_usual = |byte: &u8| matches!(byte, 32..=126 | b'\n' | b'\r' | b'\t' | 0x0c | 0x08);
    let n_unusual = probe.iter().filter(|byte| !is_usual(byte)).count();
    !probe.contains(&0) && n_unusual * 10 <= probe.len() * 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::md5;

    fn text_digest(bytes: &[u8], step: usize) -> Md5Digest {
        let mut hasher = TextHasher::new();
        for piece in bytes.chunks(step) {
            hasher.update(piece);
        }
        hasher.digest()
    }

    #[test]
    fn text_line_ends_become_lf() {
        assert_eq!(text_digest(b"a\r\nb\r\r\nc\r", 2), md5(b"a\nb\r\nc\r"));
        assert_eq!(text_digest(b"", 1), md5(b""));
        assert_eq!(text_digest(b"\r\n\r\n", 1), md5(b"\n\n"));
    }

    #[test]
    fn binary_stays_as_it_is() {
        assert_eq!(text_digest(b"a\r\n\0", 3), md5(b"a\r\n\0"));
        assert_eq!(text_digest(b"\xff\xfe\xfd\r\n", 3), md5(b"\xff\xfe\xfd\r\n"));
    }

    #[test]
    fn text_border_between_pieces_keeps_its_crlf() {
        let mut bytes = vec![b'x'; PIECE_BYTES - 1];
        bytes.extend_from_slice(b"\r\ny\r\nz");
        let mut expected = vec![b'x'; PIECE_BYTES - 1];
        expected.extend_from_slice(b"\r\ny\nz");
        for step in [1000, PIECE_BYTES, PIECE_BYTES * 2] {
            assert_eq!(text_digest(&bytes, step), md5(&expected), "{step}");
        }
    }
}
