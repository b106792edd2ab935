//! Secrets stay secret: no output of a command that knows them may hold them, at any verbosity.
//!
//! The search itself is in the harness: every command of these environments is searched (`guard_secret`).

use haul_tests::embedded::{EmbeddedOptions, EmbeddedS3, User};
use haul_tests::raw::{RawReply, RawServer};

use crate::environment;

const SECRET: &str = "Very+Secret/Key0123456789abcdefghijklmnop";
const TOKEN: &str = "SessionTokenThatNobodyMaySee0123456789==";
/// 32 bytes in base64.
const CUSTOMER_KEY: &str = "U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0ISE=";

#[test]
fn secrets_of_config_are_not_printed_by_any_command_at_full_verbosity() {
    let user = User::new("AKIDEXAMPLE", SECRET).with_session_token(TOKEN);
    let server =
        EmbeddedS3::start(EmbeddedOptions { users: vec![user], ..EmbeddedOptions::default() }).unwrap();
    let mut environment = environment();
    for secret in [SECRET, TOKEN, CUSTOMER_KEY] {
        environment.guard_secret(secret);
    }
    let repo = environment.repository_at("repo", &server.endpoint());
    for (option, value) in [
        ("access_key_id", "AKIDEXAMPLE"),
        ("secret_access_key", SECRET),
        ("session_token", TOKEN),
        ("sse_customer_algorithm", "AES256"),
        ("sse_customer_key", CUSTOMER_KEY),
    ] {
        repo.haul(["remote", "modify", "--local", "origin", option, value, "-vv"]).success();
    }
    repo.write("file", "content");
    repo.haul(["add", "file", "-vv"]).success();
    repo.haul(["push", "-vv"]).success();
    repo.remove("file");
    repo.remove(".dvc/cache");
    repo.haul(["pull", "-vv"]).success();
    repo.haul(["status", "-c", "-vv"]).success();
    repo.haul(["remote", "list", "-vv"]).success();
    repo.haul(["config", "--list", "-vv"]).success();
    repo.haul(["config", "--list", "--show-origin"]).success();
    assert!(repo.read(".dvc/config.local").contains(SECRET));
}

#[test]
fn secrets_are_not_printed_when_the_server_refuses_or_breaks() {
    let mut environment = environment();
    for secret in [SECRET, TOKEN] {
        environment.guard_secret(secret);
    }
    environment.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    environment.set("AWS_SECRET_ACCESS_KEY", SECRET);
    environment.set("AWS_SESSION_TOKEN", TOKEN);
    // The server sends back what it got, as some do in errors.
    let server = RawServer::new(|request| {
        let body = format!("<Error><Code>AccessDenied</Code><Message>{:?}</Message></Error>", request.path);
        RawReply::new(403, &[("content-type", "application/xml")], body)
    });
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push", "-vv"]).failure();
    repo.haul(["push", "-vv", "--json"]).failure();
}

#[test]
fn secret_in_a_config_that_git_tracks_is_written_with_a_warning_and_the_way_out() {
    let mut environment = environment();
    environment.guard_secret(SECRET);
    let repo = environment.repository("repo");
    repo.haul(["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
    let output = repo.haul(["remote", "modify", "origin", "secret_access_key", SECRET]).success();
    let output = output.stderr_has(&["--local", "remote modify"]);
    assert!(output.stderr.to_lowercase().contains("git"), "{output}");
    assert!(repo.read(".dvc/config").contains(SECRET));
    let output = repo.haul(["remote", "modify", "--local", "origin", "secret_access_key", SECRET]).success();
    assert!(!output.stderr.to_lowercase().contains("git"), "a private file needs no warning\n{output}");
}
