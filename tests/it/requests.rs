//! The exact requests of each command: an unneeded request fails the test.

use haul_tests::embedded::{EmbeddedS3, Operation, Permission, RecordedRequest, User};
use haul_tests::objects::{key_of, md5_of, put_object};
use haul_tests::{Folder, TestEnvironment};
use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::{environment, served};

/// Returns the calls since the last time, sorted: the operation, the key or the listing's start, and the status if it is
/// not a success.
fn calls(server: &EmbeddedS3) -> Vec<String> {
    let mut calls: Vec<String> = server.take_requests().iter().map(call).collect();
    calls.sort();
    calls
}

/// Returns the number of calls of each operation since the last time.
fn counts(server: &EmbeddedS3) -> BTreeMap<Operation, usize> {
    let mut counts = BTreeMap::new();
    for request in server.take_requests() {
        assert!(request.status.is_some_and(|status| status < 300), "a request failed: {request:?}");
        *counts.entry(request.operation).or_default() += 1;
    }
    counts
}

fn call(request: &RecordedRequest) -> String {
    let mut call = format!("{:?}", request.operation);
    if !request.key.is_empty() {
        let _ = write!(call, " {}", short(&request.key));
    }
    for name in ["prefix", "start-after", "partNumber"] {
        if let Some(value) = request.parameter(name) {
            let _ = write!(call, " {name}={}", short(&value));
        }
    }
    match request.status {
        Some(200..300) => call,
        status => format!("{call} -> {}", status.unwrap_or_default()),
    }
}

/// Removes the prefix that all keys have.
fn short(key: &str) -> String {
    key.replace("store/files/md5/", "")
}

/// Makes the calls of one operation on objects.
fn each(operation: &str, oids: &[String]) -> Vec<String> {
    let mut calls: Vec<String> =
        oids.iter().map(|oid| format!("{operation} {}/{}", &oid[..2], &oid[2..])).collect();
    calls.sort();
    calls
}

/// A repository with an added directory of seven files: eight objects.
struct World {
    server: EmbeddedS3,
    environment: TestEnvironment,
    /// The names of the files' objects, and that of the directory.
    oids: Vec<String>,
}

impl World {
    fn new() -> Self {
        Self::with(EmbeddedS3::new())
    }

    fn with(server: EmbeddedS3) -> Self {
        let mut environment = environment();
        environment.use_keys_of(&server);
        let repo = environment.repository_at("repo", &server.endpoint());
        let mut oids = Vec::new();
        for index in 0..7 {
            let content = format!("content {index}");
            repo.write(format!("data/{index}"), &content);
            oids.push(md5_of(content.as_bytes()));
        }
        repo.haul(["add", "data"]).success();
        let metafile = repo.read("data.dvc");
        let directory = metafile.split("md5: ").nth(1).and_then(|rest| rest.split_whitespace().next());
        oids.push(directory.expect("the directory has an MD5").to_owned());
        assert!(server.take_requests().is_empty(), "adding is no matter of the remote");
        Self { server, environment, oids }
    }

    fn pushed() -> Self {
        let world = Self::new();
        world.repo().haul(["push"]).success();
        world.server.take_requests();
        world
    }

    fn repo(&self) -> Folder<'_> {
        self.environment.folder("repo")
    }

    /// Makes a repository with the same metafiles and an empty cache.
    fn clone(&self) -> Folder<'_> {
        let clone = self.environment.folder("clone");
        clone.clone_metadata_of(&self.repo());
        clone
    }
}

/// Returns the listing that looks for these objects: it starts just before the first of them.
fn listing(oids: &[String]) -> String {
    let first = oids.iter().min().expect("there are objects");
    format!("ListObjectsV2 prefix= start-after={}/{}", &first[..2], &first[2..first.len() - 1])
}

#[test]
fn local_commands_send_nothing() {
    let world = World::new();
    let repo = world.repo();
    repo.write("more", "more");
    for line in [
        &["add", "--no-commit", "more"][..],
        &["commit", "--force"],
        &["status"],
        &["checkout"],
        &["remote", "list"],
        &["remote", "show"],
        &["remote", "default"],
        &["remote", "modify", "origin", "region", "us-east-1"],
        &["config", "--list"],
        &["unprotect", "more"],
        &["remove", "more.dvc"],
        &["root"],
        &["version"],
    ] {
        repo.haul(line).success();
    }
    assert_eq!(calls(&world.server), [""; 0]);
}

#[test]
fn push_to_an_empty_remote_lists_once_and_puts_each_object_once() {
    let world = World::new();
    world.repo().haul(["push"]).success();
    let mut expected = each("PutObject", &world.oids);
    expected.insert(0, listing(&world.oids));
    assert_eq!(calls(&world.server), expected);
}

#[test]
fn push_puts_the_directory_last() {
    let world = World::new();
    world.repo().haul(["push"]).success();
    let last = world.server.take_requests().pop().map(|request| call(&request));
    assert_eq!(last, each("PutObject", &world.oids[7..]).pop());
}

#[test]
fn push_of_nothing_new_only_lists() {
    let world = World::pushed();
    world.repo().haul(["push"]).success();
    assert_eq!(calls(&world.server), [listing(&world.oids)]);
}

#[test]
fn push_of_one_more_file_lists_and_puts_that_file_and_its_directory() {
    let world = World::pushed();
    let repo = world.repo();
    repo.write("data/new", "new");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    let metafile = repo.read("data.dvc");
    let directory = metafile.split("md5: ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    let new = [md5_of(b"new"), directory.to_owned()];
    let mut expected = each("PutObject", &new);
    expected.insert(0, listing(&[&world.oids[..7], &new].concat()));
    assert_eq!(calls(&world.server), expected);
}

#[test]
fn push_of_what_was_not_committed_puts_nothing() {
    let world = World::new();
    let repo = world.repo();
    repo.remove("data.dvc");
    repo.write("more", "more");
    repo.haul(["add", "--no-commit", "more"]).success();
    repo.haul(["push"]).failure().stderr_has(&["more", "cache"]);
    assert_eq!(calls(&world.server), [format!("{} -> 404", each("HeadObject", &[md5_of(b"more")])[0])]);
}

#[test]
fn status_of_the_cloud_only_lists() {
    let world = World::pushed();
    world.repo().haul(["status", "-c"]).success();
    assert_eq!(calls(&world.server), [listing(&world.oids)]);
}

#[test]
fn status_of_a_clone_gets_the_directory_and_lists() {
    let world = World::pushed();
    world.clone().haul(["status", "-c"]).success();
    let mut expected = each("GetObject", &world.oids[7..]);
    expected.push(listing(&world.oids));
    assert_eq!(calls(&world.server), expected);
}

#[test]
fn fetch_gets_each_object_once_and_asks_for_nothing_else() {
    let world = World::pushed();
    let clone = world.clone();
    clone.haul(["fetch"]).success();
    assert_eq!(calls(&world.server), each("GetObject", &world.oids));
    clone.haul(["fetch"]).success();
    clone.haul(["pull"]).success();
    assert_eq!(calls(&world.server), [""; 0], "everything is there");
}

#[test]
fn pull_gets_each_object_once_and_asks_for_nothing_else() {
    let world = World::pushed();
    let clone = world.clone();
    clone.haul(["pull"]).success();
    assert_eq!(calls(&world.server), each("GetObject", &world.oids));
    clone.haul(["pull"]).success();
    assert_eq!(calls(&world.server), [""; 0], "everything is there");
}

#[test]
fn pull_of_one_file_of_a_directory_gets_that_file_and_the_directory() {
    let world = World::pushed();
    world.clone().haul(["pull", "data/3"]).success();
    let mut expected = each("GetObject", &[world.oids[3].clone(), world.oids[7].clone()]);
    expected.sort();
    assert_eq!(calls(&world.server), expected);
}

#[test]
fn missing_objects_are_asked_for_once() {
    let world = World::pushed();
    let missing = key_of(&world.oids[2]);
    world.server.remove("bucket", &missing);
    world.clone().haul(["fetch"]).failure().stderr_has(&["data/2", &world.oids[2]]);
    let mut expected = each("GetObject", &world.oids);
    for call in &mut expected {
        if missing.ends_with(call.split(' ').nth(1).unwrap()) {
            call.push_str(" -> 404");
        }
    }
    assert_eq!(calls(&world.server), expected);
}

#[test]
fn outs_of_dvc_2_are_looked_for_at_their_own_place_alone() {
    let world = World::new();
    let repo = world.repo();
    repo.remove("data.dvc");
    let oid = md5_of(b"old content");
    let key = format!("store/{}/{}", &oid[..2], &oid[2..]);
    world.server.put("bucket", &key, b"old content".to_vec());
    repo.write("old.dvc", format!("outs:\n- md5: {oid}\n  path: old\n"));
    repo.haul(["pull"]).success();
    assert_eq!(calls(&world.server), [format!("GetObject {key}")]);
    repo.haul(["push"]).success();
    assert_eq!(calls(&world.server), [format!("HeadObject {key}")]);
    world.server.remove("bucket", &key);
    repo.haul(["push"]).success();
    assert_eq!(calls(&world.server), [format!("HeadObject {key} -> 404"), format!("PutObject {key}")]);
}

#[test]
fn large_file_is_started_sent_in_parts_and_completed() {
    let world = World::new();
    let repo = world.repo();
    repo.remove("data.dvc");
    let settings = "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n";
    world.environment.folder("aws").write("config", settings);
    let big = "0123456789abcdef".repeat(700_000);
    repo.write("big", &big);
    repo.haul(["add", "big"]).success();
    repo.haul(["push"]).success();
    let oid = md5_of(big.as_bytes());
    let place = format!("{}/{}", &oid[..2], &oid[2..]);
    assert_eq!(
        calls(&world.server),
        [
            format!("CompleteMultipartUpload {place}"),
            format!("CreateMultipartUpload {place}"),
            format!("HeadObject {place} -> 404"),
            format!("UploadPart {place} partNumber=1"),
            format!("UploadPart {place} partNumber=2"),
            format!("UploadPart {place} partNumber=3"),
        ]
    );
    let clone = world.clone();
    clone.haul(["pull"]).success();
    assert!(clone.read("big") == big);
    let gets = calls(&world.server);
    assert!(gets.iter().all(|call| *call == format!("GetObject {place}")), "{gets:?}");
}

#[test]
fn remote_check_looks_without_leaving_anything() {
    let world = World::pushed();
    world.repo().haul(["remote", "check"]).success();
    let calls = calls(&world.server);
    // One page, one byte of an object on it, and what the bucket is set up to do.
    assert!(calls.iter().any(|call| call.starts_with("GetObject ")), "{calls:?}");
    let asks = ["GetObject", "ListObjectsV2", "GetBucketVersioning", "ListMultipartUploads", "Other"];
    assert!(calls.iter().all(|call| asks.iter().any(|ask| call.starts_with(ask))), "{calls:?}");
}

#[test]
fn without_the_right_to_list_each_object_is_asked_for() {
    let server = EmbeddedS3::new();
    let rights = [Permission::GetObject, Permission::PutObject];
    server.add_user(User::new("limited", "limitedsecret").restricted_to(&rights));
    let mut world = World::with(server);
    world.environment.set("AWS_ACCESS_KEY_ID", "limited");
    world.environment.set("AWS_SECRET_ACCESS_KEY", "limitedsecret");
    world.repo().haul(["push"]).success();
    let mut expected: Vec<String> =
        each("HeadObject", &world.oids).iter().map(|call| format!("{call} -> 403")).collect();
    expected.push(format!("{} -> 403", listing(&world.oids)));
    expected.extend(each("PutObject", &world.oids));
    assert_eq!(calls(&world.server), expected);
    world.clone().haul(["pull"]).success();
    assert_eq!(calls(&world.server), each("GetObject", &world.oids));
}

#[test]
fn push_of_one_file_among_many_strangers_asks_for_that_file_only() {
    let world = World::new();
    for index in 0..3000 {
        put_object(&world.server, format!("stranger {index}").as_bytes());
    }
    let repo = world.repo();
    repo.remove("data.dvc");
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push"]).success();
    let file = [md5_of(b"content")];
    let expected = [format!("{} -> 404", each("HeadObject", &file)[0]), each("PutObject", &file)[0].clone()];
    assert_eq!(calls(&world.server), expected);
}

#[test]
fn bucket_is_asked_for_where_nothing_else_proves_that_it_is_there() {
    let world = World::new();
    let repo = world.repo();
    repo.remove("data.dvc");
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    let file = [md5_of(b"content")];
    let probe = "GetObject 00/000000000000000000000000000000 -> 404".to_owned();
    let missing = format!("{} -> 404", each("HeadObject", &file)[0]);
    for line in [&["status", "-c"][..], &["push", "--dry-run"]] {
        repo.haul(line).success();
        assert_eq!(calls(&world.server), [probe.clone(), missing.clone()], "{line:?}");
    }
    repo.haul(["push"]).success();
    world.server.take_requests();
    for line in [&["status", "-c"][..], &["push", "--dry-run"]] {
        repo.haul(line).success();
        assert_eq!(calls(&world.server), each("HeadObject", &file), "{line:?}");
    }
}

#[test]
fn gc_lists_each_layout_once_and_deletes_in_bulk() {
    let world = World::pushed();
    let (server, repo) = (&world.server, world.repo());
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    // Unfinished uploads are listed with the prefix and, because MinIO needs that, without one.
    let looks = [(Operation::ListObjectsV2, 2), (Operation::ListMultipartUploads, 2)];
    assert_eq!(counts(server), BTreeMap::from(looks));
    repo.remove("data/0");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    counts(server);
    repo.haul(["gc", "-w", "-f"]).success();
    assert_eq!(counts(server), BTreeMap::new(), "the cache needs no remote");
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    // The manifest of the old directory is deleted first, and its file after that.
    let mut expected = BTreeMap::from(looks);
    expected.insert(Operation::DeleteObjects, 2);
    assert_eq!(counts(server), expected);
}

#[test]
fn gc_of_many_objects_deletes_a_thousand_with_each_request() {
    let (server, environment) = served();
    for index in 0..3000 {
        let oid = md5_of(format!("stranger {index}").as_bytes());
        server.put("bucket", &format!("store/files/md5/{}/{}", &oid[..2], &oid[2..]), "x");
    }
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["Removed 3000 objects from remote."]);
    let counts = counts(&server);
    assert_eq!(counts[&Operation::DeleteObjects], 3);
    assert_eq!(counts[&Operation::ListMultipartUploads], 2);
    assert_eq!(counts.len(), 3, "{counts:?}");
    // One page shows that there are more, then there is one listing for each first digit from there on; and one page for
    // the legacy layout, which ends where `files/` begins.
    assert!(counts[&Operation::ListObjectsV2] <= 1 + 12 + 1, "{counts:?}");
}

#[test]
fn every_put_carries_its_md5_and_no_trailer() {
    let world = World::new();
    world.repo().haul(["push"]).success();
    let puts: Vec<_> = world
        .server
        .take_requests()
        .into_iter()
        .filter(|request| request.operation == Operation::PutObject)
        .collect();
    assert_eq!(puts.len(), 8);
    for put in puts {
        assert!(put.header("content-md5").is_some(), "{put:?}");
        assert_eq!(put.header("x-amz-trailer"), None);
        assert_eq!(put.header("content-encoding"), None);
        assert!(!put.headers.iter().any(|(name, _)| name.starts_with("x-amz-checksum-")), "{put:?}");
        // Over http the payload is signed.
        assert_eq!(put.header("x-amz-content-sha256").map(str::len), Some(64));
    }
}
