//! The bytes of objects: small ones in memory, big ones in temporary files.

use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use md5::{Digest, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Result, s3_error};
use tempfile::NamedTempFile;

/// Bodies above this size in bytes are kept in a file.
const MEMORY_LIMIT_BYTES: usize = 1 << 20;
/// The number of bytes that are read from a file at a time.
const CHUNK_BYTES: u64 = 256 << 10;

/// The content of an object: the concatenation of one or more pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Memory(Bytes),
    File { file: Arc<NamedTempFile>, range: Range<u64> },
}

impl Piece {
    fn size_bytes(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { range, .. } => range.end - range.start,
        }
    }

    fn slice(&self, within: Range<u64>) -> Self {
        match self {
            Self::Memory(bytes) => Self::Memory(bytes.slice(index(within.start)..index(within.end))),
            Self::File { file, range } => Self::File {
                file: Arc::clone(file),
                range: range.start + within.start..range.start + within.end,
            },
        }
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self { pieces: vec![Piece::Memory(bytes)] }
    }
}

impl Content {
    pub(crate) fn size_bytes(&self) -> u64 {
        self.pieces.iter().map(Piece::size_bytes).sum()
    }

    /// Concatenates several contents, without copying.
    pub(crate) fn concat(contents: impl IntoIterator<Item = Self>) -> Self {
        Self { pieces: contents.into_iter().flat_map(|content| content.pieces).collect() }
    }

    /// Returns a part of it, without copying; the range must be inside.
    pub(crate) fn slice(&self, range: Range<u64>) -> Self {
        let mut pieces = Vec::new();
        let mut start = 0;
        for piece in &self.pieces {
            let end = start + piece.size_bytes();
            let from = range.start.max(start);
            let to = range.end.min(end);
            if from < to {
                pieces.push(piece.slice(from - start..to - start));
            }
            start = end;
        }
        Self { pieces }
    }

    /// Reads all of it.
    pub(crate) fn to_bytes(&self) -> std::io::Result<Bytes> {
        let mut all = BytesMut::with_capacity(index(self.size_bytes()));
        for chunk in self.chunks() {
            all.extend_from_slice(&chunk?);
        }
        Ok(all.freeze())
    }

    /// Computes its MD5.
    pub(crate) fn md5(&self) -> std::io::Result<[u8; 16]> {
        let mut hash = Md5::new();
        for chunk in self.chunks() {
            hash.update(&chunk?);
        }
        Ok(hash.finalize().into())
    }

    /// Returns it as the body of a reply, which is read piece by piece.
    pub(crate) fn to_body(&self) -> StreamingBlob {
        if let [Piece::Memory(bytes)] = self.pieces.as_slice() {
            return StreamingBlob::from(s3s::Body::from(bytes.clone()));
        }
        StreamingBlob::wrap(futures::stream::iter(self.chunks()))
    }

    fn chunks(&self) -> impl Iterator<Item = std::io::Result<Bytes>> + Send + Sync + use<> {
        self.pieces.clone().into_iter().flat_map(|piece| {
            let size_bytes = piece.size_bytes();
            let mut at = 0;
            std::iter::from_fn(move || {
                if at >= size_bytes {
                    return None;
                }
                let (from, chunk) = (at, CHUNK_BYTES.min(size_bytes - at));
                at += chunk;
                match &piece {
                    Piece::Memory(bytes) => Some(Ok(bytes.slice(index(from)..index(from + chunk)))),
                    Piece::File { file, range } => {
                        let mut buffer = vec![0; index(chunk)];
                        Some(
                            file.as_file()
                                .read_exact_at(&mut buffer, range.start + from)
                                .map(|()| Bytes::from(buffer)),
                        )
                    }
                }
            })
        })
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("bodies of tests fit the address space")
}

/// Receives a body; returns its content and MD5.
///
/// A body that is shorter or longer than `expected_bytes` is refused, as is one whose reading fails (`s3s` checks
/// the payload hash while it is read).
pub(crate) async fn receive<S, E>(
    mut body: S,
    expected_bytes: Option<i64>,
    data_dir: &Path,
) -> S3Result<(Content, [u8; 16])>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::fmt::Display,
{
    let mut hash = Md5::new();
    let mut memory = BytesMut::new();
    let mut file: Option<NamedTempFile> = None;
    let mut size_bytes: u64 = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| match error.to_string() {
            text if text.contains("Sha256Mismatch") => {
                // This is AWS's code, which s3s does not have.
                let mut error =
                    s3s::S3Error::new(s3s::S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()));
                error.set_status_code(http::StatusCode::BAD_REQUEST);
                error.set_message("the body is not what its x-amz-content-sha256 says");
                error
            }
            text => s3_error!(IncompleteBody, "the body broke off: {text}"),
        })?;
        hash.update(&chunk);
        size_bytes += chunk.len() as u64;
        if file.is_none() && memory.len() + chunk.len() > MEMORY_LIMIT_BYTES {
            let mut spill = NamedTempFile::new_in(data_dir).map_err(s3s::S3Error::internal_error)?;
            spill.write_all(&memory).map_err(s3s::S3Error::internal_error)?;
            memory.clear();
            file = Some(spill);
        }
        match &mut file {
            Some(file) => file.write_all(&chunk).map_err(s3s::S3Error::internal_error)?,
            None => memory.extend_from_slice(&chunk),
        }
    }
    if expected_bytes.is_some_and(|expected| u64::try_from(expected) != Ok(size_bytes)) {
        return Err(s3_error!(IncompleteBody, "the body has {size_bytes} bytes, not as many as it said"));
    }
    let content = match file {
        Some(file) => Content { pieces: vec![Piece::File { file: Arc::new(file), range: 0..size_bytes }] },
        None => Content::from(memory.freeze()),
    };
    Ok((content, hash.finalize().into()))
}
