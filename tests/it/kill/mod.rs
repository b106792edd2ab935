//! SIGKILL at any moment of any command leaves no cut file, loses nothing and blocks nothing: the same command, run again,
//! succeeds.

#[cfg(target_os = "linux")]
mod points;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use haul_tests::dataset::{DataSet, Random};
use haul_tests::embedded::{EmbeddedS3, Fault, FaultAction, Operation};
use haul_tests::objects::{is_directory, key_of};
use haul_tests::tree::Tree;
use haul_tests::{Folder, TestEnvironment};

use crate::{environment, served};

/// How often each command is killed.
const ROUNDS: u64 = 5;

struct Stage {
    server: EmbeddedS3,
    environment: TestEnvironment,
}

fn stage() -> Stage {
    let (server, environment) = served();
    Stage { server, environment }
}

fn data_set() -> DataSet {
    DataSet { n_small_files: 100, big_file_bytes: 8 << 20, ..DataSet::default() }
}

/// Runs `command` several times on copies made by `prepare`, killed after a random part of its time, then once to its
/// end, and checks the result.
fn survives<'environment>(
    seed: u64,
    command: &[&str],
    prepare: impl Fn(u64) -> Folder<'environment>,
    check: impl Fn(&Folder<'_>),
) {
    let whole = prepare(0);
    let start = Instant::now();
    whole.haul(command).success();
    check(&whole);
    let needed = start.elapsed();
    let mut random = Random(seed);
    for round in 1..=ROUNDS {
        let folder = prepare(round);
        // It is killed twice in a row, so that a killed command also starts from what a kill has left.
        for _ in 0..2 {
            let pause = Duration::from_micros(
                random.below(u64::try_from(needed.as_micros()).expect("it is short") + 1),
            );
            let running = folder.start(command);
            std::thread::sleep(pause);
            running.kill();
            folder.assert_cache_is_sound();
            assert_eq!(temp_files_git_sees(&folder), [""; 0], "`haul {}` left them", command.join(" "));
        }
        folder.haul(command).success();
        check(&folder);
        folder.assert_cache_is_sound();
    }
}

/// Returns the temporary files outside of `.dvc/tmp` and the cache, which Git would commit.
fn temp_files_git_sees(folder: &Folder<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.path().to_owned()];
    while let Some(path) = folders.pop() {
        // It may have been deleted in the meantime.
        for entry in fs_err::read_dir(&path).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(folder.path()).expect("it lies there").display().to_string();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if ![".git", ".dvc/tmp", ".dvc/cache"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|ending| ending == "tmp") {
                found.push(name);
            }
        }
    }
    found
}

#[test]
fn temporary_files_are_at_no_moment_where_git_sees_them() {
    let stage = stage();
    let repo = stage.environment.repository_at("repo", &stage.server.endpoint());
    repo.git_init();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                seen.extend(temp_files_git_sees(&repo));
            }
            seen
        });
        for round in 0..20 {
            let value = format!("secret-of-round-{round}");
            repo.haul(["remote", "modify", "--local", "origin", "secret_access_key", &value]).success();
            repo.haul(["remote", "modify", "origin", "jobs", &(round + 1).to_string()]).success();
            repo.write(format!("file-{round}"), &value);
            repo.haul(["add", &format!("file-{round}")]).success();
        }
        done.store(true, Ordering::Relaxed);
        assert_eq!(watch.join().expect("it only looks"), [""; 0]);
    });
}

#[test]
fn temporary_file_of_a_killed_process_is_swept_by_the_next_command() {
    let stage = stage();
    let repo = stage.environment.repository("repo");
    let left = ".dvc/tmp/.haul-0123456789abcdef0123456789abcdef.tmp";
    repo.write(left, "secret_access_key = x");
    repo.haul(["status"]).success();
    assert!(repo.exists(left), "it may belong to a process that is at work");
    let file = fs_err::OpenOptions::new().write(true).open(repo.join(left)).unwrap();
    file.file().set_modified(SystemTime::now() - Duration::from_hours(1)).unwrap();
    repo.haul(["status"]).success();
    assert!(!repo.exists(left));
}

#[test]
fn kill_of_add_leaves_nothing_in_the_way() {
    let stage = stage();
    let prepare = |round: u64| {
        let repo = stage.environment.repository_at(&format!("repo-{round}"), &stage.server.endpoint());
        data_set().write_to(&repo.join("data"));
        repo
    };
    let expected = {
        let folder = stage.environment.folder("expected");
        data_set().write_to(folder.path());
        folder.tree("")
    };
    survives(11, &["add", "data"], prepare, |repo| {
        Tree::read_through_links(&repo.join("data")).assert_equals(&expected);
        repo.haul(["status"]).success().stdout_has(&["up to date"]);
    });
}

#[test]
fn kill_of_init_leaves_nothing_in_the_way() {
    let environment = environment();
    let files = [".dvc/config", ".dvc/.gitignore", ".dvcignore"];
    let whole = environment.folder("whole");
    whole.git_init();
    let start = Instant::now();
    whole.haul(["init"]).success();
    let needed = u64::try_from(start.elapsed().as_micros()).expect("it is short");
    let mut random = Random(19);
    for round in 0..4 * ROUNDS {
        let folder = environment.folder(&format!("repo-{round}"));
        folder.git_init();
        let running = folder.start(["init"]);
        std::thread::sleep(Duration::from_micros(random.below(needed + 1)));
        running.kill();
        let is_done = folder.exists(".dvc/tmp/btime");
        let again = folder.haul(["init"]);
        if is_done {
            again.failure().stderr_has(&["'.dvc' exists"]);
        } else if folder.exists(".git/index.lock") {
            // Whether a running process holds the lock cannot be found out.
            again.failure().stderr_has(&["index.lock"]);
            folder.remove(".git/index.lock");
            folder.haul(["init"]).success();
        } else {
            again.success();
        }
        for file in files {
            assert_eq!(folder.read(file), whole.read(file), "{file}");
        }
        folder.haul(["status"]).success();
        let index = fs_err::read(folder.join(".git/index")).unwrap();
        for file in files {
            assert!(index.windows(file.len()).any(|name| name == file.as_bytes()), "{file} is not staged");
        }
    }
}

#[test]
fn kill_of_push_leaves_no_directory_without_its_members() {
    let stage = stage();
    let source = stage.environment.repository_at("source", &stage.server.endpoint());
    data_set().write_to(&source.join("data"));
    source.haul(["add", "data"]).success();
    let n_objects = source.cache_objects().len();
    let prepare = |_| {
        empty(&stage.server);
        source.clone()
    };
    survives(12, &["push"], prepare, |_| assert_eq!(stage.server.keys("bucket").len(), n_objects));
}

/// The program is killed while it waits for the reply of an upload: of the first, the last and some in between.
#[test]
fn killed_push_never_shows_a_directory_before_its_members() {
    let stage = stage();
    let source = stage.environment.repository_at("source", &stage.server.endpoint());
    data_set().write_to(&source.join("data"));
    source.haul(["add", "data"]).success();
    let n_objects = source.cache_objects().len();
    for n_stored in [0, 1, n_objects / 3, n_objects / 2, n_objects - 2, n_objects - 1] {
        empty(&stage.server);
        stage.server.take_requests();
        stage.server.inject(Fault::on(Operation::PutObject, FaultAction::Silence).after(n_stored));
        let running = source.start(["push", "--jobs", "4"]);
        let end = Instant::now() + Duration::from_mins(1);
        let is_there = || {
            stage.server.count(Operation::PutObject) > n_stored
                && stage.server.keys("bucket").len() >= n_stored
        };
        while !is_there() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        running.kill();
        stage.server.heal();
        let keys = stage.server.keys("bucket");
        assert!(keys.len() >= n_stored, "{n_stored}: it was killed too early");
        if keys.iter().any(|key| is_directory(key)) {
            assert_eq!(keys.len(), n_objects, "the directory is there, but not all of its members");
        } else {
            assert!(keys.len() < n_objects, "{n_stored}: it was killed too late");
        }
    }
    source.haul(["push"]).success();
    assert_eq!(stage.server.keys("bucket").len(), n_objects);
}

fn empty(server: &EmbeddedS3) {
    for key in server.keys("bucket") {
        server.remove("bucket", &key);
    }
}

#[test]
fn kill_of_fetch_and_checkout_and_pull_leaves_nothing_in_the_way() {
    let stage = stage();
    let source = stage.environment.repository_at("source", &stage.server.endpoint());
    data_set().write_to(&source.join("data"));
    let expected = source.tree("data");
    source.haul(["add", "data"]).success();
    source.haul(["push"]).success();
    let n_objects = source.cache_objects().len();
    let clone = |name: String| {
        let clone = stage.environment.folder(&name);
        clone.clone_metadata_of(&source);
        clone
    };
    survives(
        14,
        &["fetch"],
        |round| clone(format!("fetch-{round}")),
        |folder| {
            assert_eq!(folder.cache_objects().len(), n_objects);
        },
    );
    let fetched = |round: u64| {
        let folder = clone(format!("checkout-{round}"));
        folder.haul(["fetch"]).success();
        folder
    };
    survives(15, &["checkout"], fetched, |folder| folder.tree("data").assert_equals(&expected));
    survives(
        16,
        &["pull"],
        |round| clone(format!("pull-{round}")),
        |folder| {
            folder.tree("data").assert_equals(&expected);
        },
    );
}

#[test]
fn kill_of_config_edits_leaves_a_whole_file() {
    let stage = stage();
    let repo = stage.environment.repository_at("repo", &stage.server.endpoint());
    let comment = "# a comment of the user\n";
    repo.write(".dvc/config", format!("{comment}{}", repo.read(".dvc/config")));
    let before = repo.read(".dvc/config");
    let mut random = Random(17);
    for round in 0..12 {
        let running = repo.start(["remote", "modify", "origin", "jobs", &(round + 1).to_string()]);
        std::thread::sleep(Duration::from_micros(random.below(15_000)));
        running.kill();
        let after = repo.read(".dvc/config");
        assert!(after.starts_with(&before), "the file was cut:\n{after}");
        assert_eq!(temp_files_git_sees(&repo), [""; 0]);
    }
    repo.haul(["remote", "modify", "origin", "jobs", "99"]).success();
    assert!(repo.read(".dvc/config").contains("jobs = 99"));
    assert!(repo.read(".dvc/config").starts_with(comment));
}

#[test]
fn upload_in_parts_that_was_killed_is_taken_up_again() {
    let stage = stage();
    stage
        .environment
        .folder("aws")
        .write("config", "[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 5MB\n");
    let repo = stage.environment.repository_at("repo", &stage.server.endpoint());
    let content = Random(18).bytes(18 << 20);
    repo.write("big", &content);
    repo.haul(["add", "big"]).success();
    // The third part never gets a reply, and the program is killed while it waits for it.
    stage.server.inject(Fault::on(Operation::UploadPart, FaultAction::Silence).after(2));
    let running = repo.start(["push"]);
    let end = Instant::now() + Duration::from_mins(1);
    while stage.server.count(Operation::UploadPart) < 3 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    running.kill();
    stage.server.heal();
    repo.haul(["push"]).success();
    let key = key_of(&haul_tests::objects::md5_of(&content));
    assert!(stage.server.bytes("bucket", &key).unwrap() == content);
    assert_eq!(stage.server.open_uploads("bucket"), 0, "an upload was left behind");
}
