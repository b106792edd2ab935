//! Several commands at once, in one repository or against one remote.

use std::time::Duration;

use haul_tests::dataset::DataSet;
use haul_tests::embedded::{Fault, FaultAction, Operation};
use haul_tests::objects::md5_of;

use crate::{served, with_file};

const IN_TIME: Duration = Duration::from_mins(1);

#[test]
fn two_pushes_from_two_clones_leave_a_whole_remote() {
    let (server, environment) = served();
    let repos = ["one", "two"].map(|name| {
        let repo = environment.repository_at(name, &server.endpoint());
        DataSet::default().write_to(&repo.join("data"));
        repo.haul(["add", "data"]).success();
        repo
    });
    let running = repos.each_ref().map(|repo| repo.start(["push"]));
    for push in running {
        push.wait(IN_TIME).success();
    }
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repos[0]);
    clone.haul(["pull"]).success();
    clone.tree("data").assert_equals(&repos[1].tree("data"));
}

#[test]
fn two_fetches_in_one_repository_leave_a_sound_cache() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    DataSet::default().write_to(&repo.join("data"));
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    // The server is slow enough that both run at the same time.
    server.inject(Fault::on(Operation::GetObject, FaultAction::Delay(Duration::from_millis(20))));
    let running = [0, 1].map(|_| clone.start(["--wait-for-lock", "fetch"]));
    for fetch in running {
        fetch.wait(IN_TIME).success();
    }
    server.heal();
    clone.assert_cache_is_sound();
    assert_eq!(clone.cache_objects(), repo.cache_objects());
    clone.haul(["checkout"]).success();
    clone.tree("data").assert_equals(&repo.tree("data"));
}

#[test]
fn cache_that_was_damaged_on_disk_is_not_pushed() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("file", "the right content");
    repo.haul(["add", "file"]).success();
    let object = repo.cache_objects().pop().expect("there is an object");
    let path = repo.join(".dvc/cache").join(object);
    fs_err::remove_file(&path).unwrap();
    fs_err::write(&path, "the wrong content").unwrap();
    repo.haul(["push"]).failure().stderr_has(&["file", &md5_of(b"the right content")]);
    assert!(server.keys("bucket").is_empty(), "a damaged object went to the remote");
}

#[test]
fn metafiles_that_another_command_writes_are_not_read() {
    let (server, environment) = served();
    let repo = with_file(&environment, &server.endpoint());
    let lock = fs_err::File::open(repo.join(".dvc/tmp/lock")).unwrap();
    lock.file().lock().unwrap();
    let commands = [(&["push"][..], 1), (&["fetch"], 1), (&["pull"], 1), (&["status", "-c"], 255)];
    let running = commands.map(|(command, code)| (repo.start(command), code));
    for (command, code) in running {
        command.wait(IN_TIME).code(code).stderr_has(&["Unable to acquire lock"]);
    }
    assert!(server.keys("bucket").is_empty());
    drop(lock);
    repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
}
