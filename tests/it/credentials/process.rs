//! `credential_process`, with a program that misbehaves in many ways.

use std::path::Path;
use std::time::Duration;

use haul_tests::{Folder, TestEnvironment};

use super::{ID, SECRET, TOKEN, repository, s3, world};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fake-credential-process");

/// A secret that can be recognised only by its name.
const PASSPHRASE: &str = "minio-admin-secret-pass-123";

/// Makes a world whose default profile has the program with this behaviour.
fn with(behaviour: &str) -> TestEnvironment {
    let mut world = world();
    let folder = world.folder("aws");
    folder.write("config", format!("[default]\ncredential_process = '{PROGRAM}' {behaviour}\n"));
    for (name, value) in [("FAKE_KEY_ID", ID), ("FAKE_SECRET", SECRET), ("FAKE_TOKEN", TOKEN)] {
        world.set(name, value);
    }
    world.set("FAKE_PROCESS_LOG", world.root().join("runs"));
    world
}

fn n_runs(world: &TestEnvironment) -> usize {
    world.folder("").read("runs").lines().count()
}

#[test]
fn process_runs_once_for_a_whole_push_and_what_it_logs_is_not_shown() {
    for behaviour in ["good", "talkative"] {
        let (server, world) = (s3(), with(behaviour));
        let repo = repository(&world, &server);
        for index in 0..30 {
            repo.write(format!("data/{index}"), format!("{index}"));
        }
        repo.haul(["add", "data"]).success();
        repo.haul(["push", "-vv"]).success();
        assert_eq!(n_runs(&world), 1);
        world.assert_no_secret_on_disk(&[]);
    }
}

#[test]
fn process_that_breaks_ends_the_command_with_the_reason() {
    for (behaviour, words) in [
        ("fail", ["exit status: 7", "the vault is locked try `vault unlock`"].as_slice()),
        ("expired", &["expired at 2020-01-01T00:00:00Z"]),
        ("garbage", &["did not print the expected JSON (line 1, column 2)"]),
        ("talkative-fail", &["exit status: 1", "but no luck"]),
        ("half-a-key-fail", &["exit status: 1", "x x x ****"]),
        ("export-fail", &["export AWS_SECRET_ACCESS_KEY=**** {\"SecretAccessKey\": \"****\"}"]),
        ("endless", &["printed more than 1 MiB on stdout"]),
        ("endless-on-stderr", &["printed more than 1 MiB on stderr"]),
    ] {
        let (server, mut world) = (s3(), with(behaviour));
        world.set("FAKE_PASSPHRASE", PASSPHRASE);
        // If the text is cut, the start of a key is as secret as the whole key.
        for secret in [PASSPHRASE, &SECRET[..10]] {
            world.guard_secret(secret);
        }
        let repo = repository(&world, &server);
        repo.write("file", "content");
        repo.haul(["add", "file"]).success();
        let output = repo.haul(["push", "-vv"]).failure();
        let output = output.stderr_has(&["credential process", "aws/config:2 [default]"]);
        output.stderr_has(words);
        repo.haul(["push", "--json"]).failure().stderr_has(words);
        assert!(server.requests().is_empty(), "{behaviour}: nothing is asked without keys");
        // Each command runs the program once, even if many objects wait for the keys.
        assert_eq!(n_runs(&world), 2, "{behaviour}");
        world.assert_no_secret_on_disk(&[]);
    }
}

#[test]
fn process_may_ask_the_user_at_the_terminal() {
    let (server, world) = (s3(), with("ask"));
    let repo = repository(&world, &server);
    let helper = Path::new(env!("CARGO_BIN_EXE_on-a-terminal"));
    for (answer, code) in [("open sesame", 0), ("let me in", 1)] {
        let mut terminal = repo.start_on_terminal(helper, &["remote", "check"]);
        terminal.type_line(answer);
        let (status, screen) = terminal.wait();
        assert_eq!(status.success(), code == 0, "{screen}");
        assert_eq!(screen.contains("exit status: 9"), code != 0, "{screen}");
    }
}

#[test]
fn process_that_hangs_is_ended_with_the_command() {
    let (server, world) = (s3(), with("hang"));
    let repo = repository(&world, &server);
    let mut command = repo.start(["remote", "check"]);
    let id = wait_for_line(&repo, "../runs");
    command.interrupt();
    let output = command.wait(Duration::from_mins(1));
    assert_eq!(output.status.code(), Some(252), "{output}");
    wait_until(|| !is_running(&id), "the process outlives the command");
}

fn is_running(id: &str) -> bool {
    // A process that has ended and was not waited for is a zombie.
    fs_err::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait_for_line(folder: &Folder<'_>, file: &str) -> String {
    let read = || fs_err::read_to_string(folder.join(file)).unwrap_or_default();
    wait_until(|| read().ends_with('\n'), "the process does not start");
    read().trim().to_owned()
}

#[track_caller]
fn wait_until(is_so: impl Fn() -> bool, why: &str) {
    let end = std::time::Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(std::time::Instant::now() < end, "{why}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
