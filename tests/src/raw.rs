//! An HTTP server that breaks the rules: wrong lengths, endless bodies, no replies, redirects to other servers.
//!
//! It uses plain HTTP/1.1 over plain sockets, one request per connection, so that a test controls every byte. It can be in
//! front of an embedded server and change only the requests that a test selects.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::embedded::EmbeddedS3;

/// The handler gets bodies of up to this size.
const SMALL_BODY: u64 = 64 << 10;

/// The maximum time of an operation.
const PATIENCE: Duration = Duration::from_mins(2);

/// A request.
#[derive(Debug, Clone)]
pub struct RawRequest {
    /// The HTTP method.
    pub method: String,
    /// The path, unchanged.
    pub path: String,
    /// The query, unchanged, without the question mark.
    pub query: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, if it is small.
    pub body: String,
}

impl RawRequest {
    /// Returns the value of a header, named in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether it is a listing of a bucket, v1 or v2.
    pub fn is_listing(&self) -> bool {
        self.method == "GET" && (self.query.contains("list-type=") || self.query.contains("prefix="))
    }

    /// Returns whether it has a signature or a session token, which other servers must not get.
    pub fn is_signed(&self) -> bool {
        self.header("authorization").is_some()
            || self.header("x-amz-security-token").is_some()
            || self.query.to_ascii_lowercase().contains("x-amz-signature")
    }
}

/// The steps of a reply; the connection closes after the last.
#[derive(Debug, Clone)]
pub struct RawReply {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// Send the same bytes repeatedly, until the client closes the connection.
    SendForever(Vec<u8>),
    /// Send nothing more, and keep the connection open until the client closes it.
    Stall,
    /// Forward the request to the server behind, and its reply to the client.
    Forward,
}

impl RawReply {
    /// Makes a normal reply.
    pub fn new(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        Self::with_length(status, headers, body.len() as u64, body)
    }

    /// Makes a reply whose `Content-Length` is not the length of its body.
    pub fn with_length(status: u16, headers: &[(&str, &str)], length: u64, body: impl AsRef<[u8]>) -> Self {
        let length = length.to_string();
        let mut all = vec![("content-length", length.as_str())];
        all.extend_from_slice(headers);
        let mut bytes = head(status, &all);
        bytes.extend_from_slice(body.as_ref());
        Self { steps: vec![Step::Send(bytes)] }
    }

    /// Makes a reply whose body, sent in chunks, never ends.
    pub fn endless(
        status: u16,
        headers: &[(&str, &str)],
        start: impl AsRef<[u8]>,
        repeated: impl AsRef<[u8]>,
    ) -> Self {
        let mut all = vec![("transfer-encoding", "chunked")];
        all.extend_from_slice(headers);
        let chunk = |data: &[u8]| {
            let mut bytes = format!("{:x}\r\n", data.len()).into_bytes();
            bytes.extend_from_slice(data);
            bytes.extend_from_slice(b"\r\n");
            bytes
        };
        let mut first = head(status, &all);
        // An empty chunk would end the body.
        if !start.as_ref().is_empty() {
            first.extend(chunk(start.as_ref()));
        }
        Self { steps: vec![Step::Send(first), Step::SendForever(chunk(repeated.as_ref()))] }
    }

    /// Makes a reply that stalls after the head and the start of its body, with the connection open.
    pub fn stalled(status: u16, headers: &[(&str, &str)], length: u64, start: impl AsRef<[u8]>) -> Self {
        let mut reply = Self::with_length(status, headers, length, start);
        reply.steps.push(Step::Stall);
        reply
    }

    /// Makes a reply that never comes, with the connection open.
    pub fn silence() -> Self {
        Self { steps: vec![Step::Stall] }
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Makes a redirect.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::new(status, &[("location", location)], "")
    }

    /// Makes a reply of bytes that need not be HTTP.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self { steps: vec![Step::Send(bytes.into())] }
    }

    /// Makes a page of a v2 listing: keys with sizes, and the token of the next page, if any.
    pub fn listing(objects: &[(&str, u64)], next_token: Option<&str>) -> Self {
        use std::fmt::Write as _;
        let mut body = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name>",
        );
        let truncated = next_token.is_some();
        write!(body, "<IsTruncated>{truncated}</IsTruncated><KeyCount>{}</KeyCount>", objects.len())
            .expect("writing to a string cannot fail");
        if let Some(token) = next_token {
            write!(body, "<NextContinuationToken>{token}</NextContinuationToken>").expect("as above");
        }
        for (key, size_bytes) in objects {
            write!(
                body,
                "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag><Size>{size_bytes}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            )
            .expect("as above");
        }
        body.push_str("</ListBucketResult>");
        Self::new(200, &[("content-type", "application/xml")], body)
    }

    /// Makes a listing that expands to gigabytes if entities are expanded.
    pub fn entity_bomb() -> Self {
        let entity =
            |level: usize| format!("<!ENTITY e{level} \"{}\">", format!("&e{};", level - 1).repeat(10));
        let entities: String = (1..10).map(entity).collect();
        let mut body = format!("<?xml version=\"1.0\"?><!DOCTYPE bomb [<!ENTITY e0 \"boom\">{entities}");
        body += "]><ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>&e9;</Key><Size>1</Size></Contents></ListBucketResult>";
        Self::new(200, &[("content-type", "application/xml")], body)
    }
}

fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    use std::fmt::Write as _;
    let reason =
        http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("?");
    let mut head = format!("HTTP/1.1 {status} {reason}\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("writing to a string cannot fail");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

type Handler = dyn Fn(&RawRequest) -> Option<RawReply> + Send + Sync;

/// A running raw server; it stops when it is dropped.
#[derive(Debug)]
pub struct RawServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    handler: Box<Handler>,
    behind: Option<SocketAddr>,
    requests: Mutex<Vec<RawRequest>>,
    stopped: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("behind", &self.behind).finish_non_exhaustive()
    }
}

impl RawServer {
    /// Starts a server whose replies `handler` makes.
    ///
    /// # Panics
    /// If no port can be had.
    pub fn new(handler: impl Fn(&RawRequest) -> RawReply + Send + Sync + 'static) -> Self {
        Self::start(None, move |request| Some(handler(request))).expect("a raw server starts")
    }

    /// Starts a server in front of another: requests for which `handler` has no reply are passed on.
    ///
    /// # Panics
    /// If no port can be had.
    pub fn in_front_of(
        server: &EmbeddedS3,
        handler: impl Fn(&RawRequest) -> Option<RawReply> + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(server.address()), handler).expect("a raw server starts")
    }

    fn start(
        behind: Option<SocketAddr>,
        handler: impl Fn(&RawRequest) -> Option<RawReply> + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            behind,
            requests: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("raw-server".to_owned()).spawn(move || {
            for stream in listener.incoming() {
                if serving.stopped.load(Ordering::Acquire) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let serving = Arc::clone(&serving);
                // The client closes the connection, which most of these replies are meant to cause.
                std::thread::spawn(move || drop(serving.connection(&stream)));
            }
        })?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Returns its URL, without a slash at the end.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<RawRequest> {
        self.shared.requests().clone()
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        // This wakes up the loop; if the connection fails, the loop has ended.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn requests(&self) -> MutexGuard<'_, Vec<RawRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self, stream: &TcpStream) -> Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream);
        let Some((head, mut request)) = read_head(&mut reader)? else { return Ok(()) };
        let length: u64 =
            request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut start = Vec::new();
        if length <= SMALL_BODY {
            (&mut reader).take(length).read_to_end(&mut start)?;
            request.body = String::from_utf8_lossy(&start).into_owned();
        }
        let left = length - start.len() as u64;
        let mut body = start.as_slice().chain((&mut reader).take(left));
        self.requests().push(request.clone());
        let reply = (self.handler)(&request).unwrap_or_else(|| RawReply { steps: vec![Step::Forward] });
        if !matches!(reply.steps.as_slice(), [Step::Forward]) {
            std::io::copy(&mut body, &mut std::io::sink())?;
        }
        for step in &reply.steps {
            match step {
                Step::Send(bytes) => (&*stream).write_all(bytes)?,
                Step::SendForever(bytes) => {
                    while !self.stopped.load(Ordering::Acquire) {
                        (&*stream).write_all(bytes)?;
                    }
                }
                Step::Stall => {
                    // Read until the client closes the connection.
                    std::io::copy(&mut &*stream, &mut std::io::sink())?;
                }
                Step::Forward => self.forward(&head, &mut body, stream)?,
            }
        }
        stream.shutdown(Shutdown::Write)?;
        Ok(())
    }

    /// Forwards head and body unchanged, so that the signature stays valid.
    fn forward(&self, head: &[u8], body: &mut impl Read, client: &TcpStream) -> Result<()> {
        let behind = self.behind.context("there is no server behind this one")?;
        let mut upstream = TcpStream::connect(behind)?;
        upstream.set_read_timeout(Some(PATIENCE))?;
        let head = head.strip_suffix(b"\r\n").context("a head ends with an empty line")?;
        upstream.write_all(head)?;
        upstream.write_all(b"connection: close\r\n\r\n")?;
        std::io::copy(body, &mut upstream)?;
        std::io::copy(&mut upstream, &mut &*client)?;
        Ok(())
    }
}

/// Reads a request up to the empty line; `None` if the client sends nothing.
fn read_head(reader: &mut impl BufRead) -> Result<Option<(Vec<u8>, RawRequest)>> {
    let mut head = Vec::new();
    loop {
        let start = head.len();
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
        if head[start..] == *b"\r\n" {
            break;
        }
    }
    let request = parse_head(&head);
    Ok(Some((head, request)))
}

/// Parses the head of a request, or the headers of a reply.
pub(crate) fn parse_head(head: &[u8]) -> RawRequest {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    RawRequest { method, path: path.to_owned(), query: query.to_owned(), headers, body: String::new() }
}
