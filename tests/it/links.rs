//! Links between workspace and cache: a shared object is never changed through them.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use haul_tests::Folder;

use crate::{environment, served};

const SCRIPT: &str = "#!/bin/sh\necho hello\n";

fn mode(path: &Path) -> u32 {
    fs_err::metadata(path).expect("it is there").mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode can be set");
}

/// Fails unless all objects of the cache are read-only, and the file is executable.
#[track_caller]
fn assert_is_executable_alone(repo: &Folder<'_>, file: &str) {
    for object in repo.cache_objects() {
        assert_eq!(mode(&repo.join(".dvc/cache").join(&object)), 0o444, "{object} was changed");
    }
    assert_ne!(mode(&repo.join(file)) & 0o100, 0, "{file} may not be executed");
    assert_eq!(repo.read(file), SCRIPT);
}

#[test]
fn executable_file_has_its_right_without_changing_the_object() {
    for cache_type in ["hardlink", "symlink", "copy", "reflink,hardlink"] {
        let (server, environment) = served();
        let repo = environment.repository_at("repo", &server.endpoint());
        repo.haul(["config", "cache.type", cache_type]).success();
        repo.write("run.sh", SCRIPT);
        chmod(&repo.join("run.sh"), 0o755);
        repo.haul(["add", "run.sh"]).success();
        assert_is_executable_alone(&repo, "run.sh");
        repo.haul(["push"]).success();
        repo.remove("run.sh");
        repo.haul(["checkout"]).success();
        assert_is_executable_alone(&repo, "run.sh");
        for line in
            [&["status"][..], &["checkout", "--relink"], &["commit", "-f"], &["status", "-c"], &["checkout"]]
        {
            repo.haul(line).success();
            assert_is_executable_alone(&repo, "run.sh");
        }
        // The permission is removed: by the user, and on a link that another program made.
        let object = repo.join(".dvc/cache").join(&repo.cache_objects()[0]);
        for make in [
            |_: &Path, file: &Path| chmod(file, 0o644),
            |object: &Path, file: &Path| {
                fs_err::remove_file(file).expect("it can be removed");
                fs_err::hard_link(object, file).expect("it can be linked");
            },
            |object: &Path, file: &Path| {
                fs_err::remove_file(file).expect("it can be removed");
                fs_err::os::unix::fs::symlink(object, file).expect("it can be linked");
            },
        ] {
            make(&object, &repo.join("run.sh"));
            for command in ["status", "checkout"] {
                repo.haul([command]).success();
                assert_eq!(mode(&object), 0o444, "{command} with {cache_type} changed the object");
            }
            assert_is_executable_alone(&repo, "run.sh");
        }
        let clone = environment.folder("clone");
        clone.clone_metadata_of(&repo);
        clone.haul(["config", "cache.type", cache_type]).success();
        clone.haul(["pull"]).success();
        assert_is_executable_alone(&clone, "run.sh");
    }
}

#[test]
fn object_that_dvc_made_executable_for_a_link_stays_so() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.haul(["config", "cache.type", "symlink"]).success();
    repo.write("run.sh", SCRIPT);
    chmod(&repo.join("run.sh"), 0o755);
    repo.haul(["add", "run.sh"]).success();
    // DVC leaves a link, and makes the object executable.
    let object = repo.join(".dvc/cache").join(&repo.cache_objects()[0]);
    chmod(&object, 0o544);
    repo.remove("run.sh");
    fs_err::os::unix::fs::symlink(&object, repo.join("run.sh")).expect("it can be linked");
    for line in [&["status"][..], &["checkout"], &["add", "run.sh"], &["status"]] {
        repo.haul(line).success();
        assert_ne!(mode(&repo.join("run.sh")) & 0o100, 0, "{line:?} took the right away");
    }
    // If it is writable, it is not trusted, and made read-only as usual.
    chmod(&object, 0o755);
    repo.haul(["status"]).success();
    assert_eq!(mode(&object), 0o444);
}

/// Returns the identity of a file: another inode, mode or time means that it was changed.
fn stamps(folder: &Path) -> BTreeMap<PathBuf, (u64, u32, u64, i64, i64)> {
    let entries = fs_err::read_dir(folder).expect("it can be read");
    entries
        .map(|entry| {
            let path = entry.expect("it can be read").path();
            let metadata = fs_err::symlink_metadata(&path).expect("it is there");
            let stamp = (
                metadata.ino(),
                metadata.mode(),
                metadata.nlink(),
                metadata.mtime_nsec(),
                metadata.ctime_nsec(),
            );
            (path, stamp)
        })
        .collect()
}

#[test]
fn nothing_is_written_through_a_link_in_the_place_of_a_directory() {
    for cache_type in ["hardlink", "symlink", "copy"] {
        let environment = environment();
        let outside = environment.folder("outside");
        let repo = environment.repository("repo");
        repo.write("data/a", "one");
        repo.write("data/sub/b", "two");
        repo.haul(["add", "data"]).success();
        fs_err::rename(repo.join("data"), outside.join("data")).expect("it can be moved");
        fs_err::os::unix::fs::symlink(outside.join("data"), repo.join("data")).expect("it can be linked");
        repo.haul(["config", "cache.type", cache_type]).success();
        let before = (stamps(&outside.join("data")), stamps(&outside.join("data/sub")));
        let is_unchanged = |what: &str| {
            let after = (stamps(&outside.join("data")), stamps(&outside.join("data/sub")));
            assert_eq!(after, before, "{what} with {cache_type} wrote through the link");
        };
        repo.haul(["checkout"]).success();
        is_unchanged("checkout");
        let relinked = repo.haul(["checkout", "--relink"]);
        if cache_type != "copy" {
            relinked.code(255).stderr_has(&["symbolic link to a directory", "nothing is written through it"]);
        }
        is_unchanged("checkout --relink");
        repo.haul(["commit", "-f"]).success();
        is_unchanged("commit");
        repo.haul(["unprotect", "data"]).failure().stderr_has(&["symbolic link to a directory"]);
        is_unchanged("unprotect");
        fs_err::write(outside.join("data/new"), "three").expect("it can be written");
        let before = (stamps(&outside.join("data")), stamps(&outside.join("data/sub")));
        repo.haul(["commit", "-f"]).success();
        let after = (stamps(&outside.join("data")), stamps(&outside.join("data/sub")));
        assert_eq!(after, before, "commit of new files with {cache_type} wrote through the link");
        repo.assert_cache_is_sound();
        repo.haul(["status"]).success().stdout_has(&["up to date"]);
        let before = stamps(&outside.join("data"));
        repo.haul(["checkout", "-f", "--relink"]);
        assert_eq!(stamps(&outside.join("data")), before, "checkout -f wrote through the link");
    }
}
