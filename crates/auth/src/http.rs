//! The only network access of this crate: STS, SSO, container and instance metadata are asked through [`HttpClient`].
//!
//! The crate that talks to S3 implements the trait on its own client, so that TLS settings, CA bundle and proxies
//! are shared; tests implement it in memory.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// How one request is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendOptions {
    /// The time limit for the request and the whole reply.
    pub timeout: Duration,
    /// Whether the proxies of the environment apply.
    pub proxy: ProxyUse,
    /// A longer reply is an error; the replies to this crate's requests are short.
    pub max_reply_bytes: usize,
}

/// Whether the proxies of the environment (`HTTPS_PROXY`, …) apply to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyUse {
    /// They apply as to any other request.
    Environment,
    /// They never apply: metadata services are link-local, and no proxy may see the keys of this host.
    Never,
}

/// Sends a request and reads the whole reply.
///
/// Contract: redirects are **not** followed (a signed request or token must reach no other server), a reply of any
/// status is `Ok`, nothing is retried, neither request nor reply is logged.
#[async_trait]
pub trait HttpClient: fmt::Debug + Send + Sync {
    /// Sends `request`, whose URI is absolute.
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Bytes>, HttpError>;
}

/// Why there was no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpErrorKind {
    /// No server could be reached: name resolution, connection, TLS.
    Connect,
    /// The time limit passed.
    Timeout,
    /// The reply is longer than allowed.
    TooLong,
    /// The connection broke, or the reply was not HTTP.
    Other,
}

/// A request that got no reply.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct HttpError {
    kind: HttpErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl HttpError {
    /// Makes an error; `message` says what failed, without headers or query strings.
    pub fn new(kind: HttpErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns why there was no reply.
    pub fn kind(&self) -> HttpErrorKind {
        self.kind
    }
}
