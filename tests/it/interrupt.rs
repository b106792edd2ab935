//! Ctrl-C stops cleanly with 252, and the next run goes on.

use std::time::{Duration, Instant};

use haul_tests::dataset::DataSet;
use haul_tests::embedded::{EmbeddedS3, Fault, FaultAction, Operation};

use haul_tests::objects::is_directory;

use crate::environment;

/// Waits until the server has seen `n` requests of an operation; the caller's next assertion fails if it never does.
fn wait_for(server: &EmbeddedS3, operation: Operation, n: usize) {
    let end = Instant::now() + Duration::from_secs(30);
    while server.count(operation) < n && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn interrupt_of_push_ends_with_252_and_the_next_push_goes_on() {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    DataSet { n_small_files: 60, ..DataSet::default() }.write_to(&repo.join("data"));
    repo.haul(["add", "data"]).success();
    let n_objects = repo.cache_objects().len();
    server.inject(Fault::on(Operation::PutObject, FaultAction::Delay(Duration::from_millis(200))));
    let mut running = repo.start(["push", "-j", "4"]);
    wait_for(&server, Operation::PutObject, 8);
    running.interrupt();
    running.wait(Duration::from_secs(20)).code(252);
    let stored = server.keys("bucket").len();
    assert!(0 < stored && stored < n_objects, "{stored} of {n_objects} objects");
    assert!(!server.keys("bucket").iter().any(|key| is_directory(key)));
    server.heal();
    server.take_requests();
    repo.haul(["push"]).success();
    assert_eq!(server.keys("bucket").len(), n_objects);
    let again = server.count(Operation::PutObject);
    assert!(again <= n_objects - stored, "{again} uploads for {} objects", n_objects - stored);
}

#[test]
fn interrupt_of_pull_ends_with_252_and_the_next_pull_goes_on() {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    DataSet { n_small_files: 60, ..DataSet::default() }.write_to(&repo.join("data"));
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    server.take_requests();
    server.inject(Fault::on(Operation::GetObject, FaultAction::Delay(Duration::from_millis(200))));
    let mut running = clone.start(["pull", "-j", "4"]);
    wait_for(&server, Operation::GetObject, 8);
    running.interrupt();
    running.wait(Duration::from_secs(20)).code(252);
    clone.assert_cache_is_sound();
    server.heal();
    clone.haul(["pull"]).success();
    clone.tree("data").assert_equals(&repo.tree("data"));
}

#[test]
fn interrupt_while_the_server_is_silent_ends_at_once() {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    server.inject(Fault::everywhere(FaultAction::Silence));
    let mut running = repo.start(["push"]);
    let end = Instant::now() + Duration::from_secs(30);
    while server.requests().is_empty() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    running.interrupt();
    running.wait(Duration::from_secs(10)).code(252);
}
