//! The HTTP front: records each request, refuses what a strict server would refuse, and injects faults.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use s3s::service::S3Service;
use tokio::net::TcpListener;

use super::fault::{FaultAction, strike};
use super::options::WrongRegion;
use super::record::{RecordedRequest, signed_headers};
use super::running::{Shared, UnderWay, lock};

type Reply = Response<ReplyBody>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) struct Front {
    service: S3Service,
    shared: Arc<Shared>,
}

/// The error that closes the connection without a reply.
#[derive(Debug)]
struct HangUp;

impl std::fmt::Display for HangUp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection ends here on purpose")
    }
}

impl std::error::Error for HangUp {}

impl Front {
    pub(crate) fn new(service: S3Service, shared: Arc<Shared>) -> Self {
        Self { service, shared }
    }

    /// Serves until it is dropped.
    pub(crate) async fn serve(self, listener: TcpListener, tls: Option<tokio_rustls::TlsAcceptor>) {
        let front = Arc::new(self);
        loop {
            // There are too many open files, or the client has closed the connection: the next one may succeed.
            let Ok((stream, _)) = listener.accept().await else { continue };
            drop(stream.set_nodelay(true));
            let front = Arc::clone(&front);
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    None => front.connection(TokioIo::new(stream)).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            front.connection(TokioIo::new(stream)).await;
                        }
                    }
                }
            });
        }
    }

    async fn connection<S>(self: Arc<Self>, stream: S)
    where
        S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let service = hyper::service::service_fn(|request| {
            let front = Arc::clone(&self);
            async move { front.answer(request).await }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(hyper_util::rt::TokioTimer::new())
            .serve_connection(stream, service);
        // The client closed the connection, or a fault did: neither is an error.
        drop(connection.await);
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Reply, HangUp> {
        let (parts, body) = request.into_parts();
        let (bucket, key) = self.place(&parts);
        let mut record = RecordedRequest::new(&parts, &bucket, &key);
        let under_way = UnderWay::begin(&self.shared, record.operation);
        record.n_at_once = under_way.n_requests;
        let index = {
            let mut requests = lock(&self.shared.requests);
            requests.push(record.clone());
            requests.len() - 1
        };
        let action = strike(&mut lock(&self.shared.faults), &record);
        let head = parts.method == Method::HEAD;
        let reply = match action {
            Some(FaultAction::Disconnect) => Err(HangUp),
            Some(FaultAction::Silence) => std::future::pending().await,
            Some(FaultAction::Status { status, code, retry_after_seconds }) => {
                let mut reply = error_reply(status, &code, "as the test wants it", head);
                if let Some(seconds) = retry_after_seconds {
                    reply.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from(seconds));
                }
                Ok(reply)
            }
            action => {
                if let Some(FaultAction::Delay(time)) = &action {
                    tokio::time::sleep(*time).await;
                }
                let reply = match self.refusal(&parts, &bucket) {
                    Some(refusal) => refusal,
                    None => self.proper_reply(Request::from_parts(parts, s3s::Body::from(body))).await,
                };
                spoil(reply, action.as_ref())
            }
        };
        if let Some(record) = lock(&self.shared.requests).get_mut(index) {
            record.status = reply.as_ref().ok().map(|reply| reply.status().as_u16());
        }
        drop(under_way);
        reply
    }

    async fn proper_reply(&self, request: Request<s3s::Body>) -> Reply {
        match self.service.call(request).await {
            Ok(reply) => reply.map(ReplyBody::proper),
            Err(error) => {
                let error: s3s::StdError = error.into();
                error_reply(500, "InternalError", &error.to_string(), false)
            }
        }
    }

    /// Returns the bucket and key of a request, which may be in the path or in the host.
    fn place(&self, parts: &http::request::Parts) -> (String, String) {
        let path = percent_encoding::percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned();
        let path = path.strip_prefix('/').unwrap_or(&path);
        let host =
            parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let domain = self.shared.quirks.virtual_host.as_deref();
        let bucket =
            domain.and_then(|domain| host.strip_suffix(domain)).and_then(|rest| rest.strip_suffix('.'));
        if let Some(bucket) = bucket {
            return (bucket.to_owned(), path.to_owned());
        }
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        (bucket.to_owned(), key.to_owned())
    }

    /// Checks what AWS checks and `s3s` does not.
    fn refusal(&self, parts: &http::request::Parts, bucket: &str) -> Option<Reply> {
        let head = parts.method == Method::HEAD;
        if let Some(signed) = signed_headers(&parts.headers) {
            let unsigned = parts.headers.keys().find(|name| {
                name.as_str().starts_with("x-amz-") && !signed.iter().any(|signed| signed == name.as_str())
            });
            if let Some(name) = unsigned {
                let message =
                    format!("There were headers present in the request which were not signed: {name}");
                return Some(error_reply(403, "AccessDenied", &message, head));
            }
        }
        let payload = parts
            .headers
            .get("x-amz-content-sha256")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if self.shared.quirks.no_chunked_signing && payload.starts_with("STREAMING-") {
            return Some(error_reply(
                400,
                "XAmzContentSHA256Mismatch",
                "trailers are not understood here",
                head,
            ));
        }
        self.wrong_region(parts, bucket, head)
    }

    fn wrong_region(&self, parts: &http::request::Parts, bucket: &str, head: bool) -> Option<Reply> {
        let signed_for = RecordedRequest::new(parts, bucket, "").region?;
        let region = self.shared.state().buckets.get(bucket)?.region.clone();
        if signed_for == region || self.shared.quirks.wrong_region == WrongRegion::Accept {
            return None;
        }
        let (status, code, message) = match self.shared.quirks.wrong_region {
            WrongRegion::Redirect => (
                301,
                "PermanentRedirect",
                "The bucket you are attempting to access must be addressed using the specified endpoint."
                    .to_owned(),
            ),
            _ => (
                400,
                "AuthorizationHeaderMalformed",
                format!(
                    "The authorization header is malformed; the region '{signed_for}' is wrong; expecting '{region}'"
                ),
            ),
        };
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message><Region>{region}</Region></Error>"
        );
        let mut reply = xml_reply(status, if head { String::new() } else { body });
        let value = HeaderValue::from_str(&region).expect("regions are plain text");
        reply.headers_mut().insert("x-amz-bucket-region", value);
        Some(reply)
    }
}

/// Applies the fault to a normal reply.
fn spoil(reply: Reply, action: Option<&FaultAction>) -> Result<Reply, HangUp> {
    let (mut parts, mut body) = reply.into_parts();
    match action {
        Some(FaultAction::LoseReply) => return Err(HangUp),
        Some(FaultAction::ErrorUnderOk { code }) => {
            return Ok(error_reply(200, code, "as the test wants it", false));
        }
        Some(FaultAction::CutBody { after_bytes }) => body.end = End::Cut { left: *after_bytes },
        Some(FaultAction::StallBody { after_bytes }) => body.end = End::Stall { left: *after_bytes },
        Some(FaultAction::FlipBit { at_byte }) => body.flip = Some(*at_byte),
        Some(FaultAction::ReplaceHeader { name, value }) => {
            let value = HeaderValue::from_str(value).expect("tests give real values");
            parts.headers.insert(*name, value);
        }
        Some(FaultAction::ReplaceBody(bytes)) => {
            parts.headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            body = ReplyBody::proper(s3s::Body::from(bytes.clone()));
        }
        _ => {}
    }
    Ok(Response::from_parts(parts, body))
}

fn error_reply(status: u16, code: &str, message: &str, head: bool) -> Reply {
    if head {
        return xml_reply(status, String::new());
    }
    xml_reply(
        status,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        ),
    )
}

fn xml_reply(status: u16, body: String) -> Reply {
    let body = Full::new(Bytes::from(body)).map_err(|never: Infallible| match never {});
    let mut reply = Response::new(ReplyBody::proper(s3s::Body::http_body(body)));
    *reply.status_mut() = StatusCode::from_u16(status).expect("tests give real status codes");
    reply.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    reply
}

/// A body, intact or with a fault.
struct ReplyBody {
    inner: s3s::Body,
    end: End,
    flip: Option<u64>,
    sent: u64,
}

#[derive(Clone, Copy)]
enum End {
    Proper,
    Cut { left: u64 },
    Stall { left: u64 },
}

impl ReplyBody {
    fn proper(inner: s3s::Body) -> Self {
        Self { inner, end: End::Proper, flip: None, sent: 0 }
    }

    fn spoil(&mut self, data: Bytes) -> Bytes {
        let start = self.sent;
        self.sent += data.len() as u64;
        match self.flip {
            Some(at) if (start..self.sent).contains(&at) => {
                let mut data = data.to_vec();
                data[usize::try_from(at - start).expect("inside the chunk")] ^= 1;
                Bytes::from(data)
            }
            _ => data,
        }
    }
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.end {
            End::Cut { left: 0 } => return Poll::Ready(Some(Err(Box::new(HangUp)))),
            // The task is never woken up again.
            End::Stall { left: 0 } => return Poll::Pending,
            _ => {}
        }
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(context));
        let data = match frame {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        let keep = |data: Bytes, left: &mut u64| {
            let kept = data.slice(..data.len().min(usize::try_from(*left).unwrap_or(usize::MAX)));
            *left -= kept.len() as u64;
            kept
        };
        let data = match &mut self.end {
            End::Proper => data,
            End::Cut { left } | End::Stall { left } => keep(data, left),
        };
        let data = self.spoil(data);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
