//! One HTTP exchange: the seam between the S3 client and the network.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use http::{HeaderMap, Method, StatusCode};

use super::tls::TlsTrouble;
use crate::s3::request::payload::Payload;

/// A request, signed and complete.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub method: Method,
    pub url: String,
    pub headers: HeaderMap,
    pub payload: Payload,
}

/// The head of a reply, with its body still to come.
pub(crate) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Ends with an error when the body breaks off, stalls, or does not fit its announced length.
    pub body: BoxStream<'static, Result<Bytes, TransportError>>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Reply {
    /// Reads the whole body, which may have at most `limit_bytes`.
    pub(crate) async fn read_body(self, limit_bytes: usize) -> Result<Bytes, TransportError> {
        read_limited(self.body, limit_bytes).await
    }
}

async fn read_limited(
    mut body: BoxStream<'static, Result<Bytes, TransportError>>,
    limit_bytes: usize,
) -> Result<Bytes, TransportError> {
    let Some(first) = body.try_next().await? else { return Ok(Bytes::new()) };
    let mut whole = BytesMut::from(first);
    while let Some(chunk) = body.next().await.transpose()? {
        if whole.len() + chunk.len() > limit_bytes {
            return Err(TransportError::too_long(limit_bytes));
        }
        whole.extend_from_slice(&chunk);
    }
    if whole.len() > limit_bytes {
        return Err(TransportError::too_long(limit_bytes));
    }
    Ok(whole.freeze())
}

/// Sends one request; knows nothing of S3, never retries, never follows a redirect.
#[async_trait]
pub(crate) trait Transport: fmt::Debug + Send + Sync {
    /// Sends `request` and returns when the head of the reply is there. A status of any kind is a reply.
    ///
    /// There is no limit on the whole exchange, but the connection may not be silent for `idle`.
    async fn send(&self, request: Request, idle: Duration) -> Result<Reply, TransportError>;
}

/// Why an exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransportErrorKind {
    /// The server's name is not known.
    UnknownHost,
    /// No server listens there, or there is no way there.
    Unreachable,
    /// The connection could not be made in `connect_timeout`.
    ConnectTimeout,
    /// The server is not who it should be, or does not speak TLS.
    Tls,
    /// The proxy wants a user name and a password.
    ProxyAuth,
    /// No more files can be opened, and sockets are files.
    OpenFiles,
    /// The connection was silent for `read_timeout`.
    ReadTimeout,
    /// The connection broke.
    Broken,
    /// The reply breaks the rules of HTTP.
    Malformed,
    /// The reply is longer than it may be.
    TooLong,
    /// The file that was being sent could not be read.
    LocalFile,
}

/// A failed exchange.
#[derive(Debug)]
pub(crate) struct TransportError {
    pub kind: TransportErrorKind,
    /// What went wrong in a handshake, where the user can do something.
    pub tls: Option<TlsTrouble>,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl TransportError {
    pub(crate) fn new(kind: TransportErrorKind, message: impl Into<String>) -> Self {
        Self { kind, tls: None, message: message.into(), source: None }
    }

    pub(crate) fn with_trouble(mut self, trouble: Option<TlsTrouble>) -> Self {
        self.tls = trouble;
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns whether no connection was made.
    pub(crate) fn is_about_connecting(&self) -> bool {
        matches!(
            self.kind,
            TransportErrorKind::Unreachable
                | TransportErrorKind::ConnectTimeout
                | TransportErrorKind::UnknownHost
        )
    }

    /// Returns the cause alone, or the error where it has none, for messages that say the rest themselves.
    pub(crate) fn into_cause(mut self) -> Box<dyn StdError + Send + Sync> {
        self.source.take().unwrap_or_else(|| self.into())
    }

    pub(crate) fn too_long(limit_bytes: usize) -> Self {
        let message = format!("the reply is longer than {limit_bytes} bytes");
        Self::new(TransportErrorKind::TooLong, message)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
