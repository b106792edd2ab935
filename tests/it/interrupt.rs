//! Ctrl-C stops a command cleanly with 252, SIGTERM with 143 and SIGHUP with 129, and the next run continues its work.

use std::path::Path;
use std::time::{Duration, Instant};

use haul_tests::Folder;
use haul_tests::command::Signal;
use haul_tests::dataset::{DataSet, Random};
use haul_tests::embedded::{EmbeddedS3, Fault, FaultAction, Operation};

use haul_tests::objects::is_directory;

use crate::{environment, served, with_file};

/// Waits until the server has seen `n` requests of an operation; the caller's next assertion fails if it never does.
fn wait_for(server: &EmbeddedS3, operation: Operation, n: usize) {
    let end = Instant::now() + Duration::from_secs(30);
    while server.count(operation) < n && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn interrupt_of_push_ends_with_252_and_the_next_push_goes_on() {
    let (server, environment) = served();
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
    let (server, environment) = served();
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
    let (server, environment) = served();
    let repo = with_file(&environment, &server.endpoint());
    server.inject(Fault::everywhere(FaultAction::Silence));
    let mut running = repo.start(["push"]);
    let end = Instant::now() + Duration::from_secs(30);
    while server.requests().is_empty() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    running.interrupt();
    running.wait(Duration::from_secs(10)).code(252);
}

/// Starts a command, presses Ctrl-C as soon as it listens, and expects DVC's code.
fn is_interrupted(repo: &Folder<'_>, line: &[&str]) {
    let mut running = repo.start(line);
    running.wait_until_it_listens();
    running.interrupt();
    running.wait(Duration::from_secs(20)).code(252);
}

#[test]
fn interrupt_while_somebody_else_holds_the_lock_ends_with_252() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.write("other", "content");
    let lock = fs_err::File::open(repo.join(".dvc/tmp/lock")).unwrap();
    lock.file().lock().unwrap();
    for line in [
        &["status"][..],
        &["checkout"],
        &["add", "other"],
        &["commit"],
        &["remove", "file.dvc"],
        &["unprotect", "file"],
        &["move", "file", "moved"],
        &["gc", "-w", "-f"],
    ] {
        is_interrupted(&repo, line);
        is_interrupted(&repo, &[&["--wait-for-lock"], line].concat());
    }
    drop(lock);
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
}

#[test]
fn interrupt_while_transfers_are_locked_ends_with_252() {
    let (server, environment) = served();
    let repo = with_file(&environment, &server.endpoint());
    repo.haul(["push"]).success();
    let lock = fs_err::File::open(repo.join(".dvc/tmp/haul/transfer.lock")).unwrap();
    lock.file().lock().unwrap();
    for line in [&["push"][..], &["fetch"], &["pull"], &["gc", "-w", "-f"]] {
        is_interrupted(&repo, line);
        is_interrupted(&repo, &[&["--wait-for-lock"], line].concat());
    }
}

#[test]
fn interrupt_at_the_question_of_gc_ends_with_252_and_deletes_nothing() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.remove("file.dvc");
    let mut terminal = repo.start_on_terminal(Path::new(env!("CARGO_BIN_EXE_on-a-terminal")), &["gc", "-w"]);
    terminal.wait_for("[y/n]");
    terminal.interrupt();
    let (status, screen) = terminal.wait();
    assert_eq!(status.code(), Some(252), "{screen}");
    assert_eq!(repo.cache_objects().len(), 1);
}

#[test]
fn interrupt_of_work_on_files_ends_with_252_and_leaves_the_workspace_whole() {
    // A sparse file, which takes no space but some seconds to hash.
    const LARGE_BYTES: u64 = 4 << 30;
    let environment = environment();
    let repo = environment.repository("repo");
    let large = || fs_err::File::create(repo.join("large")).unwrap().set_len(LARGE_BYTES).unwrap();
    large();
    is_interrupted(&repo, &["add", "large"]);
    assert!(!repo.exists("large.dvc"), "half of it was added");
    assert!(repo.cache_objects().is_empty());
    repo.write("large", "small");
    repo.haul(["add", "large"]).success();
    repo.remove("large");
    large();
    for line in [&["status"][..], &["checkout"], &["commit"], &["add", "large"]] {
        is_interrupted(&repo, line);
        let file = fs_err::metadata(repo.join("large")).unwrap();
        assert_eq!(file.len(), LARGE_BYTES, "{line:?} cut the file");
    }
    repo.assert_cache_is_sound();
    repo.remove("large");
    repo.haul(["checkout"]).success();
    assert_eq!(repo.read("large"), "small");
}

/// The signals that ask a program to stop, with its exit codes.
const SIGNALS: [(Signal, i32); 3] = [(Signal::INT, 252), (Signal::TERM, 143), (Signal::HUP, 129)];

#[test]
fn signal_in_an_upload_in_parts_keeps_them_for_the_next_push_and_says_so() {
    for (signal, code) in SIGNALS {
        let (server, environment) = served();
        environment
            .folder("aws")
            .write("config", "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n");
        let repo = environment.repository_at("repo", &server.endpoint());
        let content = Random(20).bytes(18 << 20);
        repo.write("big", &content);
        repo.haul(["add", "big"]).success();
        server.inject(Fault::on(Operation::UploadPart, FaultAction::Silence).after(2));
        let mut running = repo.start(["push"]);
        running.wait_until_it_catches(signal);
        let end = Instant::now() + Duration::from_secs(30);
        while server.open_parts("bucket") < 2 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        running.signal(signal);
        let key = haul_tests::objects::key_of(&haul_tests::objects::md5_of(&content));
        let object = key.strip_prefix("store/").unwrap();
        let stopped = running.wait(Duration::from_secs(20)).code(code);
        let kept = format!("the parts of `{object}` that arrived are kept in `s3://bucket/store`");
        stopped.stderr_has(&[&kept, "the next push from this clone goes on with them"]);
        assert_eq!(server.open_uploads("bucket"), 1);
        server.heal();
        server.take_requests();
        repo.haul(["push"]).success();
        assert_eq!(server.open_uploads("bucket"), 0);
        assert!(server.count(Operation::UploadPart) < 4, "parts that were there are sent again");
        assert!(server.bytes("bucket", &key).unwrap() == content);
    }
}

#[test]
fn second_signal_ends_at_once_with_the_code_of_the_signal() {
    let (server, environment) = served();
    let repo = with_file(&environment, &server.endpoint());
    // A push that only waits for a reply ends by itself; work on files takes a while.
    fs_err::File::create(repo.join("large")).unwrap().set_len(8 << 30).unwrap();
    for (signal, code) in SIGNALS {
        let mut running = repo.start(["add", "large"]);
        running.wait_until_it_catches(signal);
        running.signal(signal);
        running.signal(signal);
        running.wait(Duration::from_secs(20)).code(code);
        assert!(!repo.exists("large.dvc"));
    }
}

#[test]
fn signal_that_was_ignored_from_the_start_stays_ignored() {
    let (server, environment) = served();
    let repo = with_file(&environment, &server.endpoint());
    server.inject(Fault::on(Operation::PutObject, FaultAction::Delay(Duration::from_secs(1))));
    let haul = environment.root().join("bin/haul").display().to_string();
    // `nohup` ignores SIGHUP in this way.
    let line = ["-c", "trap '' HUP; exec \"$0\" push", &haul];
    let mut running = repo.start_program(Path::new("/bin/sh"), line);
    wait_for(&server, Operation::PutObject, 1);
    running.signal(Signal::HUP);
    running.wait(Duration::from_secs(20)).success();
    assert_eq!(server.keys("bucket").len(), 1);
}
