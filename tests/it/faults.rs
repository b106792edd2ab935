//! Servers that fail: temporary failures are retried, permanent ones are reported.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use haul_tests::TestEnvironment;
use haul_tests::dataset::DataSet;
use haul_tests::embedded::{EmbeddedS3, Fault, FaultAction, Operation};
use haul_tests::objects::{put_object, track};
use haul_tests::raw::{RawReply, RawServer};

use crate::{environment, served, with_file};

fn with_server() -> (EmbeddedS3, TestEnvironment) {
    let (server, environment) = served();
    (server, environment)
}

/// A push and a pull succeed although `fault` occurs.
fn fault_is_overcome(fault: &Fault) {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    DataSet { n_small_files: 10, ..DataSet::default() }.write_to(&repo.join("data"));
    repo.haul(["add", "data"]).success();
    server.inject(fault.clone());
    repo.haul(["push"]).success();
    server.heal();
    server.inject(fault.clone());
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    clone.tree("data").assert_equals(&repo.tree("data"));
}

#[test]
fn slow_down_with_retry_after_is_waited_for() {
    fault_is_overcome(&Fault::everywhere(FaultAction::slow_down(1)).times(3));
}

#[test]
fn server_errors_that_pass_are_tried_again() {
    for (status, code) in
        [(500, "InternalError"), (502, "BadGateway"), (503, "ServiceUnavailable"), (504, "GatewayTimeout")]
    {
        fault_is_overcome(&Fault::everywhere(FaultAction::error(status, code)).times(2));
    }
}

#[test]
fn too_many_requests_is_tried_again() {
    fault_is_overcome(&Fault::everywhere(FaultAction::error(429, "TooManyRequests")).times(2));
}

#[test]
fn connection_that_closes_without_a_reply_is_tried_again() {
    fault_is_overcome(&Fault::everywhere(FaultAction::Disconnect).after(1).times(3));
}

#[test]
fn upload_whose_reply_is_lost_is_tried_again() {
    fault_is_overcome(&Fault::on(Operation::PutObject, FaultAction::LoseReply).times(2));
}

#[test]
fn body_that_is_cut_is_fetched_again() {
    fault_is_overcome(&Fault::on(Operation::GetObject, FaultAction::CutBody { after_bytes: 5 }).times(3));
}

#[test]
fn error_under_a_200_is_seen_in_a_listing() {
    let (server, environment) = with_server();
    let repo = with_file(&environment, &server.endpoint());
    server.inject(
        Fault::on(Operation::ListObjectsV2, FaultAction::ErrorUnderOk { code: "InternalError".to_owned() })
            .times(1),
    );
    server.inject(
        Fault::on(Operation::ListObjects, FaultAction::ErrorUnderOk { code: "InternalError".to_owned() })
            .times(1),
    );
    repo.haul(["push"]).success();
    assert_eq!(server.keys("bucket").len(), 1);
}

#[test]
fn access_denied_is_not_tried_again() {
    let (server, environment) = with_server();
    let repo = with_file(&environment, &server.endpoint());
    server.inject(Fault::on(Operation::PutObject, FaultAction::error(403, "AccessDenied")));
    repo.haul(["push"]).failure().stderr_has(&["AccessDenied"]);
    assert_eq!(server.count(Operation::PutObject), 1);
}

/// Makes a repository with `read_timeout = 2`, twenty files in its cache, and twenty others on the remote.
fn impatient(server: &EmbeddedS3, environment: &TestEnvironment) {
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "modify", "origin", "read_timeout", "2"]).success();
    for index in 0..20 {
        let oid = put_object(server, format!("content {index}").as_bytes());
        track(&repo, &format!("file {index}"), &oid);
        repo.write(format!("data/{index}"), format!("other content {index}"));
    }
    repo.haul(["add", "data"]).success();
}

#[test]
fn server_that_never_answers_is_given_up_within_thirty_seconds() {
    for line in
        [&["pull"][..], &["fetch", "-j", "1"], &["push", "data"], &["status", "-c"], &["remote", "check"]]
    {
        let (server, environment) = with_server();
        impatient(&server, &environment);
        let repo = environment.folder("repo");
        server.inject(Fault::everywhere(FaultAction::Silence));
        let output = repo.haul(line).failure().within(Duration::from_secs(30));
        let place = format!("{}:", repo.join(".dvc/config").display());
        output.says(&[&server.endpoint(), "`read_timeout`", "2 s", &place]);
        let mut attempts = std::collections::BTreeMap::new();
        for request in server.requests() {
            *attempts.entry((request.operation, request.key, request.query)).or_insert(0) += 1;
        }
        assert!(attempts.values().all(|n_attempts| *n_attempts <= 5), "{line:?}: {attempts:?}");
        // The first concurrent requests; no others are sent after the server has failed.
        assert!(line != ["fetch", "-j", "1"] || attempts.len() == 1, "object after object: {attempts:?}");
    }
}

#[test]
fn server_that_accepts_and_does_not_even_read_is_given_up_within_thirty_seconds() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (server, environment) = with_server();
    impatient(&server, &environment);
    let repo = environment.folder("repo");
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    repo.haul(["remote", "modify", "origin", "endpointurl", &endpoint]).success();
    for line in [&["push", "data"][..], &["pull"]] {
        let output = repo.haul(line).failure().within(Duration::from_secs(30));
        output.stderr_has(&[&endpoint, "`read_timeout`", "2 s"]);
    }
}

/// Connections that are not accepted fill the queue of the listener; the next one gets no answer at all.
#[test]
fn connection_that_cannot_be_made_is_given_up_after_connect_timeout() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500));
    let waiting: Vec<_> = std::iter::from_fn(|| connect().ok()).take(10_000).collect();
    let (server, environment) = with_server();
    impatient(&server, &environment);
    let repo = environment.folder("repo");
    let endpoint = format!("http://{address}");
    repo.haul(["remote", "modify", "origin", "endpointurl", &endpoint]).success();
    repo.haul(["remote", "modify", "origin", "connect_timeout", "1"]).success();
    let output = repo.haul(["push", "data"]).failure().within(Duration::from_secs(30));
    output.stderr_has(&[&endpoint, "`connect_timeout`", "1 s"]);
    drop(waiting);
}

#[test]
fn unknown_host_is_an_error_within_seconds() {
    let (server, environment) = with_server();
    impatient(&server, &environment);
    let repo = environment.folder("repo");
    // This name never exists: <https://www.rfc-editor.org/rfc/rfc6761#section-6.4>.
    let endpoint = "http://nobody.invalid:9000";
    repo.haul(["remote", "modify", "origin", "endpointurl", endpoint]).success();
    repo.haul(["push", "data"]).failure().within(Duration::from_mins(1)).stderr_has(&[endpoint, "not known"]);
}

#[test]
fn error_under_a_200_is_seen_when_an_upload_is_completed() {
    for (code, is_overcome) in [("InternalError", true), ("SlowDown", true), ("AccessDenied", false)] {
        let (server, environment) = with_server();
        let n_completions = AtomicUsize::new(0);
        let body = format!("  \n<Error><Code>{code}</Code><Message>not so</Message></Error>");
        let front = RawServer::in_front_of(&server, move |request| {
            let is_completion = request.method == "POST" && request.query.starts_with("uploadId=");
            let is_first = is_completion && n_completions.fetch_add(1, Ordering::SeqCst) == 0;
            let fails = is_first || (is_completion && !is_overcome);
            fails.then(|| RawReply::new(200, &[("content-type", "application/xml")], &body))
        });
        let settings = "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n";
        environment.folder("aws").write("config", settings);
        let repo = environment.repository_at("repo", &front.endpoint());
        repo.write("big", "0123456789abcdef".repeat(700_000));
        repo.haul(["add", "big"]).success();
        let output = repo.haul(["push"]);
        if is_overcome {
            output.success();
            assert_eq!(server.keys("bucket").len(), 1);
        } else {
            output.failure().stderr_has(&[code, "not so"]);
            assert_eq!(server.keys("bucket"), [""; 0]);
        }
    }
}

#[test]
fn error_under_a_200_is_seen_when_objects_are_deleted() {
    let (server, environment) = with_server();
    let oid = put_object(&server, b"garbage");
    let repo = environment.repository_at("repo", &server.endpoint());
    let action = FaultAction::ErrorUnderOk { code: "AccessDenied".to_owned() };
    server.inject(Fault::on(Operation::DeleteObjects, action).times(1));
    repo.haul(["gc", "-w", "-c", "-f"]).failure().stderr_has(&["AccessDenied"]);
    let deletion =
        server.requests().into_iter().find(|request| request.operation == Operation::DeleteObjects);
    let deletion = deletion.unwrap();
    assert!(deletion.header("content-md5").is_some(), "{oid}: {deletion:?}");
}

#[test]
fn closed_port_is_an_error_within_seconds() {
    let environment = {
        let mut environment = environment();
        environment.set("AWS_ACCESS_KEY_ID", "key");
        environment.set("AWS_SECRET_ACCESS_KEY", "secret");
        environment
    };
    // The port was bound and released, so no process listens on it.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let repo = environment.repository_at("repo", &endpoint);
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push"]).failure().within(Duration::from_secs(30)).stderr_has(&[&endpoint]);
}

#[test]
fn slow_upload_that_moves_is_not_killed_by_the_read_timeout() {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "modify", "origin", "read_timeout", "3"]).success();
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    server.inject(Fault::on(Operation::PutObject, FaultAction::Delay(Duration::from_millis(1500))));
    repo.haul(["push"]).success();
    assert_eq!(server.count(Operation::PutObject), 1);
}

/// Pushes many files through a server that answers each PUT after a moment, and the first ones with 503; returns the
/// maximum of concurrent PUTs after that.
fn puts_at_once_after(n_refused: usize) -> usize {
    const N_JOBS: usize = 32;
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    for index in 0..100 {
        repo.write(format!("data/{index}"), format!("content {index}"));
    }
    repo.haul(["add", "data"]).success();
    server.inject(Fault::on(Operation::PutObject, FaultAction::slow_down(0)).times(n_refused));
    server.inject(Fault::on(Operation::PutObject, FaultAction::Delay(Duration::from_millis(100))));
    repo.haul(["push", "-j", &N_JOBS.to_string()]).success();
    let puts = server.requests().into_iter().filter(|request| request.operation == Operation::PutObject);
    // The refused requests, and those that ran at the same time, have ended by then.
    let later = puts.skip(n_refused + N_JOBS).map(|request| request.n_at_once);
    later.max().expect("there are later ones")
}

#[test]
fn server_that_asks_for_patience_gets_fewer_requests_at_once() {
    let before = puts_at_once_after(0);
    let after = puts_at_once_after(32);
    assert!(before > 24 && after < 24, "{before} requests at once, and {after} after the 503s");
}
