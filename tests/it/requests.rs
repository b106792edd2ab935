//! The requests of each command, to the last one: a needless request is a failure here.

use std::collections::BTreeMap;

use haul_tests::embedded::{EmbeddedS3, Operation};
use haul_tests::objects::md5_of;
use haul_tests::{Folder, TestEnvironment};

use crate::environment;

/// How often each operation was asked for since the last look.
fn counts(server: &EmbeddedS3) -> BTreeMap<Operation, usize> {
    let mut counts = BTreeMap::new();
    for request in server.take_requests() {
        // What is not there is asked for by HEAD where it is but a few objects.
        let is_absent = request.operation == Operation::HeadObject && request.status == Some(404);
        assert!(
            is_absent || request.status.is_some_and(|status| status < 300),
            "a request failed: {request:?}"
        );
        *counts.entry(request.operation).or_default() += 1;
    }
    counts
}

/// A directory of seven files, added: eight objects.
fn with_seven_files() -> (EmbeddedS3, TestEnvironment) {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    for index in 0..7 {
        repo.write(format!("data/{index}"), format!("content {index}"));
    }
    repo.haul(["add", "data"]).success();
    (server, environment)
}

fn repo(environment: &TestEnvironment) -> Folder<'_> {
    environment.folder("repo")
}

#[test]
fn local_commands_send_nothing() {
    let (server, environment) = with_seven_files();
    let repo = repo(&environment);
    repo.haul(["status"]).success();
    repo.haul(["checkout"]).success();
    repo.haul(["remote", "list"]).success();
    repo.haul(["root"]).success();
    assert_eq!(counts(&server), BTreeMap::new());
}

#[test]
fn push_to_an_empty_remote_lists_once_and_puts_each_object_once() {
    let (server, environment) = with_seven_files();
    repo(&environment).haul(["push"]).success();
    assert_eq!(counts(&server), BTreeMap::from([(Operation::ListObjectsV2, 1), (Operation::PutObject, 8)]));
}

#[test]
fn push_of_nothing_new_only_lists() {
    let (server, environment) = with_seven_files();
    repo(&environment).haul(["push"]).success();
    counts(&server);
    repo(&environment).haul(["push"]).success();
    assert_eq!(counts(&server), BTreeMap::from([(Operation::ListObjectsV2, 1)]));
}

#[test]
fn status_of_the_cloud_only_lists() {
    let (server, environment) = with_seven_files();
    repo(&environment).haul(["push"]).success();
    counts(&server);
    repo(&environment).haul(["status", "-c"]).success();
    assert_eq!(counts(&server), BTreeMap::from([(Operation::ListObjectsV2, 1)]));
}

#[test]
fn pull_gets_each_object_once_and_asks_for_nothing_else() {
    let (server, environment) = with_seven_files();
    let repo = repo(&environment);
    repo.haul(["push"]).success();
    counts(&server);
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    assert_eq!(counts(&server), BTreeMap::from([(Operation::GetObject, 8)]));
    clone.haul(["pull"]).success();
    assert_eq!(counts(&server), BTreeMap::new());
}

#[test]
fn push_of_one_file_among_many_strangers_asks_for_that_file_only() {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    for index in 0..3000 {
        let oid = md5_of(format!("stranger {index}").as_bytes());
        server.put("bucket", &format!("store/files/md5/{}/{}", &oid[..2], &oid[2..]), "x");
    }
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push"]).success();
    assert_eq!(counts(&server), BTreeMap::from([(Operation::HeadObject, 1), (Operation::PutObject, 1)]));
}

#[test]
fn gc_lists_each_layout_once_and_deletes_in_bulk() {
    let (server, environment) = with_seven_files();
    let repo = repo(&environment);
    repo.haul(["push"]).success();
    counts(&server);
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    assert_eq!(counts(&server), BTreeMap::from([(Operation::ListObjectsV2, 2)]));
    repo.remove("data/0");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    counts(&server);
    repo.haul(["gc", "-w", "-f"]).success();
    assert_eq!(counts(&server), BTreeMap::new(), "the cache needs no remote");
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    // The list of the old directory first, its file when it is gone.
    assert_eq!(
        counts(&server),
        BTreeMap::from([(Operation::ListObjectsV2, 2), (Operation::DeleteObjects, 2)])
    );
}

#[test]
fn gc_of_many_objects_deletes_a_thousand_with_each_request() {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    for index in 0..3000 {
        let oid = md5_of(format!("stranger {index}").as_bytes());
        server.put("bucket", &format!("store/files/md5/{}/{}", &oid[..2], &oid[2..]), "x");
    }
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["Removed 3000 objects from remote."]);
    let counts = counts(&server);
    assert_eq!(counts[&Operation::DeleteObjects], 3);
    assert_eq!(counts.len(), 2, "{counts:?}");
    // One page tells that there is more, then each first digit from there on is listed for itself; and one page for the
    // legacy layout, which ends where `files/` begins.
    assert!(counts[&Operation::ListObjectsV2] <= 1 + 12 + 1, "{counts:?}");
}

#[test]
fn every_put_carries_its_md5_and_no_trailer() {
    let (server, environment) = with_seven_files();
    repo(&environment).haul(["push"]).success();
    let puts: Vec<_> = server
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
