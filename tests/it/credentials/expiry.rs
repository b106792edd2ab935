//! Keys that expire in the middle of a push.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use haul_tests::embedded::{EmbeddedOptions, EmbeddedS3, Operation, User};
use haul_tests::raw::{RawReply, RawRequest, RawServer};
use haul_tests::{Folder, TestEnvironment};

use super::{LATER, json, world};

const OLD: (&str, &str) = ("ASIAOLDOLDOLDOLD0001", "Very+Secret/Old+Key/000000123456789");
const NEW: (&str, &str) = ("ASIANEWNEWNEWNEW0002", "Very+Secret/New+Key/000000987654321");
const N_FILES: usize = 60;
/// The number of requests that are accepted with the old keys.
const N_GOOD: usize = 20;

/// Starts a server that knows both users, and a front that calls the keys of the first expired after a while.
fn servers() -> (EmbeddedS3, RawServer) {
    let users = [OLD, NEW].map(|(id, secret)| User::new(id, secret).with_session_token("token")).to_vec();
    let server =
        EmbeddedS3::start(EmbeddedOptions { users, ..EmbeddedOptions::default() }).expect("a server starts");
    let n_old = AtomicUsize::new(0);
    let front = RawServer::in_front_of(&server, move |request: &RawRequest| {
        let is_old = request.header("authorization").is_some_and(|header| header.contains(OLD.0));
        (is_old && n_old.fetch_add(1, Ordering::Relaxed) >= N_GOOD).then(|| {
            let body =
                "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
            RawReply::new(400, &[("content-type", "application/xml")], body)
        })
    });
    (server, front)
}

fn keys((id, secret): (&str, &str)) -> RawReply {
    json(&format!(
        r#"{{"AccessKeyId": "{id}", "SecretAccessKey": "{secret}", "Token": "token", "Expiration": "{LATER}"}}"#
    ))
}

fn ready<'world>(world: &'world TestEnvironment, front: &RawServer) -> Folder<'world> {
    let repo = world.repository_at("repo", &front.endpoint());
    for index in 0..N_FILES {
        repo.write(format!("data/{index}"), format!("content {index}"));
    }
    repo.haul(["add", "data"]).success();
    repo
}

fn guarded() -> TestEnvironment {
    let mut world = world();
    world.guard_secret(OLD.1);
    world.guard_secret(NEW.1);
    world
}

#[test]
fn push_goes_on_with_new_keys_got_once_for_all() {
    let (server, front) = servers();
    let n_asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_asked);
    let service =
        RawServer::new(
            move |_| {
                if counted.fetch_add(1, Ordering::Relaxed) == 0 { keys(OLD) } else { keys(NEW) }
            },
        );
    let mut world = guarded();
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.endpoint());
    let repo = ready(&world, &front);
    repo.haul(["push", "-vv"]).success();
    assert_eq!(n_asked.load(Ordering::Relaxed), 2, "the keys are got at the start, and once more");
    assert_eq!(server.objects("bucket").len(), N_FILES + 1);
    let with = |id: &str| {
        let requests = front.requests();
        requests.iter().filter(|r| r.header("authorization").is_some_and(|h| h.contains(id))).count()
    };
    assert!(with(OLD.0) > N_GOOD && with(NEW.0) > 0);
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    world.assert_no_secret_on_disk(&[]);
}

#[test]
fn renewal_that_fails_keeps_what_was_sent_and_the_next_push_sends_the_rest() {
    let (server, front) = servers();
    let n_asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_asked);
    let service = RawServer::new(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        0 => keys(OLD),
        1 => RawReply::new(403, &[], "the role was taken away"),
        _ => keys(NEW),
    });
    let mut world = guarded();
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.endpoint());
    let repo = ready(&world, &front);
    let output = repo.haul(["push", "-vv"]).failure().code(1);
    let output = output.stderr_has(&["container", "the role was taken away", "run the same command again"]);
    assert_eq!(n_asked.load(Ordering::Relaxed), 2, "the renewal is tried once for all\n{output}");
    let n_sent = server.objects("bucket").len();
    assert!(n_sent > 0 && n_sent < N_FILES, "{n_sent} objects");

    let n_put = server.count(Operation::PutObject);
    repo.haul(["push"]).success();
    assert_eq!(server.objects("bucket").len(), N_FILES + 1);
    // Requests that the server still processed when the first push ended may have been stored after they were counted.
    let n_put_again = server.count(Operation::PutObject) - n_put;
    assert!(n_put_again > 0 && n_put_again <= N_FILES + 1 - n_sent, "{n_put_again} objects sent again");
    world.assert_no_secret_on_disk(&[]);
}
