//! A failed attempt, and what it means.

use std::time::{Duration, SystemTime};

use haul_config::is_region;
use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

use super::documents::{ErrorReply, shown};
use super::error_body::first_words;
use super::remedies;
use super::web_page::WebPage;
use super::xml::MalformedXml;
use crate::s3::transport::exchange::{TransportError, TransportErrorKind};
use crate::{Error, ServerReply};

/// Why an attempt failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There was no (whole) reply.
    Transport(TransportError),
    /// The server said no.
    Server(ServerFailure),
    /// The server said yes, in a way that cannot be.
    Malformed(MalformedXml),
    /// Something else than an S3 server answered.
    WebPage(WebPage),
    /// Nothing was sent: credentials, a local file, a key that cannot be sent.
    Local(Error),
}

/// What the server said, and to what.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerFailure {
    pub reply: ServerReply,
    pub retry_after: Option<Duration>,
    /// Where it sent us.
    pub endpoint: Option<String>,
    /// Its clock.
    pub date: Option<SystemTime>,
    /// The region the request was signed for.
    pub signed_region: String,
}

/// What a failure means for the next attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FailureClass {
    /// The same request may well succeed later.
    Transient,
    /// Other credentials are needed.
    Expired,
    /// The request was dated by a clock that is wrong.
    ClockSkew,
    /// The bucket is in another region.
    WrongRegion(String),
    /// What arrived was not what was sent.
    Damaged,
    /// The answer is final.
    Final,
}

impl ServerFailure {
    /// Reads a failed reply.
    pub(crate) fn new(status: u16, headers: &HeaderMap, body: &[u8], signed_region: &str) -> Self {
        let error = ErrorReply::parse(body)
            .unwrap_or_else(|| ErrorReply { message: first_words(body), ..ErrorReply::default() });
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).and_then(shown);
        Self {
            reply: ServerReply {
                status,
                code: error.code,
                message: error.message,
                request_id: header("x-amz-request-id").or(error.request_id),
                region: header("x-amz-bucket-region").or(error.region).filter(|region| is_region(region)),
            },
            retry_after: headers.get(RETRY_AFTER).and_then(|value| parse_retry_after(value.to_str().ok()?)),
            endpoint: error.endpoint.or_else(|| header("location")),
            date: date_of(headers),
            signed_region: signed_region.to_owned(),
        }
    }

    fn class(&self) -> FailureClass {
        let code = self.reply.code.as_deref().unwrap_or_default();
        if let Some(region) = &self.reply.region
            && *region != self.signed_region
            && matches!(self.reply.status, 301 | 307 | 400 | 403)
            && (self.reply.status != 403 || !matches!(code, "AccessDenied" | "InvalidAccessKeyId"))
        {
            return FailureClass::WrongRegion(region.clone());
        }
        match code {
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
                return FailureClass::Expired;
            }
            "RequestTimeTooSkewed" | "RequestExpired" => return FailureClass::ClockSkew,
            // Some servers say these under a status that means something else, 200 included.
            "SlowDown"
            | "SlowDownRead"
            | "SlowDownWrite"
            | "ServiceUnavailable"
            | "Throttling"
            | "ThrottlingException"
            | "RequestThrottled"
            | "RequestLimitExceeded"
            | "TooManyRequests"
            | "InternalError"
            | "RequestTimeout"
            | "XMinioServerNotInitialized" => return FailureClass::Transient,
            "BadDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" | "IncompleteBody" => {
                return FailureClass::Damaged;
            }
            _ => {}
        }
        match self.reply.status {
            408 | 429 | 500 | 502 | 503 | 504 | 509 => FailureClass::Transient,
            _ => FailureClass::Final,
        }
    }

    /// Returns whether the server was spoken to in plain HTTP and wants TLS.
    pub(crate) fn speaks_tls(&self) -> bool {
        self.reply.status == 400 && self.reply.message.as_deref().is_some_and(remedies::speaks_tls)
    }

    /// Tells whether the server asked for fewer requests.
    pub(crate) fn is_throttling(&self) -> bool {
        let code = self.reply.code.as_deref().unwrap_or_default();
        matches!(self.reply.status, 429 | 503 | 509)
            || code.starts_with("SlowDown")
            || code.starts_with("Throttling")
            || matches!(code, "RequestThrottled" | "RequestLimitExceeded" | "TooManyRequests")
    }
}

impl Failure {
    pub(crate) fn class(&self) -> FailureClass {
        match self {
            Self::Transport(error) => match error.kind {
                TransportErrorKind::Tls
                | TransportErrorKind::ProxyAuth
                | TransportErrorKind::OpenFiles
                | TransportErrorKind::Malformed
                | TransportErrorKind::TooLong
                | TransportErrorKind::LocalFile => FailureClass::Final,
                _ => FailureClass::Transient,
            },
            Self::Server(failure) => failure.class(),
            Self::Malformed(_) | Self::WebPage(_) | Self::Local(_) => FailureClass::Final,
        }
    }

    pub(crate) fn transport_kind(&self) -> Option<TransportErrorKind> {
        match self {
            Self::Transport(error) => Some(error.kind),
            _ => None,
        }
    }

    /// Returns whether no connection was made.
    pub(crate) fn is_about_connecting(&self) -> bool {
        matches!(self, Self::Transport(error) if error.is_about_connecting())
    }

    /// Says what the server does, as the rest of a sentence that starts with it.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Server(ServerFailure { reply, .. }) => {
                let code = reply.code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
                let message = reply.message.as_ref().map(|text| format!(": {}", text.trim_end_matches('.')));
                format!("answers with {}{code}{}", reply.status, message.unwrap_or_default())
            }
            Self::Transport(error) => match error.kind {
                TransportErrorKind::ReadTimeout => String::from("does not answer"),
                TransportErrorKind::ConnectTimeout | TransportErrorKind::Unreachable => {
                    String::from("cannot be reached")
                }
                TransportErrorKind::UnknownHost => String::from("is not known by its name"),
                _ => format!("breaks off: {error}"),
            },
            Self::Malformed(_) | Self::WebPage(_) | Self::Local(_) => String::from("gives no usable reply"),
        }
    }

    /// Tells whether fewer requests at once may help: the server, or what stands before it, does not keep up.
    pub(crate) fn is_overload(&self) -> bool {
        match self {
            Self::Transport(error) => {
                matches!(error.kind, TransportErrorKind::ReadTimeout | TransportErrorKind::ConnectTimeout)
            }
            Self::Server(failure) => failure.is_throttling() || failure.reply.status == 504,
            Self::Malformed(_) | Self::WebPage(_) | Self::Local(_) => false,
        }
    }

    /// Tells whether the server failed for reasons of its own that it does not call temporary.
    pub(crate) fn is_internal_error(&self) -> bool {
        matches!(self, Self::Server(failure) if failure.reply.status == 500 && !failure.is_throttling())
    }

    /// Whether the server shows, by what it says is missing or not as asked for, that the bucket is there.
    pub(crate) fn shows_bucket(&self) -> bool {
        let Self::Server(failure) = self else { return false };
        let code = failure.reply.code.as_deref().unwrap_or_default();
        matches!(code, "NoSuchKey" | "NoSuchVersion" | "NoSuchUpload" | "PreconditionFailed")
    }

    /// Tells whether the server asked for fewer requests.
    pub(crate) fn is_throttling(&self) -> bool {
        matches!(self, Self::Server(failure) if failure.is_throttling())
    }

    /// Returns how long the server wants us to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Server(failure) => failure.retry_after,
            _ => None,
        }
    }
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl From<MalformedXml> for Failure {
    fn from(error: MalformedXml) -> Self {
        Self::Malformed(error)
    }
}

impl From<WebPage> for Failure {
    fn from(page: WebPage) -> Self {
        Self::WebPage(page)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Local(error)
    }
}

/// Returns the time of the server.
pub(crate) fn date_of(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

/// Reads seconds; the other form, a date, is used by no S3 server.
fn parse_retry_after(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn failure(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> ServerFailure {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        ServerFailure::new(status, &headers, body.as_bytes(), "us-east-1")
    }

    #[test]
    fn wrong_region_is_read_from_header_and_body() {
        let region = FailureClass::WrongRegion("eu-west-3".into());
        assert_eq!(failure(301, &[("x-amz-bucket-region", "eu-west-3")], "").class(), region);
        let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>";
        assert_eq!(failure(400, &[], body).class(), region);
        assert_eq!(failure(400, &[("x-amz-bucket-region", "us-east-1")], "").class(), FailureClass::Final);
        assert_eq!(
            failure(301, &[("x-amz-bucket-region", "evil.example.org/")], "").class(),
            FailureClass::Final
        );
        let denied = "<Error><Code>AccessDenied</Code></Error>";
        assert_eq!(
            failure(403, &[("x-amz-bucket-region", "eu-west-3")], denied).class(),
            FailureClass::Final
        );
    }

    #[test]
    fn redirect_without_region_is_final() {
        let moved = failure(307, &[("location", "http://evil.example.org/")], "");
        assert_eq!(moved.class(), FailureClass::Final);
        assert_eq!(moved.endpoint.as_deref(), Some("http://evil.example.org/"));
    }

    #[test]
    fn details_are_kept() {
        let body = "<Error><Code>SlowDown</Code><Message>calm</Message><RequestId>r1</RequestId></Error>";
        let slow = failure(503, &[("retry-after", "3")], body);
        assert_eq!(slow.retry_after, Some(Duration::from_secs(3)));
        assert_eq!(slow.reply.request_id.as_deref(), Some("r1"));
        assert!(slow.is_throttling());
    }
}
