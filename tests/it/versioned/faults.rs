//! A push that is stopped at any point.

use std::time::Duration;

use haul_tests::Folder;
use haul_tests::embedded::{EmbeddedS3, Fault, FaultAction, Operation, Quirks};

use super::{pulled, stage, stage_with, with_data};

/// The files of [`with_data`].
const N_FILES: usize = 4;

/// Whatever happened before, the next push succeeds, and the versions that it records can be pulled.
fn assert_recovers(environment: &haul_tests::TestEnvironment, repo: &Folder<'_>, name: &str) {
    repo.haul(["push"]).success();
    repo.haul(["push"]).success().stdout_has(&["Everything is up to date."]);
    let clone = pulled(environment, repo, name);
    clone.tree("data").assert_equals(&repo.tree("data"));
    assert_eq!(clone.read("one.txt"), repo.read("one.txt"));
}

fn versions(server: &EmbeddedS3) -> usize {
    server.keys("bucket").iter().map(|key| server.versions("bucket", key).len()).sum()
}

#[test]
fn failed_file_leaves_the_metafile_and_what_was_sent_is_not_sent_again() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    let before = repo.read("data.dvc");
    server.inject(
        Fault::on(Operation::PutObject, FaultAction::error(403, "AccessDenied")).key_containing("c.txt"),
    );
    repo.haul(["push"]).code(1).stderr_has(&["data/c.txt", "1 file failed to upload"]);
    assert_eq!(repo.read("data.dvc"), before);
    assert!(repo.read("one.txt.dvc").contains("version_id"), "the other out is complete");
    server.heal();
    server.take_requests();
    repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
    assert_eq!(server.count(Operation::PutObject), 1);
    assert_eq!(versions(&server), N_FILES);
    assert_recovers(&environment, &repo, "clone");
}

#[test]
fn reply_that_gets_lost_makes_another_version_and_nothing_worse() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    server.inject(Fault::on(Operation::PutObject, FaultAction::LoseReply).times(1));
    repo.haul(["push"]).success();
    assert_eq!(versions(&server), N_FILES + 1);
    assert_recovers(&environment, &repo, "clone");
}

#[test]
fn reply_with_another_tag_or_version_that_nothing_proves_is_not_recorded() {
    let quirks = Quirks { default_kms_key: Some("the-default".to_owned()), ..Quirks::default() };
    for (name, value) in [
        ("etag", "\"0123456789abcdef0123456789abcdef\""),
        ("x-amz-version-id", "0b5b4b43-4bd3-4c59-9be6-bd0ad4b6f0a4"),
    ] {
        let (server, environment) = stage_with(quirks.clone());
        let repo = with_data(&environment, &server);
        let before = repo.read("data.dvc");
        let action = FaultAction::ReplaceHeader { name, value: value.to_owned() };
        server.inject(Fault::on(Operation::PutObject, action).key_containing("c.txt").times(1));
        repo.haul(["push"])
            .code(1)
            .stderr_has(&["data/c.txt", "has not the size and entity tag of the reply"]);
        assert_eq!(repo.read("data.dvc"), before, "{name}");
        assert_recovers(&environment, &repo, "clone");
    }
}

#[test]
fn push_that_is_killed_at_any_request_goes_on() {
    // One request asks for the versioning, the others send a file each; the last kill is after all replies.
    for n_requests in 0..=N_FILES + 1 {
        let (server, environment) = stage();
        let repo = with_data(&environment, &server);
        let before = repo.read("data.dvc");
        server.inject(Fault::everywhere(FaultAction::Silence).after(n_requests));
        let mut running = repo.start(["push", "-j", "1"]);
        let mut patience = 3000;
        while server.requests().len() <= n_requests && running.is_running() && patience > 0 {
            std::thread::sleep(Duration::from_millis(10));
            patience -= 1;
        }
        running.kill();
        server.heal();
        if n_requests <= N_FILES {
            assert_eq!(repo.read("data.dvc"), before, "killed after {n_requests} requests");
        }
        server.take_requests();
        repo.haul(["push"]).success();
        let n_sent = server.count(Operation::PutObject);
        // The file whose reply was missing may have been sent; the others are in the journal.
        assert!(
            n_sent <= N_FILES + 1 - n_requests.clamp(1, N_FILES + 1),
            "{n_sent} after {n_requests} requests"
        );
        assert_recovers(&environment, &repo, "clone");
    }
}

#[test]
fn pull_that_is_killed_at_any_request_goes_on() {
    for n_requests in 0..N_FILES {
        let (server, environment) = stage();
        let repo = with_data(&environment, &server);
        repo.haul(["push"]).success();
        server.take_requests();
        let clone = environment.folder("clone");
        clone.clone_metadata_of(&repo);
        server.inject(Fault::everywhere(FaultAction::Silence).after(n_requests));
        let mut running = clone.start(["pull", "-j", "1"]);
        let mut patience = 3000;
        while server.requests().len() <= n_requests && running.is_running() && patience > 0 {
            std::thread::sleep(Duration::from_millis(10));
            patience -= 1;
        }
        running.kill();
        clone.assert_cache_is_sound();
        server.heal();
        clone.haul(["pull"]).success();
        clone.tree("data").assert_equals(&repo.tree("data"));
    }
}

#[test]
fn interrupt_ends_with_252_and_the_next_push_goes_on() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    server.inject(Fault::on(Operation::PutObject, FaultAction::Silence).after(2));
    let mut running = repo.start(["push", "-j", "1"]);
    let mut patience = 3000;
    while server.count(Operation::PutObject) < 3 && patience > 0 {
        std::thread::sleep(Duration::from_millis(10));
        patience -= 1;
    }
    running.interrupt();
    running.wait(Duration::from_secs(30)).code(252);
    server.heal();
    server.take_requests();
    repo.haul(["push"]).success();
    assert_eq!(server.count(Operation::PutObject), 2);
    assert_recovers(&environment, &repo, "clone");
}

#[test]
fn metafile_that_changes_during_the_push_is_left_alone() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    server.inject(
        Fault::on(Operation::PutObject, FaultAction::Delay(Duration::from_secs(2))).key_containing("one.txt"),
    );
    let mut running = repo.start(["push", "one.txt"]);
    let mut patience = 3000;
    while server.count(Operation::PutObject) < 1 && running.is_running() && patience > 0 {
        std::thread::sleep(Duration::from_millis(10));
        patience -= 1;
    }
    repo.write("one.txt", "changed meanwhile");
    repo.haul(["add", "one.txt"]).success();
    let added = repo.read("one.txt.dvc");
    running
        .wait(Duration::from_secs(30))
        .code(1)
        .stderr_has(&["`one.txt` changed while the command was under way"]);
    assert_eq!(repo.read("one.txt.dvc"), added);
    server.heal();
    assert_recovers(&environment, &repo, "clone");
}

#[test]
fn push_waits_for_whoever_holds_the_lock_before_it_records() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    server.inject(Fault::on(Operation::PutObject, FaultAction::Delay(Duration::from_millis(500))).times(1));
    let mut running = repo.start(["push"]);
    let mut wait_for_puts = |n_puts| {
        let mut patience = 3000;
        while server.count(Operation::PutObject) < n_puts && running.is_running() && patience > 0 {
            std::thread::sleep(Duration::from_millis(10));
            patience -= 1;
        }
    };
    // The metafiles are read before the first file is sent; the lock is free until the last file is sent.
    wait_for_puts(1);
    let lock =
        fs_err::OpenOptions::new().write(true).open(repo.join(".dvc/tmp/lock")).expect("DVC's lock is there");
    lock.file().lock().expect("the lock is free");
    wait_for_puts(N_FILES);
    for _ in 0..200 {
        assert!(running.is_running(), "it ended without the lock");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!repo.read("data.dvc").contains("cloud"));
    drop(lock);
    running.wait(Duration::from_mins(1)).success();
    assert!(repo.read("data.dvc").contains("cloud"));
}

#[test]
fn two_pushes_at_the_same_time_record_the_versions_of_both() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    let slow = FaultAction::Delay(Duration::from_secs(2));
    server.inject(Fault::on(Operation::PutObject, slow).key_containing("a.txt").times(1));
    let first = repo.start(["push", "data/a.txt"]);
    let mut patience = 3000;
    while server.count(Operation::PutObject) < 1 && patience > 0 {
        std::thread::sleep(Duration::from_millis(10));
        patience -= 1;
    }
    repo.haul(["push", "data/c.txt"]).success();
    let recorded = |key: &str| {
        let version = server.object("bucket", key).expect("it was pushed").version_id;
        repo.read("data.dvc").contains(&format!("version_id: {version}\n"))
    };
    assert!(recorded("store/data/c.txt") && !repo.read("data.dvc").contains("a.txt\n    cloud"));
    first.wait(Duration::from_mins(1)).success();
    assert!(recorded("store/data/a.txt") && recorded("store/data/c.txt"), "{}", repo.read("data.dvc"));
    repo.haul(["push"]).success().stdout_has(&["2 files pushed"]);
    assert_recovers(&environment, &repo, "clone");
}

#[test]
fn version_of_a_push_that_is_under_way_stays_known_when_another_one_ends() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    server.inject(Fault::on(Operation::PutObject, FaultAction::Silence).key_containing("c.txt"));
    let first = repo.start(["push", "data", "-j", "1"]);
    let mut patience = 3000;
    while server.count(Operation::PutObject) < 2 && patience > 0 {
        std::thread::sleep(Duration::from_millis(10));
        patience -= 1;
    }
    repo.haul(["push", "one.txt"]).success();
    first.kill();
    server.heal();
    server.take_requests();
    // What the killed push had sent is not sent again.
    repo.haul(["push"]).success().stdout_has(&["2 files pushed"]);
    assert_eq!(server.count(Operation::PutObject), 2);
    assert_recovers(&environment, &repo, "clone");
}

#[test]
fn large_upload_that_is_gone_is_not_recorded_as_the_old_version_of_the_same_size() {
    let (server, environment) = stage();
    environment
        .folder("aws")
        .write("config", "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n");
    let repo = super::repository(&environment, &server, "repo");
    repo.write("big", vec![1; 12 << 20]);
    repo.haul(["add", "big"]).success();
    repo.haul(["push"]).success();
    let old = server.object("bucket", "store/big").unwrap().version_id;
    repo.remove("big");
    repo.write("big", vec![2; 12 << 20]);
    repo.haul(["add", "big"]).success();
    let gone = FaultAction::error(404, "NoSuchUpload");
    server.inject(Fault::on(Operation::CompleteMultipartUpload, gone).times(1));
    repo.haul(["push"]).success();
    let new = server.object("bucket", "store/big").unwrap().version_id;
    let recorded = repo.read("big.dvc");
    assert!(new != old && recorded.contains(&format!("version_id: {new}\n")), "{recorded}");
    let clone = pulled(&environment, &repo, "clone");
    assert!(fs_err::read(clone.join("big")).unwrap() == vec![2; 12 << 20]);
}
