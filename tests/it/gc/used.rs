//! Which data counts as used, and that nothing is deleted if that is not known.

use std::time::Duration;

use haul_tests::embedded::{Fault, FaultAction, Operation};
use haul_tests::objects::{directory_bytes, key_of, md5_of, put_directory, put_object, track};

use super::{BUCKET, assert_directories_are_whole, copy_folder, is_cached, is_stored, stage, store};

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
    // It exists, but it cannot be read.
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
    // It is neither in the cache nor on the remote.
    server.remove(BUCKET, &key_of(&directory));
    repo.haul(["gc", "-w", "-f"]).code(255).stderr_has(&[
        "Failed to collect 'workspace'",
        "data",
        "--skip-failed",
    ]);
    repo.haul(["gc", "-w", "-c", "-f"]).code(255).stderr_has(&["not found in the cache or on"]);
    assert!(is_cached(&repo, "one"));
    assert_eq!(server.keys(BUCKET).len(), n_keys - 1);
    assert_eq!(server.count(Operation::DeleteObjects), 0);
    // A user who knows that it is lost can skip it.
    repo.haul(["gc", "-w", "-c", "-f", "--skip-failed"]).success().stderr_has(&["files that only it names"]);
    assert!(!is_cached(&repo, "one"));
    assert!(is_stored(&server, "two") && !is_stored(&server, "member"));
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
    // The data of the readable metafiles of that commit is kept.
    repo.haul(["gc", "-A", "-c", "-f", "--skip-failed"])
        .success()
        .stderr_has(&[&format!("Failed to collect '{broken}', skipping")]);
    assert!(is_cached(&repo, "old") && is_stored(&server, "old"));
    repo.write("bad.dvc", "outs: [\n");
    repo.haul(["gc", "-w", "-f"]).code(255).stderr_has(&["Failed to collect 'workspace'", "bad.dvc"]);
    assert!(is_cached(&repo, "old"));
    let text = "Failed to collect 'workspace', skipping 'bad.dvc': data that only it names counts as unused";
    repo.haul(["gc", "-w", "-f", "--skip-failed"]).success().stderr_has(&[text]);
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
    // A shallow clone.
    repo.write(".git/shallow", format!("{second}\n"));
    repo.haul(["gc", "-A", "-f"]).code(255).stderr_has(&["shallow", "git fetch --unshallow"]);
    repo.haul(["gc", "--date", "2020-01-01", "-f"]).code(255).stderr_has(&["shallow"]);
    repo.haul(["gc", "-a", "-n", "2", "-f"]).code(255).stderr_has(&["shallow", &second]);
    repo.haul(["gc", "-a", "-f", "--dry"]).success();
    repo.remove(".git/shallow");
    // Clones that lack objects without being shallow: a tree, a metafile, a commit, the target of a tag.
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
    // A copy whose references are gone looks like a repository without commits.
    let clone = environment.folder("without references");
    copy_folder(repo.path(), clone.path());
    clone.remove(".git/refs/heads");
    clone.write(".git/refs/heads/.keep", "");
    clone.write(".git/logs/HEAD", "0 1 A <a@b> 0 +0000\tcommit: first\n");
    clone.haul(["gc", "-a", "-f"]).code(255).stderr_has(&["no branch is left", "logs/HEAD"]);
    assert!(is_cached(&clone, "old"));
    repo.remove(".git");
    repo.haul(["gc", "-A", "-f"]).code(255).stderr_has(&["no Git repository"]);
    assert!(is_cached(&repo, "old"));
    // Other commands do not take the workspace for all commits either.
    for command in [["push", "-A"], ["fetch", "-T"], ["status", "-ca"]] {
        repo.haul(command).code(1).stderr_has(&["no Git repository"]);
    }
    repo.haul(["push"]).success();
    repo.haul(["config", "core.no_scm", "true"]).success();
    repo.haul(["push", "-A"]).success();
}

#[test]
fn young_list_of_an_import_does_not_stop_a_collection() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "used");
    server.put(BUCKET, "src/a", "a");
    repo.haul(["remote", "add", "src", "s3://bucket/src"]).success();
    repo.haul(["remote", "modify", "src", "endpointurl", &server.endpoint()]).success();
    repo.haul(["import-url", "remote://src", "data"]).success();
    repo.haul(["gc", "-w", "-f", "--older-than", "7d"]).success();
    repo.haul(["status"]).success();
    repo.remove("data");
    repo.haul(["checkout"]).success();
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
    assert!(has("of one") && !has("of two"), "the other repository was not named");
}

#[test]
fn young_objects_and_the_files_of_young_directories_stay() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "used");
    let week = Duration::from_hours(24 * 7);
    let (old, young) = (put_object(&server, b"old"), put_object(&server, b"young"));
    let (shared, dead) = (put_object(&server, b"shared"), put_object(&server, b"dead"));
    // A push from another clone: its directory is new, and one of its files was already on the remote.
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
fn not_in_remote_deletes_from_the_cache_what_the_remote_has() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("data/a", "a");
    repo.write("data/b", "b");
    repo.haul(["add", "data"]).success();
    store(&repo, "file", "pushed");
    repo.write("new", "not pushed");
    repo.haul(["add", "new"]).success();
    // The remote has other bytes under the name of an object.
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
fn files_of_the_hash_stay_where_a_merge_left_it_beside_a_list_of_other_files() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("data/a", "of the hash");
    repo.write("data/b", "of both");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    let [listed, both] = ["of the list", "of both"].map(|content| put_object(&server, content.as_bytes()));
    let text = repo.read("data.dvc");
    repo.write(
        "data.dvc",
        format!("{text}  files:\n  - relpath: a\n    md5: {listed}\n  - relpath: b\n    md5: {both}\n"),
    );
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    for content in ["of the hash", "of the list", "of both"] {
        assert!(is_stored(&server, content), "{content} is gone");
    }
    assert!(is_cached(&repo, "of the hash"));
}

#[test]
fn list_of_files_that_is_never_pushed_may_be_missing() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "old");
    store(&repo, "file", "new");
    let directory = |content: &str| format!("{}.dir", md5_of(directory_bytes(&[(content, "a")]).as_bytes()));
    let (imported, kept) = (directory(&md5_of(b"imported")), directory(&md5_of(b"kept here")));
    let import = format!(
        "frozen: true\ndeps:\n- path: data\n  repo:\n    url: https://example.org/data.git\n    rev_lock: {}\nouts:\n\
         - md5: {imported}\n  hash: md5\n  path: imported\n",
        "a".repeat(40)
    );
    repo.write("imported.dvc", import);
    repo.write("kept.dvc", format!("outs:\n- md5: {kept}\n  hash: md5\n  path: kept\n  push: false\n"));
    repo.haul(["gc", "-w", "-c", "-f"]).success().stderr_has(&[
        "the list of files of `imported`",
        "the list of files of `kept`",
        "files that only it names count as unused",
    ]);
    assert!(!is_cached(&repo, "old") && is_cached(&repo, "new") && is_stored(&server, "new"));
    // If an out that is pushed has the same list, its absence is an error.
    track(&repo, "other", &kept);
    repo.haul(["gc", "-w", "-c", "-f"]).code(255).stderr_has(&["the list of files of `"]);
}

#[test]
fn older_commit_counts_though_a_newer_one_with_the_same_pipeline_cannot_be_read() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    // The name of the directory contains that of the file.
    let folder = "my-dvc.yaml-demo";
    let pipeline = "stages:\n  build:\n    matrix:\n      name: ${names}\n    cmd: make\n    outs:\n    - ${item.name}\n";
    repo.write(format!("{folder}/dvc.yaml"), pipeline);
    let locked = |name: &str| {
        let oid = md5_of(name.as_bytes());
        server.put(BUCKET, &key_of(&oid), name.to_owned());
        format!(
            "  build@{name}:\n    cmd: make\n    outs:\n    - path: {name}\n      hash: md5\n      md5: {oid}\n"
        )
    };
    let lock = format!("schema: '2.0'\nstages:\n{}{}", locked("one"), locked("two"));
    repo.write(format!("{folder}/dvc.lock"), &lock);
    // Its parameters are in another directory, so that its own directory does not change.
    let vars = |text: &str| repo.write("params.yaml", text);
    repo.write(format!("{folder}/dvc.yaml"), format!("vars:\n- ../params.yaml\n{pipeline}"));
    for text in ["names: [one]\n", "names: [two]\n", "<<<<<<< HEAD\n"] {
        vars(text);
        repo.commit();
    }
    vars("names: []\n");
    let gc = repo.haul(["gc", "-A", "-c", "-f", "--skip-failed"]).success().stderr_has(&["skipping"]);
    for name in ["one", "two"] {
        assert!(is_stored(&server, name), "{name} is used by a commit: {gc}");
    }
}
