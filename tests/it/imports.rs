//! Imports of data under URLs: what must not be written or lost.

use crate::served;

/// Puts files into the bucket, as another program would.
fn put(server: &haul_tests::embedded::EmbeddedS3, files: &[(&str, &str)]) {
    for (key, text) in files {
        server.put("bucket", &format!("store/src/{key}"), (*text).to_owned());
    }
}

#[test]
fn hostile_keys_are_refused_before_anything_is_written() {
    for key in ["../evil", ".git/config", "a//b", "a/../../evil"] {
        let (server, environment) = served();
        let repo = environment.repository_at("repo", &server.endpoint());
        put(&server, &[("good", "good"), (key, "hostile")]);
        for arguments in [
            vec!["import-url", "remote://origin/src", "data"],
            vec!["get-url", "remote://origin/src", "data"],
            vec!["add", "remote://origin/src", "-o", "data"],
            vec!["import-url", "--to-remote", "remote://origin/src", "data"],
        ] {
            repo.haul(arguments).code(1).stderr_has(&["cannot take the files of"]);
            assert!(!repo.exists("data.dvc") && !repo.exists("data/good"), "{key}");
        }
        assert!(!repo.exists("../evil") && !repo.exists("evil"), "{key}");
    }
}

#[test]
fn import_records_what_it_got_and_checks_it_out() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    put(&server, &[("a", "one"), ("sub/b", "two")]);
    repo.haul(["import-url", "remote://origin/src", "data"]).success();
    assert_eq!((repo.read("data/a").as_str(), repo.read("data/sub/b").as_str()), ("one", "two"));
    repo.haul(["push"]).success();
    repo.haul(["status", "-c"]).success();
}

#[test]
fn update_keeps_unsaved_changes() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    put(&server, &[("a", "one")]);
    repo.haul(["import-url", "remote://origin/src/a"]).success();
    put(&server, &[("a", "two")]);
    repo.write("a", "mine");
    let before = repo.read("a.dvc");
    repo.haul(["update", "a.dvc"]).code(1).stderr_has(&["following unsaved files"]);
    assert_eq!((repo.read("a"), repo.read("a.dvc")), (String::from("mine"), before));
}

#[test]
fn update_goes_on_with_the_next_import_when_one_fails() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    put(&server, &[("a", "one"), ("b", "one")]);
    repo.haul(["import-url", "remote://origin/src/a"]).success();
    repo.haul(["import-url", "remote://origin/src/b"]).success();
    assert!(server.remove("bucket", "store/src/a"));
    put(&server, &[("b", "two")]);
    repo.haul(["update", "a.dvc", "b.dvc"])
        .code(1)
        .stderr_has(&["failed update data", "dependency 'remote://origin/src/a' does not exist"]);
    assert_eq!((repo.read("a"), repo.read("b")), (String::from("one"), String::from("two")));
}

#[test]
fn collection_keeps_what_came_of_an_import_that_records_nothing() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    put(&server, &[("a", "one"), ("sub/b", "two")]);
    repo.haul(["import-url", "--no-download", "remote://origin/src", "data"]).success();
    assert!(!repo.exists("data"));
    repo.haul(["pull"]).success();
    repo.haul(["gc", "-w", "-f"]).success();
    repo.remove("data");
    assert!(server.remove("bucket", "store/src/a"));
    repo.haul(["checkout"]).success();
    assert_eq!(repo.read("data/a"), "one");
}

#[test]
fn file_that_changed_since_it_was_imported_is_not_fetched() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    put(&server, &[("a", "one")]);
    repo.haul(["import-url", "--no-download", "remote://origin/src/a"]).success();
    put(&server, &[("a", "two")]);
    repo.haul(["fetch"]).code(1).stderr_has(&[
        "cannot fetch `a` from its source",
        "changed since it was imported",
        "haul update a.dvc",
    ]);
    repo.haul(["update", "a.dvc"]).success();
    assert_eq!(repo.read("a"), "two");
}

#[test]
fn version_that_the_url_names_is_imported() {
    let (server, environment) = crate::versioned::stage();
    let repo = environment.repository("repo");
    server.put("bucket", "store/src/a", "old");
    let id = server.object("bucket", "store/src/a").unwrap().version_id;
    server.put("bucket", "store/src/a", "new");
    let url = format!("s3://bucket/store/src/a?versionId={id}");
    repo.haul(["import-url", &url, "a", "--fs-config", &format!("endpointurl={}", server.endpoint())])
        .success();
    assert_eq!(repo.read("a"), "old");
    let metafile = repo.read("a.dvc");
    assert!(
        metafile.contains(&format!("version_id: {id}")) && metafile.contains("push: false"),
        "{metafile}"
    );
    repo.haul(["update", "a.dvc"]).success();
    assert_eq!(repo.read("a"), "new");
}

#[test]
fn import_that_was_never_downloaded_is_named_with_the_command_that_gets_it() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    put(&server, &[("a", "one")]);
    repo.haul(["import-url", "--no-download", "remote://origin/src/a"]).success();
    repo.haul(["checkout", "a.dvc"])
        .code(255)
        .stderr_has(&["the data of the import was never downloaded", "haul pull a.dvc"]);
    repo.haul(["push", "a.dvc"]).success().stderr_has(&["'a' was skipped"]);
    repo.haul(["pull", "a.dvc"]).success();
    assert_eq!(repo.read("a"), "one");
}
