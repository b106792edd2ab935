//! Changes to requests and replies: which requests, and how often.

use std::sync::Arc;

use crate::raw::{RawReply, RawRequest};

/// A change to requests of a kind, or to their replies.
#[derive(Clone)]
pub struct Meddling {
    fits: Vec<Arc<Predicate>>,
    skip: usize,
    times: usize,
    n_struck: usize,
    act: Act,
}

type Predicate = dyn Fn(&RawRequest) -> bool + Send + Sync;

impl std::fmt::Debug for Meddling {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Meddling")
            .field("act", &self.act)
            .field("n_struck", &self.n_struck)
            .finish_non_exhaustive()
    }
}

/// A byte of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The first byte.
    First,
    /// The byte in the middle.
    Middle,
    /// The last byte.
    Last,
    /// The byte with this index.
    At(u64),
}

impl Place {
    /// Returns the index of the byte in a body of this length; `None` if the body has no such byte.
    pub(super) fn of(self, length: u64) -> Option<u64> {
        let at = match self {
            Self::First => 0,
            Self::Middle => length / 2,
            Self::Last => length.saturating_sub(1),
            Self::At(at) => at,
        };
        (at < length).then_some(at)
    }
}

/// The kind of change.
#[derive(Debug, Clone)]
pub enum Act {
    /// One bit of the request's body is flipped.
    FlipRequestBit(Place),
    /// One bit of the reply's body is flipped.
    FlipReplyBit(Place),
    /// One digit of the reply's entity tag is changed: of the header `ETag`, else of the first `<ETag>` in the body.
    ChangeReplyEtag,
    /// The connection closes after the reply's head and this number of bytes of its body.
    CutReply {
        /// The number of bytes of the body that are sent.
        after_bytes: u64,
    },
    /// The reply stalls after its head and this number of bytes of its body, and the connection stays open.
    StallReply {
        /// The number of bytes of the body that are sent.
        after_bytes: u64,
    },
    /// The request takes effect, but the connection closes instead of the reply.
    LoseReply,
    /// The request does not reach the server; the connection closes.
    HangUp,
    /// The reply is sent in chunks, without a `Content-Length`.
    Chunked,
    /// The reply is HTTP/1.0 without a `Content-Length`: its body ends with the connection.
    UntilClose,
    /// The request does not reach the server, and the client gets this reply.
    Answer(RawReply),
}

impl Act {
    /// Makes a "200 OK" with a page of HTML, as from a captive portal or a web console.
    pub fn html_page() -> Self {
        let page =
            "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body>Please log in.</body></html>\n";
        Self::Answer(RawReply::new(200, &[("content-type", "text/html; charset=utf-8")], page))
    }

    /// Makes a "404 Not Found" with a page of HTML, as from a web server without S3.
    pub fn not_found() -> Self {
        let page =
            "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>\n";
        Self::Answer(RawReply::new(404, &[("content-type", "text/html")], page))
    }
}

impl Meddling {
    /// Applies to every request, unless it is limited.
    pub fn everywhere(act: Act) -> Self {
        Self { fits: Vec::new(), skip: 0, times: usize::MAX, n_struck: 0, act }
    }

    /// Applies to every request with this method, unless it is limited further.
    pub fn on(method: &'static str, act: Act) -> Self {
        Self::everywhere(act).only(move |request| request.method == method)
    }

    /// Limits it to requests for which `fits` returns true.
    #[must_use]
    pub fn only(mut self, fits: impl Fn(&RawRequest) -> bool + Send + Sync + 'static) -> Self {
        self.fits.push(Arc::new(fits));
        self
    }

    /// Limits it to paths that contain `part`.
    #[must_use]
    pub fn path(self, part: impl Into<String>) -> Self {
        let part = part.into();
        self.only(move |request| request.path.contains(&part))
    }

    /// Limits it to requests with this parameter, given as `name` or `name=value`.
    #[must_use]
    pub fn query(self, parameter: impl Into<String>) -> Self {
        let parameter = parameter.into();
        self.only(move |request| has_parameter(request, &parameter))
    }

    /// Limits it to requests without this parameter, given as for [`query`](Self::query).
    #[must_use]
    pub fn without_query(self, parameter: impl Into<String>) -> Self {
        let parameter = parameter.into();
        self.only(move |request| !has_parameter(request, &parameter))
    }

    /// Limits it to the first `times` matching requests.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Skips the first `skip` matching requests.
    #[must_use]
    pub fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    pub(super) fn n_struck(&self) -> usize {
        self.n_struck
    }

    fn strikes(&mut self, request: &RawRequest) -> bool {
        if self.n_struck >= self.times || !self.fits.iter().all(|fits| fits(request)) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.n_struck += 1;
        true
    }
}

fn has_parameter(request: &RawRequest, parameter: &str) -> bool {
    request.query.split('&').any(|given| {
        given == parameter
            || given.strip_suffix('=') == Some(parameter)
            || given.split('=').next() == Some(parameter)
    })
}

/// Returns the first of `meddlings` that applies to `request`, and counts the request.
pub(super) fn strike(meddlings: &mut [Meddling], request: &RawRequest) -> Option<Act> {
    meddlings.iter_mut().find_map(|meddling| meddling.strikes(request).then(|| meddling.act.clone()))
}
