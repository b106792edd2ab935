//! GET, going on by range where a body breaks off.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderValue, IF_MATCH, RANGE};
use http::{Method, StatusCode};

use crate::s3::client::{Answer, Call, Client, Expect};
use crate::s3::reply::checksum::{self, Verifier};
use crate::s3::reply::documents::etag;
use crate::s3::reply::failure::Failure;
use crate::s3::request::endpoint::Query;
use crate::s3::request::op::Op;
use crate::s3::request::options::ReplyChecksums;
use crate::s3::transport::exchange::{TransportError, TransportErrorKind};
use crate::{Error, ErrorKind, Result};

/// So often in a row may a body break without having brought [`PROGRESS_BYTES`] before.
const MAX_BREAKS: u32 = 10;
/// What counts as progress between two breaks: a server must not keep us busy with a byte now and then.
const PROGRESS_BYTES: u64 = 1 << 10;
/// The end of a body whose length is not announced.
const UNKNOWN_END: u64 = u64::MAX;

/// An opened object.
pub(crate) struct Opened {
    /// Size of the whole object; `None` where the server does not say it, or sends the whole for a range.
    pub size_bytes: Option<u64>,
    /// The bytes that will come; without a size, up to the end.
    pub range: Range<u64>,
    pub etag: Option<String>,
    pub headers: HeaderMap,
    pub stream: BoxStream<'static, Result<Bytes>>,
}

/// What is asked for: all of it, or bytes from..to; a last position beyond the end is the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    Bounded(Range<u64>),
    From(u64),
    Last(u64),
}

impl Wanted {
    fn header(&self) -> Option<String> {
        match self {
            Self::All => None,
            Self::Bounded(range) => Some(format!("bytes={}-{}", range.start, range.end.saturating_sub(1))),
            Self::From(start) => Some(format!("bytes={start}-")),
            Self::Last(n_bytes) => Some(format!("bytes=-{n_bytes}")),
        }
    }
}

/// Opens an object. The stream goes on after broken connections as long as the object is the same.
pub(crate) async fn open(
    client: &Arc<Client>,
    key: &str,
    query: Query,
    wanted: &Wanted,
    conditions: HeaderMap,
) -> Result<Opened> {
    let mut call = get_call(key, query.clone(), wanted, conditions.clone());
    if *wanted == Wanted::All {
        checksum::ask(client.options.reply_checksums, &mut call.headers);
    }
    let answer = client.send(&call).await?;
    let Extent { size_bytes, range } = extent(&answer, wanted)
        .map_err(|problem| client.describe(&call, Failure::Transport(malformed(problem)), 1))?;
    let etag_header = answer.headers.get(http::header::ETAG).cloned();
    let state = State {
        client: Arc::clone(client),
        key: key.to_owned(),
        query,
        conditions,
        etag: etag_header.clone(),
        size_bytes,
        next: range.start,
        end: range.end,
        body: answer.stream,
        verifier: match client.options.reply_checksums {
            ReplyChecksums::Verify if *wanted == Wanted::All => Verifier::new(&answer.headers),
            ReplyChecksums::Verify | ReplyChecksums::Ignore => None,
        },
        n_breaks: 0,
        broke_at: range.start,
    };
    Ok(Opened {
        size_bytes,
        range,
        etag: etag_header.as_ref().and_then(|value| etag(value.to_str().ok()?)),
        headers: answer.headers,
        stream: futures::stream::unfold(Some(state), |state| async {
            let mut state = state?;
            match state.next_chunk().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(state))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed(),
    })
}

fn get_call<'a>(key: &'a str, query: Query, wanted: &Wanted, mut headers: HeaderMap) -> Call<'a> {
    if let Some(range) = wanted.header() {
        headers.insert(RANGE, HeaderValue::from_str(&range).expect("digits are plain ASCII"));
    }
    let op = if query.has("versionId") { Op::GetVersion } else { Op::Get };
    Call { query, headers, expect: Expect::Object, ..Call::new(op, Method::GET, Some(key)) }
}

fn malformed(problem: String) -> TransportError {
    TransportError::new(TransportErrorKind::Malformed, problem)
}

/// Which bytes are coming.
#[derive(Debug, PartialEq, Eq)]
struct Extent {
    /// Size of the whole object; `None` where the server does not say it, or sends the whole for a range.
    size_bytes: Option<u64>,
    range: Range<u64>,
}

/// Finds out which bytes of how many are coming, and whether these are the ones that were asked for.
///
/// A reply in chunks, or one of HTTP/1.0 that lasts until the connection closes, does not say how long it is.
fn extent(answer: &Answer, wanted: &Wanted) -> Result<Extent, String> {
    let known = |size_bytes, range| Ok(Extent { size_bytes: Some(size_bytes), range });
    let length: Option<u64> =
        answer.header(CONTENT_LENGTH.as_str()).and_then(|text| text.trim().parse().ok());
    if answer.status != StatusCode::PARTIAL_CONTENT {
        return match (wanted, length) {
            (Wanted::All | Wanted::From(0), Some(length)) => known(length, 0..length),
            (Wanted::Bounded(range), Some(length)) if range.start == 0 && range.end >= length => {
                known(length, 0..length)
            }
            (Wanted::Last(n_bytes), Some(length)) if *n_bytes >= length => known(length, 0..length),
            (Wanted::All | Wanted::From(0), None) => Ok(Extent { size_bytes: None, range: 0..UNKNOWN_END }),
            (Wanted::Bounded(range), length) if range.start == 0 => {
                Ok(Extent { size_bytes: None, range: 0..length.unwrap_or(UNKNOWN_END) })
            }
            _ => Err("the server ignores the range that was asked for".into()),
        };
    }
    let text = answer.header(CONTENT_RANGE.as_str()).unwrap_or_default();
    let (range, size_bytes) =
        parse_content_range(text).ok_or_else(|| format!("the reply has the malformed range `{text}`"))?;
    let expected = match wanted {
        Wanted::All => return Err("the server sends a range that was not asked for".into()),
        Wanted::Bounded(range) => range.start..range.end.min(size_bytes),
        Wanted::From(start) => *start..size_bytes,
        Wanted::Last(n_bytes) => size_bytes.saturating_sub(*n_bytes)..size_bytes,
    };
    if range != expected || length.is_some_and(|length| length != range.end - range.start) {
        return Err(format!("the server sends bytes {range:?}, not {expected:?} as asked for"));
    }
    known(size_bytes, range)
}

/// Reads `bytes 0-9/100`.
fn parse_content_range(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then_some((first..last + 1, size))
}

/// What follows a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterBreak {
    /// Bytes came before it: ask for the rest at once.
    GoOn,
    /// Nothing came before it: wait first.
    Wait,
    /// Nothing came, again and again.
    GiveUp,
}

struct State {
    client: Arc<Client>,
    key: String,
    query: Query,
    conditions: HeaderMap,
    etag: Option<HeaderValue>,
    size_bytes: Option<u64>,
    /// The position of the next byte.
    next: u64,
    /// The position behind the last byte, or [`UNKNOWN_END`].
    end: u64,
    body: Option<BoxStream<'static, Result<Bytes, TransportError>>>,
    /// Compares all bytes with the server's checksum.
    verifier: Option<Verifier>,
    /// Breaks in a row without progress before them, and the position of the last break.
    n_breaks: u32,
    broke_at: u64,
}

impl State {
    /// Takes note of a break.
    fn note_break(&mut self) -> AfterBreak {
        let has_progressed = self.next - self.broke_at >= PROGRESS_BYTES;
        self.broke_at = self.next;
        self.n_breaks = if has_progressed { 0 } else { self.n_breaks + 1 };
        match self.n_breaks {
            0 => AfterBreak::GoOn,
            1..=MAX_BREAKS => AfterBreak::Wait,
            _ => AfterBreak::GiveUp,
        }
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        let chunk = match self.read().await {
            Ok(chunk) => chunk,
            Err(failure) => self.resume(failure).await?,
        };
        match (&mut self.verifier, &chunk) {
            (Some(verifier), Some(chunk)) => verifier.update(chunk),
            (Some(_), None) => self.verify()?,
            (None, _) => {}
        }
        Ok(chunk)
    }

    /// Compares what came with the server's checksum.
    fn verify(&mut self) -> Result<()> {
        let Some(Err(problem)) = self.verifier.take().map(Verifier::finish) else { return Ok(()) };
        let call = get_call(&self.key, self.query.clone(), &Wanted::All, HeaderMap::new());
        let failure = Error::new(ErrorKind::Corrupt, problem);
        Err(self.client.describe(&call, Failure::Local(failure), 1))
    }

    async fn read(&mut self) -> Result<Option<Bytes>, TransportError> {
        let Some(body) = &mut self.body else { return Ok(None) };
        loop {
            return match body.next().await.transpose()? {
                Some(chunk) if chunk.is_empty() => continue,
                Some(chunk) if chunk.len() as u64 > self.end - self.next => {
                    Err(malformed("the server sends more bytes than it announced".into()))
                }
                Some(chunk) => {
                    self.next += chunk.len() as u64;
                    Ok(Some(chunk))
                }
                None if self.next < self.end && self.end != UNKNOWN_END => {
                    Err(TransportError::new(TransportErrorKind::Broken, "the object's body is cut off"))
                }
                None => Ok(None),
            };
        }
    }

    /// Asks for the rest, until some of it comes or the call is given up.
    async fn resume(&mut self, mut error: TransportError) -> Result<Option<Bytes>> {
        self.body = None;
        let client = Arc::clone(&self.client);
        let key = self.key.clone();
        let mut conditions = self.conditions.clone();
        if let Some(etag) = &self.etag {
            conditions.insert(IF_MATCH, etag.clone());
        }
        let wanted = if self.end == UNKNOWN_END {
            Wanted::From(self.next)
        } else {
            Wanted::Bounded(self.next..self.end)
        };
        let call = get_call(&key, self.query.clone(), &wanted, conditions);
        let mut attempts = client.attempts();
        loop {
            let next_step = self.note_break();
            let failure = Failure::Transport(error);
            // Without a tag it is not known whether the rest belongs to the same object.
            if self.etag.is_none() || next_step == AfterBreak::GiveUp {
                return Err(client.describe(&call, failure, attempts.count() + 1));
            }
            match next_step {
                // As long as bytes come, no number of breaks is too many.
                AfterBreak::GoOn => client.note_trouble(&failure),
                AfterBreak::Wait | AfterBreak::GiveUp => {
                    if let Err(failure) = client.recover(&call, failure, &mut attempts, None).await {
                        return Err(client.describe(&call, failure, attempts.count()));
                    }
                }
            }
            tracing::debug!(key, from = self.next, "asking for the rest of the object");
            let answer = client.send_from(&call, &mut attempts).await.map_err(changed)?;
            let extent = extent(&answer, &wanted)
                .map_err(|problem| client.describe(&call, Failure::Transport(malformed(problem)), 1))?;
            if self.size_bytes.is_some() && extent.size_bytes != self.size_bytes {
                let problem = malformed("the object changed its size while it was being read".into());
                return Err(client.describe(&call, Failure::Transport(problem), 1));
            }
            if self.end == UNKNOWN_END {
                self.size_bytes = extent.size_bytes;
                self.end = extent.range.end;
            }
            self.body = answer.stream;
            match self.read().await {
                Ok(chunk) => return Ok(chunk),
                Err(next) => error = next,
            }
        }
    }
}

fn changed(error: Error) -> Error {
    if error.kind() != ErrorKind::Precondition {
        return error;
    }
    Error::new(ErrorKind::Corrupt, "the object was replaced while it was being read").with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers, body: Bytes::new(), stream: None }
    }

    #[test]
    fn extent_is_what_was_asked_for_or_an_error() {
        let whole = answer(200, &[("content-length", "10")]);
        let known = |size_bytes, range| Ok(Extent { size_bytes: Some(size_bytes), range });
        let unknown = |range| Ok(Extent { size_bytes: None, range });
        assert_eq!(extent(&whole, &Wanted::All), known(10, 0..10));
        assert_eq!(extent(&whole, &Wanted::Bounded(0..20)), known(10, 0..10));
        assert!(extent(&whole, &Wanted::Bounded(2..5)).is_err());
        assert_eq!(extent(&whole, &Wanted::Bounded(0..5)), unknown(0..10), "the range is ignored");
        let endless = answer(200, &[]);
        assert_eq!(extent(&endless, &Wanted::All), unknown(0..UNKNOWN_END));
        assert_eq!(extent(&endless, &Wanted::Bounded(0..5)), unknown(0..UNKNOWN_END));
        for wanted in [Wanted::Bounded(2..5), Wanted::From(2), Wanted::Last(5)] {
            assert!(extent(&endless, &wanted).is_err(), "{wanted:?}");
        }
        let part = answer(206, &[("content-range", "bytes 2-4/10"), ("content-length", "3")]);
        assert_eq!(extent(&part, &Wanted::Bounded(2..5)), known(10, 2..5));
        for wanted in [Wanted::All, Wanted::Bounded(2..6), Wanted::Bounded(0..5), Wanted::From(2)] {
            assert!(extent(&part, &wanted).is_err(), "{wanted:?}");
        }
        for text in ["bytes 5-4/10", "bytes 2-4/4", "bytes */10", "2-4/10", "bytes 2-4/*"] {
            assert_eq!(parse_content_range(text), None, "{text}");
        }
    }
}
