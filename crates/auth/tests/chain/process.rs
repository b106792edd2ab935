//! `credential_process`.

#![cfg(unix)]

use std::error::Error as _;
use std::time::Duration;

use haul_auth::{ProvideCredentials, SourceName};

use crate::world::{World, secret, time, token};

/// Makes a world whose profile runs `script`.
fn script(script: &str) -> World {
    let world = World::new().file("keys.sh", script);
    let path = world.path("keys.sh");
    let path = path.to_str().unwrap();
    let config =
        format!("[profile p]\naws_account_id = 42\ncredential_process = /bin/sh '{path}' \"two words\"\n");
    world.config(&config).profile("p")
}

#[tokio::test]
async fn keys_that_are_printed_are_used() {
    let world = script(
        "echo \"{\\\"Version\\\": 1, \\\"AccessKeyId\\\": \\\"AKIA-$1-$MARK\\\", \\\"SecretAccessKey\\\": \\\"s\\\", \
         \\\"SessionToken\\\": \\\"t\\\", \\\"Expiration\\\": \\\"2026-01-31T13:00:00Z\\\"}\"",
    )
    .var("MARK", "injected");
    let found = world.found().await;
    assert_eq!(found.source, SourceName::Process);
    assert_eq!(found.access_key_id, "AKIA-two words-injected");
    assert_eq!((secret(&found), token(&found)), ("s", "t"));
    assert_eq!(found.expires_at, Some(time("2026-01-31T13:00:00Z")));
    assert_eq!(found.account_id.as_deref(), Some("42"));
}

#[tokio::test]
async fn process_that_fails_is_told_with_status_and_stderr() {
    let error = script("echo 'first line' >&2; echo 'log in first' >&2; exit 3").error().await;
    let text = error.to_string();
    assert!(text.starts_with("cannot get credentials from credential process: `/bin/sh`, the"), "{text}");
    assert!(text.ends_with("failed (exit status: 3): first line log in first"), "{text}");
    let error = script("exit 1").error().await;
    assert!(error.to_string().ends_with("it printed nothing on stderr"), "{error}");
}

#[tokio::test]
async fn process_that_hangs_is_killed() {
    let world = script("echo $$ > pid; exec sleep 600");
    let chain = world.chain().with_process_timeout(Duration::from_millis(500));
    let error = chain.credentials().await.unwrap_err();
    assert!(error.to_string().contains("did not end within"), "{error}");
    assert!(error.is_transient());
    let pid = fs_err::read_to_string(world.path("pid")).unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{}/cmdline", pid.trim()));
    // It is killed when the chain drops it; the kernel needs a moment.
    for _ in 0..200 {
        if fs_err::read(&process).is_ok_and(|line| !line.is_empty()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert!(!fs_err::read(&process).is_ok_and(|line| !line.is_empty()));
}

#[tokio::test]
async fn output_that_is_not_as_expected_is_refused_without_being_shown() {
    for (script_text, why) in [
        ("echo SECRETGARBAGE", "did not print the expected JSON (line 1, column 1)"),
        ("true", "did not print the expected JSON"),
        (
            "echo '{\"Version\": 2, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"SECRETGARBAGE\"}'",
            "`Version` 2; expected 1",
        ),
        ("echo '{\"Version\": 1, \"SecretAccessKey\": \"SECRETGARBAGE\"}'", "no `AccessKeyId`"),
        (
            "echo '{\"Version\": 1, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"SECRETGARBAGE\", \"Expiration\": \"2020-01-01T00:00:00Z\"}'",
            "expired at 2020-01-01",
        ),
        (
            "echo '{\"Version\": 1, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"SECRETGARBAGE\", \"Expiration\": \"soon\"}'",
            "`Expiration` that is not a time",
        ),
    ] {
        let error = script(script_text).error().await;
        assert!(error.to_string().contains(why), "{error}");
        assert!(!format!("{error} {error:?}").contains("SECRETGARBAGE"), "{error:?}");
    }
}

#[tokio::test]
async fn command_lines_that_cannot_be_run_are_told() {
    let error = World::new().config("[default]\ncredential_process = /does/not/exist now\n").error().await;
    assert!(error.to_string().contains("`/does/not/exist`, the `credential_process` ("), "{error}");
    assert!(error.to_string().ends_with("cannot be run"), "{error}");
    assert!(error.source().unwrap().to_string().contains("No such file"));
    let error = World::new().config("[default]\ncredential_process = 'open\n").error().await;
    assert!(error.to_string().ends_with("a quotation is not closed"), "{error}");
    let error = World::new().config("[default]\ncredential_process =\n").error().await;
    assert!(error.to_string().ends_with("is empty"), "{error}");
}
