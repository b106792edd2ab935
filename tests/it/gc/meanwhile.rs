//! `gc` during other commands, and kills.

use std::time::{Duration, Instant};

use haul_tests::dataset::{DataSet, Random};
use haul_tests::embedded::{Fault, FaultAction, Operation};
use haul_tests::objects::{put_directory, put_object};

use super::{BUCKET, assert_directories_are_whole, copy_folder, is_cached, is_stored, stage, store};

#[test]
fn push_under_way_keeps_gc_out() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "one");
    repo.remove("file");
    repo.write("file", "two");
    repo.haul(["add", "file"]).success();
    server.inject(Fault::on(Operation::PutObject, FaultAction::Silence));
    server.take_requests();
    let push = repo.start(["push"]);
    let end = Instant::now() + Duration::from_mins(1);
    while server.count(Operation::PutObject) == 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    repo.haul(["gc", "-w", "-c", "-f"]).code(255).stderr_has(&["a push, fetch or pull is under way"]);
    assert!(is_cached(&repo, "one") && is_stored(&server, "one"));
    push.kill();
    server.heal();
    // The lock of a killed process is free.
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    assert!(!is_stored(&server, "one"));
    repo.haul(["push"]).success();
    assert!(is_stored(&server, "two"));
}

#[test]
fn gc_under_way_keeps_push_and_dvc_lock_out() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "one");
    store(&repo, "file", "two");
    server.inject(Fault::on(Operation::DeleteObjects, FaultAction::Silence));
    let gc = repo.start(["gc", "-w", "-c", "-f"]);
    let end = Instant::now() + Duration::from_mins(1);
    while server.count(Operation::DeleteObjects) == 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    repo.haul(["push"]).failure().stderr_has(&["`haul gc` is at work"]);
    repo.haul(["add", "file"]).failure().stderr_has(&["Unable to acquire lock"]);
    gc.kill();
    server.heal();
    repo.haul(["push"]).success();
}

#[test]
fn kill_of_gc_at_any_time_leaves_whole_directories_and_all_that_is_used() {
    let (server, environment) = stage();
    let source = environment.repository_at("source", &server.endpoint());
    let data = DataSet { n_small_files: 60, ..DataSet::default() };
    data.write_to(&source.join("data"));
    source.write("data/unused-1", "unused 1");
    source.haul(["add", "data"]).success();
    source.haul(["push"]).success();
    source.remove("data/unused-1");
    source.write("data/unused-2", "unused 2");
    source.haul(["add", "data"]).success();
    source.haul(["push"]).success();
    source.remove("data/unused-2");
    source.haul(["add", "data"]).success();
    source.haul(["push"]).success();
    // A directory with many files that is no longer used.
    let members: Vec<String> =
        (0..1500).map(|index| put_object(&server, format!("gone {index}").as_bytes())).collect();
    let names: Vec<String> = (0..1500).map(|index| index.to_string()).collect();
    let entries: Vec<(&str, &str)> =
        members.iter().zip(&names).map(|(oid, name)| (oid.as_str(), name.as_str())).collect();
    put_directory(&server, &entries);
    let before: Vec<(String, bytes::Bytes)> = server
        .keys(BUCKET)
        .into_iter()
        .map(|key| (key.clone(), server.bytes(BUCKET, &key).expect("it was listed")))
        .collect();
    let expected = source.tree("data");
    let mut random = Random(21);
    let start = Instant::now();
    let whole = environment.folder("whole");
    copy_folder(source.path(), whole.path());
    whole.haul(["gc", "-w", "-c", "-f"]).success();
    let needed = start.elapsed();
    let after = server.keys(BUCKET);
    for round in 0..6 {
        for (key, bytes) in &before {
            server.put(BUCKET, key, bytes.clone());
        }
        let repo = environment.folder(&format!("round {round}"));
        copy_folder(source.path(), repo.path());
        let pause = random.below(u64::try_from(needed.as_micros()).expect("it is short") + 1);
        let running = repo.start(["gc", "-w", "-c", "-f"]);
        std::thread::sleep(Duration::from_micros(pause));
        running.kill();
        assert_directories_are_whole(&server);
        let clone = environment.folder(&format!("clone {round}"));
        clone.clone_metadata_of(&repo);
        clone.haul(["pull"]).success();
        clone.tree("data").assert_equals(&expected);
        repo.haul(["status"]).success().stdout_has(&["up to date"]);
        repo.haul(["gc", "-w", "-c", "-f"]).success();
        assert_eq!(server.keys(BUCKET), after);
        repo.assert_cache_is_sound();
    }
}
