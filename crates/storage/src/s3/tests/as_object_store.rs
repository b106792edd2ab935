use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use super::*;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn page(keys: &[&str], rest: &str) -> Scripted {
    let object = |key: &&str| format!("<Contents><Key>p/{key}</Key><Size>1</Size></Contents>");
    let objects: String = keys.iter().map(object).collect();
    reply(200, &format!("<ListBucketResult>{objects}{rest}</ListBucketResult>"))
}

const END: &str = "<IsTruncated>false</IsTruncated>";
const MORE: &str = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>";

#[tokio::test]
async fn outcomes_become_the_errors_callers_look_for() {
    let (server, store) = store(options());
    let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    server.push(reply(412, "<Error><Code>PreconditionFailed</Code></Error>"));
    let error = store.put_opts(&path("k"), "x".into(), create).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    server.push(reply(404, "<Error><Code>NoSuchKey</Code></Error>"));
    assert!(matches!(ObjectStoreExt::get(&store, &path("k")).await, Err(Error::NotFound { .. })));
    server.push(reply(404, ""));
    assert!(matches!(ObjectStoreExt::head(&store, &path("k")).await, Err(Error::NotFound { .. })));
    server.push(reply(304, ""));
    let unless = GetOptions { if_none_match: Some("\"tag\"".into()), ..GetOptions::default() };
    assert!(matches!(store.get_opts(&path("k"), unless).await, Err(Error::NotModified { .. })));
    server.push(reply(403, "<Error><Code>AccessDenied</Code></Error>"));
    assert!(matches!(ObjectStoreExt::get(&store, &path("k")).await, Err(Error::PermissionDenied { .. })));
    let requests = server.take();
    assert_eq!(header(&requests[0], "if-none-match"), "*");
    assert_eq!(header(&requests[3], "if-none-match"), "\"tag\"");
}

#[tokio::test]
async fn range_and_metadata_come_back() {
    let (server, store) = store(options());
    server.push(
        reply(206, "ell")
            .with("content-range", "bytes 1-3/5")
            .with("etag", "\"tag\"")
            .with("last-modified", "Thu, 01 Jan 1970 00:01:00 GMT")
            .with("x-amz-meta-color", "red"),
    );
    let options = GetOptions { range: Some((1..4).into()), ..GetOptions::default() };
    let result = store.get_opts(&path("k"), options).await.unwrap();
    assert_eq!((result.meta.size, result.range.clone()), (5, 1..4));
    assert_eq!(result.meta.e_tag.as_deref(), Some("\"tag\""));
    assert_eq!(result.meta.last_modified.timestamp(), 60);
    assert_eq!(result.attributes.len(), 1);
    assert_eq!(result.bytes().await.unwrap(), "ell");
    server.take();
}

#[tokio::test]
async fn listing_goes_on_past_keys_that_are_no_paths() {
    let (server, store) = store(options());
    server.push(page(&["a//2", "a/1"], MORE));
    server.push(page(&["a/3", "a/4/"], END));
    let found: Vec<String> =
        store.list(Some(&path("a"))).map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap();
    assert_eq!(found, ["a/1", "a/3"]);
    assert!(server.lines()[0].ends_with("prefix=p%2Fa%2F"));
    server.push(page(&["a/3"], END));
    let found: Vec<_> = store.list_with_offset(Some(&path("a")), &path("a/2")).try_collect().await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(server.lines()[0].ends_with("prefix=p%2Fa%2F&start-after=p%2Fa%2F2"));
}

#[tokio::test]
async fn folders_of_all_pages_are_listed() {
    let (server, store) = store(options());
    let folder = |name: &str| format!("<CommonPrefixes><Prefix>p/{name}/</Prefix></CommonPrefixes>");
    server.push(page(&["a"], &format!("{}{MORE}", folder("b"))));
    server.push(page(&["d"], &format!("{}{END}", folder("c"))));
    let listed = store.list_with_delimiter(None).await.unwrap();
    assert_eq!(listed.common_prefixes, [path("b"), path("c")]);
    assert_eq!(listed.objects.len(), 2);
    assert!(server.lines().iter().all(|line| line.contains("delimiter=%2F")));
}

#[tokio::test]
async fn deletion_names_the_object_that_stayed() {
    let (server, store) = store(options());
    server.push(reply(
        200,
        "<DeleteResult><Deleted><Key>p/a</Key></Deleted>\
         <Error><Key>p/b</Key><Code>AccessDenied</Code></Error></DeleteResult>",
    ));
    let locations = futures::stream::iter(["a", "b"].map(|key| Ok(path(key)))).boxed();
    let outcomes: Vec<_> = store.delete_stream(locations).collect().await;
    assert!(matches!(&outcomes[0], Ok(deleted) if *deleted == path("a")));
    assert!(matches!(&outcomes[1], Err(Error::PermissionDenied { path, .. }) if path == "b"));
    server.take();
}

#[tokio::test]
async fn parts_are_put_together_by_number_whatever_finishes_first() {
    let (server, store) = store(options());
    server.push(reply(
        200,
        "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>",
    ));
    let mut upload = store.put_multipart(&path("k")).await.unwrap();
    let (first, second) = (upload.put_part("one".into()), upload.put_part("two".into()));
    server.push(reply(200, "").with("etag", "\"2\""));
    second.await.unwrap();
    assert!(upload.complete().await.is_err(), "the first part is missing");
    server.push(reply(200, "").with("etag", "\"1\""));
    first.await.unwrap();
    server.push(reply(
        200,
        "<CompleteMultipartUploadResult><ETag>\"x-2\"</ETag></CompleteMultipartUploadResult>",
    ));
    assert_eq!(upload.complete().await.unwrap().e_tag.as_deref(), Some("\"x-2\""));
    let requests = server.take();
    let xml = std::str::from_utf8(requests[3].payload.in_memory().unwrap()).unwrap();
    assert!(xml.contains("<PartNumber>1</PartNumber><ETag>\"1\"</ETag>"), "{xml}");
    assert!(xml.find("\"1\"") < xml.find("\"2\""), "{xml}");
}

#[tokio::test]
async fn copy_names_its_source_encoded() {
    let (server, store) = store(options());
    server.push(reply(200, "<CopyObjectResult><ETag>\"x\"</ETag></CopyObjectResult>"));
    store.copy(&path("a é+b"), &path("c")).await.unwrap();
    assert_eq!(header(&server.take()[0], "x-amz-copy-source"), "/data/p/a%20%C3%A9%2Bb");
}

#[tokio::test(start_paused = true)]
async fn error_under_a_200_is_seen_in_a_copy_and_what_passes_is_tried_again() {
    let (server, store) = store(options());
    server.push(reply(200, "<Error><Code>InternalError</Code></Error>"));
    server.push(reply(200, "<CopyObjectResult><ETag>\"tag\"</ETag></CopyObjectResult>"));
    store.copy(&path("a"), &path("b")).await.unwrap();
    assert_eq!(server.take().len(), 2);
    server.push(reply(200, " \n<Error><Code>AccessDenied</Code></Error>"));
    assert!(store.copy(&path("a"), &path("b")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn object_that_an_attempt_with_a_lost_reply_put_is_not_in_the_way() {
    let content = hex::encode(crate::hash::md5(b"x"));
    let taken = || reply(412, "<Error><Code>PreconditionFailed</Code></Error>");
    let there = |tag: &str| reply(200, "").with("content-length", "1").with("etag", &format!("\"{tag}\""));
    let update =
        PutMode::Update(object_store::UpdateVersion { e_tag: Some("\"old\"".into()), version: None });
    for mode in [PutMode::Create, update] {
        let is_create = matches!(mode, PutMode::Create);
        let options_of = || PutOptions { mode: mode.clone(), ..PutOptions::default() };
        let (server, store) = store(options());
        server.push_error(TransportErrorKind::Broken);
        server.push(taken());
        server.push(there(&content).with("x-amz-version-id", "v"));
        let put = store.put_opts(&path("k"), "x".into(), options_of()).await.unwrap();
        assert_eq!((put.e_tag, put.version.as_deref()), (Some(format!("\"{content}\"")), Some("v")));

        // Somebody else's.
        server.push_error(TransportErrorKind::Broken);
        server.push(taken());
        server.push(there("00000000000000000000000000000000"));
        let error = store.put_opts(&path("k"), "x".into(), options_of()).await.unwrap_err();
        let is_conflict = |error: &Error| {
            matches!(error, Error::AlreadyExists { .. }) && is_create
                || matches!(error, Error::Precondition { .. }) && !is_create
        };
        assert!(is_conflict(&error), "{error}");

        // The tag of an encrypted object does not tell whose it is, nor does a look that fails.
        for look in [there(&content).with("x-amz-server-side-encryption", "aws:kms"), reply(403, "")] {
            server.push_error(TransportErrorKind::Broken);
            server.push(taken());
            server.push(look);
            let error = store.put_opts(&path("k"), "x".into(), options_of()).await.unwrap_err();
            assert!(matches!(error, Error::Generic { .. }) && !is_conflict(&error), "{error}");
        }
        // Nothing was sent before that could have put it.
        server.push(taken());
        let error = store.put_opts(&path("k"), "x".into(), options_of()).await.unwrap_err();
        assert!(is_conflict(&error), "{error}");
        server.take();
    }
}

#[tokio::test(start_paused = true)]
async fn copy_whose_reply_is_lost_is_made_again() {
    let (server, store) = store(options());
    server.push_error(TransportErrorKind::Broken);
    server.push(reply(200, "<CopyObjectResult><ETag>\"x\"</ETag></CopyObjectResult>"));
    store.copy(&path("a"), &path("c")).await.unwrap();
    assert_eq!(server.take().len(), 2);
    server.push(reply(200, "<html></html>"));
    store.copy(&path("a"), &path("c")).await.unwrap_err();
}
