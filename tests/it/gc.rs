//! What `gc` deletes, and above all what it does not.

use std::time::{Duration, Instant};

use haul_tests::dataset::{DataSet, Random};
use haul_tests::embedded::{EmbeddedS3, Fault, FaultAction, Operation};
use haul_tests::objects::{directory_bytes, is_directory, key_of, md5_of, put_directory, put_object, track};
use haul_tests::{Folder, TestEnvironment};

use crate::environment;

const BUCKET: &str = "bucket";

/// A server, and a world with its keys.
fn stage() -> (EmbeddedS3, TestEnvironment) {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    (server, environment)
}

/// Tracks `path` with this content, and sends it to the remote.
fn store(repo: &Folder<'_>, path: &str, content: &str) {
    if repo.exists(path) {
        repo.remove(path);
    }
    repo.write(path, content);
    repo.haul(["add", path]).success();
    repo.haul(["push"]).success();
}

fn is_cached(repo: &Folder<'_>, content: &str) -> bool {
    let oid = md5_of(content.as_bytes());
    repo.exists(format!(".dvc/cache/files/md5/{}/{}", &oid[..2], &oid[2..]))
}

fn is_stored(server: &EmbeddedS3, content: &str) -> bool {
    server.object(BUCKET, &key_of(&md5_of(content.as_bytes()))).is_some()
}

/// Fails if a directory on the remote has not all of its files there.
#[track_caller]
fn assert_directories_are_whole(server: &EmbeddedS3) {
    let keys = server.keys(BUCKET);
    for key in keys.iter().filter(|key| is_directory(key)) {
        let bytes = server.bytes(BUCKET, key).expect("it was listed");
        let entries: Vec<serde_json::Value> = serde_json::from_slice(&bytes).expect("it is a list");
        for entry in entries {
            let member = key_of(entry["md5"].as_str().expect("an entry has an MD5"));
            assert!(keys.contains(&member), "{key} is there without {member}");
        }
    }
}

#[test]
fn gc_without_a_scope_deletes_nothing_and_says_what_is_missing() {
    let (_server, environment) = stage();
    let repo = environment.repository("repo");
    repo.haul(["gc", "-f"]).code(255).stderr_has(&["Either of `-w|--workspace`", "`--rev` needs to be set."]);
    repo.haul(["gc", "-w", "-n", "2"]).code(255).stderr_has(&["`--num` can only be used"]);
    repo.haul(["gc", "-w", "-c", "--not-in-remote"]).code(255).stderr_has(&["mutually exclusive"]);
}

#[test]
fn gc_of_the_workspace_leaves_what_it_uses_in_cache_and_on_the_remote() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "one");
    repo.write("data/a", "a");
    repo.write("data/b", "b");
    repo.haul(["add", "data"]).success();
    store(&repo, "file", "two");
    repo.remove("data/b");
    repo.write("data/c", "c");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    repo.haul(["gc", "-w", "-f"])
        .success()
        .stdout_has(&["Removed 3 objects from repo cache.", "No unused 'legacy' cache to remove."])
        .stderr_has(&["Unused in the cache: 3 of 7 objects"]);
    assert!(!is_cached(&repo, "one") && !is_cached(&repo, "b"));
    assert_eq!(server.keys(BUCKET).len(), 7, "only `-c` deletes from the remote");
    repo.haul(["gc", "-w", "-c", "-f"])
        .success()
        .stdout_has(&["No unused 'repo' cache to remove.", "Removed 3 objects from remote."]);
    assert_eq!(server.keys(BUCKET).len(), 4);
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    assert_directories_are_whole(&server);
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    clone.tree("data").assert_equals(&repo.tree("data"));
}

#[test]
fn gc_that_is_not_confirmed_deletes_nothing() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "one");
    store(&repo, "file", "two");
    let output =
        repo.haul(["gc", "-w", "-c"]).code(1).stdout_has(&["Are you sure you want to proceed? [y/n]: "]);
    assert!(!output.stdout.contains("Removed"), "{output}");
    repo.haul(["gc", "-w", "-c", "--dry"]).success().stdout_has(&[
        &format!("Removing {BUCKET}/store/files/md5/"),
        "Removed 1 objects from repo cache.",
        "Removed 1 objects from remote.",
    ]);
    assert!(is_cached(&repo, "one") && is_stored(&server, "one"));
    assert_eq!(server.count(Operation::DeleteObjects), 0);
}

#[test]
fn gc_as_json_has_the_plan_and_the_outcome() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "one");
    store(&repo, "file", "three");
    let output = repo.haul(["gc", "-w", "-c", "-f", "--json"]).success();
    let lines: Vec<serde_json::Value> =
        output.stdout.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let [plan, outcome] = &lines[..] else { panic!("two objects:\n{output}") };
    let cache = &plan["plan"]["places"][0];
    assert_eq!(
        (&cache["objects"], &cache["unused"], &cache["unused_bytes"]),
        (&2.into(), &1.into(), &3.into())
    );
    assert!(cache["oldest"].as_str().is_some_and(|time| time.ends_with('Z')), "{cache}");
    assert_eq!(plan["plan"]["places"][2]["remote"], "origin");
    assert_eq!(outcome["places"][2]["removed"], 1);
}

#[test]
fn key_that_is_not_exactly_the_name_of_an_object_survives() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "used");
    let oid = md5_of(b"unused");
    let (first, rest) = (&oid[..2], &oid[2..]);
    let mut hostile: Vec<String> = [
        "ab/cdef",
        "zz/notahash",
        "README",
        "ab/",
        "runs/ab/cd/ef",
        "files/md5/ab/cdef",
        "files/md5/zz/notahash",
        "files/md5/.JFn5gOVADzTHBXMN0WEbiA.tmp",
        "files/other/ab/cdef",
        "files/md5/",
    ]
    .map(|key| format!("store/{key}"))
    .to_vec();
    for folder in ["store/files/md5/", "store/"] {
        hostile.push(format!("{folder}{}/{rest}", first.to_uppercase()));
        hostile.push(format!("{folder}{first}/{}", rest.to_uppercase()));
        hostile.push(format!("{folder}{first}/{rest}.dir.unpacked"));
        hostile.push(format!("{folder}{first}/{rest}/x"));
        hostile.push(format!("{folder}{first}/{rest}0"));
        hostile.push(format!("{folder}{first}/{}", &rest[1..]));
        hostile.push(format!("{folder}{first}/.dir"));
        hostile.push(format!("{folder}{first}{rest}"));
        hostile.push(format!("{folder}sub/{first}/{rest}"));
    }
    // Beside the prefix of the remote, and below one that starts like it.
    hostile.push(format!("{first}/{rest}"));
    hostile.push(format!("store2/files/md5/{first}/{rest}"));
    for key in &hostile {
        server.put(BUCKET, key, "not ours");
    }
    let unused = [format!("store/files/md5/{first}/{rest}"), format!("store/{first}/{rest}.dir")];
    for key in &unused {
        server.put(BUCKET, key, "[]");
    }
    // The same in the cache.
    for name in ["ab/cdef", "zz/notahash", "files/md5/ab/cdef", "files/md5/zz/notahash", "runs/ab/cd/ef"] {
        repo.write(format!(".dvc/cache/{name}"), "not ours");
    }
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    let keys = server.keys(BUCKET);
    for key in &hostile {
        assert!(keys.contains(key), "{key} is gone");
    }
    for key in &unused {
        assert!(!keys.contains(key), "{key} is still there");
    }
    assert!(is_stored(&server, "used"));
    for name in ["ab/cdef", "zz/notahash", "files/md5/ab/cdef", "files/md5/zz/notahash", "runs/ab/cd/ef"] {
        assert!(repo.exists(format!(".dvc/cache/{name}")), "{name} is gone");
    }
}

#[test]
fn files_of_a_used_directory_stay_when_only_the_remote_has_its_list() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    let (one, two, stray) =
        (put_object(&server, b"one"), put_object(&server, b"two"), put_object(&server, b"stray"));
    let directory = put_directory(&server, &[(&one, "a"), (&two, "b")]);
    track(&repo, "data", &directory);
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["Removed 1 objects from remote."]);
    for oid in [&one, &two, &directory] {
        assert!(server.object(BUCKET, &key_of(oid)).is_some(), "{oid} is gone");
    }
    assert!(server.object(BUCKET, &key_of(&stray)).is_none());
}

#[test]
fn nothing_is_deleted_when_the_list_of_a_used_directory_cannot_be_had() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "one");
    store(&repo, "file", "two");
    let one = put_object(&server, b"member");
    let directory = put_directory(&server, &[(&one, "a")]);
    track(&repo, "data", &directory);
    let n_keys = server.keys(BUCKET).len();
    // It is there, but nobody can read it.
    server.inject(
        Fault::on(Operation::GetObject, FaultAction::error(403, "AccessDenied")).key_containing(".dir"),
    );
    repo.haul(["gc", "-w", "-c", "-f", "--skip-failed"])
        .failure()
        .stderr_has(&["Failed to collect 'workspace'"]);
    server.heal();
    // It is damaged.
    server.put(BUCKET, &key_of(&directory), directory_bytes(&[]));
    repo.haul(["gc", "-w", "-c", "-f"]).failure().stderr_has(&["Failed to collect 'workspace'"]);
    // It is nowhere.
    server.remove(BUCKET, &key_of(&directory));
    repo.haul(["gc", "-w", "-f"]).code(255).stderr_has(&[
        "Failed to collect 'workspace'",
        "data",
        "--skip-failed",
    ]);
    repo.haul(["gc", "-w", "-c", "-f"]).code(255).stderr_has(&["neither in the cache nor on"]);
    assert!(is_cached(&repo, "one"));
    assert_eq!(server.keys(BUCKET).len(), n_keys - 1);
    assert_eq!(server.count(Operation::DeleteObjects), 0);
    // Whoever knows that it is lost can say so.
    repo.haul(["gc", "-w", "-c", "-f", "--skip-failed"]).success().stderr_has(&["files that only it names"]);
    assert!(!is_cached(&repo, "one"));
    assert!(is_stored(&server, "two") && !is_stored(&server, "member"));
}

#[test]
fn nothing_is_deleted_when_a_listing_breaks_off() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "used");
    for index in 0..2500 {
        put_object(&server, format!("unused {index}").as_bytes());
    }
    let n_keys = server.keys(BUCKET).len();
    server.inject(Fault::on(Operation::ListObjectsV2, FaultAction::error(403, "AccessDenied")).after(2));
    repo.haul(["gc", "-w", "-c", "-f"]).failure();
    server.heal();
    assert_eq!(server.count(Operation::DeleteObjects), 0);
    assert_eq!(server.keys(BUCKET).len(), n_keys);
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["Removed 2500 objects from remote."]);
    assert_eq!(server.count(Operation::DeleteObjects), 3);
    assert_eq!(server.keys(BUCKET).len(), 1);
}

#[test]
fn commits_keep_what_they_use() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    let day = |day: i64| (20_000 + day) * 86_400;
    let mut commits = Vec::new();
    for (index, content) in (0..).zip(["v0", "v1", "v2", "v3"]) {
        store(&repo, "file", content);
        commits.push(repo.commit_to("main", day(10 * index)));
    }
    repo.point("refs/tags/old", &commits[0]);
    repo.point("refs/heads/side", &commits[1]);
    let name = format!("refs/exps/{}/{}/exp", &commits[0][..2], &commits[0][2..]);
    repo.point(&name, &commits[2]);
    store(&repo, "file", "now");
    // 20 020 days after the epoch; the day begins up to fourteen hours before that.
    let since = "2024-10-24";
    for (flags, kept) in [
        (vec!["-w"], vec!["now"]),
        (vec!["-A"], vec!["v0", "v1", "v2", "v3", "now"]),
        (vec!["-a"], vec!["v1", "v3", "now"]),
        (vec!["-T"], vec!["v0", "now"]),
        (vec!["-a", "-T"], vec!["v0", "v1", "v3", "now"]),
        (vec!["-a", "-n", "2"], vec!["v0", "v1", "v2", "v3", "now"]),
        (vec!["--rev", "side"], vec!["v1", "now"]),
        (vec!["--rev", "side", "-n", "2"], vec!["v0", "v1", "now"]),
        (vec!["--rev", "main", "-n", "-1"], vec!["v0", "v1", "v2", "v3", "now"]),
        (vec!["--rev", "main~1"], vec!["v2", "now"]),
        (vec!["--rev", "exp"], vec!["v2", "now"]),
        (vec!["--date", since], vec!["v2", "v3", "now"]),
        (vec!["--all-experiments"], vec!["v1", "v2", "now"]),
    ] {
        let clone = environment.folder(&format!("clone {}", flags.join(" ")));
        copy_folder(repo.path(), clone.path());
        let mut words = vec!["gc", "-f"];
        words.extend(&flags);
        clone.haul(words).success();
        let found: Vec<&str> = ["v0", "v1", "v2", "v3", "now"]
            .into_iter()
            .filter(|content| is_cached(&clone, content))
            .collect();
        assert_eq!(found, kept, "{flags:?}");
    }
    repo.haul(["gc", "--rev", "nope", "-f"]).code(255).stderr_has(&["unknown Git revision 'nope'"]);
    assert!(is_cached(&repo, "v0"));
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    fs_err::create_dir_all(to).expect("a folder can be made");
    for entry in fs_err::read_dir(from).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let copy = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_folder(&path, &copy);
        } else {
            fs_err::copy(&path, &copy).expect("a file can be copied");
        }
    }
}

#[test]
fn nothing_is_deleted_when_a_metafile_cannot_be_read() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "old");
    store(&repo, "other", "other");
    repo.write("bad.dvc", "outs: [\n");
    let broken = repo.commit();
    repo.remove("bad.dvc");
    store(&repo, "file", "new");
    repo.commit();
    repo.haul(["gc", "-A", "-c", "-f"])
        .code(255)
        .stderr_has(&[&format!("Failed to collect '{broken}'"), "bad.dvc"]);
    assert!(is_cached(&repo, "old") && is_stored(&server, "old"));
    // What can be read of that commit is kept.
    repo.haul(["gc", "-A", "-c", "-f", "--skip-failed"])
        .success()
        .stderr_has(&[&format!("Failed to collect '{broken}', skipping")]);
    assert!(is_cached(&repo, "old") && is_stored(&server, "old"));
    repo.write("bad.dvc", "outs: [\n");
    repo.haul(["gc", "-w", "-f"]).code(255).stderr_has(&["Failed to collect 'workspace'", "bad.dvc"]);
    assert!(is_cached(&repo, "old"));
    repo.haul(["gc", "-w", "-f", "--skip-failed"]).success();
    assert!(!is_cached(&repo, "old") && is_cached(&repo, "new") && is_cached(&repo, "other"));
}

#[test]
fn nothing_is_deleted_when_history_is_missing() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "old");
    let first = repo.commit();
    store(&repo, "file", "new");
    let second = repo.commit();
    store(&repo, "file", "now");
    // A clone that says that it is shallow.
    repo.write(".git/shallow", format!("{second}\n"));
    repo.haul(["gc", "-A", "-f"]).code(255).stderr_has(&["shallow", "git fetch --unshallow"]);
    repo.haul(["gc", "--date", "2020-01-01", "-f"]).code(255).stderr_has(&["shallow"]);
    repo.haul(["gc", "-a", "-n", "2", "-f"]).code(255).stderr_has(&["shallow", &second]);
    repo.haul(["gc", "-a", "-f", "--dry"]).success();
    repo.remove(".git/shallow");
    // Clones that do not say it: the tree, the metafile, the commit, what a tag names.
    let lost = [repo.git_object(&first, "file.dvc"), repo.git_object(&first, ""), first.clone()];
    repo.point("refs/tags/old", &first);
    for id in lost {
        let clone = environment.folder(&format!("without {id}"));
        copy_folder(repo.path(), clone.path());
        clone.lose_git_object(&id);
        for flags in [["gc", "-A", "-f"], ["gc", "-T", "-f"]] {
            clone.haul(flags).code(255);
        }
        assert!(is_cached(&clone, "old"), "without {id}");
    }
    repo.write(".git/refs/heads/broken", "not an id\n");
    repo.haul(["gc", "-a", "-f"]).code(255);
    assert!(is_cached(&repo, "old"));
    repo.remove(".git/refs/heads/broken");
    repo.remove(".git");
    repo.haul(["gc", "-A", "-f"]).code(255).stderr_has(&["Git"]);
    assert!(is_cached(&repo, "old"));
}

#[test]
fn object_that_cannot_be_deleted_is_named_and_the_others_go() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    for content in ["one", "two", "three"] {
        store(&repo, "file", content);
    }
    let held = key_of(&md5_of(b"one"));
    server.retain(BUCKET, &held);
    let member = put_object(&server, b"member");
    let directory = put_directory(&server, &[(&member, "a")]);
    server.retain(BUCKET, &key_of(&directory));
    let output = repo.haul(["gc", "-w", "-c", "-f"]).code(1).stderr_has(&[
        &format!("failed to remove '{BUCKET}/{held}'"),
        "the object is retained",
        "2 objects could not be removed",
    ]);
    assert!(output.stdout.contains("Removed 1 objects from remote."), "{output}");
    assert!(is_stored(&server, "one") && !is_stored(&server, "two") && is_stored(&server, "three"));
    // A directory that stays keeps its files.
    assert!(is_stored(&server, "member"));
    assert_directories_are_whole(&server);
}

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
    // The lock of a killed process is nobody's.
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
    // A directory of its own with many files, which nothing uses any more.
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

#[test]
fn objects_that_symbolic_links_lead_to_stay() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["config", "cache.type", "symlink"]).success();
    store(&repo, "file", "one");
    let metafile = repo.read("file.dvc");
    store(&repo, "file", "two");
    repo.write("data/a", "a");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    // As after `git checkout`: the metafile is that of another commit, the link still the one of today.
    repo.write("file.dvc", metafile);
    repo.remove("data.dvc");
    repo.haul(["gc", "-w", "-f"]).success();
    assert_eq!(repo.read("file"), "two");
    assert_eq!(repo.read("data/a"), "a");
    repo.haul(["gc", "-w", "--not-in-remote", "-f"]).success();
    assert_eq!(repo.read("file"), "two");
    assert_eq!(repo.read("data/a"), "a");
    assert!(!is_cached(&repo, "one"), "the remote has it, and no link leads to it");
}

#[test]
fn hard_links_and_copies_have_their_bytes_for_themselves() {
    let (server, environment) = stage();
    for kind in ["hardlink", "copy"] {
        let repo = environment.repository_at(kind, &server.endpoint());
        repo.haul(["config", "cache.type", kind]).success();
        store(&repo, "file", "one");
        repo.remove("file.dvc");
        repo.haul(["gc", "-w", "-f"]).success().stdout_has(&["Removed 1 objects from repo cache."]);
        assert_eq!(repo.read("file"), "one", "{kind}");
        // What is remembered of the file is no claim that the cache has it.
        repo.haul(["add", "file"]).success();
        assert!(is_cached(&repo, "one"), "{kind}");
        repo.assert_cache_is_sound();
    }
}

#[test]
fn memo_does_not_lie_after_gc() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "one");
    // Long enough ago that the memo trusts the file.
    let old = std::time::SystemTime::now() - Duration::from_hours(1);
    fs_err::File::open(repo.join("file"))
        .and_then(|file| file.file().set_modified(old))
        .expect("times can be set");
    repo.haul(["status"]).success();
    fs_err::rename(repo.join("file"), repo.join("kept")).expect("a file can be moved");
    store(&repo, "file", "two");
    repo.haul(["gc", "-w", "-f"]).success();
    assert!(!is_cached(&repo, "one"));
    repo.remove("file");
    fs_err::rename(repo.join("kept"), repo.join("file")).expect("a file can be moved");
    repo.haul(["status"]).success().stdout_has(&["modified"]);
    repo.haul(["add", "file"]).success();
    assert!(is_cached(&repo, "one"));
    repo.haul(["push"]).success();
    repo.assert_cache_is_sound();
}

#[test]
fn not_in_remote_deletes_from_the_cache_what_the_remote_has() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("data/a", "a");
    repo.write("data/b", "b");
    repo.haul(["add", "data"]).success();
    store(&repo, "file", "pushed");
    repo.write("new", "not pushed");
    repo.haul(["add", "new"]).success();
    // Something is on the remote under the name of an object that is not that object.
    server.put(BUCKET, &key_of(&md5_of(b"b")), "damaged");
    repo.haul(["gc", "-w", "--not-in-remote", "-f"])
        .success()
        .stdout_has(&["Removed 3 objects from repo cache."]);
    assert!(!is_cached(&repo, "pushed") && !is_cached(&repo, "a"));
    assert!(is_cached(&repo, "not pushed"));
    assert!(is_cached(&repo, "b"), "the only good copy is gone");
    assert_eq!(server.count(Operation::DeleteObjects), 0);
}

#[test]
fn young_objects_and_the_files_of_young_directories_stay() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "used");
    let week = Duration::from_hours(24 * 7);
    let (old, young) = (put_object(&server, b"old"), put_object(&server, b"young"));
    let (shared, dead) = (put_object(&server, b"shared"), put_object(&server, b"dead"));
    // A push from elsewhere: its directory has just come, one of its files was there before.
    let directory = put_directory(&server, &[(&shared, "a"), (&young, "b")]);
    let old_directory = put_directory(&server, &[(&dead, "a")]);
    for oid in [&old, &shared, &dead, &old_directory] {
        server.age(BUCKET, &key_of(oid), week);
    }
    repo.haul(["gc", "-w", "-c", "-f", "--older-than", "1d"])
        .success()
        .stdout_has(&["Removed 3 objects from remote."])
        .stderr_has(&["3 more are too young"]);
    for oid in [&young, &shared, &directory] {
        assert!(server.object(BUCKET, &key_of(oid)).is_some(), "{oid} is gone");
    }
    assert_directories_are_whole(&server);
    repo.haul(["gc", "-w", "-c", "-f", "--older-than", "1"]).code(254);
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    assert_eq!(server.keys(BUCKET).len(), 1);
}

#[test]
fn other_projects_keep_what_they_use() {
    let (server, environment) = stage();
    let shared = environment.root().join("shared-cache");
    let repos = ["one", "two"].map(|name| {
        let repo = environment.repository_at(name, &server.endpoint());
        repo.haul(["cache", "dir", &shared.display().to_string()]).success();
        repo
    });
    store(&repos[0], "file", "unused");
    store(&repos[0], "file", "of one");
    store(&repos[1], "file", "of two");
    let has = |content: &str| {
        let oid = md5_of(content.as_bytes());
        shared.join(format!("files/md5/{}/{}", &oid[..2], &oid[2..])).exists()
    };
    repos[0].haul(["gc", "-w", "-c", "-f", "-p", "../two", "../one"]).success();
    assert!(!has("unused") && has("of one") && has("of two"));
    assert!(!is_stored(&server, "unused") && is_stored(&server, "of one") && is_stored(&server, "of two"));
    repos[0].haul(["gc", "-w", "-f", "-p", "../nowhere"]).code(253);
    repos[1].write("bad.dvc", "outs: [\n");
    repos[0].haul(["gc", "-w", "-f", "-p", "../two"]).code(255);
    repos[0].haul(["gc", "-w", "-f"]).success();
    assert!(has("of one") && !has("of two"), "nobody said that another repository uses it");
}

#[test]
fn each_remote_keeps_what_belongs_to_it() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    for (name, folder) in [("second", "second"), ("again", "second"), ("third", "third")] {
        repo.haul(["remote", "add", name, &format!("s3://{BUCKET}/{folder}")]).success();
        repo.haul(["remote", "modify", name, "endpointurl", &server.endpoint()]).success();
    }
    for (path, remote) in [("a", None), ("b", Some("second")), ("c", Some("again"))] {
        repo.write(path, path);
        repo.haul(["add", path]).success();
        if let Some(remote) = remote {
            let text = repo.read(format!("{path}.dvc"));
            repo.write(format!("{path}.dvc"), format!("{text}  remote: {remote}\n"));
        }
    }
    repo.haul(["push"]).success();
    let key = |folder: &str, content: &str| {
        let oid = md5_of(content.as_bytes());
        format!("{folder}/files/md5/{}/{}", &oid[..2], &oid[2..])
    };
    for folder in ["store", "second", "third"] {
        server.put(BUCKET, &key(folder, "unused"), "unused");
    }
    // A name that was taken from the configuration since: nobody knows where its objects are.
    track(&repo, "d", &md5_of(b"d"));
    let text = repo.read("d.dvc");
    repo.write("d.dvc", format!("{text}  remote: former\n"));
    server.put(BUCKET, &key("second", "d"), "d");
    repo.haul(["gc", "-w", "-c", "-f", "-r", "third"]).success();
    assert!(!server.keys(BUCKET).contains(&key("third", "unused")));
    assert!(
        server.keys(BUCKET).contains(&key("second", "unused")),
        "only the remote that was named is looked at"
    );
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    let mut expected = vec![key("store", "a"), key("second", "b"), key("second", "c"), key("second", "d")];
    expected.sort();
    let mut keys = server.keys(BUCKET);
    keys.sort();
    assert_eq!(keys, expected);
}

#[test]
fn legacy_objects_have_a_place_of_their_own() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    let (used, unused) = (md5_of(b"used"), md5_of(b"unused"));
    for oid in [&used, &unused] {
        let bytes = if *oid == used { "used" } else { "unused" };
        for folder in ["", "files/md5/"] {
            server.put(BUCKET, &format!("store/{folder}{}/{}", &oid[..2], &oid[2..]), bytes);
            repo.write(format!(".dvc/cache/{folder}{}/{}", &oid[..2], &oid[2..]), bytes);
        }
    }
    repo.write("file.dvc", format!("outs:\n- md5: {used}\n  path: file\n"));
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&[
        "Removed 2 objects from repo cache.",
        "Removed 1 objects from legacy cache.",
        "Removed 2 objects from remote.",
        "Removed 1 objects from remote.",
    ]);
    assert_eq!(server.keys(BUCKET), [format!("store/{}/{}", &used[..2], &used[2..])]);
    assert_eq!(repo.cache_objects(), [format!("{}/{}", &used[..2], &used[2..])]);
}

#[test]
fn temporary_files_in_the_cache_go() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "used");
    repo.write(".dvc/cache/files/md5/ab/.JFn5gOVADzTHBXMN0WEbiA.tmp", "cut");
    repo.write(".dvc/cache/files/md5/ab/.mine.tmp", "not DVC's");
    repo.haul(["gc", "-w", "-f"]).success().stdout_has(&["Removed 1 objects from repo cache."]);
    assert!(!repo.exists(".dvc/cache/files/md5/ab/.JFn5gOVADzTHBXMN0WEbiA.tmp"));
    assert!(repo.exists(".dvc/cache/files/md5/ab/.mine.tmp"));
    // In a cache that others share, it may be the file that one of them is writing.
    let shared = environment.root().join("shared-cache");
    repo.haul(["cache", "dir", &shared.display().to_string()]).success();
    let young = shared.join("files/md5/ab/.JFn5gOVADzTHBXMN0WEbiA.tmp");
    fs_err::create_dir_all(young.parent().expect("it has a folder")).expect("a folder can be made");
    fs_err::write(&young, "still coming").expect("a file can be written");
    repo.haul(["gc", "-w", "-f"]).success();
    assert!(young.exists());
}

#[test]
fn versioned_remote_is_refused() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "one");
    repo.haul(["remote", "modify", "origin", "version_aware", "true"]).success();
    repo.haul(["gc", "-w", "-c", "-f"]).code(251).stderr_has(&["unsupported for cloud versioned remotes"]);
    assert_eq!(server.count(Operation::DeleteObjects), 0);
}
