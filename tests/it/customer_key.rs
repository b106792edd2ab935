//! A push with another customer key than that of the objects, which listings and HEADs do not distinguish from missing
//! objects.

use haul_tests::embedded::{EmbeddedS3, Operation, Permission, User};
use haul_tests::{Folder, TestEnvironment};

use crate::served;

const KEY: &str = "U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0ISE=";
const OTHER_KEY: &str = "QW5vdGhlckFub3RoZXJBbm90aGVyQW5vdGhlckFub3Q=";

/// Starts a server, and makes a world whose user has these rights; `None` is all of them.
fn stage(rights: Option<&[Permission]>) -> (EmbeddedS3, TestEnvironment) {
    let (server, mut environment) = served();
    environment.guard_secret(KEY);
    environment.guard_secret(OTHER_KEY);
    if let Some(rights) = rights {
        server.add_user(User::new("limited", "limitedsecret").restricted_to(rights));
        environment.set("AWS_ACCESS_KEY_ID", "limited");
        environment.set("AWS_SECRET_ACCESS_KEY", "limitedsecret");
    }
    (server, environment)
}

/// Makes a repository with this number of files in an added directory, and this key.
fn repository<'a>(
    environment: &'a TestEnvironment,
    server: &EmbeddedS3,
    name: &str,
    n_files: usize,
    key: &str,
) -> Folder<'a> {
    let repo = environment.repository_at(name, &server.endpoint());
    repo.haul(["remote", "modify", "--local", "origin", "sse_customer_key", key]).success();
    for index in 0..n_files {
        repo.write(format!("data/{index}"), format!("content {index}"));
    }
    repo.haul(["add", "data"]).success();
    repo
}

/// Numbers of files: for the first the objects are asked for one by one, for the second the remote is listed.
const N_FILES: [usize; 2] = [2, 9];

#[test]
fn push_with_another_key_overwrites_nothing_and_names_the_option() {
    for n_files in N_FILES {
        let (server, environment) = stage(None);
        let owner = repository(&environment, &server, "owner", n_files, KEY);
        owner.haul(["push"]).success();
        server.take_requests();
        let other = repository(&environment, &server, "other", n_files, OTHER_KEY);
        other
            .haul(["push"])
            .code(1)
            .stderr_has(&["`sse_customer_key` does not open it", "sse_customer_key KEY"]);
        other.write("data/new", "new");
        other.haul(["add", "data"]).success();
        other.haul(["push"]).code(1).stderr_has(&["`sse_customer_key` does not open it"]);
        assert_eq!(server.count(Operation::PutObject), 0, "{n_files} files");
        owner.remove(".dvc/cache");
        owner.remove("data");
        owner.haul(["pull"]).success();
        assert_eq!(owner.read("data/1"), "content 1");
    }
}

#[test]
fn push_without_the_right_to_list_refuses_what_may_be_encrypted_with_another_key() {
    for n_files in N_FILES {
        let (server, environment) = stage(Some(&[Permission::GetObject, Permission::PutObject]));
        let repo = repository(&environment, &server, "repo", n_files, KEY);
        repo.haul(["push"]).code(1).stderr_has(&[
            "is missing or encrypted with another `sse_customer_key`",
            "s3:ListBucket on `arn:aws:s3:::bucket`",
        ]);
        assert_eq!(server.count(Operation::PutObject), 0);
    }
}

#[test]
fn push_with_the_minimum_of_rights_and_a_key_needs_no_more() {
    for n_files in N_FILES {
        let rights = [Permission::ListBucket, Permission::GetObject, Permission::PutObject];
        let (server, environment) = stage(Some(&rights));
        let repo = repository(&environment, &server, "repo", n_files, KEY);
        repo.haul(["push"]).success();
        repo.haul(["push"]).success().stdout_has(&["Everything is up to date."]);
        assert_eq!(server.count(Operation::PutObject), n_files + 1);
        repo.write("data/new", "new");
        repo.haul(["add", "data"]).success();
        repo.haul(["push"]).success().stdout_has(&["2 files pushed"]);
        repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    }
}

#[test]
fn object_without_a_key_is_not_overwritten_with_one() {
    let (server, environment) = stage(None);
    let plain = environment.repository_at("plain", &server.endpoint());
    plain.write("file", "content");
    plain.haul(["add", "file"]).success();
    plain.haul(["push"]).success();
    server.take_requests();
    plain.haul(["remote", "modify", "--local", "origin", "sse_customer_key", KEY]).success();
    plain.haul(["push"]).code(1).stderr_has(&["`sse_customer_key` does not open it"]);
    assert_eq!(server.count(Operation::PutObject), 0);
}
