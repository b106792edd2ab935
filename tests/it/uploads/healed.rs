//! Objects that are damaged on the server: a pull finds them, and the command of its message repairs them.

use haul_tests::dataset::Random;
use haul_tests::embedded::{BucketOptions, EmbeddedOptions, EmbeddedS3, Operation, Quirks, Versioning};
use haul_tests::objects::{key_of, md5_of};
use haul_tests::{Folder, TestEnvironment};

use super::{BIG_BYTES, IN_PARTS};
use crate::environment;

fn stage(options: EmbeddedOptions) -> (EmbeddedS3, TestEnvironment) {
    let server = EmbeddedS3::start(options).expect("a server can be started");
    let mut environment = environment();
    environment.use_keys_of(&server);
    environment.folder("aws").write("config", IN_PARTS);
    (server, environment)
}

/// Pushes, damages the object, and runs the command that the message of a colleague's pull names.
fn heals(options: EmbeddedOptions, remote: &[(&str, &str)], size_bytes: u64) {
    let (server, environment) = stage(options);
    let repo = environment.repository_at("repo", &server.endpoint());
    for (option, value) in remote {
        repo.haul(["remote", "modify", "origin", option, value]).success();
    }
    let content = Random(5).bytes(size_bytes);
    repo.write("file", &content);
    repo.haul(["add", "file"]).success();
    repo.haul(["push"]).success();
    let key = server.keys("bucket").pop().expect("it was pushed");
    server.decay("bucket", &key);
    repo.haul(["push"]).success().stdout_has(&["Everything is up to date."]);

    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    for command in ["pull", "fetch"] {
        clone.haul([command]).code(1).stderr_has(&["MD5", "run `haul push --verify`"]);
    }
    repo.haul(["push", "--verify", "--dry-run"]).success();
    repo.haul(["push", "--verify"]).success().stdout_has(&["1 file pushed"]);
    repo.haul(["push", "--verify"]).success().stdout_has(&["Everything is up to date."]);
    let colleague = environment.folder("colleague");
    colleague.clone_metadata_of(&repo);
    colleague.haul(["pull"]).success();
    assert!(fs_err::read(colleague.join("file")).expect("it was pulled") == content);
}

fn with_versions() -> EmbeddedOptions {
    let buckets = vec![BucketOptions { versioning: Versioning::Enabled, ..BucketOptions::new("bucket") }];
    EmbeddedOptions { buckets, ..EmbeddedOptions::default() }
}

#[test]
fn decayed_object_is_healed_by_the_push_that_the_pull_advises() {
    heals(EmbeddedOptions::default(), &[], 1000);
}

#[test]
fn decayed_object_of_parts_is_healed_by_the_push_that_the_pull_advises() {
    heals(EmbeddedOptions::default(), &[], BIG_BYTES);
}

#[test]
fn decayed_object_whose_tag_is_no_digest_is_healed_by_the_push_that_the_pull_advises() {
    let quirks = Quirks { default_kms_key: Some("the-default".to_owned()), ..Quirks::default() };
    heals(EmbeddedOptions { quirks, ..EmbeddedOptions::default() }, &[], BIG_BYTES);
}

#[test]
fn decayed_version_is_healed_by_the_push_that_the_pull_advises() {
    for size_bytes in [1000, BIG_BYTES] {
        heals(with_versions(), &[("version_aware", "true")], size_bytes);
    }
}

fn with_directory<'a>(environment: &'a TestEnvironment, server: &EmbeddedS3) -> Folder<'a> {
    let repo = environment.repository_at("repo", &server.endpoint());
    for index in 0..12 {
        repo.write(format!("data/{index}"), format!("content {index}"));
    }
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    repo
}

#[test]
fn push_that_verifies_sends_what_is_damaged_and_nothing_else() {
    let (server, environment) = stage(EmbeddedOptions::default());
    let repo = with_directory(&environment, &server);
    server.take_requests();
    repo.haul(["push", "--verify"]).success().stdout_has(&["Everything is up to date."]);
    assert_eq!((server.count(Operation::PutObject), server.count(Operation::GetObject)), (0, 13));
    // A member and the manifest.
    let manifest = server
        .keys("bucket")
        .into_iter()
        .find(|key| key.strip_suffix(".dir").is_some())
        .expect("it was pushed");
    server.decay("bucket", &key_of(&md5_of(b"content 3")));
    server.decay("bucket", &manifest);
    repo.haul(["push", "--verify"]).success().stdout_has(&["2 files pushed"]);
    assert_eq!(server.bytes("bucket", &key_of(&md5_of(b"content 3"))).expect("it is there"), "content 3");
}

#[test]
fn damaged_object_that_the_cache_lacks_is_said_to_be_missing() {
    let (server, environment) = stage(EmbeddedOptions::default());
    let repo = with_directory(&environment, &server);
    server.decay("bucket", &key_of(&md5_of(b"content 3")));
    let oid = md5_of(b"content 3");
    repo.remove(format!(".dvc/cache/files/md5/{}/{}", &oid[..2], &oid[2..]));
    repo.haul(["push", "--verify"]).code(1).stderr_has(&["data/3"]);
}
