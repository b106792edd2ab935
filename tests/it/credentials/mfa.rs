//! Roles that need the code of a device: the user is asked on the terminal, once.

use std::path::Path;

use haul_tests::TestEnvironment;
use haul_tests::raw::{RawReply, RawServer};

use super::{BASE_SECRET, assumed, repository, s3, world};

const HELPER: &str = env!("CARGO_BIN_EXE_on-a-terminal");
const CODE: &str = "31415926";
const SERIAL: &str = "arn:aws:iam::123456789012:mfa/me";

/// Starts an STS that requires the code.
fn sts() -> RawServer {
    RawServer::new(|request| {
        if request.body.contains(&format!("TokenCode={CODE}"))
            && request.body.contains("SerialNumber=arn%3Aaws")
        {
            assumed("AssumeRole")
        } else {
            let body = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>MultiFactorAuthentication failed</Message></Error></ErrorResponse>";
            RawReply::new(403, &[("content-type", "text/xml")], body)
        }
    })
}

fn with(sts: &RawServer) -> TestEnvironment {
    let mut world = world();
    world.guard_secret(CODE);
    world.set("AWS_ENDPOINT_URL_STS", sts.endpoint());
    world.set("AWS_PROFILE", "role");
    let aws = world.folder("aws");
    aws.write(
        "credentials",
        format!("[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = {BASE_SECRET}\n"),
    );
    let role = "[profile role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n";
    aws.write("config", format!("{role}mfa_serial = {SERIAL}\n"));
    world
}

#[test]
fn person_on_the_terminal_is_asked_once_and_the_session_is_kept() {
    let (server, sts) = (s3(), sts());
    let world = with(&sts);
    let repo = repository(&world, &server);
    let mut terminal = repo.start_on_terminal(Path::new(HELPER), &["remote", "check", "-vv"]);
    terminal.wait_for(&format!("Code of MFA device {SERIAL}:"));
    terminal.type_line(CODE);
    let (status, screen) = terminal.wait();
    assert!(status.success(), "{screen}");
    assert!(screen.contains("listing") && screen.contains("allowed"), "{screen}");
    assert!(!screen.contains(CODE), "the code is on the screen:\n{screen}");
    assert_eq!(sts.requests().len(), 2, "the role, and whose keys they are");

    // As in a script, without a terminal, with the session from before.
    repo.haul(["remote", "check", "-vv"])
        .success()
        .stdout_has(&["the session that the AWS CLI and haul share"]);
    assert!(!sts.requests().iter().skip(2).any(|request| request.body.contains("TokenCode")));
    world.assert_no_secret_on_disk(&["aws/credentials", ".json"]);
}

#[test]
fn missing_terminal_is_an_error_that_says_what_to_do() {
    let (server, sts) = (s3(), sts());
    let world = with(&sts);
    let repo = repository(&world, &server);
    repo.haul(["remote", "check"]).failure().stdout_has(&[
        SERIAL,
        "there is no terminal to ask on",
        "run the command once in a terminal",
    ]);
    assert!(sts.requests().is_empty());
}

#[test]
fn wrong_code_is_refused_and_nothing_is_kept() {
    let (server, sts) = (s3(), sts());
    let world = with(&sts);
    let repo = repository(&world, &server);
    let mut terminal = repo.start_on_terminal(Path::new(HELPER), &["remote", "check"]);
    terminal.wait_for("Code of MFA device");
    terminal.type_line("000000");
    let (status, screen) = terminal.wait();
    assert!(!status.success());
    assert!(screen.contains("MultiFactorAuthentication failed (AccessDenied)"), "{screen}");
    assert!(!world.root().join("home/.aws/cli/cache").exists());
}
