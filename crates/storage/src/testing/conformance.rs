//! Tests that every [`RemoteStore`] must pass.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;

use crate::{
    Body, DeleteStore, ErrorKind, ListFrom, ListStore, MultipartStore, RemoteStore, UploadedPart, WriteStore,
    hash,
};

/// Runs the whole suite on a store that has no objects below `prefix`, which ends with `/` or is empty.
///
/// All parts of an upload but the last have `part_bytes`: S3 servers require at least 5 MiB. Pass 0 for a store without
/// multipart uploads.
///
/// # Panics
///
/// If the store breaks its contract.
pub async fn check_store(store: &dyn RemoteStore, prefix: &str, part_bytes: usize) {
    check_objects(store, prefix).await;
    check_listing(store, prefix).await;
    check_files(store, prefix).await;
    if part_bytes > 0 {
        check_multipart(store, prefix, part_bytes).await;
    }
}

fn lister(store: &dyn RemoteStore) -> &dyn ListStore {
    store.lister().expect("a store that lists")
}

fn writer(store: &dyn RemoteStore) -> &dyn WriteStore {
    store.writer().expect("a store that can be written")
}

fn deleter(store: &dyn RemoteStore) -> &dyn DeleteStore {
    store.deleter().expect("a store that deletes")
}

fn multipart(store: &dyn RemoteStore) -> &dyn MultipartStore {
    store.multipart().expect("a store that takes parts")
}

async fn get(store: &dyn RemoteStore, key: &str, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let download = store.get(key, range, None).await.expect("get");
    let chunks: Vec<Bytes> = download.stream.try_collect().await.expect("body");
    chunks.concat()
}

async fn check_objects(store: &dyn RemoteStore, prefix: &str) {
    let key = format!("{prefix}ab/object");
    assert_eq!(store.head(&key).await.expect("head of nothing"), None);
    assert_eq!(store.get(&key, None, None).await.expect_err("get of nothing").kind(), ErrorKind::NotFound);

    for bytes in [&b"first"[..], b"", b"second, longer"] {
        let md5 = hash::md5(bytes);
        let body = Body::bytes(Bytes::copy_from_slice(bytes));
        let uploaded = writer(store).put(&key, &body, Some(&md5)).await.expect("put");
        let info = store.head(&key).await.expect("head").expect("the object exists");
        assert_eq!((info.key.as_str(), info.size_bytes), (key.as_str(), bytes.len() as u64));
        if store.limits().etag_is_md5 {
            assert_eq!(uploaded.etag.as_deref(), Some(hex::encode(md5).as_str()));
            assert_eq!(info.etag, uploaded.etag);
        }
        assert_eq!(get(store, &key, None).await, bytes);
    }
    assert_eq!(get(store, &key, Some(3..6)).await, b"ond");
    assert_eq!(
        store.get(&key, Some(3..6), None).await.expect("get").size_bytes.expect("a size"),
        14,
        "the size is that of the whole"
    );

    if store.limits().etag_is_md5 {
        let etag = hex::encode(hash::md5(b"second, longer"));
        store.get(&key, None, Some(&etag)).await.expect("get with the right entity tag");
        let error = store
            .get(&key, None, Some("00000000000000000000000000000000"))
            .await
            .expect_err("wrong entity tag");
        assert_eq!(error.kind(), ErrorKind::Precondition);
    }

    let body = Body::bytes(Bytes::from_static(b"damaged"));
    writer(store)
        .put(&key, &body, Some(&hash::md5(b"intact")))
        .await
        .expect_err("a body with another MD5 is refused");
    assert_eq!(get(store, &key, None).await, b"second, longer", "and changes nothing");

    assert!(
        deleter(store)
            .delete(&[key.clone(), format!("{prefix}ab/nothing")])
            .await
            .expect("delete")
            .is_empty()
    );
    assert_eq!(store.head(&key).await.expect("head after delete"), None);
}

async fn check_listing(store: &dyn RemoteStore, prefix: &str) {
    let mut keys: Vec<String> =
        ["files/md5/00/1", "files/md5/00/1.dir", "files/md5/0a/2", "files/md5/ff/3", "ab/4", "other"]
            .iter()
            .map(|key| format!("{prefix}{key}"))
            .collect();
    for key in &keys {
        writer(store).put(key, &Body::bytes(Bytes::from_static(b"x")), None).await.expect("put");
    }
    keys.sort();
    for (below, from) in [
        ("", None),
        ("files/md5/", None),
        ("files/md5/0", None),
        ("nothing/", None),
        ("", Some(1)),
        ("files/md5/", Some(2)),
    ] {
        let below = format!("{prefix}{below}");
        let after = from.map(|index: usize| keys[index].clone());
        let mut listed = Vec::new();
        let mut from = after.clone().map_or(ListFrom::Start, ListFrom::AfterKey);
        loop {
            let page = lister(store).list_page(&below, &from).await.expect("list");
            listed.extend(page.objects.into_iter().map(|object| object.key));
            assert_eq!(page.is_truncated, page.next.is_some());
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        let is_expected =
            |key: &&String| key.starts_with(&below) && after.as_ref().is_none_or(|after| *key > after);
        let expected: Vec<&String> = keys.iter().filter(is_expected).collect();
        assert_eq!(listed.iter().collect::<Vec<_>>(), expected, "below `{below}` after {after:?}");
    }
    // A start key that does not exist.
    let page = lister(store)
        .list_page(&format!("{prefix}files/md5/"), &ListFrom::AfterKey(format!("{prefix}files/md5/0")))
        .await
        .expect("list");
    assert_eq!(page.objects[0].key, format!("{prefix}files/md5/00/1"));
    assert!(deleter(store).delete(&keys).await.expect("delete").is_empty());
}

async fn check_files(store: &dyn RemoteStore, prefix: &str) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("file");
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    fs_err::write(&path, &bytes).expect("a file to upload");
    let key = format!("{prefix}file");
    let path = Arc::new(path);
    let body = Body::file_range(Arc::clone(&path), 0..300_000);
    writer(store).put(&key, &body, Some(&hash::md5(&bytes))).await.expect("put of a file");
    assert_eq!(get(store, &key, None).await, bytes);
    let too_long = Body::file_range(path, 0..300_001);
    writer(store).put(&key, &too_long, None).await.expect_err("a file that is shorter than announced");
    assert_eq!(get(store, &key, None).await.len(), bytes.len(), "and it changes nothing");
    assert!(deleter(store).delete(&[key]).await.expect("delete").is_empty());
}

async fn put_part(
    store: &dyn RemoteStore,
    key: &str,
    upload_id: &str,
    number: u32,
    piece: &Bytes,
) -> UploadedPart {
    let body = Body::bytes(piece.clone());
    multipart(store).put_part(key, upload_id, number, &body, &hash::md5(piece)).await.expect("part")
}

async fn check_multipart(store: &dyn RemoteStore, prefix: &str, part_bytes: usize) {
    let key = format!("{prefix}parts");
    let bytes: Vec<u8> = (0..part_bytes * 2 + 11).map(|at| at.to_le_bytes()[1]).collect();
    let pieces: Vec<Bytes> = bytes.chunks(part_bytes).map(Bytes::copy_from_slice).collect();
    let upload_id = multipart(store).create_multipart(&key).await.expect("create");
    let mut parts = Vec::new();
    for (number, piece) in [(3, &pieces[2]), (2, &pieces[1]), (1, &pieces[0])] {
        let part = put_part(store, &key, &upload_id, number, piece).await;
        assert_eq!((part.number, part.size_bytes), (number, piece.len() as u64));
        parts.insert(0, part);
    }
    let again = put_part(store, &key, &upload_id, 1, &pieces[0]).await;
    assert_eq!(again, parts[0]);
    let body = Body::bytes(pieces[1].clone());
    let refused = multipart(store).put_part(&key, &upload_id, 1, &body, &hash::md5(&pieces[0])).await;
    assert_eq!(refused.expect_err("another part than announced").kind(), ErrorKind::Corrupt);
    if let Some(listed) = multipart(store).list_parts(&key, &upload_id).await.expect("list parts") {
        let without_md5 = |part: &UploadedPart| UploadedPart { md5: None, ..part.clone() };
        assert_eq!(listed, parts.iter().map(without_md5).collect::<Vec<_>>());
    }
    assert_eq!(store.head(&key).await.expect("head"), None, "nothing is there before the upload is complete");
    multipart(store).complete_multipart(&key, &upload_id, &parts).await.expect("complete");
    assert_eq!(get(store, &key, None).await, bytes);
    assert_eq!(
        store.head(&key).await.expect("head").expect("the object is there").size_bytes,
        bytes.len() as u64
    );

    let upload_id = multipart(store).create_multipart(&key).await.expect("create");
    put_part(store, &key, &upload_id, 1, &pieces[0]).await;
    multipart(store).abort_multipart(&key, &upload_id).await.expect("abort");
    assert_eq!(multipart(store).list_parts(&key, &upload_id).await.expect("list parts"), None);
    multipart(store).abort_multipart(&key, &upload_id).await.expect("abort again");
    assert_eq!(get(store, &key, None).await, bytes, "an upload that was given up changes nothing");
    assert!(deleter(store).delete(&[key]).await.expect("delete").is_empty());
}
