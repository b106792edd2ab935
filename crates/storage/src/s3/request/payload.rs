//! What a request sends: bytes or a range of a file, made anew for every attempt.

use std::future::Future;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use crate::progress::{BytesListener, Tally};
use crate::s3::transport::throttle::Throttle;
use crate::s3::transport::watch::Watch;
use crate::store::BodyContent;
use crate::{Body, Error, Result};

/// How much of a file is read at once.
const READ_BYTES: usize = 256 << 10;
/// How much is handed to the connection at once. Small, so that the watchdog sees a slow line move.
const FRAME_BYTES: usize = 16 << 10;

/// The body of a request; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Payload(Body);

/// Digests of a body that go into headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PayloadDigests {
    /// In hex.
    pub sha256: Option<String>,
    pub crc32: Option<u32>,
}

impl Payload {
    pub(crate) fn empty() -> Self {
        Self(Body::bytes(Bytes::new()))
    }

    pub(crate) fn new(body: &Body) -> Self {
        Self(body.clone())
    }

    pub(crate) fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self(Body::bytes(bytes))
    }

    /// Returns the body for one attempt, and what takes back the bytes that are told of it if the attempt fails.
    pub(crate) fn for_attempt(&self) -> (Self, Option<Tally>) {
        let tally = self.0.listener().map(|listener| Tally::new(Arc::clone(listener)));
        let body = self.0.clone();
        let body = match &tally {
            Some(tally) => body.heard_by(tally.listener()),
            None => body,
        };
        (Self(body), tally)
    }

    pub(crate) fn len_bytes(&self) -> u64 {
        self.0.len_bytes()
    }

    /// Returns the bytes of a small body that needs no streaming.
    pub(crate) fn as_small(&self) -> Option<&Bytes> {
        match self.0.content() {
            BodyContent::Bytes(bytes) if bytes.len() <= FRAME_BYTES => Some(bytes),
            _ => None,
        }
    }

    /// Returns the bytes of a body in memory.
    #[cfg(test)]
    pub(crate) fn in_memory(&self) -> Option<&Bytes> {
        match self.0.content() {
            BodyContent::Bytes(bytes) => Some(bytes),
            BodyContent::FileRange { .. } => None,
        }
    }

    /// Reads the body once to compute the digests that are asked for.
    pub(crate) async fn digests(&self, sha256: bool, crc32: bool) -> Result<PayloadDigests> {
        if !sha256 && !crc32 {
            return Ok(PayloadDigests::default());
        }
        match self.0.content() {
            BodyContent::Bytes(bytes) => {
                let mut digester = Digester::new(sha256, crc32);
                digester.update(bytes);
                Ok(digester.finish())
            }
            BodyContent::FileRange { path, range } => {
                let (path, range) = (Arc::clone(path), range.clone());
                tokio::task::spawn_blocking(move || {
                    let mut digester = Digester::new(sha256, crc32);
                    let mut file = open(&path, range.start)?;
                    let mut remaining = range.end - range.start;
                    let mut buffer = vec![0; READ_BYTES];
                    while remaining > 0 {
                        let n_bytes = read_chunk(&mut file, &mut buffer, remaining, &path)?;
                        digester.update(&buffer[..n_bytes]);
                        remaining -= n_bytes as u64;
                    }
                    Ok(digester.finish())
                })
                .await
                .unwrap_or_else(|join| std::panic::resume_unwind(join.into_panic()))
                .map_err(|source| Error::io("cannot read a file to upload", source))
            }
        }
    }

    /// Returns the body as HTTP wants it; `watch` is told whenever the connection takes a piece.
    pub(crate) fn to_http_body(&self, watch: Arc<Watch>, throttle: Option<Arc<Throttle>>) -> UploadBody {
        let source = match self.0.content() {
            BodyContent::Bytes(bytes) => Source::Bytes(bytes.clone()),
            BodyContent::FileRange { path, range } => Source::File(FileSource {
                path: Arc::clone(path),
                unread: range.end - range.start,
                reading: Reading::Closed { offset: range.start },
                chunk: Bytes::new(),
            }),
        };
        let listener = self.0.listener().cloned();
        let remaining = self.len_bytes();
        UploadBody { source, remaining, watch, throttle, listener, pause: None, admitted: false }
    }
}

struct Digester {
    sha256: Option<Sha256>,
    crc32: Option<crc32fast::Hasher>,
}

impl Digester {
    fn new(sha256: bool, crc32: bool) -> Self {
        Self { sha256: sha256.then(Sha256::new), crc32: crc32.then(crc32fast::Hasher::new) }
    }

    fn update(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.sha256 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.crc32 {
            hasher.update(bytes);
        }
    }

    fn finish(self) -> PayloadDigests {
        PayloadDigests {
            sha256: self.sha256.map(|hasher| hex::encode(hasher.finalize())),
            crc32: self.crc32.map(crc32fast::Hasher::finalize),
        }
    }
}

fn open(path: &Path, offset: u64) -> std::io::Result<fs_err::File> {
    let mut file = fs_err::File::open(path)?;
    if offset > 0 {
        file.seek(SeekFrom::Start(offset))?;
    }
    Ok(file)
}

/// Fills `buffer` as far as `remaining` allows; a file that ends before that has been cut.
fn read_chunk(
    file: &mut fs_err::File,
    buffer: &mut [u8],
    remaining: u64,
    path: &Path,
) -> std::io::Result<usize> {
    let wanted = buffer.len().min(usize::try_from(remaining).unwrap_or(usize::MAX));
    file.read_exact(&mut buffer[..wanted]).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            format!("`{}` became shorter while it was being uploaded", path.display()),
        ),
        _ => error,
    })?;
    Ok(wanted)
}

/// A local file could not be read: found again in the chain of the HTTP client's error.
#[derive(Debug, thiserror::Error)]
#[error("cannot read a file to upload")]
pub(crate) struct LocalFileError(#[source] pub std::io::Error);

/// A request's body on its way.
#[derive(Debug)]
pub(crate) struct UploadBody {
    source: Source,
    remaining: u64,
    watch: Arc<Watch>,
    throttle: Option<Arc<Throttle>>,
    listener: Option<Arc<dyn BytesListener>>,
    pause: Option<Pin<Box<Sleep>>>,
    /// The next frame has been booked with `throttle`.
    admitted: bool,
}

#[derive(Debug)]
enum Source {
    Bytes(Bytes),
    File(FileSource),
}

#[derive(Debug)]
struct FileSource {
    path: Arc<PathBuf>,
    /// Bytes that no read has been started for.
    unread: u64,
    reading: Reading,
    chunk: Bytes,
}

type ReadResult = std::io::Result<(fs_err::File, Bytes)>;

#[derive(Debug)]
enum Reading {
    Closed {
        offset: u64,
    },
    /// One read is always under way while the chunk before it is sent.
    Running(JoinHandle<ReadResult>),
    Done,
}

impl FileSource {
    fn start_read(&mut self, file: std::io::Result<fs_err::File>, opened_at: Option<u64>) {
        let (path, unread) = (Arc::clone(&self.path), self.unread);
        self.unread -= unread.min(READ_BYTES as u64);
        self.reading = Reading::Running(tokio::task::spawn_blocking(move || {
            let mut file = match opened_at {
                Some(offset) => open(&path, offset)?,
                None => file?,
            };
            let mut buffer = vec![0; READ_BYTES.min(usize::try_from(unread).unwrap_or(READ_BYTES))];
            read_chunk(&mut file, &mut buffer, unread, &path)?;
            Ok((file, Bytes::from(buffer)))
        }));
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, LocalFileError>> {
        loop {
            if self.chunk.has_remaining() {
                let n_bytes = self.chunk.len().min(FRAME_BYTES);
                return Poll::Ready(Ok(self.chunk.split_to(n_bytes)));
            }
            match &mut self.reading {
                Reading::Done => return Poll::Ready(Ok(Bytes::new())),
                Reading::Closed { offset } => {
                    let offset = *offset;
                    self.start_read(Err(std::io::ErrorKind::NotFound.into()), Some(offset));
                }
                Reading::Running(handle) => {
                    let outcome = ready!(Pin::new(handle).poll(context));
                    self.reading = Reading::Done;
                    let (file, chunk) = outcome
                        .unwrap_or_else(|_| Err(std::io::Error::other("the read was cancelled")))
                        .map_err(LocalFileError)?;
                    self.chunk = chunk;
                    if self.unread > 0 {
                        self.start_read(Ok(file), None);
                    }
                }
            }
        }
    }
}

impl http_body::Body for UploadBody {
    type Data = Bytes;
    type Error = LocalFileError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, LocalFileError>>> {
        let this = &mut *self;
        this.watch.touch();
        if this.remaining == 0 {
            return Poll::Ready(None);
        }
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(context));
            this.pause = None;
        } else if let (Some(throttle), false) = (&this.throttle, this.admitted) {
            this.admitted = true;
            let n_bytes = FRAME_BYTES.min(usize::try_from(this.remaining).unwrap_or(FRAME_BYTES));
            let moment = throttle.book(n_bytes);
            if moment > tokio::time::Instant::now() {
                this.watch.touch_at(moment);
                let mut pause = Box::pin(tokio::time::sleep_until(moment));
                if pause.as_mut().poll(context).is_pending() {
                    this.pause = Some(pause);
                    return Poll::Pending;
                }
            }
        }
        let frame = match &mut this.source {
            Source::Bytes(bytes) => {
                let n_bytes = bytes.len().min(FRAME_BYTES);
                bytes.split_to(n_bytes)
            }
            Source::File(file) => ready!(file.poll_chunk(context))?,
        };
        this.admitted = false;
        this.remaining -= frame.len() as u64;
        if let Some(listener) = &this.listener {
            listener.moved(frame.len() as u64);
        }
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn file_range(content: &[u8], range: std::ops::Range<u64>) -> (tempfile::TempDir, Payload) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        fs_err::write(&path, content).unwrap();
        (folder, Payload::new(&Body::file_range(Arc::new(path), range)))
    }

    async fn collect(payload: &Payload) -> Result<Bytes, LocalFileError> {
        Ok(payload.to_http_body(Watch::new(), None).collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn file_range_is_sent_whole_and_again() {
        let content: Vec<u8> = (0..700_001_u32).map(|index| (index % 251) as u8).collect();
        let (_folder, payload) = file_range(&content, 3..600_000);
        for _ in 0..2 {
            assert_eq!(collect(&payload).await.unwrap(), content[3..600_000]);
        }
        let digests = payload.digests(true, true).await.unwrap();
        let in_memory = Payload::bytes(content[3..600_000].to_vec());
        assert_eq!(digests, in_memory.digests(true, true).await.unwrap());
        assert_eq!(collect(&in_memory).await.unwrap(), content[3..600_000]);
    }

    #[tokio::test]
    async fn short_file_is_an_error_that_names_it() {
        let (_folder, payload) = file_range(&[1; 1000], 0..1001);
        let error = collect(&payload).await.unwrap_err();
        assert!(error.0.to_string().contains("data"), "{}", error.0);
        assert!(payload.digests(true, false).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn throttled_body_takes_its_time() {
        let payload = Payload::bytes(vec![0; 10 * FRAME_BYTES]);
        let throttle = Arc::new(Throttle::new(FRAME_BYTES as u64));
        let start = tokio::time::Instant::now();
        payload.to_http_body(Watch::new(), Some(throttle)).collect().await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 9);
    }
}
