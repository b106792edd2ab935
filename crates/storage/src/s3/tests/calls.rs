use super::*;
use crate::s3::request::options::{AddressingStyle, Checksums, CustomerKey, ListApi};
use crate::{
    Body, DeleteStore as _, ErrorKind, ListFrom, ListStore as _, MultipartStore as _, ReadStore as _,
    UploadedPart, WriteStore as _,
};

const SLOW_DOWN: &str = "<Error><Code>SlowDown</Code><Message>calm down</Message></Error>";

fn body(text: &'static str) -> Body {
    Body::bytes(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn every_amazon_header_is_signed() {
    let mut options = options();
    options.object.acl = Some("private".into());
    options.object.grant_read = Some("id=a, id=b".into());
    options.customer_key = Some(CustomerKey::new("AES256", &[7; 32]));
    options.checksums = Checksums::WhenSupported;
    let (server, store) = store(options);
    server.push(reply(200, "").with("etag", "\"tag\""));
    store.put("k", &body("hello"), Some(&crate::hash::md5(b"hello"))).await.unwrap();
    let request = &server.take()[0];
    assert_eq!(request.url, "http://server:9000/data/p/k");
    let signed = header(request, "authorization").split("SignedHeaders=").nth(1).unwrap();
    let signed: Vec<&str> = signed.split(',').next().unwrap().split(';').collect();
    for name in request.headers.keys().filter(|name| name.as_str().starts_with("x-amz-")) {
        assert!(signed.contains(&name.as_str()), "{name} is not in {signed:?}");
    }
    assert!(signed.contains(&"host") && signed.contains(&"content-md5"), "{signed:?}");
    assert_eq!(header(request, "content-md5"), "XUFAKrxLKna5cZ2REBfFkg==");
    assert_eq!(header(request, "x-amz-checksum-crc32"), "NhCmhg==");
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(header(request, "x-amz-content-sha256"), sha256);
    for secret in ["x-amz-server-side-encryption-customer-key", "authorization", "x-amz-security-token"] {
        assert!(request.headers[secret].is_sensitive(), "{secret}");
    }
    let shown = format!("{request:?} {store:?} {:?}", store.client);
    for secret in ["hushhush", "tokentoken", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn body_over_tls_is_not_hashed_and_anonymous_requests_are_not_signed() {
    let mut with_tls = options();
    with_tls.endpoint_url = Some(Located::default_value("https://server".into()));
    let (server, store) = store(with_tls);
    server.push(reply(200, "").with("etag", "\"tag\""));
    store.put("k", &body("hello"), None).await.unwrap();
    assert_eq!(header(&server.take()[0], "x-amz-content-sha256"), "UNSIGNED-PAYLOAD");

    let credentials = FakeCredentials { anonymous: true, ..FakeCredentials::default() };
    let (server, store) = store_with(options(), credentials, Arc::new(SystemClock));
    server.push(reply(404, ""));
    assert_eq!(store.head("k").await.unwrap(), None);
    let request = &server.take()[0];
    assert!(
        request.headers.keys().all(|name| !name.as_str().starts_with("x-amz-") && name != "authorization")
    );
}

#[tokio::test(start_paused = true)]
async fn expired_credentials_are_renewed_and_every_attempt_is_signed_anew() {
    let (server, store) = store(options());
    server.push(reply(503, SLOW_DOWN));
    server.push(reply(400, "<Error><Code>ExpiredToken</Code></Error>"));
    server.push(reply(200, "").with("etag", "\"tag\""));
    store.put("k", &body("hello"), None).await.unwrap();
    let requests = server.take();
    let keys: Vec<&str> = requests
        .iter()
        .map(|request| &header(request, "authorization")[.."AWS4-HMAC-SHA256 Credential=KEY0".len()])
        .collect();
    assert!(keys[0].ends_with("KEY0") && keys[1].ends_with("KEY0") && keys[2].ends_with("KEY1"), "{keys:?}");
    assert!(requests.iter().all(|request| request.payload.in_memory().unwrap() == "hello"));
}

#[tokio::test]
async fn bucket_in_another_region_is_followed_there_once_and_for_all() {
    let mut on_aws = options();
    on_aws.endpoint_url = None;
    on_aws.addressing = AddressingStyle::Auto;
    let (server, store) = store(on_aws);
    server.push(
        reply(301, "").with("x-amz-bucket-region", "eu-west-3").with("location", "https://evil.example.org"),
    );
    server.push(reply(200, "").with("etag", "\"tag\""));
    server.push(reply(200, "").with("etag", "\"tag\""));
    store.put("k", &body("x"), None).await.unwrap();
    store.put("k", &body("x"), None).await.unwrap();
    assert_eq!(store.region(), "eu-west-3");
    let requests = server.take();
    assert_eq!(requests[1].url, "https://data.s3.eu-west-3.amazonaws.com/p/k");
    assert_eq!(requests[2].url, requests[1].url);
    assert!(header(&requests[1], "authorization").contains("/eu-west-3/s3/aws4_request"));
}

#[tokio::test]
async fn redirect_to_another_host_is_refused() {
    let (server, store) = store(options());
    server.push(reply(307, "").with("location", "http://evil.example.org/data/p/k"));
    let error = store.put("k", &body("x"), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.hint().unwrap().contains("evil.example.org"), "{:?}", error.hint());
    assert_eq!(server.take().len(), 1);
}

#[tokio::test]
async fn checksums_of_parts_are_announced_sent_and_told_again() {
    let created = "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>";
    let done = "<CompleteMultipartUploadResult><ETag>\"abc-2\"</ETag></CompleteMultipartUploadResult>";
    let listed = "<ListPartsResult><Part><PartNumber>2</PartNumber><ETag>\"b\"</ETag>\
                  <ChecksumCRC32>AAAAAA==</ChecksumCRC32><Size>5</Size></Part></ListPartsResult>";
    for (checksums, is_sent) in [(Checksums::WhenSupported, true), (Checksums::WhenRequired, false)] {
        let mut options = options();
        options.checksums = checksums;
        let (server, store) = store(options);
        server.push(reply(200, created));
        // The server keeps the checksum of the one, and a server that knows none sends none back.
        let part = reply(200, "").with("etag", "\"a\"");
        server.push(if is_sent { part.with("x-amz-checksum-crc32", "NhCmhg==") } else { part });
        server.push(reply(200, listed));
        server.push(reply(200, done));
        let id = store.create_multipart("k").await.unwrap();
        let mut parts =
            vec![store.put_part("k", &id, 1, &body("hello"), &crate::hash::md5(b"hello")).await.unwrap()];
        parts.extend(store.list_parts("k", &id).await.unwrap().unwrap());
        store.complete_multipart("k", &id, &parts).await.unwrap();
        let requests = server.take();
        assert_eq!(header(&requests[0], "x-amz-checksum-algorithm"), if is_sent { "CRC32" } else { "" });
        assert_eq!(header(&requests[1], "x-amz-checksum-crc32"), if is_sent { "NhCmhg==" } else { "" });
        let xml = String::from_utf8(requests[3].payload.in_memory().unwrap().to_vec()).unwrap();
        let first =
            "<PartNumber>1</PartNumber><ETag>\"a\"</ETag><ChecksumCRC32>NhCmhg==</ChecksumCRC32></Part>";
        assert_eq!(xml.contains(first), is_sent, "{xml}");
        assert!(
            xml.contains("<ChecksumCRC32>AAAAAA==</ChecksumCRC32>"),
            "what the server keeps is told: {xml}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn error_under_a_200_is_an_error() {
    let (server, store) = store(options());
    let parts = [UploadedPart { number: 1, etag: "\"a\"".into(), md5: None, crc32: None, size_bytes: 1 }];
    server.push(reply(200, &format!("   \n{SLOW_DOWN}")));
    server.push(reply(
        200,
        "<CompleteMultipartUploadResult><ETag>\"abc-1\"</ETag></CompleteMultipartUploadResult>",
    ));
    let done = store.complete_multipart("k", "id", &parts).await.unwrap();
    assert_eq!(done.etag.as_deref(), Some("abc-1"));
    assert_eq!(server.take().len(), 2);

    server.push(reply(200, "<Error><Code>AccessDenied</Code></Error>"));
    assert!(store.delete(&["k".into()]).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn completion_whose_reply_got_lost_is_recognised_by_the_entity_tag_of_its_parts() {
    let (server, store) = store(options());
    let md5 = crate::hash::md5(b"part");
    let parts = [UploadedPart {
        number: 1,
        etag: format!("\"{}\"", hex::encode(md5)),
        md5: None,
        crc32: None,
        size_bytes: 7,
    }];
    let of_parts = format!("\"{}-1\"", hex::encode(crate::hash::md5(&md5)));
    let gone = || reply(404, "<Error><Code>NoSuchUpload</Code></Error>");
    let there = |etag: &str| reply(200, "").with("content-length", "7").with("etag", etag);
    server.push_error(TransportErrorKind::Broken);
    server.push(gone());
    server.push(there(&of_parts).with("x-amz-version-id", "v"));
    let done = store.complete_multipart("k", "id", &parts).await.unwrap();
    assert_eq!((done.etag, done.version_id.as_deref()), (Some(of_parts.replace('"', "")), Some("v")));
    server.take();

    for other in ["\"abc-1\"", &format!("\"{}\"", hex::encode(md5))] {
        server.push_error(TransportErrorKind::Broken);
        server.push(gone());
        server.push(there(other));
        let error = store.complete_multipart("k", "id", &parts).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "an object of its size is not this upload");
        server.take();
    }
    server.push(gone());
    let error = store.complete_multipart("k", "id", &parts).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "nothing was sent that could have completed it");
    assert_eq!(server.take().len(), 1);

    let opaque = [UploadedPart { number: 1, etag: "\"abc\"".into(), md5: None, crc32: None, size_bytes: 7 }];
    server.push_error(TransportErrorKind::Broken);
    server.push(gone());
    let error = store.complete_multipart("k", "id", &opaque).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "tags that are no MD5s prove nothing");
    assert_eq!(server.take().len(), 2);
}

#[tokio::test]
async fn head_that_fails_with_a_customer_key_is_held_against_a_listing() {
    const LISTING: &str = "<ListBucketResult><IsTruncated>false</IsTruncated>OBJECTS</ListBucketResult>";
    let listing = |objects: &str| reply(200, &LISTING.replace("OBJECTS", objects));
    let there = "<Contents><Key>p/k</Key><Size>1</Size></Contents>";
    let longer = "<Contents><Key>p/kk</Key><Size>1</Size></Contents>";
    let mut with_key = options();
    with_key.customer_key = Some(CustomerKey::new("AES256", &[7; 32]));
    for status in [400, 403] {
        let (server, store) = store(with_key.clone());
        // The second one is the question what the first one means.
        let refuse = |n: u32| (0..n).for_each(|_| server.push(reply(status, "")));
        refuse(2);
        server.push(listing(&format!("{there}{longer}")));
        let error = store.head("k").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("`sse_customer_key` does not open it"), "{error}");
        server.take();
        refuse(if status == 400 { 2 } else { 1 });
        server.push(listing(longer));
        assert_eq!(store.head("k").await.is_ok_and(|found| found.is_none()), status == 403);
        server.take();
        refuse(if status == 400 { 2 } else { 1 });
        server.push(reply(403, "<Error><Code>AccessDenied</Code></Error>"));
        let error = store.head("k").await.unwrap_err();
        assert!(error.hint().unwrap().contains("s3:ListBucket on `arn:aws:s3:::data`"), "{error}");
        server.take();
    }
    let (server, store) = store(options());
    server.push(reply(403, ""));
    server.push(reply(403, ""));
    assert_eq!(
        store.head("k").await.unwrap_err().kind(),
        ErrorKind::Denied,
        "without a key nothing is asked"
    );
    server.take();
}

#[derive(Debug, Default)]
struct Troubles(std::sync::atomic::AtomicUsize);

impl crate::TroubleListener for Troubles {
    fn on_trouble(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn listener_hears_of_each_attempt_that_the_server_cannot_keep_up_with() {
    let (server, store) = store(options());
    let [heard, gone] = [(); 2].map(|()| Arc::new(Troubles::default()));
    for listener in [&heard, &gone] {
        let listener: std::sync::Weak<Troubles> = Arc::downgrade(listener);
        store.tell_of_trouble(listener);
    }
    drop(gone);
    server.push(reply(503, SLOW_DOWN));
    server.push_error(TransportErrorKind::ReadTimeout);
    server.push(reply(500, ""));
    server.push(reply(429, ""));
    server.push(reply(200, "").with("etag", "\"tag\""));
    store.put("k", &body("hello"), None).await.unwrap();
    assert_eq!(heard.0.load(std::sync::atomic::Ordering::Relaxed), 3);
}

#[tokio::test]
async fn refused_head_is_explained_once() {
    let (server, store) = store(options());
    server.push(reply(403, ""));
    server.push(reply(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"));
    assert_eq!(store.head("k").await.unwrap_err().kind(), ErrorKind::Unauthenticated);
    let requests = server.take();
    assert!(is_get(&requests[1]) && header(&requests[1], "range") == "bytes=0-0");

    server.push(reply(200, "").with("content-length", "1"));
    assert_eq!(store.head("k").await.unwrap().unwrap().size_bytes, 1);
    server.push(reply(403, ""));
    assert_eq!(store.head("none").await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(server.take().len(), 2, "good credentials are not doubted");

    let (server, store) = super::store(options());
    for _ in 0..3 {
        server.push(reply(403, ""));
    }
    assert_eq!(store.head("a").await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(store.head("b").await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(server.take().len(), 3, "nobody explains: not asked again");
}

#[tokio::test]
async fn clock_of_the_server_is_taken_over() {
    let (server, store) = store(options());
    let body_text = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
    server.push(reply(403, body_text).with("date", "Thu, 01 Jan 2032 00:00:00 GMT"));
    server.push(reply(200, "").with("etag", "\"tag\""));
    store.put("k", &body("x"), None).await.unwrap();
    let requests = server.take();
    let date = header(&requests[1], "x-amz-date");
    assert!(date.starts_with("20320101T0000") || date.starts_with("20311231T2359"), "{date}");
}

#[tokio::test(start_paused = true)]
async fn server_that_fails_one_call_to_the_end_is_spared_the_next() {
    let (server, store) = store(options());
    for _ in 0..5 {
        server.push_error(TransportErrorKind::ReadTimeout);
    }
    let error = store.head("a").await.unwrap_err();
    assert!(error.to_string().contains("`http://server:9000` was silent for 60 s"), "{error}");
    assert_eq!(server.take().len(), 5);
    assert_eq!(store.head("b").await.unwrap_err().kind(), ErrorKind::Network);
    assert_eq!(server.take().len(), 0);
    tokio::time::advance(Duration::from_secs(30)).await;
    server.push(reply(404, ""));
    assert_eq!(store.head("b").await.unwrap(), None);
}

#[tokio::test]
async fn listing_by_either_call_pages_below_the_prefix() {
    let object = |key: &str| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>");
    let page = |key: &str, rest: &str| {
        let encoding = "<EncodingType>url</EncodingType>";
        reply(200, &format!("<ListBucketResult>{}{encoding}{rest}</ListBucketResult>", object(key)))
    };
    for (api, more, first, second) in [
        (
            ListApi::V2,
            "<IsTruncated>true</IsTruncated><NextContinuationToken>t+/=</NextContinuationToken>",
            "list-type=2&prefix=p%2Fa%2F&start-after=p%2Fa%2F0",
            "continuation-token=t%2B%2F%3D&encoding-type=url&list-type=2&prefix=p%2Fa%2F",
        ),
        (
            ListApi::V1,
            "<IsTruncated>true</IsTruncated>",
            "encoding-type=url&marker=p%2Fa%2F0&prefix=p%2Fa%2F",
            "encoding-type=url&marker=p%2Fa%2F1%20&prefix=p%2Fa%2F",
        ),
    ] {
        let mut options = options();
        options.list_api = api;
        let (server, store) = store(options);
        server.push(page("p/a/1+", more));
        server.push(page("p/a/2", "<IsTruncated>false</IsTruncated>"));
        let one = store.list_page("a/", &ListFrom::AfterKey("a/0".into())).await.unwrap();
        assert_eq!((one.objects[0].key.as_str(), one.is_truncated), ("a/1 ", true));
        let two = store.list_page("a/", &one.next.unwrap()).await.unwrap();
        assert_eq!((two.objects[0].key.as_str(), two.is_truncated, two.next), ("a/2", false, None));
        let lines = server.lines();
        assert!(lines[0].contains(first) && lines[1].ends_with(second), "{lines:?}");
        let beyond = store.list_page("a/", &ListFrom::AfterKey("b".into())).await.unwrap();
        assert!(beyond.objects.is_empty(), "a place behind the prefix needs no request");
    }
}

#[tokio::test]
async fn deletion_accounts_for_every_key() {
    let (server, store) = store(options());
    let keys: Vec<String> = ["a", "b", "c", "d"].map(String::from).to_vec();
    server.push(reply(
        200,
        "<DeleteResult><Deleted><Key>p/a</Key></Deleted><Error><Key>p/b</Key><Code>AccessDenied</Code></Error>\
         <Error><Key>p/d</Key><Code>NoSuchKey</Code></Error></DeleteResult>",
    ));
    let failed = store.delete(&keys).await.unwrap();
    let failed: Vec<_> = failed.iter().map(|(key, error)| (key.as_str(), error.kind())).collect();
    assert_eq!(failed, [("b", ErrorKind::Denied), ("c", ErrorKind::Corrupt)]);
    let request = &server.take()[0];
    assert!(!header(request, "content-md5").is_empty());
    assert_eq!(request.url, "http://server:9000/data?delete");

    server.push(reply(501, "<Error><Code>NotImplemented</Code></Error>"));
    server.push(reply(204, ""));
    server.push(reply(403, ""));
    let failed = store.delete(&keys[..2]).await.unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(
        server.lines()[1..],
        ["DELETE http://server:9000/data/p/a", "DELETE http://server:9000/data/p/b"]
    );
}

#[tokio::test]
async fn upload_that_arrived_changed_is_noticed() {
    let (server, store) = store(options());
    let (good, bad) = ("\"5d41402abc4b2a76b9719d911017c592\"", "\"00000000000000000000000000000000\"");
    let md5 = crate::hash::md5(b"hello");
    server.push(reply(200, "").with("etag", good));
    server.push(reply(200, "").with("etag", bad));
    server.push(reply(200, "").with("etag", bad).with("x-amz-server-side-encryption", "aws:kms"));
    store.put("k", &body("hello"), Some(&md5)).await.unwrap();
    assert_eq!(store.put("k", &body("hello"), Some(&md5)).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(store.limits().etag_is_md5);
    store.put("k", &body("hello"), Some(&md5)).await.unwrap();
    assert!(!store.limits().etag_is_md5, "the bucket encrypts by itself");
}

#[tokio::test(start_paused = true)]
async fn part_goes_with_its_md5_and_is_sent_again_where_it_arrived_changed() {
    let (server, store) = store(options());
    let md5 = crate::hash::md5(b"hello");
    let good = format!("\"{}\"", hex::encode(md5));
    server.push(reply(400, "<Error><Code>BadDigest</Code></Error>"));
    server.push(reply(200, "").with("etag", &good));
    let part = store.put_part("k", "id", 1, &body("hello"), &md5).await.unwrap();
    assert_eq!((part.etag, part.md5), (good, Some(md5)));
    let requests = server.take();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| header(request, "content-md5") == "XUFAKrxLKna5cZ2REBfFkg=="));

    server.push(reply(200, "").with("etag", "\"00000000000000000000000000000000\""));
    let error = store.put_part("k", "id", 1, &body("hello"), &md5).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "the tag is that of other bytes");
    for _ in 0..3 {
        server.push(reply(400, "<Error><Code>BadDigest</Code></Error>"));
    }
    let error = store.put_part("k", "id", 1, &body("hello"), &md5).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[tokio::test]
async fn completion_goes_with_its_md5() {
    let (server, store) = store(options());
    let parts = [UploadedPart { number: 1, etag: "\"a\"".into(), md5: None, crc32: None, size_bytes: 1 }];
    server.push(reply(
        200,
        "<CompleteMultipartUploadResult><ETag>\"abc-1\"</ETag></CompleteMultipartUploadResult>",
    ));
    store.complete_multipart("k", "id", &parts).await.unwrap();
    let request = &server.take()[0];
    let digest = crate::hash::md5(request.payload.in_memory().unwrap());
    let expected = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest);
    assert_eq!(header(request, "content-md5"), expected);
}

/// The page of a proxy under a status of an error was taken for a refusal of S3, with advice on rights, regions and listings.
#[tokio::test]
async fn page_of_html_is_no_refusal_of_s3() {
    const PAGE: &str = "<html><head><title>Corporate Login</title></head></html>";
    for status in [301, 400, 403, 405, 451, 511] {
        let (server, store) = store(options());
        server.push(reply(status, PAGE));
        let put = store.put("k", &body("x"), None).await.unwrap_err();
        // A HEAD has no body: a GET asks for it.
        server.push(reply(403, ""));
        server.push(reply(status, PAGE));
        let head = store.head("k").await.unwrap_err();
        for error in [put, head] {
            assert_eq!(error.kind(), ErrorKind::Config, "{status}");
            assert!(
                error.to_string().contains("`http://server:9000` does not answer as an S3 server does"),
                "{error}"
            );
            let page = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(
                page,
                format!("it is a page of HTML with the title `Corporate Login` (HTTP {status})")
            );
            assert!(!error.hint().unwrap().contains("s3:PutObject"), "{error:?}");
        }
    }
    for (status, kind) in [(401, ErrorKind::Unauthenticated), (413, ErrorKind::Unsupported)] {
        let (server, store) = store(options());
        server.push(reply(status, PAGE));
        assert_eq!(store.put("k", &body("x"), None).await.unwrap_err().kind(), kind, "{status}");
    }
}

#[tokio::test]
async fn upload_counts_only_with_the_reply_of_an_s3_server() {
    const PAGE: &str = "<!DOCTYPE html><html><head><title>Welcome</title></head></html>";
    let md5 = crate::hash::md5(b"hello");
    let parts = [UploadedPart { number: 1, etag: "\"a\"".into(), md5: None, crc32: None, size_bytes: 1 }];
    let (server, store) = store(options());
    for page in ["", PAGE] {
        server.push(reply(200, page));
        let error = store.put("k", &body("hello"), Some(&md5)).await.unwrap_err();
        assert!(error.to_string().contains("http://server:9000"), "{error}");
        server.push(reply(200, page));
        store.put_part("k", "id", 1, &body("hello"), &md5).await.unwrap_err();
        server.push(reply(200, page));
        store.create_multipart("k").await.unwrap_err();
        server.push(reply(200, page));
        store.complete_multipart("k", "id", &parts).await.unwrap_err();
    }
    server.push(reply(200, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>"));
    store.complete_multipart("k", "id", &parts).await.unwrap_err();
    server.push(reply(200, PAGE));
    let error = store.abort_multipart("k", "id").await.unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("with the title `Welcome`"));
    server.push(reply(200, PAGE));
    store.list_page("", &ListFrom::Start).await.unwrap_err();
    server.push(reply(200, "").with("content-type", "text/html").with("content-length", "5"));
    store.head("k").await.unwrap_err();
    server.push(reply(200, PAGE).with("content-type", "text/html; charset=utf-8"));
    let error = store.get("k", None, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    server.take();
}

#[tokio::test]
async fn bucket_that_encrypts_is_known_from_the_start_of_an_upload() {
    const CREATED: &str =
        "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>";
    let md5 = crate::hash::md5(b"hello");
    let kms = |reply: Scripted| reply.with("x-amz-server-side-encryption", "aws:kms");
    let opaque = "\"00000000000000000000000000000000\"";
    for is_told_at_once in [true, false] {
        let (server, store) = store(options());
        server.push(if is_told_at_once { kms(reply(200, CREATED)) } else { reply(200, CREATED) });
        server.push(kms(reply(200, "").with("etag", opaque)));
        let id = store.create_multipart("k").await.unwrap();
        assert_eq!(store.limits().etag_is_md5, !is_told_at_once);
        store.put_part("k", &id, 1, &body("hello"), &md5).await.unwrap();
        assert!(!store.limits().etag_is_md5);
        server.take();
    }
}
