use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures::TryStreamExt as _;
use haul_config::{ConfigPaths, ConfigStack, Env};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::source::{Source, SourceEntry, SourceVersion, open_source};
use crate::{Body, ErrorKind, RemoteStore, open_remote};

/// The heads of the requests that a server got.
type Heads = Arc<Mutex<Vec<String>>>;

/// A server that answers each request with what `answer` makes of its head, and closes the connection.
async fn serve(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (SocketAddr, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Heads::default();
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                head.push(byte);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let reply = answer(&head);
            seen.lock().unwrap().push(head);
            let _sent = stream.write_all(reply.as_bytes()).await;
        }
    });
    (address, heads)
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

fn remote(url: &str, options: &[(&str, &str)]) -> (haul_config::Remote, Env) {
    let env = Env::new(std::path::Path::new("/"), Vec::<(&str, &str)>::new());
    let stack = ConfigStack::load(&ConfigPaths::new(&env, None), &env).unwrap();
    let options: Vec<_> = options.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    (stack.config().unwrap().external(url, &options).unwrap(), env)
}

fn store(url: &str, options: &[(&str, &str)]) -> Arc<dyn RemoteStore> {
    let (remote, env) = remote(url, options);
    open_remote(&remote, &env).unwrap()
}

fn source(url: &str) -> Arc<dyn Source> {
    let (remote, env) = remote(url, &[]);
    open_source(&remote, &SourceVersion::AsWritten, &env, &crate::Contact::default()).unwrap()
}

#[tokio::test]
async fn credentials_go_to_the_server_of_the_remote_alone() {
    let (elsewhere, seen_elsewhere) = serve(|_| reply("200 OK", "", "hello")).await;
    let (address, seen) =
        serve(move |_| reply("302 Found", &format!("Location: http://{elsewhere}/x\r\n"), "")).await;
    let basic = [("auth", "basic"), ("user", "me"), ("password", "secret")];
    let store = store(&format!("http://{address}/base/"), &basic);
    let download = store.get("files/md5/ab/c", None, None).await.unwrap();
    let bytes: Vec<_> = download.stream.try_collect().await.unwrap();
    assert_eq!(bytes.concat(), b"hello");
    let head = seen.lock().unwrap()[0].clone();
    assert!(head.starts_with("GET /base/files/md5/ab/c HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Basic bWU6c2VjcmV0\r\n"), "{head}");
    let head = seen_elsewhere.lock().unwrap()[0].clone();
    assert!(!head.to_lowercase().contains("authorization"), "{head}");
}

#[tokio::test]
async fn custom_header_is_sent() {
    let (address, seen) = serve(|_| reply("200 OK", "", "hello")).await;
    let custom = [("auth", "custom"), ("custom_auth_header", "X-Token"), ("password", "secret")];
    store(&format!("http://{address}"), &custom).head("k").await.unwrap();
    assert!(seen.lock().unwrap()[0].contains("x-token: secret\r\n"));
}

#[tokio::test]
async fn head_that_is_not_known_is_followed_by_a_get() {
    let (address, seen) = serve(|head| match head.split(' ').next() {
        Some("HEAD") => reply("405 Method Not Allowed", "", ""),
        _ => reply("200 OK", "ETag: \"tag\"\r\n", "hello"),
    })
    .await;
    let info = store(&format!("http://{address}"), &[]).head("k").await.unwrap().unwrap();
    assert_eq!((info.size_bytes, info.etag.as_deref()), (5, Some("tag")));
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn absent_object_is_none_and_a_refused_one_an_error() {
    let (address, _) = serve(|_| reply("404 Not Found", "", "")).await;
    assert_eq!(store(&format!("http://{address}"), &[]).head("k").await.unwrap(), None);
    let (address, _) = serve(|_| reply("401 Unauthorized", "", "")).await;
    let error = store(&format!("http://me:hidden@{address}/?key=hidden"), &[]).head("k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(!format!("{error:?} {error}").contains("hidden"), "{error:?}");
}

#[tokio::test]
async fn failing_server_is_asked_again() {
    let n_requests = Mutex::new(0);
    let (address, seen) = serve(move |_| {
        let mut n_requests = n_requests.lock().unwrap();
        *n_requests += 1;
        if *n_requests < 3 { reply("503 Service Unavailable", "", "") } else { reply("200 OK", "", "hello") }
    })
    .await;
    assert!(store(&format!("http://{address}"), &[]).head("k").await.unwrap().is_some());
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn redirects_come_to_an_end() {
    let (address, seen) = serve(|_| reply("302 Found", "Location: /again\r\n", "")).await;
    let error = store(&format!("http://{address}"), &[]).get("k", None, None).await.unwrap_err();
    assert_eq!(error.reply().map(|reply| reply.status), Some(302));
    assert_eq!(seen.lock().unwrap().len(), 11);
}

#[tokio::test]
async fn body_that_is_cut_is_an_error() {
    let (address, _) = serve(|_| String::from("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")).await;
    let source = source(&format!("http://{address}/f"));
    let download = source.open(&SourceEntry::default()).await.unwrap();
    let error = download.stream.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
}

#[tokio::test]
async fn refused_upload_says_what_to_change() {
    let (address, _) = serve(|_| reply("405 Method Not Allowed", "", "")).await;
    let store = store(&format!("http://{address}"), &[("method", "put")]);
    let error = store.writer().unwrap().put("k", &Body::bytes("x"), None).await.unwrap_err();
    assert!(error.hint().unwrap().contains("method"), "{:?}", error.hint());
}

#[test]
fn web_server_says_what_it_lacks() {
    let store = store("http://localhost:1/data", &[]);
    let lacks = [
        store.lister().map(drop).unwrap_err(),
        store.deleter().map(drop).unwrap_err(),
        store.multipart().map(drop).unwrap_err(),
    ];
    let whats = ["listings", "way to delete an object", "multipart uploads"];
    for (error, what) in lacks.iter().zip(whats) {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.to_string(), format!("`http://localhost:1/data` is a web server and has no {what}"));
    }
    assert!(store.writer().is_ok());
}

#[tokio::test]
async fn checksum_is_the_entity_tag_or_a_hash_of_the_head() {
    let (address, _) = serve(|_| reply("200 OK", "ETag: \"ab-1\"\r\n", "hello")).await;
    let entry = source(&format!("http://{address}/f")).stat().await.unwrap().unwrap();
    assert_eq!(entry.checksum.as_deref(), Some("\"ab-1\""));
    // Made by fsspec: `int(tokenize({...}), 16)` of the same head.
    let info = super::FileInfo {
        size_bytes: Some(6),
        media_type: Some("text/plain".to_owned()),
        url: "http://127.0.0.1:18555/one.txt".to_owned(),
        checksums: vec![("Last-Modified", "Fri, 27 Nov 2026 01:11:50 GMT".to_owned())],
        ..super::FileInfo::default()
    };
    let checksum = crate::source::checksum_of_head("http://127.0.0.1:18555/one.txt", &info);
    assert_eq!(checksum, "197219354512134514025866651956790818396");
}
