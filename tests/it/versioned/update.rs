//! `update` from a worktree remote.

use std::time::Duration;

use haul_tests::Folder;
use haul_tests::embedded::{EmbeddedS3, Fault, FaultAction, Operation};

use super::{pulled, stage, with_data};

fn worktree<'a>(environment: &'a haul_tests::TestEnvironment, server: &EmbeddedS3) -> Folder<'a> {
    let repo = with_data(environment, server);
    repo.haul(["remote", "modify", "origin", "worktree", "true"]).success();
    repo.haul(["push"]).success();
    repo
}

#[test]
fn update_takes_over_what_the_bucket_shows() {
    let (server, environment) = stage();
    let repo = worktree(&environment, &server);
    server.put("bucket", "store/data/a.txt", "a, from elsewhere");
    server.put("bucket", "store/data/new/file.txt", "new");
    server.put("bucket", "store/data/folder/", "");
    server.remove("bucket", "store/data/c.txt");
    server.put("bucket", "store/one.txt", "another one");
    let kept = server.object("bucket", "store/data/sub/b.txt").unwrap().version_id;
    repo.haul(["update", "data.dvc", "one.txt.dvc"]).success();
    assert_eq!(
        (repo.read("data/a.txt").as_str(), repo.read("one.txt").as_str()),
        ("a, from elsewhere", "another one")
    );
    assert_eq!(repo.read("data/new/file.txt"), "new");
    assert!(!repo.exists("data/c.txt"));
    let data = repo.read("data.dvc");
    assert!(data.contains(&kept) && data.matches("relpath:").count() == 3, "{data}");
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    repo.haul(["push"]).success().stdout_has(&["up to date"]);
    repo.assert_cache_is_sound();
    pulled(&environment, &repo, "clone").tree("data").assert_equals(&repo.tree("data"));
    server.take_requests();
    let before = repo.read("data.dvc");
    repo.haul(["update", "data.dvc"]).success();
    assert_eq!(repo.read("data.dvc"), before);
    assert!(
        server.requests().iter().all(|request| !request.query.contains("versionId")),
        "nothing is read again"
    );
}

#[test]
fn update_keeps_changes_that_are_saved_nowhere() {
    let (server, environment) = stage();
    let repo = worktree(&environment, &server);
    server.put("bucket", "store/one.txt", "another one");
    repo.write("one.txt", "mine");
    let before = repo.read("one.txt.dvc");
    repo.haul(["update", "one.txt.dvc"]).code(1).stderr_has(&["unsaved files", "one.txt"]);
    assert_eq!((repo.read("one.txt").as_str(), repo.read("one.txt.dvc")), ("mine", before));
}

#[test]
fn update_of_what_is_not_there_warns() {
    let (server, environment) = stage();
    let repo = worktree(&environment, &server);
    server.remove("bucket", "store/one.txt");
    repo.write("other", "never pushed");
    repo.haul(["add", "other"]).success();
    repo.haul(["update", "one.txt.dvc", "other.dvc"]).success().stderr_has(&[
        "Could not update 'one.txt', it does not exist in the remote",
        "Could not update 'other', it was never pushed to a remote",
    ]);
    assert_eq!(repo.read("one.txt"), "one");
}

#[test]
fn update_without_a_worktree_is_refused() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    repo.haul(["update", "one.txt.dvc"])
        .code(1)
        .stderr_has(&["failed update data", "update is not supported for 'one.txt.dvc'"]);
    repo.haul(["update", "--rev", "main", "one.txt.dvc"])
        .code(1)
        .stderr_has(&["--rev can't be used with worktree update"]);
}

#[test]
fn hostile_keys_are_not_taken_over() {
    let (server, environment) = stage();
    let repo = worktree(&environment, &server);
    let before = repo.read("data.dvc");
    server.put("bucket", "store/data/.git/config", "hostile");
    repo.haul(["update", "data.dvc"]).code(1).stderr_has(&["cannot take over `data`", ".git/config"]);
    assert_eq!(repo.read("data.dvc"), before);
    assert!(!repo.exists("data/.git"));
}

#[test]
fn update_takes_the_locks_that_push_and_fetch_take() {
    let (server, environment) = stage();
    let repo = worktree(&environment, &server);
    server.put("bucket", "store/one.txt", "another one");
    for (file, says) in [
        (".dvc/tmp/lock", "Unable to acquire lock"),
        (".dvc/tmp/haul/transfer.lock", "`haul gc` is at work in this repository"),
    ] {
        let lock = fs_err::OpenOptions::new().write(true).open(repo.join(file)).expect("the lock is there");
        lock.file().lock().expect("the lock is free");
        let push = repo.start(["push"]);
        let update = repo.start(["update", "one.txt.dvc"]);
        for command in [push, update] {
            command.wait(Duration::from_mins(1)).code(1).stderr_has(&[says]);
        }
    }
    assert_eq!(repo.read("one.txt"), "one");
    // During a transfer, `gc` is refused, and metafiles may be read.
    server.inject(Fault::on(Operation::GetObject, FaultAction::Silence));
    server.take_requests();
    let mut running = repo.start(["update", "one.txt.dvc"]);
    let mut patience = 3000;
    while server.count(Operation::GetObject) == 0 && running.is_running() && patience > 0 {
        std::thread::sleep(Duration::from_millis(10));
        patience -= 1;
    }
    repo.haul(["gc", "-w", "-f"]).failure().stderr_has(&["is under way in this repository"]);
    repo.haul(["status"]).success();
    running.kill();
    server.heal();
    repo.haul(["update", "one.txt.dvc"]).success();
    assert_eq!(repo.read("one.txt"), "another one");
}
