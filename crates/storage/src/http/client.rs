//! Requests to a web server.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use haul_config::{Env, HttpAuth, HttpRemote, Remote, SslVerify, mask_urls};
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE};
use http::{Method, StatusCode};
use url::Url;

use super::{FileInfo, s3_server};
use crate::s3::request::payload::Payload;
use crate::s3::transport::exchange::{Reply, Request, Transport, TransportError, TransportErrorKind};
use crate::s3::{Http, HttpSettings, HttpTransport, ProxySettings, ServerTrust, first_words};
use crate::{Body, Download, Error, ErrorKind, Result, ServerReply};

/// What DVC waits for: `connect_timeout` and `read_timeout` unless they are set.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);
/// How often a request that only reads is sent.
const ATTEMPTS: u32 = 5;
/// The pause after the first attempt; it doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// No server explains an error in more bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// How many redirects are followed.
const MAX_REDIRECTS: u32 = 10;

/// A client for one remote, or one URL.
#[derive(Debug)]
pub(crate) struct WebClient {
    http: Http,
    /// The remote, where it has a name of its own.
    remote_name: Option<String>,
    /// The server that gets the credentials.
    base: Url,
    /// Sent to that server only; the values are marked as sensitive.
    credentials: HeaderMap,
    read_timeout: Duration,
    /// The method of uploads.
    method: Method,
}

impl WebClient {
    /// Takes the settings of a remote; nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a URL or for credentials that cannot be used.
    pub(crate) fn new(remote: &Remote, options: &HttpRemote, env: &Env) -> Result<Self> {
        let mut base = Url::parse(&remote.url.value).map_err(|source| {
            let message = format!("`{}` is not a URL", mask_urls(&remote.url.value));
            Error::new(ErrorKind::Config, message).with_source(source)
        })?;
        let credentials = credentials(remote, options, &base)?;
        // What they say is in the header now.
        let is_cleared = base.set_username("").is_ok() && base.set_password(None).is_ok();
        debug_assert!(is_cleared, "a URL of http has a host");
        let trust = match &options.ssl_verify {
            None => ServerTrust::System,
            Some(verify) => match &verify.value {
                SslVerify::Enabled => ServerTrust::System,
                SslVerify::Disabled => ServerTrust::Anyone,
                SslVerify::CaBundle(path) => {
                    ServerTrust::CaBundle(haul_config::Located::new(path.clone(), verify.origin.clone()))
                }
            },
        };
        let http = Http::new(HttpSettings {
            remote_name: Some(remote.name.clone()),
            trust,
            proxy: ProxySettings::from_env(env),
            connect_timeout: options.connect_timeout.as_ref().map_or(DEFAULT_TIMEOUT, |time| time.value),
        });
        let method = match options.method.as_ref().map(|method| method.value.to_ascii_lowercase()).as_deref()
        {
            None | Some("post") => Method::POST,
            Some("put") => Method::PUT,
            Some(other) => {
                let message = format!("method has to be either 'post' or 'put', not: '{other}'");
                let hint = format!("type `haul remote modify {} method PUT`", remote.name);
                return Err(Error::new(ErrorKind::Config, message).with_hint(hint));
            }
        };
        let read_timeout = options.read_timeout.as_ref().map_or(DEFAULT_TIMEOUT, |time| time.value);
        let remote_name = (remote.name != remote.url.value).then(|| remote.name.clone());
        Ok(Self { http, remote_name, base, credentials, read_timeout, method })
    }

    /// Returns the URL of the remote, without user name and password.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Looks at a file, as DVC does: by HEAD, and by GET where the answer to that tells no size; `None` if there is none.
    pub(crate) async fn look(&self, url: &Url) -> Result<Option<FileInfo>> {
        let mut known: Option<FileInfo> = None;
        for method in [Method::HEAD, Method::GET] {
            let is_last = method == Method::GET;
            match self.read(method, url, None).await {
                Ok((reply, shown)) => {
                    let info = FileInfo::of(&reply.headers, &shown).over(known.take());
                    if info.size_bytes.is_some() {
                        return Ok(Some(info));
                    }
                    known = Some(info);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    if is_last {
                        return Ok(None);
                    }
                }
                // Servers that know no HEAD say so in many ways.
                Err(error) if is_last || error.reply().is_none() => return Err(error),
                Err(error) => tracing::debug!(%error, "asking again by GET"),
            }
        }
        Ok(known)
    }

    /// Opens a file, or a range of its bytes.
    pub(crate) async fn open(&self, url: &Url, range: Option<std::ops::Range<u64>>) -> Result<Download> {
        let (reply, shown) = self.read(Method::GET, url, range.clone()).await?;
        let info = FileInfo::of(&reply.headers, &shown);
        let is_part = reply.status == StatusCode::PARTIAL_CONTENT;
        let size_bytes = match (&range, is_part) {
            (None, _) => info.size_bytes,
            (Some(_), true) => info.whole_bytes,
            // The server ignores ranges, and sends all of it.
            (Some(_), false) => None,
        };
        let shown = display(url);
        let stream = reply
            .body
            .map(move |chunk| chunk.map_err(|error| of_transport(error, &format!("cannot get `{shown}`"))));
        Ok(Download { size_bytes, etag: info.strong_etag(), stream: stream.boxed() })
    }

    /// Writes a file.
    pub(crate) async fn write(&self, url: &Url, body: &Body) -> Result<()> {
        let request = Request {
            method: self.method.clone(),
            url: url.to_string(),
            headers: self.headers_for(url, None),
            payload: Payload::new(body),
        };
        let what = format!("cannot write `{}`", display(url));
        let reply = self.transport(url)?.send(request, self.read_timeout).await;
        let reply = reply.map_err(|error| of_transport(error, &what))?;
        if reply.status.is_success() {
            return Ok(());
        }
        if reply.status.is_redirection() {
            // The body has been sent, and what stands at the other URL is not known.
            let location = reply.headers.get(http::header::LOCATION).and_then(|value| value.to_str().ok());
            let place = location.map(|location| format!(" to `{}`", haul_config::mask_urls(location)));
            let message = format!("{what}: the server redirects{}", place.unwrap_or_default());
            let hint = "set the `url` of the remote to where the server leads";
            return Err(Error::new(ErrorKind::Server, message).with_hint(hint));
        }
        let status = reply.status;
        let error = self.refused(reply, &what).await;
        if error.hint().is_some() {
            return Err(error);
        }
        let hint = match status {
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                format!(
                    "the server takes no uploads by {}: try {}, or push elsewhere",
                    self.method,
                    self.other_method()
                )
            }
            _ => return Err(error),
        };
        Err(error.with_hint(hint))
    }

    /// Sends a request that changes nothing, as often as it takes, wherever the server sends it. Returns the URL that
    /// answered.
    async fn read(
        &self,
        method: Method,
        url: &Url,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<(Reply, Url)> {
        let what =
            format!("cannot {} `{}`", if method == Method::HEAD { "look at" } else { "get" }, display(url));
        let mut target = url.clone();
        let mut n_redirects = 0;
        let mut attempt = 1;
        let mut pause = FIRST_PAUSE;
        loop {
            let request = Request {
                method: method.clone(),
                url: target.to_string(),
                headers: self.headers_for(&target, range.as_ref()),
                payload: Payload::empty(),
            };
            let reply = self.transport(&target)?.send(request, self.read_timeout).await;
            let failed = match reply {
                Ok(reply) if reply.status.is_success() => return Ok((reply, target)),
                Ok(reply) if reply.status.is_redirection() => {
                    n_redirects += 1;
                    let next = redirect(&target, &reply.headers).filter(|_| n_redirects <= MAX_REDIRECTS);
                    target = next.ok_or_else(|| of_status(reply.status, None, &what))?;
                    continue;
                }
                Ok(reply) if reply.status.is_server_error() || reply.status.as_u16() == 429 => {
                    self.refused(reply, &what).await
                }
                Ok(reply) => return Err(self.refused(reply, &what).await),
                Err(error) if is_lasting(error.kind) => return Err(of_transport(error, &what)),
                Err(error) => of_transport(error, &what),
            };
            if attempt == ATTEMPTS {
                return Err(failed);
            }
            tracing::debug!(error = %failed, attempt, "a request is sent again");
            attempt += 1;
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// Makes the error of a reply: with its own words, and with what to type where an S3 server gave it.
    async fn refused(&self, reply: Reply, what: &str) -> Error {
        let (status, headers) = (reply.status, reply.headers.clone());
        let body = reply.read_body(MAX_ERROR_BYTES).await.unwrap_or_default();
        let is_s3 = s3_server::is_one(&headers, &body);
        let error = of_status(status, first_words(&body), what);
        if is_s3 && error.kind() != ErrorKind::NotFound {
            error.with_hint(s3_server::hint(&self.base, self.remote_name.as_deref()))
        } else {
            error
        }
    }

    fn other_method(&self) -> String {
        let other = if self.method == Method::PUT { "POST" } else { "PUT" };
        let name = self.remote_name.as_deref().unwrap_or("NAME");
        format!("`haul remote modify {name} method {other}`")
    }

    fn transport(&self, url: &Url) -> Result<HttpTransport> {
        Ok(HttpTransport::new(self.http.client(url.scheme() == "https")?, None))
    }

    fn headers_for(&self, url: &Url, range: Option<&std::ops::Range<u64>>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        // Else sizes are those of something else.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(range) = range {
            let value = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
            headers.insert(RANGE, HeaderValue::from_str(&value).expect("digits are a header's value"));
        }
        // A redirect elsewhere gets no secrets.
        if url.origin() == self.base.origin() {
            headers.extend(self.credentials.clone());
        }
        headers
    }
}

/// Returns a URL for messages: queries may hold keys.
pub(crate) fn display(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    mask_urls(shown.as_str())
}

/// Makes the header that says who sends a request.
fn credentials(remote: &Remote, options: &HttpRemote, base: &Url) -> Result<HeaderMap> {
    let config = |message: &str, hint: String| Err(Error::new(ErrorKind::Config, message).with_hint(hint));
    let name = &remote.name;
    let mut headers = HeaderMap::new();
    let mut put = |header: HeaderName, value: &str| {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            let message =
                format!("the credentials of remote `{name}` cannot be sent: they are no value of a header");
            Error::new(ErrorKind::Config, message)
        })?;
        value.set_sensitive(true);
        headers.insert(header, value);
        Ok(())
    };
    let basic =
        |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let password = options.password.as_ref().map(|password| password.value.expose());
    let set_password = format!("type `haul remote modify --local {name} password <password>`");
    match options.auth.as_ref().map(|auth| auth.value) {
        None if !base.username().is_empty() => {
            let decode = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy();
            let (user, password) = (decode(base.username()), decode(base.password().unwrap_or_default()));
            put(AUTHORIZATION, &basic(&user, &password))?;
        }
        None => {}
        Some(HttpAuth::Basic) => match (&options.user, password) {
            (Some(user), Some(password)) => put(AUTHORIZATION, &basic(&user.value, password))?,
            _ => {
                return config(
                    "HTTP 'basic' authentication require both 'user' and 'password'",
                    set_password,
                );
            }
        },
        Some(HttpAuth::Custom) => {
            let (Some(header), Some(password)) = (&options.custom_auth_header, password) else {
                let message = "HTTP 'custom' authentication require both 'custom_auth_header' and 'password'";
                return config(message, set_password);
            };
            let header = HeaderName::from_bytes(header.value.as_bytes()).map_err(|source| {
                let message = format!("`custom_auth_header` of remote `{name}` is not the name of a header");
                Error::new(ErrorKind::Config, message).with_source(source)
            })?;
            put(header, password)?;
        }
        Some(HttpAuth::Digest) => {
            let hint = format!("DVC does not support it either; type `haul remote modify {name} auth basic`");
            return Err(
                Error::new(ErrorKind::Unsupported, "Auth method 'digest' is not supported.").with_hint(hint)
            );
        }
    }
    Ok(headers)
}

fn redirect(from: &Url, headers: &HeaderMap) -> Option<Url> {
    let next = from.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    // Nothing but the web is reached from the web.
    matches!(next.scheme(), "http" | "https").then_some(next)
}

/// Tells whether the next attempt would fail as this one did.
fn is_lasting(kind: TransportErrorKind) -> bool {
    matches!(
        kind,
        TransportErrorKind::Tls
            | TransportErrorKind::ProxyAuth
            | TransportErrorKind::OpenFiles
            | TransportErrorKind::LocalFile
            | TransportErrorKind::UnknownHost
    )
}

fn of_transport(error: TransportError, what: &str) -> Error {
    let kind = match error.kind {
        TransportErrorKind::LocalFile => ErrorKind::Io,
        TransportErrorKind::OpenFiles => ErrorKind::Unwritable,
        TransportErrorKind::Malformed | TransportErrorKind::TooLong => ErrorKind::Corrupt,
        _ => ErrorKind::Network,
    };
    Error::new(kind, what).with_source(error)
}

fn of_status(status: StatusCode, body: Option<String>, what: &str) -> Error {
    let kind = match status.as_u16() {
        404 | 410 => ErrorKind::NotFound,
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::Denied,
        405 | 501 => ErrorKind::Unsupported,
        429 | 503 => ErrorKind::Throttled,
        _ => ErrorKind::Server,
    };
    let message = body.or_else(|| status.canonical_reason().map(str::to_owned));
    Error::new(kind, what).with_reply(ServerReply {
        status: status.as_u16(),
        message,
        ..ServerReply::default()
    })
}
