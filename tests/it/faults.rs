//! Servers with a bad day: what passes is waited for, what does not is said.

use std::time::Duration;

use haul_tests::TestEnvironment;
use haul_tests::dataset::DataSet;
use haul_tests::embedded::{EmbeddedS3, Fault, FaultAction, Operation};
use haul_tests::objects::{put_object, track};

use crate::environment;

fn with_server() -> (EmbeddedS3, TestEnvironment) {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    (server, environment)
}

/// A push and a pull get through although `fault` strikes.
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
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
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
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    server.inject(Fault::on(Operation::PutObject, FaultAction::error(403, "AccessDenied")));
    repo.haul(["push"]).failure().stderr_has(&["AccessDenied"]);
    assert_eq!(server.count(Operation::PutObject), 1);
}

#[test]
fn server_that_never_answers_is_given_up_within_thirty_seconds() {
    let (server, environment) = with_server();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "modify", "origin", "read_timeout", "2"]).success();
    for index in 0..20 {
        let oid = put_object(&server, format!("content {index}").as_bytes());
        track(&repo, &format!("file {index}"), &oid);
    }
    server.inject(Fault::everywhere(FaultAction::Silence));
    let output = repo.haul(["pull"]).failure().within(Duration::from_secs(30));
    output.stderr_has(&[&server.endpoint(), "read_timeout", "2"]);
}

#[test]
fn closed_port_is_an_error_within_seconds() {
    let environment = {
        let mut environment = environment();
        environment.set("AWS_ACCESS_KEY_ID", "key");
        environment.set("AWS_SECRET_ACCESS_KEY", "secret");
        environment
    };
    // Bound and let go: nobody listens there.
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
