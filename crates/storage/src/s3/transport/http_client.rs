//! The network: reqwest, set up for S3.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use haul_auth::HttpClient;
use haul_auth::http::{HttpError, HttpErrorKind, ProxyUse, SendOptions};
use haul_config::Located;
use http::Method;
use http_body_util::BodyExt;
use reqwest::Proxy;

use super::exchange::{Reply, Request, Transport, TransportError, TransportErrorKind};
use super::proxy::ProxySettings;
use super::throttle::Throttle;
use super::tls::{self, BundleError, ServerCertificate, TlsTrouble};
use super::watch::{Watch, WatchConnects};
use crate::s3::request::options::{ServerTrust, from_origin};
use crate::s3::request::payload::LocalFileError;
use crate::{Error, ErrorKind, Result};

/// What a client is built from; clients with equal settings can be shared.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The remote whose `ssl_verify` says whom to believe, for hints; without one the AWS settings say it.
    pub remote_name: Option<String>,
    /// Whom to believe to be the server.
    pub trust: ServerTrust,
    /// How proxies are chosen.
    pub proxy: ProxySettings,
    /// How long a connection may take, name look-up and TLS included.
    pub connect_timeout: Duration,
}

/// Builds a client: HTTP/1.1, no redirects, no cookies, no decompression, no retries of its own.
///
/// HTTP/2 would send everything over one connection, which is slow where many small objects move.
fn build(settings: &HttpSettings, uses_tls: bool, uses_proxies: bool) -> Result<reqwest::Client> {
    let builder = builder(settings, uses_tls, uses_proxies)?;
    builder.build().map_err(|source| no_certificates(source, settings))
}

fn builder(settings: &HttpSettings, uses_tls: bool, uses_proxies: bool) -> Result<reqwest::ClientBuilder> {
    // The program may have chosen a provider for this process; either will do.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = reqwest::Client::builder()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_mins(1))
        .pool_idle_timeout(Duration::from_secs(55))
        .connect_timeout(settings.connect_timeout)
        .connector_layer(WatchConnects)
        .user_agent(concat!("haul/", env!("CARGO_PKG_VERSION")))
        .no_proxy();
    builder = match &settings.trust {
        ServerTrust::Anyone => builder.tls_certs_only([]).tls_danger_accept_invalid_certs(true),
        ServerTrust::CaBundle(path) => builder.tls_backend_preconfigured(trusting_bundle(path, settings)?),
        // Loading the system's certificates takes tens of milliseconds and fails on machines that have none.
        ServerTrust::System if !uses_tls => builder.tls_certs_only([]),
        ServerTrust::System => match tls::system_certificates() {
            Some(certificates) => builder.tls_backend_preconfigured(
                tls::client_config(certificates).map_err(|error| no_certificates(error, settings))?,
            ),
            None => builder,
        },
    };
    for scheme in ["http", "https"] {
        if uses_proxies && let Some(address) = settings.proxy.url_for(scheme)? {
            let proxies = settings.proxy.clone();
            builder = builder.proxy(Proxy::custom(move |url| {
                (url.scheme() == scheme && !proxies.bypasses(url)).then(|| address.clone())
            }));
        }
    }
    Ok(builder)
}

/// Makes the error of a machine whose certificates cannot be used.
fn no_certificates(source: impl Into<Box<dyn StdError + Send + Sync>>, settings: &HttpSettings) -> Error {
    Error::new(ErrorKind::Config, "cannot set up TLS")
        .with_source(source)
        .with_hint(format!("install the system's CA certificates, or {}", name_a_bundle(settings)))
}

/// Says how a bundle is named.
fn name_a_bundle(settings: &HttpSettings) -> String {
    match &settings.remote_name {
        Some(name) => format!("name a PEM file with `haul remote modify {name} ssl_verify /path/to/ca.pem`"),
        None => "name a PEM file in `ca_bundle` of the AWS config file, or in AWS_CA_BUNDLE".to_owned(),
    }
}

/// Sets TLS up to believe the certificates in a file, and no others.
fn trusting_bundle(
    path: &Located<std::path::PathBuf>,
    settings: &HttpSettings,
) -> Result<rustls::ClientConfig> {
    let shown = format!("CA bundle `{}`{}", path.value.display(), from_origin(&path.origin));
    let certificates = tls::read_bundle(&path.value).map_err(|source| {
        let hint = match &source {
            BundleError::Restricted => format!(
                "write it anew: `openssl x509 -in {} -out ca.pem`, and {}",
                path.value.display(),
                name_a_bundle(settings)
            ),
            _ => name_a_bundle(settings),
        };
        let message = match &source {
            BundleError::Unreadable(_) => format!("cannot read the {shown}"),
            BundleError::Malformed(_) => format!("the {shown} is malformed"),
            BundleError::Empty | BundleError::Restricted => format!("cannot use the {shown}"),
        };
        Error::new(ErrorKind::Config, message).with_source(source).with_hint(hint)
    })?;
    tls::client_config(certificates).map_err(|source| {
        Error::new(ErrorKind::Config, format!("cannot use the {shown}"))
            .with_source(source)
            .with_hint(name_a_bundle(settings))
    })
}

/// HTTP clients, made when they are first needed, and the way out for the credential chain.
///
/// Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Http {
    inner: Arc<Inner>,
}

struct Inner {
    settings: HttpSettings,
    for_http: OnceLock<reqwest::Client>,
    for_https: OnceLock<reqwest::Client>,
    /// Without proxies, for the metadata services of the machine itself, which speak plain HTTP.
    direct: OnceLock<reqwest::Client>,
}

impl Http {
    /// Takes the settings; clients are built on first use.
    pub fn new(settings: HttpSettings) -> Self {
        Self {
            inner: Arc::new(Inner {
                settings,
                for_http: OnceLock::new(),
                for_https: OnceLock::new(),
                direct: OnceLock::new(),
            }),
        }
    }

    pub(crate) fn client(&self, uses_tls: bool) -> Result<reqwest::Client> {
        let slot = if uses_tls { &self.inner.for_https } else { &self.inner.for_http };
        self.get_or_build(slot, uses_tls, true)
    }

    /// Returns the certificate that the server at `origin` shows, over a connection of its own; `None` without TLS, or if
    /// there is no connection.
    pub async fn server_certificate(&self, origin: &str) -> Result<Option<ServerCertificate>> {
        if !origin.starts_with("https:") {
            return Ok(None);
        }
        let settings = &self.inner.settings;
        let client = builder(settings, true, true)?.tls_info(true).timeout(settings.connect_timeout).build();
        let client = client.map_err(|source| no_certificates(source, settings))?;
        // Whatever it answers: the certificate comes before.
        let reply = client.head(origin).send().await.ok();
        Ok(reply.and_then(|reply| {
            let shown = reply.extensions().get::<reqwest::tls::TlsInfo>()?.peer_certificate()?;
            ServerCertificate::read(shown)
        }))
    }

    fn get_or_build(
        &self,
        slot: &OnceLock<reqwest::Client>,
        uses_tls: bool,
        uses_proxies: bool,
    ) -> Result<reqwest::Client> {
        if let Some(client) = slot.get() {
            return Ok(client.clone());
        }
        let client = build(&self.inner.settings, uses_tls, uses_proxies)?;
        Ok(slot.get_or_init(|| client).clone())
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Http").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let uses_tls = request.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
        let client = match options.proxy {
            ProxyUse::Never if !uses_tls => self.get_or_build(&self.inner.direct, false, false),
            ProxyUse::Never => build(&self.inner.settings, true, false),
            ProxyUse::Environment => self.client(uses_tls),
        };
        let client = client.map_err(|error| {
            HttpError::new(HttpErrorKind::Other, "cannot set up the HTTP client").with_source(error)
        })?;
        let (head, body) = request.into_parts();
        let exchange = async {
            let reply = client
                .request(head.method, head.uri.to_string())
                .headers(head.headers)
                .body(body)
                .send()
                .await
                .map_err(classify)?;
            let (head, body) = http::Response::<reqwest::Body>::from(reply).into_parts();
            let reply = Reply {
                status: head.status,
                headers: head.headers,
                body: receive(body, options.timeout, None),
            };
            let (status, headers) = (reply.status, reply.headers.clone());
            let mut response = http::Response::new(reply.read_body(options.max_reply_bytes).await?);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(response)
        };
        let outcome =
            tokio::time::timeout(options.timeout, exchange).await.unwrap_or_else(|_| Err(read_timeout()));
        outcome.map_err(|error: TransportError| {
            let kind = match error.kind {
                TransportErrorKind::UnknownHost
                | TransportErrorKind::Unreachable
                | TransportErrorKind::Tls => HttpErrorKind::Connect,
                TransportErrorKind::ConnectTimeout | TransportErrorKind::ReadTimeout => {
                    HttpErrorKind::Timeout
                }
                TransportErrorKind::TooLong => HttpErrorKind::TooLong,
                TransportErrorKind::Broken
                | TransportErrorKind::Malformed
                | TransportErrorKind::ProxyAuth
                | TransportErrorKind::OpenFiles
                | TransportErrorKind::LocalFile => HttpErrorKind::Other,
            };
            HttpError::new(kind, format!("cannot reach `{host}`")).with_source(error)
        })
    }
}

/// Sends requests with reqwest.
#[derive(Clone)]
pub(crate) struct HttpTransport {
    client: reqwest::Client,
    upload: Option<Arc<Throttle>>,
    download: Option<Arc<Throttle>>,
}

/// Clients are never shown: their configuration may hold secrets.
impl fmt::Debug for HttpTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpTransport").finish_non_exhaustive()
    }
}

impl HttpTransport {
    pub(crate) fn new(client: reqwest::Client, max_bandwidth: Option<u64>) -> Self {
        let throttle = || max_bandwidth.map(|rate| Arc::new(Throttle::new(rate)));
        Self { client, upload: throttle(), download: throttle() }
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request, idle: Duration) -> Result<Reply, TransportError> {
        let watch = Watch::new();
        let body = match (request.payload.as_small(), &self.upload) {
            (Some(bytes), None) => reqwest::Body::from(bytes.clone()),
            _ => reqwest::Body::wrap(request.payload.to_http_body(Arc::clone(&watch), self.upload.clone())),
        };
        let is_head = request.method == Method::HEAD;
        let exchange =
            self.client.request(request.method, &request.url).headers(request.headers).body(body).send();
        let reply = watch.guard(idle, exchange).await.ok_or_else(read_timeout)?.map_err(classify)?;
        let (head, body) = http::Response::<reqwest::Body>::from(reply).into_parts();
        let body = if is_head {
            futures::stream::empty().boxed()
        } else {
            receive(body, idle, self.download.clone())
        };
        Ok(Reply { status: head.status, headers: head.headers, body })
    }
}

fn receive(
    body: reqwest::Body,
    idle: Duration,
    throttle: Option<Arc<Throttle>>,
) -> BoxStream<'static, Result<Bytes, TransportError>> {
    futures::stream::unfold(Some((body, throttle)), move |state| async move {
        let (mut body, throttle) = state?;
        loop {
            let frame = match tokio::time::timeout(idle, body.frame()).await {
                Err(_) => return Some((Err(read_timeout()), None)),
                Ok(None) => return None,
                Ok(Some(Err(error))) => return Some((Err(classify(error)), None)),
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers are of no use here.
            if let Ok(chunk) = frame.into_data() {
                if let Some(throttle) = &throttle {
                    tokio::time::sleep_until(throttle.book(chunk.len())).await;
                }
                return Some((Ok(chunk), Some((body, throttle))));
            }
        }
    })
    .boxed()
}

fn read_timeout() -> TransportError {
    TransportError::new(TransportErrorKind::ReadTimeout, "the server did not answer in time")
}

/// Finds out what went wrong: reqwest does not say.
fn classify(error: reqwest::Error) -> TransportError {
    // URLs are for the caller to show.
    let error = error.without_url();
    let mut kind = None;
    let mut trouble = None;
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(current) = cause {
        if current.is::<LocalFileError>() {
            kind = Some(TransportErrorKind::LocalFile);
        } else if let Some(tls_error) = tls_error(current) {
            let is_damage = tls::is_damage(tls_error, error.is_connect());
            kind = Some(if is_damage { TransportErrorKind::Broken } else { TransportErrorKind::Tls });
            trouble = TlsTrouble::of(tls_error);
        } else if let Some(io) = current.downcast_ref::<std::io::Error>() {
            kind = classify_io(io).or(kind);
        }
        cause = current.source();
    }
    let (kind, message) = if kind == Some(TransportErrorKind::LocalFile) {
        (TransportErrorKind::LocalFile, "a file to upload could not be read")
    } else if kind == Some(TransportErrorKind::Tls) {
        (TransportErrorKind::Tls, "the TLS connection failed")
    } else if kind == Some(TransportErrorKind::OpenFiles) {
        (TransportErrorKind::OpenFiles, "no more files can be opened")
    } else if error.is_connect() && wants_proxy_auth(&error) {
        (TransportErrorKind::ProxyAuth, "the proxy wants a user name and a password")
    } else if error.is_connect() && error.is_timeout() {
        (TransportErrorKind::ConnectTimeout, "the connection could not be made in time")
    } else if error.is_connect() && error.is_dns() {
        (TransportErrorKind::UnknownHost, "the host is not known")
    } else if error.is_connect() {
        (TransportErrorKind::Unreachable, "the server cannot be reached")
    } else if is_parse_error(&error) {
        (TransportErrorKind::Malformed, "the reply is not HTTP")
    } else {
        (TransportErrorKind::Broken, "the connection broke")
    };
    TransportError::new(kind, message).with_trouble(trouble).with_source(root_cause(&error))
}

/// Finds the error of TLS in an IO error, whose wrapped errors are not among its sources.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut error = error;
    while let Some(io) = error.downcast_ref::<std::io::Error>() {
        error = io.get_ref()?;
    }
    error.downcast_ref()
}

/// Returns the innermost cause as text: the layers around it repeat that a request failed.
fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Whether a proxy answered a CONNECT with 407.
fn wants_proxy_auth(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if current.to_string().contains("proxy auth") {
            return true;
        }
        cause = current.source();
    }
    false
}

/// Looks into an IO error, whose wrapped errors are not among its sources.
fn classify_io(error: &std::io::Error) -> Option<TransportErrorKind> {
    if matches!(
        haul_config::Exhausted::of(error),
        Some(haul_config::Exhausted::OpenFiles | haul_config::Exhausted::SystemFiles)
    ) {
        return Some(TransportErrorKind::OpenFiles);
    }
    let inner = error.get_ref()?;
    if let Some(io) = inner.downcast_ref::<std::io::Error>() {
        classify_io(io)
    } else if inner.is::<LocalFileError>() {
        Some(TransportErrorKind::LocalFile)
    } else {
        None
    }
}

/// Tells whether the server did not speak HTTP.
fn is_parse_error(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if current.to_string().contains("invalid HTTP") {
            return true;
        }
        cause = current.source();
    }
    false
}
