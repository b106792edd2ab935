//! Secrets that are given without standing in a command line.

use std::os::unix::fs::PermissionsExt as _;

use crate::sandbox::{Output, Sandbox};

const SECRET: &str = "s3cr3t/value+x";

fn with_remote() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    sandbox.haul("remote add origin s3://bucket").is_silent_success();
    sandbox
}

fn mode(sandbox: &Sandbox, path: &str) -> u32 {
    fs_err::metadata(sandbox.path(path)).unwrap().permissions().mode() & 0o777
}

fn set_mode(sandbox: &Sandbox, path: &str, mode: u32) {
    fs_err::set_permissions(sandbox.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[track_caller]
fn assert_untold(output: &Output) {
    for text in [&output.stdout, &output.stderr] {
        assert!(!text.contains(SECRET), "{output:?}");
    }
}

#[test]
fn secret_comes_from_the_standard_input() {
    // 32 bytes in base64.
    const KEY: &str = "U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0ISE=";
    for (option, value, url) in [
        ("secret_access_key", SECRET, "s3://bucket"),
        ("session_token", SECRET, "s3://bucket"),
        ("sse_customer_key", KEY, "s3://bucket"),
        ("password", SECRET, "https://example.com/data"),
    ] {
        for ending in ["\n", "\r\n", "\nsecond line\n", ""] {
            let sandbox = Sandbox::with_repository();
            sandbox.haul(&format!("remote add origin {url}"));
            let line = format!("remote modify --local --json origin {option} -");
            let output = sandbox.haul_with_input(&line, &format!("{value}{ending}"));
            assert_eq!(output.status.code(), 0, "{option}: {}", output.stderr);
            assert_untold(&output);
            let written = sandbox.read(".dvc/config.local");
            assert!(written.contains(&format!("{option} = {value}\n")), "{option}, {ending:?}: {written}");
            assert!(!sandbox.read(".dvc/config").contains(value));
            assert_eq!(mode(&sandbox, ".dvc/config.local"), 0o600, "{option}");
        }
    }
    let sandbox = with_remote();
    let line = "config --local remote.origin.secret_access_key -";
    assert_untold(&sandbox.haul_with_input(line, &format!("{SECRET}\n")));
    assert!(sandbox.read(".dvc/config.local").contains(SECRET));
}

#[test]
fn dash_is_a_value_of_options_that_are_no_secret() {
    let sandbox = with_remote();
    let output = sandbox.haul_with_input("remote modify --local origin profile -", "work\n");
    assert_eq!(output.status.code(), 0, "{}", output.stderr);
    assert!(sandbox.read(".dvc/config.local").contains("profile = -\n"));
}

#[test]
fn input_without_a_value_changes_nothing() {
    for input in ["", "\n"] {
        let sandbox = with_remote();
        let output = sandbox.haul_with_input("remote modify --local origin secret_access_key -", input);
        assert_eq!(output.status.code(), 1);
        assert!(
            output.stderr.contains("no value of `remote.origin.secret_access_key` on the standard input")
        );
        assert!(!sandbox.path(".dvc/config.local").exists());
    }
}

#[test]
fn without_a_terminal_the_way_to_give_a_secret_is_named() {
    let output = with_remote().haul("remote modify --local origin secret_access_key");
    assert_eq!(output.status.code(), 251);
    assert!(output.stderr.contains("option 'secret_access_key' needs a value"), "{}", output.stderr);
    assert!(
        output.stderr.contains("haul remote modify --local origin secret_access_key -\n"),
        "{}",
        output.stderr
    );
}

#[test]
fn file_with_a_secret_is_for_its_owner_alone() {
    let sandbox = with_remote();
    let local = ".dvc/config.local";
    sandbox.haul("remote modify --local origin profile work");
    set_mode(&sandbox, local, 0o644);
    sandbox.haul("remote modify --local origin profile other");
    assert_eq!(mode(&sandbox, local), 0o644, "it holds no secret");
    sandbox.haul_with_input("remote modify --local origin secret_access_key -", "x\n");
    assert_eq!(mode(&sandbox, local), 0o600, "it holds one now");
    set_mode(&sandbox, local, 0o664);
    sandbox.haul("remote modify --local origin profile third");
    assert_eq!(mode(&sandbox, local), 0o600, "it holds one still");
    // What DVC tracks with Git is for everyone who has the repository.
    set_mode(&sandbox, ".dvc/config", 0o644);
    sandbox.haul("remote modify origin secret_access_key x");
    assert_eq!(mode(&sandbox, ".dvc/config"), 0o644);
}

#[test]
fn narrower_mode_stays() {
    let sandbox = with_remote();
    sandbox.write(".dvc/config.local", "[core]\n    remote = origin\n");
    set_mode(&sandbox, ".dvc/config.local", 0o600);
    sandbox.haul("remote modify --local origin profile work");
    assert_eq!(mode(&sandbox, ".dvc/config.local"), 0o600);
}
