//! The embedded server is as strict as it claims: otherwise the tests that rely on it prove nothing.

use haul_tests::announce::Announcement;
use haul_tests::client::S3Client;
use haul_tests::embedded::{
    BucketOptions, EmbeddedOptions, EmbeddedS3, Fault, FaultAction, Operation, Permission, User, Versioning,
};
use http::Method;

fn client(server: &EmbeddedS3, access_key: &str, secret_key: &str) -> S3Client {
    let announcement = serde_json::json!({
        "name": "embedded", "endpoint": server.endpoint(), "region": "us-east-1", "buckets": ["bucket"],
        "access_key": access_key, "secret_key": secret_key,
    });
    let announcement: Announcement = serde_json::from_value(announcement).expect("the fields fit");
    S3Client::new(&announcement).expect("a client can be made")
}

fn owner(server: &EmbeddedS3) -> S3Client {
    client(server, &server.user().access_key, &server.user().secret_key)
}

#[test]
fn signature_with_the_wrong_secret_or_an_unknown_key_is_refused() {
    let server = EmbeddedS3::new();
    let reply =
        client(&server, &server.user().access_key, "wrong").send(&Method::GET, "/bucket", &[], "").unwrap();
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("SignatureDoesNotMatch"));
    let reply = client(&server, "nobody", "wrong").send(&Method::GET, "/bucket", &[], "").unwrap();
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("InvalidAccessKeyId"));
}

#[test]
fn content_md5_that_does_not_fit_is_refused() {
    let server = EmbeddedS3::new();
    let wrong = [("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")];
    let reply = owner(&server).send(&Method::PUT, "/bucket/key", &wrong, "content").unwrap();
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("BadDigest"));
    assert!(server.keys("bucket").is_empty());
}

#[test]
fn conditional_requests_are_honoured() {
    let server = EmbeddedS3::new();
    server.put("bucket", "key", "content");
    let etag = format!("\"{}\"", server.object("bucket", "key").unwrap().etag);
    let owner = owner(&server);
    let status = |headers: &[(&str, &str)]| owner.get("bucket", "key", headers).unwrap().status.as_u16();
    assert_eq!(status(&[("if-match", &etag)]), 200);
    assert_eq!(status(&[("if-match", "\"other\"")]), 412);
    assert_eq!(status(&[("if-none-match", &etag)]), 304);
    let range = owner.get("bucket", "key", &[("range", "bytes=2-4")]).unwrap();
    assert_eq!((range.status.as_u16(), range.text().as_str()), (206, "nte"));
    assert_eq!(range.header("content-range"), Some("bytes 2-4/7"));
    assert_eq!(status(&[("range", "bytes=7-")]), 416);
    let put = owner.send(&Method::PUT, "/bucket/key", &[("if-none-match", "*")], "new").unwrap();
    assert_eq!(put.status, 412);
}

#[test]
fn versions_are_kept_listed_and_deleted_one_by_one() {
    let bucket = BucketOptions { versioning: Versioning::Enabled, ..BucketOptions::new("bucket") };
    let server =
        EmbeddedS3::start(EmbeddedOptions { buckets: vec![bucket], ..EmbeddedOptions::default() }).unwrap();
    let owner = owner(&server);
    let put = |content: &'static str| {
        let reply = owner.send(&Method::PUT, "/bucket/key", &[], content).unwrap();
        reply.header("x-amz-version-id").unwrap().to_owned()
    };
    let (first, second) = (put("one"), put("two"));
    let read =
        |id: &str| owner.send(&Method::GET, &format!("/bucket/key?versionId={id}"), &[], "").unwrap().text();
    assert_eq!((read(&first).as_str(), read(&second).as_str()), ("one", "two"));
    owner.send(&Method::DELETE, "/bucket/key", &[], "").unwrap().ok("delete").unwrap();
    assert_eq!(owner.get("bucket", "key", &[]).unwrap().status, 404);
    let listing = owner.send(&Method::GET, "/bucket?versions=", &[], "").unwrap().text();
    assert_eq!(listing.matches("<Version>").count(), 2, "{listing}");
    assert_eq!(listing.matches("<DeleteMarker>").count(), 1, "{listing}");
    owner
        .send(&Method::DELETE, &format!("/bucket/key?versionId={second}"), &[], "")
        .unwrap()
        .ok("delete")
        .unwrap();
    assert_eq!(server.versions("bucket", "key").len(), 1);
}

#[test]
fn rights_of_a_limited_user_end_where_they_say() {
    let server = EmbeddedS3::new();
    server.put("bucket", "key", "content");
    server.add_user(User::new("reader", "readersecret").restricted_to(&[Permission::GetObject]));
    let reader = client(&server, "reader", "readersecret");
    assert_eq!(reader.get("bucket", "key", &[]).unwrap().status, 200);
    assert_eq!(reader.send(&Method::GET, "/bucket?list-type=2", &[], "").unwrap().status, 403);
    assert_eq!(reader.send(&Method::PUT, "/bucket/new", &[], "x").unwrap().status, 403);
    // A user without the right to list does not learn that an object is missing.
    assert_eq!(reader.get("bucket", "missing", &[]).unwrap().status, 403);
    assert_eq!(owner(&server).get("bucket", "missing", &[]).unwrap().status, 404);
}

#[test]
fn faults_strike_as_often_as_they_are_told() {
    let server = EmbeddedS3::new();
    server.put("bucket", "key", "content");
    server.inject(Fault::on(Operation::GetObject, FaultAction::slow_down(7)).after(1).times(1));
    let owner = owner(&server);
    let statuses: Vec<_> = (0..3).map(|_| owner.get("bucket", "key", &[]).unwrap().status.as_u16()).collect();
    assert_eq!(statuses, [200, 503, 200]);
    server.inject(Fault::on(Operation::GetObject, FaultAction::FlipBit { at_byte: 0 }).times(1));
    assert_eq!(owner.get("bucket", "key", &[]).unwrap().text(), "bontent");
    server.inject(Fault::on(Operation::GetObject, FaultAction::CutBody { after_bytes: 3 }).times(1));
    assert!(owner.get("bucket", "key", &[]).is_err());
    assert_eq!(server.count(Operation::GetObject), 5);
}

#[test]
fn big_body_comes_back_whole_and_in_ranges() {
    let server = EmbeddedS3::new();
    let content = haul_tests::dataset::Random(5).bytes(3 << 20);
    let owner = owner(&server);
    owner.send(&Method::PUT, "/bucket/big", &[], content.clone()).unwrap().ok("put").unwrap();
    assert!(owner.get("bucket", "big", &[]).unwrap().body == content);
    let range = owner.get("bucket", "big", &[("range", "bytes=1048570-2097160")]).unwrap();
    assert!(range.body == content[1_048_570..=2_097_160]);
}

#[test]
fn header_that_is_not_signed_is_refused() {
    use std::io::{Read, Write};
    let server = EmbeddedS3::new();
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    let request = "GET /bucket?list-type=2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-amz-acl: private\r\n\
        authorization: AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 403") && reply.contains("not signed: x-amz-acl"), "{reply}");
}
