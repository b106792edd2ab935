use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::s3::{Http, HttpSettings};
use crate::{Body, ErrorKind, ListFrom, ListStore as _, ReadStore as _, WriteStore as _};

/// A server that treats every connection as `serve` says.
async fn serve<F, W>(serve: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(TcpStream) -> W + Send + Sync + 'static,
    W: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let n_connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&n_connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    (address, n_connections)
}

/// Reads up to the end of a request's head.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn connect(address: SocketAddr, read_timeout: Duration) -> S3Store {
    let mut options = options();
    options.endpoint_url = Some(Located::default_value(format!("http://{address}")));
    options.read_timeout = Located::default_value(read_timeout);
    open(options)
}

fn open(mut options: S3Options) -> S3Store {
    options.retry.unreachable_budget = Duration::from_millis(300);
    options.retry.base_delay = Duration::from_millis(1);
    let http = Http::new(HttpSettings {
        remote_name: None,
        trust: options.trust.clone(),
        proxy: options.proxy.clone(),
        connect_timeout: Duration::from_secs(5),
    });
    S3Store::new(options, Arc::new(FakeCredentials::default()), &http).unwrap()
}

const SHORT: Duration = Duration::from_millis(300);

/// A `read_timeout` for peers that keep moving: no pause of a busy machine comes near it.
const PATIENT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn server_that_accepts_and_says_nothing_is_given_up() {
    let (address, n_connections) = serve(|mut stream| async move {
        read_head(&mut stream).await?;
        std::future::pending().await
    })
    .await;
    let start = Instant::now();
    let error = connect(address, SHORT).head("k").await.unwrap_err();
    assert!(start.elapsed() < SHORT * 60, "{:?}", start.elapsed());
    assert_eq!(n_connections.load(Ordering::SeqCst), 5);
    assert!(error.to_string().contains("was silent for 0.3 s (`read_timeout`, the default)"), "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn closed_port_is_given_up_soon() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = connect(address, SHORT).head("k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.to_string().contains("no server answers at"), "{error}");
}

/// Calls after the one that gave the server up said only what that one was about, and not why it failed.
#[tokio::test]
async fn calls_that_are_not_tried_say_why_of_themselves() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let store = connect(address, SHORT);
    store.head("first").await.unwrap_err();
    let error = store.head("second").await.unwrap_err();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    assert!(text.contains("second") && !text.contains("first"), "{text}");
    assert!(text.contains(&format!("no server answers at `http://{address}`")), "{text}");
    assert!(text.contains("Connection refused"), "{text}");
}

#[tokio::test]
async fn dead_proxy_is_named_and_not_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    drop(listener);
    let mut options = options();
    options.endpoint_url = Some(Located::default_value("http://192.0.2.1:9000".into()));
    options.proxy.http = Some(haul_config::Secret::new(format!("http://user:hunter2@{proxy}")));
    let error = open(options).head("k").await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("no connection through the proxy `http://user:****@"), "{text}");
    assert!(text.contains(", which `http_proxy` names") && !text.contains("hunter2"), "{text}");
    assert!(error.hint().unwrap().contains("`no_proxy`"), "{error:?}");
}

#[tokio::test]
async fn slow_upload_that_moves_is_not_killed() {
    let (address, n_connections) = serve(|mut stream| async move {
        read_head(&mut stream).await?;
        let mut remaining: usize = 24 << 20;
        let mut buffer = vec![0; 1 << 20];
        while remaining > 0 {
            tokio::time::sleep(PATIENT / 10).await;
            let wanted = remaining.min(buffer.len());
            stream.read_exact(&mut buffer[..wanted]).await?;
            remaining -= wanted;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 0\r\n\r\n").await
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big");
    fs_err::write(&path, vec![1; 24 << 20]).unwrap();
    let body = Body::file_range(Arc::new(path), 0..24 << 20);
    let mut store = connect(address, PATIENT);
    Arc::get_mut(&mut store.client).unwrap().options.payload_signing = crate::s3::PayloadSigning::Never;
    let start = Instant::now();
    store.put("k", &body, None).await.unwrap();
    assert!(start.elapsed() > PATIENT * 2, "too fast to prove anything: {:?}", start.elapsed());
    assert_eq!(n_connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn slow_download_that_moves_is_not_killed_and_a_stalled_one_is_resumed() {
    let (address, n_connections) = serve(|mut stream| async move {
        let head = read_head(&mut stream).await?;
        let from =
            head.split("bytes=").nth(1).map_or(0, |rest| rest.split('-').next().unwrap().parse().unwrap());
        let status = if from == 0 { "200 OK" } else { "206 Partial Content" };
        let range = format!("Content-Range: bytes {from}-9/10\r\n");
        let length = 10 - from;
        let head = format!("HTTP/1.1 {status}\r\nETag: \"t\"\r\n{range}Content-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        for position in from..10_usize {
            if from == 0 && position == 6 {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(PATIENT / 5).await;
            stream.write_all(&[b'0' + u8::try_from(position).unwrap()]).await?;
        }
        Ok(())
    })
    .await;
    let mut stream = connect(address, PATIENT).get("k", None, None).await.unwrap().stream;
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(bytes, b"0123456789");
    assert_eq!(n_connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn redirect_sends_nobody_elsewhere() {
    let (elsewhere, n_strangers) = serve(|_| async { Ok(()) }).await;
    let (address, n_connections) = serve(move |mut stream| async move {
        read_head(&mut stream).await?;
        let reply = format!("HTTP/1.1 307 Go\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(reply.as_bytes()).await
    })
    .await;
    let error = connect(address, SHORT).head("k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!((n_connections.load(Ordering::SeqCst), n_strangers.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn hostile_listing_is_an_error() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\">]><ListBucketResult>&b;</ListBucketResult>";
    for (start, filler) in
        [(bomb, ""), ("<ListBucketResult>", "<Contents><Key>abc</Key><Size>1</Size></Contents>")]
    {
        let (address, _) = serve(move |mut stream| async move {
            read_head(&mut stream).await?;
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{start}");
            stream.write_all(head.as_bytes()).await?;
            let chunk = filler.repeat(10_000);
            while !chunk.is_empty() {
                stream.write_all(chunk.as_bytes()).await?;
            }
            Ok(())
        })
        .await;
        let error =
            connect(address, Duration::from_secs(20)).list_page("", &ListFrom::Start).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

#[tokio::test]
async fn server_of_another_protocol_is_named_as_such() {
    let (address, n_connections) = serve(|mut stream| async move {
        read_head(&mut stream).await?;
        stream.write_all(b"220 mail.example.org ESMTP\r\n\r\n").await
    })
    .await;
    let error = connect(address, SHORT).head("k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(n_connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn refusal_in_the_middle_of_an_upload_is_heard() {
    let (address, _) = serve(|mut stream| async move {
        read_head(&mut stream).await?;
        let body = "<Error><Code>EntityTooLarge</Code></Error>";
        let reply =
            format!("HTTP/1.1 400 No\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(reply.as_bytes()).await?;
        // A server that cares lingers until the client has noticed.
        let mut rest = vec![0; 1 << 16];
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    })
    .await;
    let body = Body::bytes(vec![0; 8 << 20]);
    let error = connect(address, Duration::from_secs(5)).put("k", &body, None).await.unwrap_err();
    let code = error.reply().and_then(|reply| reply.code.clone());
    assert_eq!(code.as_deref(), Some("EntityTooLarge"), "{error}");
}

/// What a body told of itself.
#[derive(Debug, Default)]
struct Heard {
    n_bytes: AtomicUsize,
    n_taken_back: AtomicUsize,
}

impl crate::progress::BytesListener for Heard {
    fn moved(&self, n_bytes: u64) {
        self.n_bytes.fetch_add(usize::try_from(n_bytes).unwrap(), Ordering::SeqCst);
    }

    fn taken_back(&self, n_bytes: u64) {
        self.n_taken_back.fetch_add(usize::try_from(n_bytes).unwrap(), Ordering::SeqCst);
    }
}

#[tokio::test]
async fn upload_tells_of_bytes_while_they_go_and_takes_back_those_of_a_failed_attempt() {
    const SIZE: usize = 64 << 20;
    let n_attempts = Arc::new(AtomicUsize::new(0));
    let heard = Arc::new(Heard::default());
    let told = Arc::clone(&heard);
    let (address, _) = serve(move |mut stream| {
        let (n_attempts, told) = (Arc::clone(&n_attempts), Arc::clone(&told));
        async move {
            read_head(&mut stream).await?;
            let is_first = n_attempts.fetch_add(1, Ordering::SeqCst) == 0;
            let mut remaining = if is_first { SIZE / 2 } else { SIZE };
            let mut buffer = vec![0; 1 << 20];
            while remaining > 0 {
                let wanted = remaining.min(buffer.len());
                stream.read_exact(&mut buffer[..wanted]).await?;
                remaining -= wanted;
            }
            let sent = told.n_bytes.load(Ordering::SeqCst) - told.n_taken_back.load(Ordering::SeqCst);
            assert!(sent >= if is_first { SIZE / 2 } else { SIZE }, "{sent} bytes were told of");
            let reply = if is_first { "503 Slow Down" } else { "200 OK\r\nETag: \"tag\"" };
            let reply = format!("HTTP/1.1 {reply}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(reply.as_bytes()).await
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big");
    fs_err::File::create(&path).unwrap().set_len(SIZE as u64).unwrap();
    let body = Body::file_range(Arc::new(path), 0..SIZE as u64);
    let body = body.heard_by(Arc::<Heard>::clone(&heard));
    let mut store = connect(address, PATIENT);
    Arc::get_mut(&mut store.client).unwrap().options.payload_signing = crate::s3::PayloadSigning::Never;
    store.put("k", &body, None).await.unwrap();
    let (n_bytes, n_taken_back) =
        (heard.n_bytes.load(Ordering::SeqCst), heard.n_taken_back.load(Ordering::SeqCst));
    assert!(n_taken_back >= SIZE / 2, "{n_taken_back}");
    assert_eq!(n_bytes - n_taken_back, SIZE);
}
