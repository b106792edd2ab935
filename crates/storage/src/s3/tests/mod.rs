//! The client against servers that are made up: without sockets ([`calls`], [`downloads`], [`waits`]) and with ([`sockets`]).

mod as_object_store;
mod calls;
mod downloads;
mod replies;
mod sockets;
mod waits;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::StreamExt;
use haul_auth::{Clock, Credentials, ProvideCredentials, SourceName, SystemClock};
use haul_config::Located;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use crate::s3::request::options::S3Options;
use crate::s3::store::S3Store;
use crate::s3::transport::exchange::{Reply, Request, Transport, TransportError, TransportErrorKind};

/// A server's answer in a script.
struct Scripted {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<Result<Bytes, TransportErrorKind>>,
}

/// Answers with `status` and `body`.
fn reply(status: u16, body: &str) -> Scripted {
    Scripted { status, headers: Vec::new(), body: vec![Ok(Bytes::from(body.to_owned()))] }
}

impl Scripted {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn then(mut self, chunk: Result<&'static str, TransportErrorKind>) -> Self {
        self.body.push(chunk.map(|text| Bytes::from_static(text.as_bytes())));
        self
    }
}

/// Replies from a script, and remembers what was asked.
#[derive(Default)]
struct FakeTransport {
    script: Mutex<VecDeque<Result<Scripted, TransportErrorKind>>>,
    seen: Mutex<Vec<Request>>,
}

impl std::fmt::Debug for FakeTransport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FakeTransport")
    }
}

impl FakeTransport {
    fn push(&self, reply: Scripted) {
        self.script.lock().unwrap().push_back(Ok(reply));
    }

    fn push_error(&self, kind: TransportErrorKind) {
        self.script.lock().unwrap().push_back(Err(kind));
    }

    /// Takes the requests so far; the script must have been played to its end.
    fn take(&self) -> Vec<Request> {
        assert_eq!(self.script.lock().unwrap().len(), 0, "replies that nobody asked for");
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// Takes the requests as `METHOD URL`.
    fn lines(&self) -> Vec<String> {
        self.take().iter().map(|request| format!("{} {}", request.method, request.url)).collect()
    }
}

#[async_trait]
impl Transport for FakeTransport {
    async fn send(&self, request: Request, _idle: Duration) -> Result<Reply, TransportError> {
        self.seen.lock().unwrap().push(request);
        let next = self.script.lock().unwrap().pop_front().expect("a request that the script does not have");
        let scripted = next.map_err(|kind| TransportError::new(kind, "scripted"))?;
        let headers: HeaderMap = scripted
            .headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let body = scripted
            .body
            .into_iter()
            .map(|chunk| chunk.map_err(|kind| TransportError::new(kind, "scripted")));
        Ok(Reply {
            status: StatusCode::from_u16(scripted.status).unwrap(),
            headers,
            body: futures::stream::iter(body.collect::<Vec<_>>()).boxed(),
        })
    }
}

/// Hands out keys `KEY0`, `KEY1`, …, the next one whenever the last is called expired.
#[derive(Debug, Default)]
struct FakeCredentials {
    n_invalidated: Mutex<u32>,
    anonymous: bool,
}

#[async_trait]
impl ProvideCredentials for FakeCredentials {
    async fn credentials(&self) -> haul_auth::Result<Option<Arc<Credentials>>> {
        let id = format!("KEY{}", self.n_invalidated.lock().unwrap());
        let credentials = Credentials::new(id, "hushhush", SourceName::Environment);
        Ok((!self.anonymous).then(|| Arc::new(credentials.with_session_token(Some("tokentoken".into())))))
    }

    fn invalidate(&self, _used: &Credentials) {
        *self.n_invalidated.lock().unwrap() += 1;
    }
}

/// Options for the server `http://server:9000` and the bucket `data`, prefix `p`.
fn options() -> S3Options {
    let mut options = S3Options::new("data");
    options.prefix = "p".into();
    options.endpoint_url = Some(Located::default_value("http://server:9000".into()));
    options
}

fn store(options: S3Options) -> (Arc<FakeTransport>, S3Store) {
    store_with(options, FakeCredentials::default(), Arc::new(SystemClock))
}

fn store_with(
    options: S3Options,
    credentials: FakeCredentials,
    clock: Arc<dyn Clock>,
) -> (Arc<FakeTransport>, S3Store) {
    let transport = Arc::new(FakeTransport::default());
    let shared: Arc<dyn Transport> = Arc::<FakeTransport>::clone(&transport);
    let store = S3Store::with_transport(options, Arc::new(credentials), shared, clock).unwrap();
    (transport, store)
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn is_get(request: &Request) -> bool {
    request.method == Method::GET
}
