//! Reads bodies of requests and replies piece by piece, and finds their end.

use anyhow::{Result, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _};

use super::connection::Reader;

/// The number of bytes that are read at once.
const PIECE_BYTES: usize = 64 << 10;
/// The maximum length of a head and of a line of a chunk.
const MAX_LINE_BYTES: usize = 64 << 10;

/// How the end of a body is marked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// A body that is being read.
pub(super) struct Body {
    framing: Framing,
    /// The remaining bytes of the body or of its chunk.
    left: u64,
    has_begun: bool,
    is_done: bool,
}

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        let left = match framing {
            Framing::Length(length) => length,
            Framing::Chunked | Framing::UntilClose => 0,
        };
        Self { framing, left, has_begun: false, is_done: matches!(framing, Framing::Length(0)) }
    }

    /// Reads the next piece; an empty one is the end.
    pub(super) async fn next(&mut self, reader: &mut Reader) -> Result<Vec<u8>> {
        if self.is_done {
            return Ok(Vec::new());
        }
        let mut piece = vec![0; PIECE_BYTES];
        if matches!(self.framing, Framing::UntilClose) {
            let n_bytes = reader.read(&mut piece).await?;
            self.is_done = n_bytes == 0;
            piece.truncate(n_bytes);
            return Ok(piece);
        }
        if matches!(self.framing, Framing::Chunked) && self.left == 0 {
            if self.has_begun {
                ensure!(line(reader).await?.is_empty(), "a chunk is longer than it says");
            }
            self.has_begun = true;
            let size = line(reader).await?;
            self.left = u64::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
            if self.left == 0 {
                // Skip the trailers, up to an empty line.
                while !line(reader).await?.is_empty() {}
                self.is_done = true;
                return Ok(Vec::new());
            }
        }
        let wanted = PIECE_BYTES.min(usize::try_from(self.left).unwrap_or(PIECE_BYTES));
        let n_bytes = reader.read(&mut piece[..wanted]).await?;
        ensure!(n_bytes > 0, "a body broke off");
        piece.truncate(n_bytes);
        self.left -= n_bytes as u64;
        self.is_done = self.left == 0 && matches!(self.framing, Framing::Length(_));
        Ok(piece)
    }

    /// Reads the rest.
    pub(super) async fn rest(&mut self, reader: &mut Reader) -> Result<Vec<u8>> {
        let mut whole = Vec::new();
        loop {
            let piece = self.next(reader).await?;
            if piece.is_empty() {
                return Ok(whole);
            }
            whole.extend(piece);
        }
    }
}

/// Reads a line without its end.
async fn line(reader: &mut Reader) -> Result<String> {
    let mut line = Vec::new();
    read_line(reader, &mut line).await?;
    Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads a line with its end.
async fn read_line(reader: &mut Reader, line: &mut Vec<u8>) -> Result<()> {
    let n_bytes = (&mut *reader).take(MAX_LINE_BYTES as u64).read_until(b'\n', line).await?;
    if n_bytes == 0 || !line.ends_with(b"\n") {
        bail!("the connection ended within a line");
    }
    Ok(())
}

/// Reads a head including its empty line; `None` if the connection ends before it begins.
pub(super) async fn head(reader: &mut Reader) -> Result<Option<Vec<u8>>> {
    if reader.fill_buf().await?.is_empty() {
        return Ok(None);
    }
    let mut head = Vec::new();
    loop {
        let start = head.len();
        read_line(reader, &mut head).await?;
        ensure!(head.len() <= MAX_LINE_BYTES, "a head is too long");
        if head[start..] == *b"\r\n" {
            return Ok(Some(head));
        }
    }
}
