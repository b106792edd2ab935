//! What `gc` deletes, and what it must not delete.

use std::time::Duration;

use haul_tests::embedded::{EmbeddedS3, Operation};
use haul_tests::objects::{is_directory, key_of, md5_of};
use haul_tests::{Folder, TestEnvironment};

use crate::served;

mod meanwhile;
mod remote;
mod uploads;
mod used;

const BUCKET: &str = "bucket";

/// Starts a server, and makes a world with its keys.
fn stage() -> (EmbeddedS3, TestEnvironment) {
    let (server, environment) = served();
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

/// Fails if a directory on the remote lacks one of its files.
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
    let output =
        output.stderr_has(&["ERROR: cannot collect garbage without a confirmation", "Use `-f` to force."]);
    assert!(output.stdout.ends_with("[y/n]: "), "{output}");
    repo.haul(["gc", "-w", "-c", "--dry"]).success().stdout_has(&[
        &format!("Would remove {BUCKET}/store/files/md5/"),
        "Would remove 1 objects from repo cache.",
        "Would remove 1 objects from remote.",
    ]);
    assert!(is_cached(&repo, "one") && is_stored(&server, "one"));
    assert_eq!(server.count(Operation::DeleteObjects), 0);
}

#[test]
fn gc_as_json_has_the_plan_and_the_outcome_in_one_document() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "one");
    store(&repo, "file", "three");
    let output = repo.haul(["gc", "-w", "-c", "-f", "--json"]).success();
    let json: serde_json::Value = serde_json::from_str(&output.stdout).expect("it is one document");
    let cache = &json["plan"]["places"][0];
    assert_eq!(
        (&cache["n_objects"], &cache["n_unused"], &cache["unused_bytes"]),
        (&2.into(), &1.into(), &3.into())
    );
    assert!(cache["oldest"].as_str().is_some_and(|time| time.ends_with('Z')), "{cache}");
    assert_eq!(json["plan"]["places"][2]["remote"], "origin");
    assert_eq!(json["outcome"]["places"][2]["n_removed"], 1);
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
    // In a shared cache, it may be a file that another user's process is writing.
    let shared = environment.root().join("shared-cache");
    repo.haul(["cache", "dir", &shared.display().to_string()]).success();
    let young = shared.join("files/md5/ab/.JFn5gOVADzTHBXMN0WEbiA.tmp");
    fs_err::create_dir_all(young.parent().expect("it has a parent")).expect("a directory can be made");
    fs_err::write(&young, "still coming").expect("a file can be written");
    repo.haul(["gc", "-w", "-f"]).success();
    assert!(young.exists());
}

#[test]
fn memo_does_not_lie_after_gc() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    store(&repo, "file", "one");
    // The file is old enough for the memo to trust it.
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
fn hard_links_and_copies_have_their_bytes_for_themselves() {
    let (server, environment) = stage();
    for kind in ["hardlink", "copy"] {
        let repo = environment.repository_at(kind, &server.endpoint());
        repo.haul(["config", "cache.type", kind]).success();
        store(&repo, "file", "one");
        repo.remove("file.dvc");
        repo.haul(["gc", "-w", "-f"]).success().stdout_has(&["Removed 1 objects from repo cache."]);
        assert_eq!(repo.read("file"), "one", "{kind}");
        // That the memo has the file's hash does not mean that the cache has the object.
        repo.haul(["add", "file"]).success();
        assert!(is_cached(&repo, "one"), "{kind}");
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
    // As after `git checkout`: the metafile is that of another commit, but the link is unchanged.
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

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    fs_err::create_dir_all(to).expect("a directory can be made");
    for entry in fs_err::read_dir(from).expect("the directory can be read") {
        let path = entry.expect("the directory can be read").path();
        let copy = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_folder(&path, &copy);
        } else {
            fs_err::copy(&path, &copy).expect("a file can be copied");
        }
    }
}
