//! Connections: receives a request, sends it on, receives the reply, sends it back.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::Shared;
use super::body::{Body, Framing, head};
use super::meddling::{Act, strike};
use crate::raw::{RawReply, RawRequest, Step, parse_head};

/// A connection to a client or a server.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(super) type Reader = BufReader<Box<dyn Stream>>;

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        // The client has closed the connection: the next one may succeed.
        let Ok((stream, _)) = listener.accept().await else { continue };
        drop(stream.set_nodelay(true));
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let stream: Box<dyn Stream> = match tls {
                None => Box::new(stream),
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => Box::new(stream),
                    Err(_) => return,
                },
            };
            let mut client = BufReader::new(stream);
            // An error closes the connection, as HTTP has no other way to report it.
            while matches!(exchange(&shared, &mut client).await, Ok(After::GoOn)) {}
            drop(client.shutdown().await);
        });
    }
}

/// Whether the client's connection stays open after a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    GoOn,
    Close,
}

async fn exchange(shared: &Shared, client: &mut Reader) -> Result<After> {
    let Some(request_head) = head(client).await? else { return Ok(After::Close) };
    let request = parse_head(&request_head);
    let mut body = Body::new(request_framing(&request)?);
    shared.requests().push(request.clone());
    let act = strike(&mut shared.meddlings(), &request);
    let expects_continue =
        request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
    if expects_continue {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        client.flush().await?;
    }
    match act {
        Some(Act::HangUp) => {
            body.rest(client).await?;
            return Ok(After::Close);
        }
        Some(Act::Answer(reply)) => {
            body.rest(client).await?;
            answer(client, &reply).await?;
            return Ok(After::Close);
        }
        _ => {}
    }
    // Each request has a new connection: the server may close an old one at any moment, and the request would be lost.
    let mut upstream = BufReader::new(shared.upstream.connect().await?);
    let flip = match act {
        Some(Act::FlipRequestBit(place)) => {
            let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            Some(
                place
                    .of(length)
                    .with_context(|| format!("{} {} has no such byte", request.method, request.path))?,
            )
        }
        _ => None,
    };
    let sent = send(&request, &request_head, (client, &mut body), &mut upstream, flip).await;
    // A server that refuses a request may close the connection before it has read all of it, but its reply has arrived.
    let is_whole = sent.is_ok();
    let reply_head = loop {
        let head = head(&mut upstream).await?.context("the server closed the connection")?;
        // Interim replies (1xx) are skipped.
        if status_of(&head)? >= 200 {
            break head;
        }
    };
    let after = reply(&request, reply_head, &mut upstream, client, act.as_ref()).await?;
    Ok(if is_whole { after } else { After::Close })
}

/// Forwards a request.
async fn send(
    request: &RawRequest,
    head: &[u8],
    (client, body): (&mut Reader, &mut Body),
    upstream: &mut Reader,
    flip: Option<u64>,
) -> Result<()> {
    let head = if request.header("expect").is_some() { without(head, &["expect"]) } else { head.to_vec() };
    upstream.write_all(&head).await?;
    let is_chunked = is_chunked(request.header("transfer-encoding"));
    let mut sent = 0;
    loop {
        let mut piece = body.next(client).await?;
        if piece.is_empty() {
            break;
        }
        flip_in(&mut piece, sent, flip);
        sent += piece.len() as u64;
        write_piece(upstream, &piece, is_chunked).await?;
    }
    if is_chunked {
        upstream.write_all(b"0\r\n\r\n").await?;
    }
    upstream.flush().await?;
    Ok(())
}

/// Forwards a reply, changed by `act`.
async fn reply(
    request: &RawRequest,
    mut head: Vec<u8>,
    upstream: &mut Reader,
    client: &mut Reader,
    act: Option<&Act>,
) -> Result<After> {
    let parsed = parse_head(&head);
    let framing = reply_framing(request, &parsed, status_of(&head)?)?;
    let mut body = Body::new(framing);
    let closes = parsed.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
        || matches!(framing, Framing::UntilClose);
    let mut after = if closes { After::Close } else { After::GoOn };
    let mut is_chunked = matches!(framing, Framing::Chunked);
    let mut rest_of_it = Rest::All;
    match act {
        Some(Act::LoseReply) => {
            body.rest(upstream).await?;
            return Ok(After::Close);
        }
        Some(Act::FlipReplyBit(place)) => {
            // The index of a byte depends on the length, which is not known with chunks: such replies are read whole.
            let mut whole = body.rest(upstream).await?;
            let at = place.of(whole.len() as u64);
            flip_in(&mut whole, 0, Some(at.context("the reply has no such byte")?));
            return write_whole(client, &head, &whole, is_chunked, after).await;
        }
        Some(Act::ChangeReplyEtag) => {
            let mut whole = body.rest(upstream).await?;
            if !change_etag(&mut head, b"\netag:") && !change_etag(&mut whole, b"<ETag>") {
                bail!("the reply has no entity tag");
            }
            return write_whole(client, &head, &whole, is_chunked, after).await;
        }
        Some(Act::Chunked) => {
            head = without(&head, &["content-length", "transfer-encoding"]);
            insert(&mut head, "transfer-encoding: chunked\r\n");
            is_chunked = true;
        }
        Some(Act::UntilClose) => {
            head = without(&head, &["content-length", "transfer-encoding", "connection"]);
            if head.starts_with(b"HTTP/1.1") {
                head[..8].copy_from_slice(b"HTTP/1.0");
            }
            is_chunked = false;
            after = After::Close;
        }
        Some(Act::CutReply { after_bytes }) => rest_of_it = Rest::Cut(*after_bytes),
        Some(Act::StallReply { after_bytes }) => rest_of_it = Rest::Stall(*after_bytes),
        _ => {}
    }
    client.write_all(&head).await?;
    let has_body = request.method != "HEAD" && !matches!(framing, Framing::Length(0));
    while has_body || !matches!(rest_of_it, Rest::All) {
        if let Rest::Cut(0) | Rest::Stall(0) = rest_of_it {
            client.flush().await?;
            if matches!(rest_of_it, Rest::Stall(_)) {
                // Wait until the client closes the connection.
                tokio::io::copy(client, &mut tokio::io::sink()).await?;
            }
            return Ok(After::Close);
        }
        let mut piece = body.next(upstream).await?;
        if piece.is_empty() {
            break;
        }
        if let Rest::Cut(left) | Rest::Stall(left) = &mut rest_of_it {
            piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= piece.len() as u64;
        }
        write_piece(client, &piece, is_chunked).await?;
        client.flush().await?;
    }
    if is_chunked && request.method != "HEAD" {
        client.write_all(b"0\r\n\r\n").await?;
    }
    client.flush().await?;
    Ok(after)
}

/// How much of a reply's body is sent.
enum Rest {
    All,
    Cut(u64),
    Stall(u64),
}

async fn write_whole(
    client: &mut Reader,
    head: &[u8],
    body: &[u8],
    is_chunked: bool,
    after: After,
) -> Result<After> {
    client.write_all(head).await?;
    if !body.is_empty() {
        write_piece(client, body, is_chunked).await?;
    }
    if is_chunked {
        client.write_all(b"0\r\n\r\n").await?;
    }
    client.flush().await?;
    Ok(after)
}

async fn write_piece(to: &mut Reader, piece: &[u8], is_chunked: bool) -> Result<()> {
    if is_chunked {
        to.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
    }
    to.write_all(piece).await?;
    if is_chunked {
        to.write_all(b"\r\n").await?;
    }
    Ok(())
}

/// Sends a reply that the test defines.
async fn answer(client: &mut Reader, reply: &RawReply) -> Result<()> {
    for step in reply.steps() {
        match step {
            Step::Send(bytes) => client.write_all(bytes).await?,
            Step::SendForever(bytes) => loop {
                client.write_all(bytes).await?;
            },
            Step::Stall => {
                client.flush().await?;
                tokio::io::copy(client, &mut tokio::io::sink()).await?;
            }
            Step::Forward => bail!("an answer is not passed on"),
        }
    }
    client.flush().await?;
    Ok(())
}

fn request_framing(request: &RawRequest) -> Result<Framing> {
    if is_chunked(request.header("transfer-encoding")) {
        return Ok(Framing::Chunked);
    }
    Ok(Framing::Length(request.header("content-length").map_or(Ok(0), str::parse)?))
}

fn reply_framing(request: &RawRequest, reply: &RawRequest, status: u16) -> Result<Framing> {
    if request.method == "HEAD" || status == 204 || status == 304 {
        return Ok(Framing::Length(0));
    }
    if is_chunked(reply.header("transfer-encoding")) {
        return Ok(Framing::Chunked);
    }
    Ok(match reply.header("content-length") {
        Some(length) => Framing::Length(length.parse()?),
        None => Framing::UntilClose,
    })
}

fn is_chunked(transfer_encoding: Option<&str>) -> bool {
    transfer_encoding.is_some_and(|value| value.to_ascii_lowercase().contains("chunked"))
}

fn status_of(head: &[u8]) -> Result<u16> {
    let text = String::from_utf8_lossy(&head[..head.len().min(64)]);
    text.split(' ').nth(1).and_then(|status| status.trim().parse().ok()).context("a reply has a status")
}

/// Removes headers, named in lower case.
fn without(head: &[u8], names: &[&str]) -> Vec<u8> {
    let is_kept = |line: &&[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        !names.iter().any(|left_out| name.eq_ignore_ascii_case(left_out.as_bytes()))
    };
    head.split_inclusive(|byte| *byte == b'\n').filter(is_kept).flatten().copied().collect()
}

/// Adds a header line.
fn insert(head: &mut Vec<u8>, line: &str) {
    let end = head.len() - 2;
    head.splice(end..end, line.bytes());
}

/// Flips the lowest bit of the byte at `flip`, if it is in this piece.
fn flip_in(piece: &mut [u8], start: u64, flip: Option<u64>) {
    let at = flip.and_then(|at| at.checked_sub(start)).and_then(|at| usize::try_from(at).ok());
    if let Some(byte) = at.and_then(|at| piece.get_mut(at)) {
        *byte ^= 1;
    }
}

/// Changes the first digit of the entity tag after `mark`; returns false if there is none.
fn change_etag(text: &mut [u8], mark: &[u8]) -> bool {
    let Some(start) = text.windows(mark.len()).position(|window| window.eq_ignore_ascii_case(mark)) else {
        return false;
    };
    let behind = &mut text[start + mark.len()..];
    // Quotes may be written as `&#34;`, whose digits are not part of the tag.
    let is_tag = |bytes: &[u8]| bytes.len() >= 8 && bytes[..8].iter().all(u8::is_ascii_hexdigit);
    let Some(at) = (0..behind.len()).find(|at| is_tag(&behind[*at..])) else { return false };
    behind[at] = if behind[at] == b'0' { b'1' } else { b'0' };
    true
}
