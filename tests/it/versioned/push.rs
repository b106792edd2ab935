//! The results of a push on the remote and in the metafiles.

use haul_tests::embedded::{BucketOptions, EmbeddedS3, Operation, Versioning};

use super::{pulled, repository, stage, with_data};

#[test]
fn push_shows_the_workspace_in_the_bucket_and_records_the_versions() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success().stdout_has(&["4 files pushed"]);
    assert_eq!(
        server.keys("bucket"),
        ["store/data/a.txt", "store/data/c.txt", "store/data/sub/b.txt", "store/one.txt"]
    );
    let version = |key: &str| server.object("bucket", key).unwrap().version_id;
    let expected = format!(
        "outs:\n- md5: f97c5d29941bfb1b2fdab0874906ab82\n  size: 3\n  hash: md5\n  path: one.txt\n  cloud:\n    origin:\n      \
         etag: f97c5d29941bfb1b2fdab0874906ab82\n      version_id: {}\n",
        version("store/one.txt")
    );
    assert_eq!(repo.read("one.txt.dvc"), expected);
    let data = repo.read("data.dvc");
    for key in ["a.txt", "c.txt", "sub/b.txt"] {
        assert!(data.contains(&format!("version_id: {}\n", version(&format!("store/data/{key}")))), "{data}");
    }
    assert!(
        data.starts_with("outs:\n- hash: md5\n  path: data\n  files:\n  - relpath: a.txt\n    md5: "),
        "{data}"
    );
    repo.haul(["push"]).success().stdout_has(&["Everything is up to date."]);
    assert_eq!(repo.read("data.dvc"), data);
    let clone = pulled(&environment, &repo, "clone");
    clone.tree("data").assert_equals(&repo.tree("data"));
    clone.assert_cache_is_sound();
}

#[test]
fn push_of_a_change_sends_what_changed_and_keeps_the_other_versions() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    let kept = server.object("bucket", "store/data/c.txt").unwrap().version_id;
    let old = environment.folder("old");
    old.clone_metadata_of(&repo);
    repo.write("data/a.txt", "a, changed");
    repo.write("data/new.txt", "new");
    repo.haul(["add", "data"]).success();
    let added = repo.read("data.dvc");
    assert!(added.contains(&kept) && added.matches("cloud:").count() == 2, "{added}");
    server.take_requests();
    repo.haul(["push"]).success().stdout_has(&["2 files pushed"]);
    assert_eq!(server.count(Operation::PutObject), 2);
    assert_eq!(server.versions("bucket", "store/data/a.txt").len(), 2);
    assert_eq!(server.versions("bucket", "store/data/c.txt").len(), 1);
    assert_eq!(server.count(Operation::DeleteObjects) + server.count(Operation::DeleteObject), 0);
    // The old metafiles still name the old versions.
    old.haul(["pull"]).success();
    assert_eq!(old.read("data/a.txt"), "a");
    assert_eq!(pulled(&environment, &repo, "new").read("data/a.txt"), "a, changed");
}

#[test]
fn push_of_one_file_of_a_directory_keeps_the_others_in_the_metafile() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push", "data/a.txt"]).success().stdout_has(&["1 file pushed"]);
    assert_eq!(server.keys("bucket"), ["store/data/a.txt"]);
    let data = repo.read("data.dvc");
    assert_eq!((data.matches("relpath:").count(), data.matches("version_id:").count()), (3, 1), "{data}");
    assert_eq!(data.matches("size: 1\n").count(), 3, "{data}");
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["fetch"]).code(1).stderr_has(&[
        "`data/c.txt` cannot be fetched",
        "`data.dvc` records no version of it",
        "haul push data",
    ]);
    repo.haul(["push"]).success().stdout_has(&["3 files pushed"]);
    pulled(&environment, &repo, "whole").tree("data").assert_equals(&repo.tree("data"));
}

#[test]
fn file_that_may_be_executed_is_recorded_so_with_its_version() {
    let (server, environment) = stage();
    let repo = repository(&environment, &server, "repo");
    repo.write("run.sh", "#!/bin/sh\n");
    make_executable(&repo.join("run.sh"));
    repo.haul(["add", "run.sh"]).success();
    repo.haul(["push"]).success();
    let recorded = repo.read("run.sh.dvc");
    assert!(recorded.contains("isexec: true\n") && recorded.contains("version_id:"), "{recorded}");
    let clone = pulled(&environment, &repo, "clone");
    assert!(is_executable(&clone.join("run.sh")));
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("the file is ours");
}

fn is_executable(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::metadata(path).expect("the file is there").permissions().mode() & 0o100 != 0
}

#[test]
fn outs_of_a_pipeline_are_recorded_in_the_lock_file() {
    let (server, environment) = stage();
    let repo = repository(&environment, &server, "repo");
    repo.write("dvc.yaml", "stages:\n  build:\n    cmd: make\n    outs:\n    - out.txt\n");
    repo.write("out.txt", "out");
    let lock = "schema: '2.0'\nstages:\n  build:\n    cmd: make\n    outs:\n    - path: out.txt\n      hash: md5\n      \
                md5: c68271a63ddbc431c307beb7d2918275\n      size: 3\n";
    repo.write("dvc.lock", lock);
    repo.haul(["commit", "-f"]).success();
    repo.haul(["push"]).success().stdout_has(&["Updating lock file 'dvc.lock'\n1 file pushed"]);
    let version = server.object("bucket", "store/out.txt").unwrap().version_id;
    let cloud = format!(
        "      cloud:\n        origin:\n          etag: c68271a63ddbc431c307beb7d2918275\n          version_id: {version}\n"
    );
    assert_eq!(repo.read("dvc.lock"), format!("{lock}{cloud}"));
    repo.remove("out.txt");
    repo.remove(".dvc/cache");
    repo.haul(["pull"]).success();
    assert_eq!(repo.read("out.txt"), "out");
}

#[test]
fn comments_of_the_user_survive_a_push() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    let text = repo.read("one.txt.dvc");
    repo.write("one.txt.dvc", format!("# ours\n{text}  desc: the one # and only\n"));
    repo.haul(["push"]).success();
    let text = repo.read("one.txt.dvc");
    assert!(text.starts_with("# ours\n") && text.contains("desc: the one # and only\n"), "{text}");
    let data =
        repo.read("data.dvc").replace("  - relpath: c.txt\n", "  # keep this\n  - relpath: c.txt # c\n");
    repo.write("data.dvc", &data);
    repo.write("data/a.txt", "another");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    let data = repo.read("data.dvc");
    assert!(data.contains("  # keep this\n  - relpath: c.txt # c\n"), "{data}");
}

#[test]
fn bucket_without_versions_is_refused_before_anything_is_written() {
    for versioning in [Versioning::Off, Versioning::Suspended] {
        let (server, environment) = stage();
        server.add_bucket(&BucketOptions { versioning, ..BucketOptions::new("plain") });
        let repo = with_data(&environment, &server);
        repo.haul(["remote", "modify", "origin", "url", "s3://plain/store"]).success();
        let before = repo.read("data.dvc");
        repo.haul(["push"]).code(1).stderr_has(&[
            "versioning of the bucket of `s3://plain/store`",
            "aws s3api put-bucket-versioning --bucket plain --versioning-configuration Status=Enabled",
        ]);
        assert_eq!(server.keys("plain"), [""; 0]);
        assert_eq!(repo.read("data.dvc"), before);
    }
}

#[test]
fn push_of_several_revisions_is_refused() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push", "-a"])
        .code(1)
        .stderr_has(&["Multiple rev push is unsupported for cloud versioned remotes"]);
    assert_eq!(server.keys("bucket"), [""; 0]);
}

#[test]
fn version_that_is_gone_is_sent_again() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    assert!(server.remove("bucket", "store/data/a.txt"));
    repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
    pulled(&environment, &repo, "clone").tree("data").assert_equals(&repo.tree("data"));
}

#[test]
fn odd_names_are_keys_that_come_back() {
    let (server, environment) = stage();
    let repo = repository(&environment, &server, "repo");
    let names = [
        "größe.txt",
        "日本語/名前",
        "a b ",
        " lead",
        "plus+plus",
        "per%cent",
        "%2F",
        "hash#hash",
        "what?",
        "dots...",
        "tilde~",
        "quote'\"",
        "back\\slash",
        "amp&<>",
        "semi;colon",
        "star*",
        "a:b",
        "=eq",
        "tab\tin",
        "😀",
        "é",
        "...",
    ];
    for (index, name) in names.iter().enumerate() {
        repo.write(format!("data/{name}"), format!("{index}"));
    }
    let longest = "x".repeat(250);
    repo.write(format!("data/{longest}/{longest}/{longest}/y"), "deep");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    let keys = server.keys("bucket");
    assert!(keys.contains(&"store/data/what?".to_owned()) && keys.contains(&"store/data/a b ".to_owned()));
    assert_eq!(keys.len(), names.len() + 1);
    pulled(&environment, &repo, "clone").tree("data").assert_equals(&repo.tree("data"));
    repo.haul(["push"]).success().stdout_has(&["up to date"]);
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
}

#[test]
fn key_longer_than_s3_takes_is_refused_by_name_before_anything_is_sent() {
    let (server, environment) = stage();
    let repo = repository(&environment, &server, "repo");
    let part = "y".repeat(255);
    repo.write("data/short", "s");
    repo.write(format!("data/{part}/{part}/{part}/{part}/z"), "z");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).code(1).stderr_has(&["cannot be pushed", "bytes, and S3 takes 1024", "/z`"]);
    assert_eq!(server.keys("bucket"), [""; 0]);
}

#[test]
fn large_file_goes_in_parts_and_its_version_is_that_of_the_whole() {
    let (server, environment) = stage();
    let repo = repository(&environment, &server, "repo");
    environment
        .folder("aws")
        .write("config", "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n");
    let bytes: Vec<u8> = (0..(12 << 20)).map(|index: u32| (index % 251) as u8).collect();
    repo.write("big.bin", &bytes);
    repo.haul(["add", "big.bin"]).success();
    repo.haul(["push"]).success();
    assert!(server.count(Operation::UploadPart) >= 3);
    let stored = server.object("bucket", "store/big.bin").unwrap();
    let recorded = repo.read("big.bin.dvc");
    assert!(
        recorded.contains(&format!("etag: {}\n", stored.etag)) && stored.etag.contains('-'),
        "{recorded}"
    );
    assert!(recorded.contains(&format!("version_id: {}\n", stored.version_id)), "{recorded}");
    let clone = pulled(&environment, &repo, "clone");
    assert_eq!(fs_err::read(clone.join("big.bin")).unwrap(), bytes);
}

#[test]
fn push_to_another_remote_that_is_not_versioned_sends_objects_by_hash() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["fetch"]).success();
    clone.haul(["remote", "add", "plain", "s3://bucket/plain"]).success();
    clone.haul(["remote", "modify", "plain", "endpointurl", &server.endpoint()]).success();
    let before = clone.read("data.dvc");
    clone.haul(["push", "-r", "plain"]).success().stdout_has(&["5 files pushed"]);
    assert_eq!(clone.read("data.dvc"), before);
    let hashed = |server: &EmbeddedS3| {
        server.keys("bucket").iter().filter(|key| key.starts_with("plain/files/md5/")).count()
    };
    assert_eq!(hashed(&server), 5);
    let other = environment.folder("other");
    other.clone_metadata_of(&clone);
    other.haul(["pull", "-r", "plain"]).success();
    other.tree("data").assert_equals(&repo.tree("data"));
}

#[test]
fn dry_run_writes_nothing() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    let before = repo.read("data.dvc");
    repo.haul(["push", "--dry-run"]).success().stdout_has(&["data/a.txt", "4 files (6 B) would be pushed"]);
    assert_eq!(repo.read("data.dvc"), before);
    assert_eq!(server.keys("bucket"), [""; 0]);
}

#[test]
fn stage_whose_folder_is_a_template_has_its_keys_there() {
    let (server, environment) = stage();
    let repo = repository(&environment, &server, "repo");
    repo.write("params.yaml", "dir: sub\n");
    repo.write("dvc.yaml", "stages:\n  build:\n    cmd: make\n    wdir: ${dir}\n    outs:\n    - out.txt\n");
    repo.write(
        "dvc.lock",
        "schema: '2.0'\nstages:\n  build:\n    cmd: make\n    outs:\n    - path: out.txt\n      hash: md5\n      \
         md5: c68271a63ddbc431c307beb7d2918275\n      size: 3\n",
    );
    repo.write("sub/out.txt", "abc");
    repo.haul(["commit", "-f", "build"]).success();
    repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
    assert_eq!(server.keys("bucket"), ["store/sub/out.txt"]);
}
