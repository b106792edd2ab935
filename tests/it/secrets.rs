//! Secrets stay secret: the output of a command never contains them, at any verbosity.
//!
//! The search itself is in the harness: the output of every command of these environments is searched (`guard_secret`).

use haul_tests::Folder;
use haul_tests::embedded::{EmbeddedOptions, EmbeddedS3, User};
use haul_tests::raw::{RawReply, RawServer};

use crate::{environment, with_file};

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
fn secret_is_asked_for_on_the_terminal_without_an_echo() {
    let mut environment = environment();
    environment.guard_secret(SECRET);
    let repo = environment.repository("repo");
    repo.haul(["remote", "add", "-d", "origin", "s3://bucket"]).success();
    let arguments = ["remote", "modify", "--local", "origin", "secret_access_key", "-vv"];
    let helper = std::path::Path::new(env!("CARGO_BIN_EXE_on-a-terminal"));
    let mut terminal = repo.start_on_terminal(helper, &arguments);
    terminal.wait_for("Value of remote.origin.secret_access_key:");
    terminal.type_line(SECRET);
    let (status, screen) = terminal.wait();
    assert!(status.success(), "{screen}");
    assert!(!screen.contains(SECRET), "the secret is on the screen:\n{screen}");
    assert!(repo.read(".dvc/config.local").contains(&format!("secret_access_key = {SECRET}\n")));
    // What is no secret is not asked for.
    let terminal = repo.start_on_terminal(helper, &["remote", "modify", "--local", "origin", "profile"]);
    terminal.wait_for("option 'profile' needs a value");
    assert!(!terminal.wait().0.success());
}

#[test]
fn what_is_not_known_to_be_harmless_is_masked() {
    let mut environment = environment();
    environment.guard_secret(SECRET);
    environment.guard_secret("hunter2secret");
    let repo = environment.repository("repo");
    for config in [
        // The name of the remote contains a dot.
        format!("['remote \"my.store\"']\n    url = s3://bucket/x\n    secret_access_key = {SECRET}\n"),
        // The section is misspelled, in each way that DVC takes for another section.
        format!("[remote.my.store]\n    secret_access_key = {SECRET}\n"),
        format!("[\"remote my.store\"]\n    secret_access_key = {SECRET}\n"),
        format!(
            "['remote \"a\"']\n    url = s3://bucket/x\n    [[inner]]\n    secret_access_key = {SECRET}\n"
        ),
        // The option is misspelled, belongs to another kind of remote, or to an unknown section.
        format!("['remote \"a\"']\n    url = s3://bucket/x\n    secret_acces_key = {SECRET}\n"),
        format!("['remote \"a\"']\n    url = webdav://h/x\n    bearer_token_command = {SECRET}\n"),
        format!("['remote \"a\"']\n    url = webdav://h/x\n    custom_auth_header = {SECRET}\n"),
        format!("['db \"a.b\"']\n    url = postgresql://h/d?password={SECRET}\n    password = {SECRET}\n"),
        format!("[studio]\n    token = {SECRET}\n    url = https://me:{PASSWORD}@host/\n"),
        format!("[new_in_dvc]\n    token = {SECRET}\n"),
        format!("[core]\n    api_key = {SECRET}\n"),
        // A secret over two lines, and lines that are not options.
        format!("['remote \"a\"']\n    secret_access_key = \"\"\"{SECRET}\n{SECRET}\"\"\"\n"),
        format!("['remote \"a\"']\n    secret_access_key: {SECRET}\n"),
        format!("['remote \"a\"']\n    secret_access_key =\n    {SECRET}\n"),
    ] {
        repo.write(".dvc/config.local", &config);
        for line in [
            &["config", "--list"][..],
            &["config", "--list", "--show-origin", "-vv"],
            &["config", "--list", "--json"],
            &["remote", "list", "-vv"],
            &["remote", "show", "a", "-vv"],
            &["remote", "show", "my.store", "--all", "--json"],
            &["remote", "modify", "a", "jobs", "3", "-vv"],
            &["push", "-vv"],
            &["status", "-c", "--json"],
        ] {
            // The harness searches the output for the secrets.
            repo.haul(line);
        }
    }
    repo.write(
        ".dvc/config.local",
        format!("['remote \"my.store\"']\n    secret_access_key = {SECRET}\n    region = eu\n"),
    );
    let listed = repo.haul(["config", "--list"]).success();
    listed.stdout_has(&["remote.my.store.secret_access_key=****", "remote.my.store.region=eu"]);
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
    // The server sends back the headers of the request, as some servers do in errors.
    let server = RawServer::new(|request| {
        let body = format!("<Error><Code>AccessDenied</Code><Message>{:?}</Message></Error>", request.path);
        RawReply::new(403, &[("content-type", "application/xml")], body)
    });
    let repo = with_file(&environment, &server.endpoint());
    repo.haul(["push", "-vv"]).failure().stderr_has(&["AccessDenied"]);
    repo.haul(["push", "-vv", "--json"]).failure().stderr_has(&["AccessDenied"]);
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

#[test]
fn secret_in_a_private_file_that_git_carries_is_written_with_a_loud_warning() {
    let mut environment = environment();
    environment.guard_secret(SECRET);
    let repo = environment.repository("repo");
    repo.haul(["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
    let modify = |level: &str| {
        repo.haul(["remote", "modify", level, "origin", "secret_access_key", SECRET]).success().stderr
    };
    assert!(!modify("--local").contains("WARNING"), "Git ignores it");
    // As `git add -f` does.
    repo.stage_file(".dvc/config.local");
    let warning = modify("--local");
    assert!(
        warning.contains("WARNING") && warning.contains("`.dvc/config.local`, which Git tracks"),
        "{warning}"
    );
    assert!(warning.contains("rm --cached"), "{warning}");
    repo.remove(".git/index");
    repo.remove(".dvc/.gitignore");
    let warning = modify("--local");
    assert!(warning.contains("`.dvc/config.local`, which Git does not ignore"), "{warning}");

    repo.haul(["remote", "add", "--global", "origin", "s3://bucket/store"]).success();
    assert!(!modify("--global").contains("WARNING"), "no repository holds it");
    environment.folder("global").git_init();
    let warning = modify("--global");
    assert!(warning.contains("which Git does not ignore"), "{warning}");
    environment.folder("global").write(".gitignore", "*\n");
    assert!(!modify("--global").contains("WARNING"), "Git ignores it");
}

/// The password of a URL.
const PASSWORD: &str = "hunter2secret";

/// Runs everything that shows URLs.
fn show_urls(repo: &Folder<'_>) {
    for line in [
        &["remote", "list"][..],
        &["remote", "show", "origin"],
        &["remote", "show", "origin", "--all", "--json"],
        &["remote", "check", "origin"],
        &["remote", "check", "origin", "--json"],
        &["config", "--list"],
        &["config", "--list", "--json", "--show-origin"],
        &["push", "-vv"],
        &["push", "--json"],
        &["status", "-c", "-vv"],
        &["remote", "modify", "origin", "jobs", "3", "-vv"],
    ] {
        repo.haul(line);
    }
}

#[test]
fn password_in_a_url_is_refused_when_it_is_written() {
    let mut environment = environment();
    environment.guard_secret(PASSWORD);
    let repo = environment.repository_at("repo", "http://127.0.0.1:9");
    let before = repo.read(".dvc/config");
    for (option, value) in [
        ("endpointurl", "http://user:hunter2secret@127.0.0.1:7390"),
        ("endpointurl", "http://user:hunter2/hunter2secret@127.0.0.1:7390"),
        ("endpointurl", "user:hunter2secret@127.0.0.1:7390"),
        ("endpointurl", "http://hunter2secret@127.0.0.1:7390"),
        ("url", "s3://us:hunter2secret@bucket/store"),
    ] {
        let output = repo.haul(["remote", "modify", "origin", option, value, "-vv"]).code(251);
        output.stderr_has(&[
            option,
            "nothing was written",
            "haul remote modify --local origin access_key_id",
        ]);
        repo.haul(["config", &format!("remote.origin.{option}"), value]).code(251);
        repo.haul(["config", "--local", &format!("remote.origin.{option}"), value]).code(251);
        assert_eq!(repo.read(".dvc/config"), before, "{option} was written");
    }
    repo.haul(["remote", "add", "other", "s3://us:hunter2secret@bucket/store"]).code(251);
    assert_eq!(repo.read(".dvc/config"), before);
}

#[test]
fn password_in_a_url_that_was_written_by_hand_is_shown_by_no_command() {
    for (option, value) in [
        ("endpointurl", "http://user:hunter2secret@127.0.0.1:9"),
        ("endpointurl", "user:hunter2secret@127.0.0.1:9"),
        ("url", "s3://us:hunter2secret@bucket/store"),
    ] {
        let mut environment = environment();
        environment.guard_secret(PASSWORD);
        environment.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
        environment.set("AWS_SECRET_ACCESS_KEY", SECRET);
        let repo = environment.repository_at("repo", "http://127.0.0.1:9");
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        repo.write(".dvc/config.local", format!("['remote \"origin\"']\n    {option} = {value}\n"));
        show_urls(&repo);
        let masked = value.replace(PASSWORD, "****");
        repo.haul(["config", "--list"]).success().stdout_has(&[&masked]);
        repo.haul(["remote", "show", "origin"]).success().stdout_has(&[&masked]);
    }
}

#[test]
fn password_in_an_endpoint_of_the_environment_is_shown_by_no_command() {
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS"] {
        let mut environment = environment();
        environment.guard_secret(PASSWORD);
        environment.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
        environment.set("AWS_SECRET_ACCESS_KEY", SECRET);
        environment.set(variable, "http://user:hunter2secret@127.0.0.1:9");
        let repo = environment.repository("repo");
        repo.haul(["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
        if variable.ends_with("STS") {
            repo.haul(["remote", "modify", "origin", "endpointurl", "http://127.0.0.1:9"]).success();
        }
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        show_urls(&repo);
        repo.haul(["push"]).failure().stderr_has(&["127.0.0.1:9"]);
    }
}
