//! Commands that only read change nothing: neither the workspace nor the cache, not even a mode or a time.
//!
//! Only the lock files of `.dvc/tmp` are written.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use haul_tests::objects::md5_of;

use crate::served;

/// Inode, mode, size, and the times at which bytes and status of a file were changed.
type Stamp = (u64, u32, u64, (i64, i64), (i64, i64));

fn stamps(root: &Path) -> BTreeMap<PathBuf, Stamp> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            let metadata = fs_err::symlink_metadata(&path).expect("it is there");
            let is_lock = path.parent().is_some_and(|parent| parent.ends_with(".dvc/tmp"))
                && path.file_name().is_some_and(|name| name.to_string_lossy().contains("lock"));
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            // Taking a lock sets the time of its file; creating one sets that of its directory.
            if is_lock || path.ends_with(".dvc/tmp") {
                continue;
            }
            let stamp = (
                metadata.ino(),
                metadata.mode(),
                metadata.size(),
                (metadata.mtime(), metadata.mtime_nsec()),
                (metadata.ctime(), metadata.ctime_nsec()),
            );
            found.insert(path.strip_prefix(root).expect("it is below").to_owned(), stamp);
        }
    }
    found
}

#[test]
fn dry_runs_and_status_of_the_remote_change_nothing() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    for number in 0..5 {
        repo.write(format!("data/{number}"), format!("content {number}"));
    }
    repo.write("file", "content");
    repo.haul(["add", "data", "file"]).success();
    repo.haul(["push"]).success();
    repo.write("new", "not pushed");
    repo.haul(["add", "new"]).success();
    // One object is missing, one is damaged, one is not read-only; one file is missing, one is changed.
    let new = md5_of(b"not pushed");
    let objects: Vec<PathBuf> = repo
        .cache_objects()
        .iter()
        .filter(|object| object.strip_suffix(".dir").is_none() && !object.replace('/', "").ends_with(&new))
        .map(|object| repo.join(".dvc/cache").join(object))
        .collect();
    fs_err::remove_file(&objects[0]).expect("it can be removed");
    for (object, content) in [(&objects[1], Some("damaged")), (&objects[2], None)] {
        fs_err::set_permissions(object, std::fs::Permissions::from_mode(0o644)).expect("the mode can be set");
        if let Some(content) = content {
            fs_err::write(object, content).expect("it can be written");
        }
    }
    repo.remove("data/0");
    repo.write("data/1", "changed");
    let before = stamps(repo.path());
    for line in [
        &["status", "-c"][..],
        &["status", "-c", "--json"],
        &["push", "--dry-run"],
        &["fetch", "--dry-run"],
        &["pull", "--dry-run"],
        &["gc", "-w", "--dry"],
        &["gc", "-w", "-c", "--dry"],
        &["remote", "check"],
        &["remote", "list"],
        &["remote", "show"],
        &["config", "--list"],
        &["check-ignore", "file"],
    ] {
        repo.haul(line);
        let after = stamps(repo.path());
        let changed: Vec<_> =
            before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
        assert!(changed.is_empty(), "{line:?} changed {changed:?}");
    }
    // Damaged objects still count as missing.
    repo.haul(["push", "--dry-run"]).success();
    repo.haul(["fetch"]).success();
    repo.assert_cache_is_sound();
}
