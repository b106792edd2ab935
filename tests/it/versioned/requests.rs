//! The exact requests of each command.

use std::collections::BTreeMap;

use haul_tests::embedded::{EmbeddedS3, Operation};

use super::{pulled, repository, stage, with_data};

fn counts(server: &EmbeddedS3) -> BTreeMap<Operation, usize> {
    let mut counts = BTreeMap::new();
    for request in server.take_requests() {
        assert!(request.status.is_some_and(|status| status < 300), "a request failed: {request:?}");
        *counts.entry(request.operation).or_default() += 1;
    }
    counts
}

#[test]
fn push_asks_for_the_versioning_and_puts_each_file_once() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    assert_eq!(counts(&server), [(Operation::GetBucketVersioning, 1), (Operation::PutObject, 4)].into());
}

#[test]
fn push_of_nothing_new_looks_at_each_recorded_file() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    counts(&server);
    repo.haul(["push"]).success();
    assert_eq!(counts(&server), [(Operation::HeadObject, 4)].into());
}

#[test]
fn push_of_nothing_new_among_many_files_lists_the_versions_of_their_folder() {
    let (server, environment) = stage();
    let repo = repository(&environment, &server, "repo");
    for index in 0..50 {
        repo.write(format!("data/{index}"), format!("{index}"));
    }
    server.put("bucket", "store/elsewhere", "not ours");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    counts(&server);
    repo.haul(["push"]).success().stdout_has(&["up to date"]);
    let requests = server.take_requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].query.contains("prefix=store%2Fdata%2F"), "{}", requests[0].query);
}

#[test]
fn fetch_gets_each_version_once() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    counts(&server);
    let clone = pulled(&environment, &repo, "clone");
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.query.contains("versionId=")));
    assert_eq!(counts(&server), [(Operation::GetObject, 4)].into());
    clone.haul(["fetch"]).success();
    clone.haul(["pull"]).success();
    assert_eq!(counts(&server), BTreeMap::new());
}

#[test]
fn status_of_the_cloud_looks_at_each_recorded_file() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["status", "-c"]).success();
    assert_eq!(counts(&server), BTreeMap::new());
    repo.haul(["push"]).success();
    counts(&server);
    repo.haul(["status", "-c"]).success();
    assert_eq!(counts(&server), [(Operation::HeadObject, 4)].into());
}

#[test]
fn versions_are_looked_for_with_as_many_requests_at_once_as_are_configured() {
    use haul_tests::embedded::{Fault, FaultAction};
    let (server, environment) = stage();
    let repo = repository(&environment, &server, "repo");
    for index in 0..12 {
        repo.write(format!("data/{index}"), format!("{index}"));
    }
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    let pause = FaultAction::Delay(std::time::Duration::from_millis(100));
    server.inject(Fault::on(Operation::HeadObject, pause));
    let at_once = |words: &[&str]| {
        server.take_requests();
        repo.haul(words).success();
        server.most_at_once(Operation::HeadObject)
    };
    assert_eq!(at_once(&["push"]), 12);
    environment.folder("aws").write("config", "[default]\ns3 =\n  max_concurrent_requests = 2\n");
    assert_eq!(at_once(&["push"]), 2);
    assert_eq!(at_once(&["status", "-c"]), 2);
    repo.haul(["remote", "modify", "origin", "jobs", "3"]).success();
    assert_eq!(at_once(&["push"]), 3);
    assert_eq!(at_once(&["push", "-j", "4"]), 4);
    assert_eq!(at_once(&["status", "-c", "-j", "4"]), 4);
}
