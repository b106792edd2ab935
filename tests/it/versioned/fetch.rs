//! The requests of a fetch.

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

/// Adds a cloud-versioned remote at `s3://bucket/NAME`.
fn add_remote(repo: &haul_tests::Folder<'_>, server: &haul_tests::embedded::EmbeddedS3, name: &str) {
    repo.haul(["remote", "add", name, &format!("s3://bucket/{name}")]).success();
    repo.haul(["remote", "modify", name, "endpointurl", &server.endpoint()]).success();
    repo.haul(["remote", "modify", name, "version_aware", "true"]).success();
}

#[test]
fn versions_of_a_remote_that_was_renamed_are_still_its_versions() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    repo.haul(["remote", "rename", "origin", "renamed"]).success();
    let clone = pulled(&environment, &repo, "clone");
    clone.tree("data").assert_equals(&repo.tree("data"));
    clone.haul(["push"]).success().stdout_has(&["Everything is up to date."]);
    clone.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
}

#[test]
fn each_file_is_fetched_from_the_remote_that_has_its_version() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    add_remote(&repo, &server, "second");
    repo.haul(["push", "data"]).success();
    repo.haul(["push", "-r", "second", "one.txt"]).success().stdout_has(&["1 file pushed"]);
    let clone = pulled(&environment, &repo, "clone");
    clone.tree("data").assert_equals(&repo.tree("data"));
    assert_eq!(clone.read("one.txt"), "one");
    // An older version of DVC may have left this: one file of the directory on another remote.
    let (key, other) = ("store/data/a.txt", "second/data/a.txt");
    server.put("bucket", other, "a");
    let [version, moved] = [key, other].map(|key| server.object("bucket", key).unwrap().version_id);
    server.remove("bucket", key);
    let split = repo.read("data.dvc").replacen("origin:", "second:", 1).replace(&version, &moved);
    repo.write("data.dvc", split);
    let split = pulled(&environment, &repo, "split");
    split.tree("data").assert_equals(&repo.tree("data"));
    split.remove(".dvc/cache");
    split.haul(["fetch", "-r", "origin"]).code(1).stderr_has(&["data/a.txt", "on remote `origin`"]);
}

#[test]
fn part_of_a_directory_is_not_pushed_to_another_remote_than_the_rest() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    add_remote(&repo, &server, "second");
    repo.haul(["push"]).success();
    let before = repo.read("data.dvc");
    server.take_requests();
    repo.haul(["push", "-r", "second", "data/a.txt"]).code(1).stderr_has(&[
        "a part of `data` cannot be pushed to remote `second`",
        "`data.dvc` records its other files on remote `origin`",
        "haul push -r second data",
    ]);
    assert_eq!((server.count(Operation::PutObject), repo.read("data.dvc")), (0, before));
    repo.haul(["push", "-r", "second", "data"]).success().stdout_has(&["3 files pushed"]);
    pulled(&environment, &repo, "clone").tree("data").assert_equals(&repo.tree("data"));
}
