//! Sends requests, with retries.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};

use crate::http::{HttpClient, HttpError, HttpErrorKind, ProxyUse, SendOptions};
use crate::source::Stop;

/// No expected reply is longer.
const MAX_REPLY_BYTES: usize = 1 << 20;

/// Headers whose values are secret; they are marked as sensitive, and HTTP clients do not log those.
const TOKEN_HEADERS: [&str; 3] = ["authorization", "x-amz-sso_bearer_token", "x-aws-ec2-metadata-token"];

/// How many attempts to make, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempts {
    pub(crate) count: u32,
    pub(crate) timeout: Duration,
    pub(crate) proxy: ProxyUse,
    /// Whether to try again after a timeout or a refused connection.
    pub(crate) after_network_error: bool,
}

impl Attempts {
    /// For services of AWS on the Internet.
    pub(crate) const SERVICE: Self = Self {
        count: 3,
        timeout: Duration::from_secs(20),
        proxy: ProxyUse::Environment,
        after_network_error: true,
    };
}

/// Sends a request; tries again after network errors, 429, 5xx, and replies for which `retry` returns true.
pub(crate) async fn send(
    http: &dyn HttpClient,
    request: impl Fn() -> Result<Request<Bytes>, Stop>,
    attempts: Attempts,
    retry: impl Fn(&Response<Bytes>) -> bool,
) -> Result<Response<Bytes>, SendError> {
    let options =
        SendOptions { timeout: attempts.timeout, proxy: attempts.proxy, max_reply_bytes: MAX_REPLY_BYTES };
    for attempt in 1.. {
        let is_last = attempt >= attempts.count;
        match http.send(request()?, options).await {
            Ok(response) if is_last || !(is_busy(response.status()) || retry(&response)) => {
                return Ok(response);
            }
            Err(error)
                if is_last || error.kind() == HttpErrorKind::TooLong || !attempts.after_network_error =>
            {
                return Err(SendError::Http(error));
            }
            Ok(_) | Err(_) => tokio::time::sleep(pause(attempt)).await,
        }
    }
    unreachable!("the last attempt returns")
}

/// Returns whether the server throttles or failed, so that the same request may succeed later.
pub(crate) fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

/// Returns an exponential pause, with full jitter above a floor: hosts that were throttled at the same moment must not
/// all try again at the same moment.
fn pause(attempt: u32) -> Duration {
    let ceiling = 200_u64 << attempt.min(5);
    Duration::from_millis(rand::random_range(100..ceiling))
}

/// Why there is no reply.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The request could not be made.
    Stop(Stop),
    /// There was no reply.
    Http(HttpError),
}

impl From<Stop> for SendError {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl SendError {
    /// Returns the error that ends the chain: `what` could not be reached.
    pub(crate) fn stop(self, what: &str) -> Stop {
        match self {
            Self::Stop(stop) => stop,
            Self::Http(error) => Stop::new(format!("cannot reach {what}")).with_source(error).transient(),
        }
    }
}

/// Makes a request.
pub(crate) fn request(
    method: http::Method,
    url: &str,
    headers: &[(&'static str, &str)],
    body: Bytes,
) -> Result<Request<Bytes>, Stop> {
    let cannot = |error: http::Error| Stop::new(format!("cannot ask `{url}`")).with_source(error);
    let mut builder = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value).map_err(|error| cannot(error.into()))?;
        value.set_sensitive(TOKEN_HEADERS.contains(name));
        builder = builder.header(*name, value);
    }
    builder.body(body).map_err(cannot)
}

/// Returns the beginning of a reply on one line, for an error message.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
