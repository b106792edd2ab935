//! The one way to the server: headers by operation, signature, attempt, judgement, and again.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::stream::BoxStream;
use haul_auth::{Clock, Credentials, ProvideCredentials, SignedPayload, SigningScope};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use crate::s3::reply::describe::{Subject, action, describe, right_hint};
use crate::s3::reply::failure::{Failure, FailureClass, ServerFailure, date_of};
use crate::s3::reply::web_page::{WebPage, calls_itself_html};
use crate::s3::request::endpoint::{Endpoint, Query};
use crate::s3::request::op::{Op, OpHeaders};
use crate::s3::request::options::{Checksums, PayloadSigning, S3Options};
use crate::s3::request::payload::{Payload, PayloadDigests};
use crate::s3::transport::exchange::{Reply, Request, Transport, TransportError, TransportErrorKind};
use crate::s3::transport::retry::{Attempts, Health, Next};
use crate::{Error, ErrorKind, Result, TroubleListener, Wait, WaitEnd, WaitListener};

/// Trouble that passes sooner is not worth a word.
const TELL_AFTER: Duration = Duration::from_secs(5);
/// No server explains an error in more bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// A thousand keys of a kilobyte each, three bytes per encoded one, and room around them.
pub(crate) const MAX_REPLY_BYTES: usize = 16 << 20;

/// One call of an operation; sent as often as it takes.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    pub op: Op,
    pub method: Method,
    /// The whole key; `None` for the bucket.
    pub key: Option<&'a str>,
    pub query: Query,
    /// Headers beyond those of the operation.
    pub headers: HeaderMap,
    pub payload: Payload,
    pub expect: Expect,
}

/// What a good reply's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing of interest; read to its end, so that the connection can be used again.
    Nothing,
    /// XML, read whole before the call counts as a success: a server may send "200 OK" and an error behind it, and
    /// Ceph goes on deleting for as long as it writes its reply.
    Xml,
    /// An object.
    Object,
}

impl<'a> Call<'a> {
    pub(crate) fn new(op: Op, method: Method, key: Option<&'a str>) -> Self {
        Self {
            op,
            method,
            key,
            query: Query::default(),
            headers: HeaderMap::new(),
            payload: Payload::empty(),
            expect: Expect::Nothing,
        }
    }
}

/// A good reply.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body of a reply that was read whole.
    pub body: Bytes,
    /// The body of an object.
    pub stream: Option<BoxStream<'static, Result<Bytes, TransportError>>>,
}

impl Answer {
    /// Returns a header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Speaks to one bucket.
#[derive(Debug)]
pub(crate) struct Client {
    pub options: S3Options,
    transport: Arc<dyn Transport>,
    credentials: Arc<dyn ProvideCredentials>,
    clock: Arc<dyn Clock>,
    /// Changes when the server names another region.
    endpoint: RwLock<Arc<Endpoint>>,
    headers: OpHeaders,
    health: Health,
    /// What to add to our clock to have the server's, in seconds.
    clock_skew: AtomicI64,
    /// By how many seconds the server was ahead when it answered for the first time.
    first_skew: OnceLock<i64>,
    /// Set once the server has taken our credentials.
    is_accepted: AtomicBool,
    /// Set once a reply has shown that the bucket is there.
    has_seen_bucket: AtomicBool,
    /// Set once a 403 without words has been looked into.
    has_explained: AtomicBool,
    /// What the last request was signed with: refusals name it.
    signed_with: Mutex<Option<Arc<Credentials>>>,
    /// Those who want to hear of attempts that the server cannot keep up with.
    listeners: Mutex<Vec<Weak<dyn TroubleListener>>>,
    wait_listener: OnceLock<Arc<dyn WaitListener>>,
}

impl Client {
    pub(crate) fn new(
        options: S3Options,
        transport: Arc<dyn Transport>,
        credentials: Arc<dyn ProvideCredentials>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let endpoint = RwLock::new(Arc::new(Endpoint::resolve(&options)?));
        let headers = OpHeaders::new(&options)?;
        Ok(Self {
            options,
            transport,
            credentials,
            clock,
            endpoint,
            headers,
            health: Health::default(),
            clock_skew: AtomicI64::new(0),
            first_skew: OnceLock::new(),
            is_accepted: AtomicBool::new(false),
            has_seen_bucket: AtomicBool::new(false),
            has_explained: AtomicBool::new(false),
            signed_with: Mutex::default(),
            listeners: Mutex::default(),
            wait_listener: OnceLock::new(),
        })
    }

    /// Sends a call until it succeeds or is given up.
    pub(crate) async fn send(&self, call: &Call<'_>) -> Result<Answer> {
        self.send_from(call, &mut self.attempts()).await
    }

    /// Starts the budget of a call.
    pub(crate) fn attempts(&self) -> Attempts<'_> {
        Attempts::new(&self.options.retry, self.health.n_successes())
    }

    /// Sends a call that goes on where an earlier one broke off, within the budget of both.
    pub(crate) async fn send_from(&self, call: &Call<'_>, attempts: &mut Attempts<'_>) -> Result<Answer> {
        if self.health.is_given_up() {
            return Err(self.describe(call, Failure::Local(self.given_up()), 0));
        }
        let digests = match self.digests(call).await {
            Ok(digests) => digests,
            Err(error) => return Err(self.describe(call, Failure::Local(error), 0)),
        };
        loop {
            let mut used = None;
            let number = attempts.count() + 1;
            let failure = match self.attempt(call, &digests, &mut used, number).await {
                Ok(answer) => {
                    self.note_success();
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            if failure.shows_bucket() {
                self.has_seen_bucket.store(true, Ordering::Relaxed);
            }
            if matches!(failure, Failure::Server(_)) {
                self.health.note_answer();
                if matches!(failure.class(), FailureClass::Final | FailureClass::Damaged) {
                    // The server works; it is the call that does not.
                    self.health.note_success();
                }
            }
            match self.recover(call, failure, attempts, used.as_deref()).await {
                Ok(()) => {}
                Err(failure) => {
                    let error = self.describe(call, failure, attempts.count());
                    self.health.note_reason(&error, &self.subject_of(call));
                    return Err(error);
                }
            }
        }
    }

    /// Makes the error of a call that is not tried, as those before it failed. The first of them says why: it may be one
    /// whose own error is never shown.
    fn given_up(&self) -> Error {
        match self.health.reason() {
            None => Error::new(ErrorKind::Network, "the server failed all calls shortly before this one"),
            Some((reason, hint)) => {
                let error = Error::new(ErrorKind::Network, reason);
                hint.into_iter().fold(error, Error::with_hint)
            }
        }
    }

    /// Returns how the message of an error about a call begins.
    fn subject_of(&self, call: &Call<'_>) -> String {
        action(call.op, &self.options.bucket, call.key)
    }

    /// Waits, or repairs what can be repaired, before the next attempt; gives the failure back if there is none.
    pub(crate) async fn recover(
        &self,
        call: &Call<'_>,
        failure: Failure,
        attempts: &mut Attempts<'_>,
        used: Option<&Credentials>,
    ) -> Result<(), Failure> {
        self.note_trouble(&failure);
        let next = attempts.next(&failure, &self.health);
        tracing::debug!(op = %call.op, key = call.key, attempt = attempts.count(), ?failure, ?next, "attempt failed");
        match next {
            Next::Wait(delay) => self.wait(delay, &failure, attempts).await,
            Next::RefreshCredentials => match used {
                Some(used) => self.credentials.invalidate(used),
                None => return Err(failure),
            },
            Next::SetClock => match &failure {
                Failure::Server(ServerFailure { date: Some(date), .. }) => self.set_clock(*date),
                _ => return Err(failure),
            },
            Next::ChangeRegion(region) => {
                let mut endpoint = self.endpoint.write().unwrap_or_else(PoisonError::into_inner);
                if endpoint.region() != region {
                    tracing::debug!(from = endpoint.region(), to = region, "the server names another region");
                    *endpoint = Arc::new(endpoint.in_region(&region));
                }
            }
            Next::GiveUp => {
                // A refusal is no sign of a broken server; calls that failed as long as this one took are.
                if failure.class() == FailureClass::Transient
                    && self.health.n_successes() == attempts.n_successes
                {
                    self.health.note_given_up();
                }
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Waits before the next attempt, and tells of it when the trouble has lasted long enough to be worth a word.
    async fn wait(&self, delay: Duration, failure: &Failure, attempts: &Attempts<'_>) {
        let before = TELL_AFTER.saturating_sub(attempts.in_trouble_for());
        if delay < before {
            return tokio::time::sleep(delay).await;
        }
        tokio::time::sleep(before).await;
        if let Some(listener) = self.wait_listener.get()
            && let Some(end) = attempts.end()
            && self.health.may_tell(TELL_AFTER)
        {
            let origin = self.endpoint().origin();
            let proxy = self.options.proxy.in_use(&origin).filter(|_| failure.is_about_connecting());
            listener.on_wait(&Wait {
                server: proxy.map_or(origin, |proxy| proxy.address),
                reason: failure.in_words(),
                attempt: attempts.count(),
                end,
            });
        }
        tokio::time::sleep(delay.saturating_sub(before)).await;
    }

    /// Waits for the reply, and tells if the server is silent for long. A body that is on its way is no silence.
    async fn reply(&self, request: Request, number: u32) -> Result<Reply, TransportError> {
        let is_short = request.payload.as_small().is_some();
        let exchange = self.transport.send(request, self.options.read_timeout.value);
        let Some(listener) = self.wait_listener.get().filter(|_| is_short) else { return exchange.await };
        tokio::pin!(exchange);
        if let Ok(reply) = tokio::time::timeout(TELL_AFTER, &mut exchange).await {
            return reply;
        }
        if self.health.may_tell(TELL_AFTER) {
            listener.on_wait(&Wait {
                server: self.endpoint().origin(),
                reason: format!("has not answered for {} s", TELL_AFTER.as_secs()),
                attempt: number,
                end: WaitEnd::Attempts(self.options.retry.most_timeouts()),
            });
        }
        exchange.await
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        digests: &PayloadDigests,
        used: &mut Option<Arc<Credentials>>,
        number: u32,
    ) -> Result<Answer, Failure> {
        let endpoint = self.endpoint();
        let target = match call.key {
            Some(key) => endpoint.object(key, call.query.clone())?,
            None => endpoint.bucket(call.query.clone()),
        };
        let mut headers = call.headers.clone();
        self.headers.apply(call.op, &mut headers);
        if let Some(crc32) = digests.crc32 {
            let value =
                HeaderValue::from_str(&BASE64.encode(crc32.to_be_bytes())).expect("base64 is plain ASCII");
            headers.insert(HeaderName::from_static("x-amz-checksum-crc32"), value);
            headers.insert(
                HeaderName::from_static("x-amz-sdk-checksum-algorithm"),
                HeaderValue::from_static("CRC32"),
            );
        }
        let url = target.url();
        *used = self.credentials.credentials().await.map_err(|error| self.credentials_error(error))?;
        self.signed_with.lock().unwrap_or_else(PoisonError::into_inner).clone_from(used);
        if let Some(credentials) = used {
            let payload = match &digests.sha256 {
                Some(sha256) => SignedPayload::Sha256Hex(sha256),
                None if call.payload.len_bytes() == 0 => SignedPayload::Bytes(&[]),
                None => SignedPayload::Unsigned,
            };
            let scope = SigningScope { service: "s3", region: endpoint.region(), time: self.now() };
            haul_auth::sign(&call.method, &url, &mut headers, payload, scope, credentials).map_err(
                |source| {
                    Error::new(ErrorKind::Unauthenticated, "the request cannot be signed").with_source(source)
                },
            )?;
        }
        // Behind the signature: proxies may replace it.
        if call.payload.len_bytes() > 0 || matches!(call.method, Method::PUT | Method::POST) {
            headers.insert(CONTENT_LENGTH, call.payload.len_bytes().into());
        }
        let (payload, tally) = call.payload.for_attempt();
        let request = Request { method: call.method.clone(), url, headers, payload };
        tracing::trace!(op = %call.op, method = %request.method, url = request.url, "request");
        let reply = self.reply(request, number).await?;
        if self.first_skew.get().is_none()
            && let Some(date) = date_of(&reply.headers)
        {
            // The second one measured the same.
            let _ = self.first_skew.set(self.skew_to(date));
        }
        tracing::debug!(op = %call.op, key = call.key, status = reply.status.as_u16(), "reply");
        if !reply.status.is_success() {
            return Err(match self.server_failure(reply, &endpoint).await {
                Failure::Server(failure) => self.explain(call, failure).await,
                failure => failure,
            });
        }
        let answer = finish(call.expect, reply, &endpoint).await?;
        if let Some(tally) = tally {
            tally.keep();
        }
        Ok(answer)
    }

    async fn server_failure(&self, reply: Reply, endpoint: &Endpoint) -> Failure {
        let (status, headers) = (reply.status.as_u16(), reply.headers.clone());
        // A broken or endless explanation is none; the status says enough.
        let body = reply.read_body(MAX_ERROR_BYTES).await.unwrap_or_default();
        let failure = ServerFailure::new(status, &headers, &body, endpoint.region());
        // A web server may say in its page that it wants TLS.
        if failure.reply.code.is_none()
            && !failure.speaks_tls()
            && let Some(page) = WebPage::in_refusal(status, &body)
        {
            return page.into();
        }
        Failure::Server(failure)
    }

    /// Finds out what the reply to a HEAD, which has no body, cannot say: asks for one byte of the same object.
    ///
    /// A 400 may mean expired credentials or a wrong region. A 403 means a missing key where listing is not allowed,
    /// so it is looked into once, and only while it is not known whether the credentials are good.
    async fn explain(&self, call: &Call<'_>, failure: ServerFailure) -> Failure {
        let is_obscure = match failure.reply.status {
            400 => true,
            403 => {
                !self.is_accepted.load(Ordering::Relaxed) && !self.has_explained.swap(true, Ordering::Relaxed)
            }
            _ => false,
        };
        if call.method != Method::HEAD || !is_obscure || failure.reply.region.is_some() {
            return Failure::Server(failure);
        }
        let mut probe = Call { query: call.query.clone(), ..Call::new(Op::Get, Method::GET, call.key) };
        probe.headers = call.headers.clone();
        probe.headers.insert(http::header::RANGE, HeaderValue::from_static("bytes=0-0"));
        match Box::pin(self.attempt(&probe, &PayloadDigests::default(), &mut None, 1)).await {
            Err(Failure::Server(explained))
                if explained.reply.code.is_some() || explained.reply.message.is_some() =>
            {
                Failure::Server(explained)
            }
            Err(page @ Failure::WebPage(_)) => page,
            _ => Failure::Server(failure),
        }
    }

    /// Computes what the headers have to say about the body.
    async fn digests(&self, call: &Call<'_>) -> Result<PayloadDigests> {
        if call.payload.len_bytes() == 0 && call.op != Op::Put {
            return Ok(PayloadDigests::default());
        }
        let sha256 = match self.options.payload_signing {
            PayloadSigning::Always => true,
            PayloadSigning::Never => false,
            PayloadSigning::Auto => !self.endpoint().is_tls(),
        };
        let crc32 =
            self.options.checksums == Checksums::WhenSupported && matches!(call.op, Op::Put | Op::UploadPart);
        call.payload.digests(sha256, crc32).await
    }

    /// Makes the error of a call that was given up.
    pub(crate) fn describe(&self, call: &Call<'_>, failure: Failure, n_attempts: u32) -> Error {
        let credentials = self.signed_with();
        let subject = Subject {
            op: call.op,
            key: call.key,
            options: &self.options,
            endpoint: &self.endpoint(),
            n_attempts,
            has_seen_bucket: self.has_seen_bucket(),
            credentials: credentials.as_deref(),
        };
        describe(&subject, failure)
    }

    /// Names the right that an operation needs, and the key that lacks it.
    pub(crate) fn right_hint(&self, op: Op) -> String {
        right_hint(op, &self.options.bucket, self.signed_with().as_deref())
    }

    fn signed_with(&self) -> Option<Arc<Credentials>> {
        self.signed_with.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the error of a reply that cannot be.
    pub(crate) fn malformed(&self, call: &Call<'_>, failure: impl Into<Failure>) -> Error {
        self.describe(call, failure.into(), 1)
    }

    pub(crate) fn endpoint(&self) -> Arc<Endpoint> {
        Arc::clone(&self.endpoint.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn note_success(&self) {
        self.health.note_success();
        self.is_accepted.store(true, Ordering::Relaxed);
        self.has_seen_bucket.store(true, Ordering::Relaxed);
    }

    /// Whether a reply has shown that the bucket is there.
    pub(crate) fn has_seen_bucket(&self) -> bool {
        self.has_seen_bucket.load(Ordering::Relaxed)
    }

    /// Has a listener told of every attempt that meets an overloaded server.
    pub(crate) fn tell_of_trouble(&self, listener: Weak<dyn TroubleListener>) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Tells `listener` of servers that keep calls waiting; the first one that is set stays.
    pub(crate) fn tell_of_waits(&self, listener: Arc<dyn WaitListener>) {
        drop(self.wait_listener.set(listener));
    }

    /// Takes note of a failure: fewer requests at once may help.
    pub(crate) fn note_trouble(&self, failure: &Failure) {
        if !failure.is_overload() {
            return;
        }
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| {
            let listener = listener.upgrade();
            if let Some(listener) = &listener {
                listener.on_trouble();
            }
            listener.is_some()
        });
    }

    fn credentials_error(&self, error: haul_auth::Error) -> Failure {
        let kind = if error.is_transient() { ErrorKind::Network } else { ErrorKind::Unauthenticated };
        // It may be in the middle of a long transfer that they cannot be renewed.
        let again = "then run the same command again: what was transferred is kept";
        let remote = self.options.name_in_commands();
        let hint = match error.hint_for(remote) {
            Some(hint) => format!("{hint}; {again}"),
            None => {
                format!(
                    "put the credentials right (`haul remote check {remote}` shows what was tried), {again}"
                )
            }
        };
        Failure::Local(Error::new(kind, "no usable credentials").with_source(error).with_hint(hint))
    }

    fn now(&self) -> SystemTime {
        let skew = self.clock_skew.load(Ordering::Relaxed);
        let seconds = Duration::from_secs(skew.unsigned_abs());
        let now = self.clock.now();
        if skew < 0 { now - seconds } else { now + seconds }
    }

    /// Returns by how many seconds the server is ahead of this machine, if it said what time it is.
    pub(crate) fn measured_skew(&self) -> Option<i64> {
        self.first_skew.get().copied()
    }

    fn skew_to(&self, server: SystemTime) -> i64 {
        match server.duration_since(self.clock.now()) {
            Ok(ahead) => i64::try_from(ahead.as_secs()).unwrap_or(0),
            Err(behind) => -i64::try_from(behind.duration().as_secs()).unwrap_or(0),
        }
    }

    fn set_clock(&self, server: SystemTime) {
        let skew = self.skew_to(server);
        tracing::warn!(
            seconds = skew,
            "this machine's clock differs from the server's; requests are dated by the server's"
        );
        self.clock_skew.store(skew, Ordering::Relaxed);
    }
}

async fn finish(expect: Expect, reply: Reply, endpoint: &Endpoint) -> Result<Answer, Failure> {
    let (status, headers) = (reply.status, reply.headers.clone());
    let mut answer = Answer { status, headers, body: Bytes::new(), stream: None };
    match expect {
        Expect::Object => {
            // An object may be a page of HTML; it has an entity tag then.
            if WebPage::in_headers(&answer.headers).is_some() {
                let body = reply.read_body(MAX_ERROR_BYTES).await.unwrap_or_default();
                return Err(WebPage::in_body(&body).unwrap_or_default().into());
            }
            answer.stream = Some(reply.body);
        }
        Expect::Nothing => match reply.read_body(MAX_ERROR_BYTES).await {
            Ok(body) => refuse_page(&body)?,
            Err(error) if error.kind == TransportErrorKind::TooLong && calls_itself_html(&answer.headers) => {
                return Err(WebPage::default().into());
            }
            Err(error) => return Err(error.into()),
        },
        Expect::Xml => {
            answer.body = reply.read_body(MAX_REPLY_BYTES).await?;
            refuse_page(&answer.body)?;
            // Keep-alive blanks may come first; then there is `<Error>` at the root.
            if answer.body.windows(6).take(4096).any(|window| window == b"<Error") {
                let failure =
                    ServerFailure::new(status.as_u16(), &answer.headers, &answer.body, endpoint.region());
                if failure.reply.code.is_some() {
                    return Err(Failure::Server(failure));
                }
            }
        }
    }
    Ok(answer)
}

fn refuse_page(body: &[u8]) -> Result<(), Failure> {
    WebPage::in_body(body).map_or(Ok(()), |page| Err(page.into()))
}
