//! Missing data is an error.

use haul_tests::embedded::{EmbeddedS3, Operation};
use haul_tests::objects::{directory_bytes, key_of, md5_of, put_directory, put_object, track};
use haul_tests::raw::{RawReply, RawServer};
use haul_tests::{Folder, TestEnvironment};

use crate::{environment, served};

#[test]
fn pull_of_an_object_that_is_nowhere_fails_and_names_it() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    track(&repo, "file", &md5_of(b"lost"));
    repo.haul(["fetch"]).failure().stderr_has(&["file"]);
    repo.haul(["pull"]).failure().stderr_has(&["file"]);
}

#[test]
fn fetch_of_a_directory_with_a_missing_member_names_it() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    let one = put_object(&server, b"one");
    let directory = put_directory(&server, &[(&one, "a"), (&md5_of(b"lost"), "sub/lost.txt")]);
    track(&repo, "data", &directory);
    repo.haul(["fetch"]).failure().stderr_has(&[&md5_of(b"lost")]);
    // The existing data has been pulled.
    assert!(repo.cache_objects().iter().any(|path| path.replace('/', "").ends_with(&one[2..])));
}

#[test]
fn push_of_an_object_that_is_not_in_the_cache_fails_and_names_it() {
    let (server, environment) = served();
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
    repo.haul(["push"]).failure().stderr_has(&["remote"]);
    // As in DVC, what the cache has needs no remote.
    for command in ["fetch", "pull"] {
        repo.haul([command]).success().stderr_has(&["No remote provided and no default remote set."]);
    }
    repo.remove(".dvc/cache");
    for command in ["push", "fetch", "pull"] {
        repo.haul([command]).failure().stderr_has(&["remote"]);
    }
}

#[test]
fn command_outside_of_a_repository_fails_with_253() {
    let environment = environment();
    let folder = environment.folder("nothing here");
    for command in ["status", "push", "pull", "checkout"] {
        folder.haul([command]).failure().code(253).stderr_has(&["not inside of a DVC repository"]);
    }
}

#[test]
fn bucket_that_does_not_exist_is_named() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "modify", "origin", "url", "s3://nobodys/store"]).success();
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push"]).failure().stderr_has(&["nobodys"]);
}

/// Every command that sends requests to the remote.
const ASKING: [&[&str]; 7] = [
    &["status", "-c"],
    &["push", "--dry-run"],
    &["push"],
    &["fetch", "--dry-run"],
    &["fetch"],
    &["pull"],
    &["gc", "-w", "-c", "-f"],
];

/// Makes a repository of `n_files` files that are in the cache, and one that is not.
fn with_files(environment: &TestEnvironment, endpoint: &str, n_files: usize) {
    let repo = environment.repository_at("repo", endpoint);
    for index in 0..n_files {
        repo.write(format!("file-{index}"), format!("content {index}"));
        repo.haul(["add", &format!("file-{index}")]).success();
    }
    track(&repo, "elsewhere", &md5_of(b"elsewhere"));
}

#[test]
fn missing_bucket_is_an_error_of_every_command_and_no_sign_of_new_objects() {
    for n_files in [1, 6] {
        let (server, environment) = served();
        with_files(&environment, &server.endpoint(), n_files);
        let repo = environment.folder("repo");
        repo.haul(["remote", "modify", "origin", "url", "s3://nobodys/store"]).success();
        for line in ASKING {
            repo.haul(line).failure().stderr_has(&["nobodys", "NoSuchBucket"]);
        }
    }
}

#[test]
fn server_that_finds_nothing_is_an_error_of_every_command_and_no_sign_of_new_objects() {
    for n_files in [1, 6] {
        let mut environment = environment();
        environment.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
        environment.set("AWS_SECRET_ACCESS_KEY", "secret");
        let server = RawServer::new(|request| {
            let body = if request.method == "HEAD" { "" } else { "<html>Not Found</html>" };
            RawReply::new(404, &[("content-type", "text/html")], body)
        });
        with_files(&environment, &server.endpoint(), n_files);
        let repo = environment.folder("repo");
        for line in ASKING {
            let output =
                repo.haul(line).failure().stderr_has(&["HTTP 404", &server.endpoint(), "endpointurl"]);
            assert!(!output.stderr.contains("push it from a copy"), "taken for missing data: {output}");
        }
    }
}

#[test]
fn empty_bucket_is_no_missing_bucket() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.haul(["status", "-c"]).success().stdout_has(&["new", "file"]);
    repo.haul(["push", "--dry-run"]).success();
    assert_eq!(server.count(Operation::PutObject), 0);
}

#[test]
fn wrong_secret_key_is_told_apart_from_missing_data() {
    let (server, mut environment) = served();
    environment.set("AWS_SECRET_ACCESS_KEY", "notthesecretkeyatall");
    let repo = environment.repository_at("repo", &server.endpoint());
    let oid = put_object(&server, b"content");
    track(&repo, "file", &oid);
    repo.haul(["pull"]).failure().stderr_has(&["SignatureDoesNotMatch"]);
    assert!(server.bytes("bucket", &key_of(&oid)).is_some());
}

/// Makes a repository whose remote has the file `f`, but not the directory `d`.
fn with_lost_directory<'a>(environment: &'a TestEnvironment, server: &EmbeddedS3) -> Folder<'a> {
    let repo = environment.repository_at("repo", &server.endpoint());
    track(&repo, "f", &put_object(server, b"content"));
    let lost = format!("{}.dir", md5_of(directory_bytes(&[(&md5_of(b"a"), "a")]).as_bytes()));
    track(&repo, "d", &lost);
    repo
}

#[test]
fn pull_goes_on_without_a_list_of_files_that_is_nowhere() {
    let (server, environment) = served();
    let repo = with_lost_directory(&environment, &server);
    let output = repo.haul(["pull"]).failure().code(1).stderr_has(&[
        "the list of files of `d`",
        "Checkout failed for following targets:\nd\n",
        "`haul push d`",
    ]);
    assert_eq!(output.stdout, "A       f\n1 file fetched and 1 file added\n");
    assert_eq!(repo.read("f"), "content");
    repo.remove("f");
    repo.haul(["pull", "--allow-missing"]).success();
    assert_eq!(repo.read("f"), "content");
    repo.remove("f");
    repo.haul(["checkout"]).failure().code(255).stderr_has(&["Checkout failed for following targets:\nd\n"]);
    repo.haul(["checkout", "--allow-missing"]).success();
    assert_eq!(repo.read("f"), "content");
}

#[test]
fn nothing_is_said_to_be_in_sync_before_an_error() {
    let (server, environment) = served();
    let repo = with_lost_directory(&environment, &server);
    repo.haul(["fetch", "f"]).success();
    let why = ["the list of files of `d`", "`haul add d`"];
    let output = repo.haul(["status", "-c"]).failure().code(1).stderr_has(&why);
    assert_eq!(output.stdout, "");
    let output = repo.haul(["status", "-c", "--json"]).failure().code(1).stderr_has(&why);
    assert!(output.stdout.lines().all(|line| line != "{}"), "{output}");
}

#[test]
fn checkout_of_what_the_workspace_has_needs_no_cache() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("d/a", "a");
    repo.write("d/sub/b", "b");
    repo.write("f", "f");
    repo.haul(["add", "d", "f"]).success();
    repo.remove(".dvc/cache");
    assert_eq!(repo.haul(["checkout"]).success().stdout, "");
    repo.haul(["checkout", "d/a"]).success();
    repo.write("d/a", "edited");
    repo.haul(["checkout"]).failure().code(255).stderr_has(&["Checkout failed for following targets:\nd\n"]);
    assert_eq!(repo.read("d/a"), "edited");
}

#[test]
fn checkout_after_an_add_without_commit_has_nothing_to_do() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("d/a", "a");
    repo.haul(["add", "--no-commit", "d"]).success();
    repo.haul(["checkout"]).success();
    repo.haul(["commit"]).success();
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
}

#[test]
fn list_of_files_that_only_the_remote_has_is_fetched_to_replace_a_part() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("d/a", "one");
    repo.haul(["add", "d"]).success();
    repo.haul(["push"]).success();
    repo.remove(".dvc/cache");
    repo.write("d/new", "two");
    repo.haul(["add", "d/new"]).success();
    assert!(repo.read("d.dvc").contains("nfiles: 2"), "{}", repo.read("d.dvc"));

    // A remote that does not have it, either.
    for key in server.keys("bucket") {
        assert!(server.remove("bucket", &key));
    }
    repo.remove(".dvc/cache");
    let recorded = repo.read("d.dvc");
    repo.write("d/more", "three");
    repo.haul(["add", "d/more"]).failure().says(&["is not in the cache or on its remote"]);
    assert_eq!(repo.read("d.dvc"), recorded);
}
