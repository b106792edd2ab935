//! What is not there is an error, not a shrug.

use haul_tests::embedded::{EmbeddedS3, Operation};
use haul_tests::objects::{key_of, md5_of, put_directory, put_object, track};

use crate::environment;

#[test]
fn pull_of_an_object_that_is_nowhere_fails_and_names_it() {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    track(&repo, "file", &md5_of(b"lost"));
    repo.haul(["fetch"]).failure().stderr_has(&["file"]);
    repo.haul(["pull"]).failure().stderr_has(&["file"]);
}

#[test]
fn fetch_of_a_directory_with_a_missing_member_names_it() {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    let one = put_object(&server, b"one");
    let directory = put_directory(&server, &[(&one, "a"), (&md5_of(b"lost"), "sub/lost.txt")]);
    track(&repo, "data", &directory);
    repo.haul(["fetch"]).failure().stderr_has(&[&md5_of(b"lost")]);
    // What was there has come.
    assert!(repo.cache_objects().iter().any(|path| path.replace('/', "").ends_with(&one[2..])));
}

#[test]
fn push_of_an_object_that_is_not_in_the_cache_fails_and_names_it() {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    track(&repo, "file", &md5_of(b"lost"));
    repo.haul(["push"]).failure().stderr_has(&["file"]);
    assert_eq!(server.count(Operation::PutObject), 0);
}

#[test]
fn push_fetch_and_pull_without_a_remote_fail() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    for command in ["push", "fetch", "pull"] {
        repo.haul([command]).failure().stderr_has(&["remote"]);
    }
}

#[test]
fn command_outside_of_a_repository_fails_with_253() {
    let environment = environment();
    let folder = environment.folder("nothing here");
    for command in ["status", "push", "pull", "checkout"] {
        folder.haul([command]).failure().code(253);
    }
}

#[test]
fn bucket_that_does_not_exist_is_named() {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "modify", "origin", "url", "s3://nobodys/store"]).success();
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push"]).failure().stderr_has(&["nobodys"]);
}

#[test]
fn wrong_secret_key_is_told_apart_from_missing_data() {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    environment.set("AWS_SECRET_ACCESS_KEY", "notthesecretkeyatall");
    let repo = environment.repository_at("repo", &server.endpoint());
    let oid = put_object(&server, b"content");
    track(&repo, "file", &oid);
    repo.haul(["pull"]).failure().stderr_has(&["SignatureDoesNotMatch"]);
    assert!(server.bytes("bucket", &key_of(&oid)).is_some());
}
