//! Downloads whose bytes do not match their name, and remotes with incomplete directories.

use bytes::Bytes;
use haul_tests::TestEnvironment;
use haul_tests::dataset::Random;
use haul_tests::embedded::{EmbeddedS3, Fault, FaultAction, Operation};
use haul_tests::objects::{is_directory, key_of, md5_of, put_directory, put_object, track};

use crate::served;

fn with_server() -> (EmbeddedS3, TestEnvironment) {
    let (server, environment) = served();
    (server, environment)
}

/// The remote has another content under the object's name, which must not reach the cache or the workspace.
fn wrong_content_is_refused(stored: &str) {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    let oid = md5_of(b"the right content");
    server.put("bucket", &key_of(&oid), stored.to_owned());
    track(&repo, "file", &oid);
    repo.haul(["pull"]).failure().stderr_has(&["file"]);
    assert!(!repo.exists("file"));
    assert_eq!(repo.cache_objects(), [""; 0]);
}

#[test]
fn pull_of_a_corrupt_object_keeps_it_out_of_the_cache() {
    wrong_content_is_refused("the wrong content");
}

#[test]
fn pull_of_a_short_object_keeps_it_out_of_the_cache() {
    wrong_content_is_refused("the right conte");
}

#[test]
fn pull_of_a_long_object_keeps_it_out_of_the_cache() {
    wrong_content_is_refused("the right content and more");
}

#[test]
fn pull_of_an_empty_object_keeps_it_out_of_the_cache() {
    wrong_content_is_refused("");
}

#[test]
fn pull_with_bits_flipped_on_the_way_once_tries_again() {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    let oid = put_object(&server, b"the right content");
    track(&repo, "file", &oid);
    server.inject(Fault::on(Operation::GetObject, FaultAction::FlipBit { at_byte: 3 }).times(1));
    repo.haul(["pull"]).success();
    assert_eq!(repo.read("file"), "the right content");
    repo.assert_cache_is_sound();
}

#[test]
fn pull_with_bodies_swapped_for_ever_fails_and_leaves_nothing() {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    let oid = put_object(&server, b"the right content");
    track(&repo, "file", &oid);
    let swapped = FaultAction::ReplaceBody(Bytes::from_static(b"another content"));
    server.inject(Fault::on(Operation::GetObject, swapped));
    repo.haul(["pull"]).failure().stderr_has(&["file", &oid]);
    assert_eq!(repo.cache_objects(), [""; 0]);
    assert!(!repo.exists("file"));
    server.heal();
    repo.haul(["pull"]).success();
    assert_eq!(repo.read("file"), "the right content");
}

#[test]
fn pull_with_a_body_cut_once_goes_on() {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    let content = "0123456789".repeat(50_000);
    let oid = put_object(&server, content.as_bytes());
    track(&repo, "file", &oid);
    server.inject(Fault::on(Operation::GetObject, FaultAction::CutBody { after_bytes: 200_000 }).times(1));
    repo.haul(["pull"]).success();
    assert!(repo.read("file") == content);
}

#[test]
fn pull_of_some_damaged_files_fetches_the_others() {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    let good = put_object(&server, b"good");
    let bad = md5_of(b"bad");
    server.put("bucket", &key_of(&bad), "b\0d");
    track(&repo, "good.txt", &good);
    track(&repo, "bad.txt", &bad);
    repo.haul(["pull"]).failure().stderr_has(&["bad.txt"]);
    // As in DVC, nothing is checked out; intact objects need not be fetched again.
    repo.haul(["checkout", "good.txt"]).success();
    assert_eq!(repo.read("good.txt"), "good");
    assert!(!repo.exists("bad.txt"));
}

#[test]
fn push_to_a_half_pushed_directory_heals_it() {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("data/a", "one");
    repo.write("data/b", "two");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    // The directory manifest exists, a member does not: this is what an interrupted push of DVC leaves.
    assert!(server.remove("bucket", &key_of(&md5_of(b"two"))));
    repo.haul(["push"]).success();
    assert_eq!(server.bytes("bucket", &key_of(&md5_of(b"two"))).unwrap(), "two");
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    assert_eq!(clone.read("data/b"), "two");
}

#[test]
fn push_over_an_object_of_the_wrong_size_replaces_it() {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("file", "whole content");
    repo.haul(["add", "file"]).success();
    let key = key_of(&md5_of(b"whole content"));
    server.put("bucket", &key, "whole con");
    repo.haul(["push"]).success();
    assert_eq!(server.bytes("bucket", &key).unwrap(), "whole content");
}

#[test]
fn push_whose_member_fails_does_not_store_the_directory() {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("data/a", "one");
    repo.write("data/b", "two");
    repo.haul(["add", "data"]).success();
    let failing = key_of(&md5_of(b"two"));
    let denied = FaultAction::error(403, "AccessDenied");
    server.inject(Fault::on(Operation::PutObject, denied).key_containing(failing));
    repo.haul(["push"]).failure().stderr_has(&["data/b", "AccessDenied"]);
    let keys = server.keys("bucket");
    assert!(!keys.iter().any(|key| is_directory(key)), "{keys:?}");
    server.heal();
    repo.haul(["push"]).success();
    assert!(server.keys("bucket").iter().any(|key| is_directory(key)));
}

#[test]
fn directory_with_a_corrupt_member_leaves_the_workspace_as_it_was() {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    let one = put_object(&server, b"one");
    let two = md5_of(b"two");
    server.put("bucket", &key_of(&two), "too");
    let directory = put_directory(&server, &[(&one, "a"), (&two, "b")]);
    track(&repo, "data", &directory);
    repo.haul(["pull"]).failure().stderr_has(&["data/b", &two]);
    assert!(!repo.exists("data/b"));
    repo.assert_cache_is_sound();
}

/// Small objects are hashed whole, bigger ones while they stream, the biggest from ranges: each way has its own check.
#[test]
fn pull_of_a_big_object_with_one_wrong_byte_keeps_it_out_of_the_cache() {
    let (server, environment) = with_server();
    for (name, size_bytes) in [("streamed", 3 << 20), ("ranges", 72 << 20)] {
        let repo = environment.repository_at(name, &server.endpoint());
        let mut content = Random(21).bytes(size_bytes);
        let oid = md5_of(&content);
        content[1_500_000] ^= 1;
        server.put("bucket", &key_of(&oid), content);
        track(&repo, "file", &oid);
        repo.haul(["pull"]).failure().stderr_has(&["file"]);
        assert!(!repo.exists("file"), "{name}");
        assert_eq!(repo.cache_objects(), [""; 0], "{name}");
        assert!(server.remove("bucket", &key_of(&oid)));
    }
}

/// Changes the bytes of an object of the cache, and keeps its mode.
fn damage_in_cache(repo: &haul_tests::Folder<'_>, content: &str, damaged: &str) {
    let oid = md5_of(content.as_bytes());
    let object = format!(".dvc/cache/files/md5/{}/{}", &oid[..2], &oid[2..]);
    if repo.exists(&object) {
        repo.remove(&object);
    }
    repo.write(&object, damaged);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o444);
    fs_err::set_permissions(repo.join(&object), mode).expect("the object was just written");
}

#[test]
fn trusted_object_of_another_size_than_was_recorded_is_fetched_again() {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("file", "the right content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push"]).success();
    repo.remove("file");
    damage_in_cache(&repo, "the right content", "the right conte");
    repo.haul(["checkout"]).failure().stderr_has(&["Is your cache up to date?"]);
    assert!(!repo.exists("file"));
    damage_in_cache(&repo, "the right content", "the right content and more");
    repo.haul(["pull"]).success().stdout_has(&["1 file fetched"]);
    assert_eq!(repo.read("file"), "the right content");
    repo.assert_cache_is_sound();
}

#[test]
fn file_whose_object_is_damaged_is_stored_again_and_never_overwritten() {
    let (_server, environment) = with_server();
    let repo = environment.repository("repo");
    for memo in ["kept", "lost"] {
        repo.write("file", "the old content");
        repo.haul(["add", "file"]).success();
        let old = repo.read("file.dvc");
        repo.write("file", "the new content of the file");
        repo.haul(["add", "file"]).success();
        // The workspace has the only intact copy of the new content.
        damage_in_cache(&repo, "the new content of the file", "the new");
        let new = repo.read("file.dvc");
        repo.write("file.dvc", old);
        repo.haul(["checkout"]).failure().stderr_has(&["unsaved files"]);
        assert_eq!(repo.read("file"), "the new content of the file");
        repo.write("file.dvc", new);
        damage_in_cache(&repo, "the new content of the file", "the new");
        if memo == "lost" {
            repo.remove(".dvc/tmp/haul");
        }
        repo.haul(["add", "file"]).success();
        repo.assert_cache_is_sound();
        repo.remove("file");
        repo.haul(["checkout"]).success();
        assert_eq!(repo.read("file"), "the new content of the file", "the memo is {memo}");
    }
}
