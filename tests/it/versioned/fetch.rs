//! What a fetch reads.

use haul_tests::embedded::{Fault, FaultAction, Operation};

use haul_tests::objects::is_directory;

use super::{pulled, repository, stage, with_data};

#[test]
fn fetch_reads_the_recorded_version_though_a_newer_one_is_there() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    server.put("bucket", "store/one.txt", "somebody else's");
    assert_eq!(pulled(&environment, &repo, "clone").read("one.txt"), "one");
}

#[test]
fn version_with_other_bytes_never_enters_the_cache() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    server.inject(
        Fault::on(Operation::GetObject, FaultAction::FlipBit { at_byte: 0 }).key_containing("one.txt"),
    );
    clone
        .haul(["fetch"])
        .code(1)
        .stderr_has(&["the version of `one.txt` that is recorded does not have the recorded MD5"]);
    clone.assert_cache_is_sound();
    assert_eq!(clone.cache_objects().iter().filter(|name| !is_directory(name)).count(), 3);
    server.heal();
    clone.haul(["pull"]).success();
    assert_eq!(clone.read("one.txt"), "one");
}

#[test]
fn version_that_is_gone_is_an_error_that_names_the_file() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    server.remove("bucket", "store/one.txt");
    server.put("bucket", "store/one.txt", "another");
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["fetch"]).code(1).stderr_has(&["one.txt"]);
    assert!(!clone.exists("one.txt"));
    clone.assert_cache_is_sound();
}

#[test]
fn file_that_was_never_pushed_is_an_error_that_names_the_command() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push", "data"]).success();
    server.put("bucket", "store/one.txt", "not ours");
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["fetch"]).code(1).stderr_has(&[
        "`one.txt` cannot be fetched: `one.txt.dvc` records no version of it on remote `origin`",
        "haul push one.txt",
    ]);
}

#[test]
fn version_of_another_remote_is_not_looked_for() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["remote", "add", "second", "s3://bucket/second"]).success();
    clone.haul(["remote", "modify", "second", "endpointurl", &server.endpoint()]).success();
    clone.haul(["remote", "modify", "second", "version_aware", "true"]).success();
    clone
        .haul(["fetch", "-r", "second"])
        .code(1)
        .stderr_has(&["records no version of it on remote `second`"]);
}

#[test]
fn metafile_of_an_old_form_without_a_remote_is_read() {
    let (server, environment) = stage();
    let repo = repository(&environment, &server, "repo");
    server.put("bucket", "store/f", "old form");
    let version = server.object("bucket", "store/f").unwrap().version_id;
    let md5 = haul_tests::objects::md5_of(b"old form");
    repo.write(
        "f.dvc",
        format!(
            "outs:\n- md5: {md5}\n  size: 8\n  version_id: {version}\n  etag: {md5}\n  hash: md5\n  path: f\n"
        ),
    );
    repo.haul(["pull"]).success();
    assert_eq!(repo.read("f"), "old form");
    repo.haul(["push"]).success().stdout_has(&["up to date"]);
}

#[test]
fn hostile_paths_in_a_metafile_are_refused() {
    let (server, environment) = stage();
    let repo = repository(&environment, &server, "repo");
    let md5 = haul_tests::objects::md5_of(b"x");
    for path in ["../escaped", "/etc/passwd", "a/../../b", ".git/config", ""] {
        repo.write(
            "d.dvc",
            format!(
                "outs:\n- hash: md5\n  path: d\n  files:\n  - relpath: '{path}'\n    md5: {md5}\n    size: 1\n    cloud:\n      \
                 origin:\n        version_id: abc\n"
            ),
        );
        repo.haul(["pull"]).code(1);
        repo.haul(["push"]).code(1);
        assert_eq!(server.count(Operation::GetObject), 0, "{path}");
    }
}

#[test]
fn fetch_of_several_revisions_is_for_fetch_only_of_what_they_record() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    repo.remove(".dvc/cache");
    repo.haul(["fetch", "-a"]).success().stdout_has(&["4 files fetched"]);
}
