use super::*;
use crate::s3::ReplyChecksums;
use crate::{ErrorKind, ReadStore as _, Result};

async fn read(store: &S3Store, range: Option<std::ops::Range<u64>>) -> Result<String> {
    let mut stream = store.get("k", range, None).await?.stream;
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        text.push_str(std::str::from_utf8(&chunk?).unwrap());
    }
    Ok(text)
}

/// The first half of `hello world`, as far as it comes.
fn first_half() -> Scripted {
    reply(200, "hello ").with("content-length", "11").with("etag", "\"tag\"")
}

#[tokio::test(start_paused = true)]
async fn broken_body_goes_on_by_range() {
    for broken in [Err(TransportErrorKind::Broken), Err(TransportErrorKind::ReadTimeout), Ok("")] {
        let (server, store) = store(options());
        server.push(first_half().then(broken));
        server.push_error(TransportErrorKind::Unreachable);
        server.push(
            reply(206, "wo").with("content-range", "bytes 6-10/11").then(Err(TransportErrorKind::Broken)),
        );
        server.push(reply(206, "rld").with("content-range", "bytes 8-10/11"));
        assert_eq!(read(&store, None).await.unwrap(), "hello world");
        let requests = server.take();
        let ranges: Vec<&str> = requests.iter().map(|request| header(request, "range")).collect();
        assert_eq!(ranges, ["", "bytes=6-10", "bytes=6-10", "bytes=8-10"]);
        assert!(requests[1..].iter().all(|request| header(request, "if-match") == "\"tag\""));
    }
}

#[tokio::test(start_paused = true)]
async fn checksum_of_the_server_is_asked_for_and_compared_where_that_is_wanted() {
    let mut options = options();
    options.reply_checksums = ReplyChecksums::Verify;
    let (server, store) = store(options);
    let good = ("x-amz-checksum-crc32", "DUoRhQ==");
    server.push(first_half().with(good.0, good.1).then(Err(TransportErrorKind::Broken)));
    server.push(reply(206, "world").with("content-range", "bytes 6-10/11"));
    assert_eq!(read(&store, None).await.unwrap(), "hello world");
    let requests = server.take();
    assert_eq!(header(&requests[0], "x-amz-checksum-mode"), "ENABLED");
    assert!(header(&requests[0], "authorization").contains("x-amz-checksum-mode"), "it is signed");
    assert_eq!(header(&requests[1], "x-amz-checksum-mode"), "", "a range has no checksum");

    server.push(first_half().then(Ok("w0rld")).with(good.0, good.1));
    let error = read(&store, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    server.push(first_half().then(Ok("world")));
    assert_eq!(read(&store, None).await.unwrap(), "hello world", "no checksum, nothing to compare");
    server.push(reply(206, "hello").with("content-range", "bytes 0-4/11").with(good.0, good.1));
    assert_eq!(read(&store, Some(0..5)).await.unwrap(), "hello", "the checksum is that of the whole object");

    let (server, store) = super::store(super::options());
    server.push(first_half().then(Ok("w0rld")).with(good.0, good.1));
    assert_eq!(read(&store, None).await.unwrap(), "hello w0rld");
    assert_eq!(header(&server.take()[0], "x-amz-checksum-mode"), "");
}

#[tokio::test(start_paused = true)]
async fn object_that_was_replaced_meanwhile_is_not_glued_together() {
    let (server, store) = store(options());
    server.push(first_half().then(Err(TransportErrorKind::Broken)));
    server.push(reply(412, "<Error><Code>PreconditionFailed</Code></Error>"));
    assert_eq!(read(&store, None).await.unwrap_err().kind(), ErrorKind::Corrupt);
    server.push(first_half().then(Err(TransportErrorKind::Broken)));
    server.push(reply(206, "world!").with("content-range", "bytes 6-11/12"));
    assert_eq!(read(&store, None).await.unwrap_err().kind(), ErrorKind::Corrupt);
    server.push(reply(200, "hello ").with("content-length", "11").then(Err(TransportErrorKind::Broken)));
    assert_eq!(read(&store, None).await.unwrap_err().kind(), ErrorKind::Network, "no tag, no guess");
    server.take();
}

#[tokio::test(start_paused = true)]
async fn body_longer_than_announced_is_an_error() {
    let (server, store) = store(options());
    server.push(first_half().then(Ok("world and more")));
    assert_eq!(read(&store, None).await.unwrap_err().kind(), ErrorKind::Corrupt);
    server.push(reply(206, "hello").with("content-range", "bytes 0-3/11"));
    assert_eq!(read(&store, Some(0..4)).await.unwrap_err().kind(), ErrorKind::Corrupt);
    server.push(reply(200, "hello world").with("content-length", "11"));
    assert_eq!(
        read(&store, Some(2..4)).await.unwrap_err().kind(),
        ErrorKind::Corrupt,
        "the range was ignored"
    );
    server.take();
}

/// A reply in chunks, or one of HTTP/1.0 that lasts until the connection closes.
#[tokio::test(start_paused = true)]
async fn body_of_unknown_length_is_read_to_its_end() {
    let (server, store) = store(options());
    for range in [None, Some(0..5)] {
        server.push(reply(200, "hello ").then(Ok("world")));
        let download = store.get("k", range, None).await.unwrap();
        assert_eq!(download.size_bytes, None);
        let chunks: Vec<_> = download.stream.map(Result::unwrap).collect().await;
        assert_eq!(chunks.concat(), b"hello world");
    }
    server.push(reply(200, "hello world").with("content-length", "11"));
    let whole = store.get("k", Some(0..5), None).await.unwrap();
    assert_eq!(whole.size_bytes, None, "the range is ignored, and the whole comes");
    server.push(reply(200, "hello ").with("etag", "\"tag\"").then(Err(TransportErrorKind::Broken)));
    server.push(reply(206, "wor").with("content-range", "bytes 6-10/11").then(Ok("")));
    server.push(reply(206, "ld").with("content-range", "bytes 9-10/11"));
    server.seen.lock().unwrap().clear();
    assert_eq!(read(&store, None).await.unwrap(), "hello world");
    let ranges: Vec<_> = server.take().iter().map(|request| header(request, "range").to_owned()).collect();
    assert_eq!(ranges, ["", "bytes=6-", "bytes=9-10"]);
    server.push(reply(200, "hello ").with("etag", "\"tag\"").then(Err(TransportErrorKind::Broken)));
    server.push(reply(200, "hello world"));
    assert_eq!(read(&store, None).await.unwrap_err().kind(), ErrorKind::Corrupt, "it cannot go on");
}

#[tokio::test(start_paused = true)]
async fn body_that_gets_further_is_never_given_up() {
    const PIECE: usize = 100_000;
    let mut options = options();
    options.retry.max_attempts = Some(1);
    let (server, store) = store(options);
    let piece = "x".repeat(PIECE);
    let size = 50 * PIECE;
    let first = reply(200, &piece).with("content-length", &size.to_string()).with("etag", "\"t\"");
    server.push(first.then(Err(TransportErrorKind::Broken)));
    for number in 1..50 {
        let range = format!("bytes {}-{}/{size}", number * PIECE, size - 1);
        let broken =
            if number % 3 == 0 { TransportErrorKind::ReadTimeout } else { TransportErrorKind::Broken };
        let part = reply(206, &piece).with("content-range", &range);
        server.push(if number == 49 { part } else { part.then(Err(broken)) });
    }
    let start = tokio::time::Instant::now();
    assert_eq!(read(&store, None).await.unwrap().len(), size);
    assert_eq!(start.elapsed(), Duration::ZERO, "there is nothing to wait for");
    assert_eq!(server.take().len(), 50);
}

#[tokio::test(start_paused = true)]
async fn body_that_never_gets_further_is_given_up() {
    let (server, store) = store(options());
    server.push(first_half().then(Err(TransportErrorKind::ReadTimeout)));
    for _ in 0..4 {
        server.push(
            reply(206, "").with("content-range", "bytes 6-10/11").then(Err(TransportErrorKind::ReadTimeout)),
        );
    }
    let error = read(&store, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.to_string().contains("read_timeout"), "{error}");
    assert_eq!(server.take().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn body_that_comes_in_crumbs_is_given_up() {
    let (server, store) = store(options());
    let crumb = || Scripted::then(reply(0, ""), Err(TransportErrorKind::ReadTimeout));
    server.push(Scripted { status: 200, ..crumb() }.with("content-length", "99").with("etag", "\"t\""));
    for from in 0..10 {
        let crumb = reply(206, "x").then(Err(TransportErrorKind::ReadTimeout));
        server.push(crumb.with("content-range", &format!("bytes {from}-98/99")));
    }
    assert_eq!(read(&store, None).await.unwrap_err().kind(), ErrorKind::Network);
    assert_eq!(server.take().len(), 11);
}
