//! Access rights.

use haul_tests::embedded::{BucketOptions, EmbeddedS3, Operation, Permission, User, Versioning};
use haul_tests::{Folder, TestEnvironment};

use super::{repository, stage, with_data};

/// Makes the keys of the environment those of a user with these rights.
fn limit(server: &EmbeddedS3, repo: &Folder<'_>, permissions: &[Permission]) {
    server.add_user(User::new("limitedkey", "limitedsecret0123456789").restricted_to(permissions));
    repo.haul(["remote", "modify", "--local", "origin", "access_key_id", "limitedkey"]).success();
    repo.haul(["remote", "modify", "--local", "origin", "secret_access_key", "limitedsecret0123456789"])
        .success();
}

const MINIMUM: [Permission; 3] = [Permission::ListBucket, Permission::GetObject, Permission::PutObject];

fn limited<'a>(
    environment: &'a TestEnvironment,
    server: &EmbeddedS3,
    permissions: &[Permission],
) -> Folder<'a> {
    let repo = with_data(environment, server);
    limit(server, &repo, permissions);
    repo
}

#[test]
fn push_needs_no_right_beyond_those_of_any_remote() {
    let (server, environment) = stage();
    let repo = limited(&environment, &server, &MINIMUM);
    repo.haul(["push"]).success().stdout_has(&["4 files pushed"]);
    repo.haul(["push"]).success().stdout_has(&["up to date"]);
    repo.write("one.txt", "two");
    repo.haul(["add", "one.txt"]).success();
    repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
}

#[test]
fn first_reply_without_a_version_stops_a_push_that_may_not_ask() {
    let (server, environment) = stage();
    server.add_bucket(&BucketOptions::new("plain"));
    let repo = limited(&environment, &server, &MINIMUM);
    repo.haul(["remote", "modify", "origin", "url", "s3://plain/store"]).success();
    // An object that may not be deleted again is reported.
    repo.haul(["push"])
        .code(1)
        .stderr_has(&["put-bucket-versioning --bucket plain", "was sent to find that out, stays there"]);
    assert_eq!(server.count(Operation::PutObject), 1);
    assert!(!repo.read("one.txt.dvc").contains("cloud"));
    // Now there is an object without a version, which another one would overwrite.
    repo.haul(["push"]).code(1).stderr_has(&["put-bucket-versioning --bucket plain"]);
    assert_eq!(server.count(Operation::PutObject), 1);
}

#[test]
fn push_to_a_bucket_that_keeps_no_versions_leaves_nothing_there() {
    for versioning in [Versioning::Off, Versioning::Suspended] {
        let (server, environment) = stage();
        server.add_bucket(&BucketOptions { versioning, ..BucketOptions::new("plain") });
        let rights = [&MINIMUM[..], &[Permission::DeleteObject, Permission::DeleteObjectVersion]].concat();
        let repo = limited(&environment, &server, &rights);
        repo.haul(["remote", "modify", "origin", "url", "s3://plain/store"]).success();
        repo.haul(["push"]).code(1).stderr_has(&["put-bucket-versioning --bucket plain"]);
        assert_eq!(server.count(Operation::PutObject), 1);
        assert_eq!(server.keys("plain"), [""; 0]);
    }
}

#[test]
fn object_that_a_push_to_a_bucket_without_versions_would_overwrite_stays() {
    let (server, environment) = stage();
    server.add_bucket(&BucketOptions::new("plain"));
    let repo = limited(&environment, &server, &MINIMUM);
    repo.haul(["remote", "modify", "origin", "url", "s3://plain/store"]).success();
    for key in ["store/data/a.txt", "store/data/c.txt", "store/data/sub/b.txt", "store/one.txt"] {
        server.put("plain", key, "somebody else's");
    }
    repo.haul(["push"]).code(1).stderr_has(&["put-bucket-versioning --bucket plain"]);
    assert_eq!(server.count(Operation::PutObject), 0);
    assert_eq!(server.bytes("plain", "store/one.txt").expect("it stays"), "somebody else's");
}

#[test]
fn fetch_needs_the_right_to_versions_and_says_so() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    repo.remove(".dvc/cache");
    limit(&server, &repo, &MINIMUM);
    repo.haul(["fetch"]).code(1).stderr_has(&["s3:GetObjectVersion on `arn:aws:s3:::bucket/*`"]);
    limit(&server, &repo, &[Permission::GetObjectVersion]);
    repo.haul(["fetch"]).success().stdout_has(&["4 files fetched"]);
}

#[test]
fn many_files_are_looked_at_one_by_one_where_versions_may_not_be_listed() {
    let (server, environment) = stage();
    let repo = repository(&environment, &server, "repo");
    for index in 0..30 {
        repo.write(format!("data/{index}"), format!("{index}"));
    }
    repo.haul(["add", "data"]).success();
    limit(&server, &repo, &MINIMUM);
    repo.haul(["push"]).success();
    server.take_requests();
    repo.haul(["push"]).success().stdout_has(&["up to date"]);
    assert_eq!(server.count(Operation::HeadObject), 30);
}

/// Makes a repository of this number of pushed files, and empties the bucket.
fn emptied<'a>(
    environment: &'a TestEnvironment,
    server: &EmbeddedS3,
    permissions: &[Permission],
    n_files: usize,
) -> Folder<'a> {
    let repo = repository(environment, server, "repo");
    for index in 0..n_files {
        repo.write(format!("data/{index}"), format!("{index}"));
    }
    repo.haul(["add", "data"]).success();
    limit(server, &repo, permissions);
    repo.haul(["push"]).success();
    for key in server.keys("bucket") {
        server.remove("bucket", &key);
    }
    server.take_requests();
    repo
}

#[test]
fn push_to_an_emptied_bucket_sends_everything_again_without_the_right_to_versions() {
    for n_files in [3, 30] {
        let (server, environment) = stage();
        let repo = emptied(&environment, &server, &MINIMUM, n_files);
        repo.haul(["push"]).success().stdout_has(&[&format!("{n_files} files pushed")]);
        assert_eq!(server.keys("bucket").len(), n_files);
    }
}

#[test]
fn push_to_a_remote_that_shows_nothing_says_which_right_is_missing() {
    let (server, environment) = stage();
    let repo = emptied(&environment, &server, &[Permission::GetObject, Permission::PutObject], 3);
    repo.haul(["push"]).failure().stderr_has(&["s3:GetObjectVersion", "s3:ListBucketVersions"]);
    assert_eq!(server.count(Operation::PutObject), 0);
    repo.haul(["status", "-c"]).failure().stderr_has(&["s3:GetObjectVersion"]);
}
