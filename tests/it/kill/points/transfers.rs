//! Commands that move data between the cache and a remote.

use haul_tests::Folder;
use haul_tests::embedded::{BucketOptions, EmbeddedOptions, EmbeddedS3, Versioning};
use haul_tests::tree::Tree;

use super::{BOTH, ONE, Scenario, has_all, tracked, write_all};

/// The number of points that are tried, unless all are requested: a transfer takes longer than a local command.
const SAMPLE: usize = 5;
/// A directory as a remote, beside the repository.
const REMOTE: &str = "../remote";

/// Makes tracked data, and an empty directory as the default remote.
fn with_remote(repo: &Folder<'_>) {
    tracked(repo);
    if repo.exists(REMOTE) {
        repo.remove(REMOTE);
    }
    repo.haul(["remote", "add", "-d", "origin", REMOTE]).success();
}

/// Fails if an object of the remote does not match its name, or a directory manifest is there without all its members.
fn remote_is_sound(repo: &Folder<'_>) {
    if !repo.exists(REMOTE) {
        return;
    }
    let remote = repo.join(REMOTE);
    let mut n_manifests = 0;
    let mut n_objects = 0;
    for path in Tree::read(&remote).entries.into_keys() {
        let name = path.to_string_lossy().replace('/', "");
        let Some(name) = name.strip_prefix("filesmd5").filter(|name| name.len() >= 32) else { continue };
        if name.ends_with("tmp") || remote.join(&path).is_dir() {
            continue;
        }
        let bytes = fs_err::read(remote.join(&path)).expect("it is there");
        assert_eq!(haul_tests::objects::md5_of(&bytes), name[..32], "{} is damaged", path.display());
        n_objects += 1;
        n_manifests += usize::from(name.rsplit_once('.').is_some_and(|(_, suffix)| suffix == "dir"));
    }
    // The manifest comes last: two files, two members and itself.
    assert!(n_manifests == 0 || n_objects >= 3, "a manifest came before its members");
}

#[test]
fn killed_push_into_a_directory_goes_on() {
    Scenario {
        name: "push",
        line: &["push"],
        prepare: &with_remote,
        precious: ONE,
        after_checkout: &|repo| {
            has_all(repo);
            remote_is_sound(repo);
        },
        sample: SAMPLE,
        ..Scenario::default()
    }
    .survives();
}

/// Makes data that is only on the remote.
fn only_remote(repo: &Folder<'_>) {
    with_remote(repo);
    repo.haul(["push"]).success();
    for path in [".dvc/cache", ".dvc/tmp", "a", "b", "d"] {
        repo.remove(path);
    }
}

#[test]
fn killed_fetch_goes_on() {
    Scenario {
        name: "fetch",
        line: &["fetch"],
        prepare: &only_remote,
        after_checkout: &remote_is_sound,
        may_lack_data: true,
        sample: SAMPLE,
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_pull_goes_on() {
    Scenario {
        name: "pull",
        line: &["pull"],
        prepare: &only_remote,
        after_checkout: &remote_is_sound,
        may_lack_data: true,
        sample: SAMPLE,
        ..Scenario::default()
    }
    .survives();
}

fn versioned_server() -> EmbeddedS3 {
    let buckets = vec![BucketOptions { versioning: Versioning::Enabled, ..BucketOptions::new("bucket") }];
    EmbeddedS3::start(EmbeddedOptions { buckets, ..EmbeddedOptions::default() })
        .expect("a server can be started")
}

/// Makes tracked data, and a worktree remote as the default remote.
fn with_worktree(repo: &Folder<'_>, server: &EmbeddedS3) {
    tracked(repo);
    repo.haul(["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
    repo.haul(["remote", "modify", "origin", "endpointurl", &server.endpoint()]).success();
    repo.haul(["remote", "modify", "origin", "worktree", "true"]).success();
}

#[test]
fn killed_push_of_versions_goes_on() {
    let server = versioned_server();
    Scenario {
        name: "push of versions",
        line: &["push"],
        prepare: &|repo| with_worktree(repo, &server),
        precious: ONE,
        after_checkout: &has_all,
        server: Some(&server),
        records_versions: true,
        sample: SAMPLE,
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_update_goes_on_and_keeps_all_versions() {
    let server = versioned_server();
    let prepare = |repo: &Folder<'_>| {
        with_worktree(repo, &server);
        write_all(repo, "two");
        repo.haul(["add", "a", "b", "d"]).success();
        write_all(repo, "one");
        repo.haul(["add", "a", "b", "d"]).success();
        repo.haul(["push"]).success();
        for name in ["a", "d/x"] {
            server.put("bucket", &format!("store/{name}"), format!("{name} three"));
        }
    };
    Scenario {
        name: "update",
        line: &["update", "a.dvc", "d.dvc"],
        prepare: &prepare,
        precious: BOTH,
        server: Some(&server),
        records_versions: true,
        sample: SAMPLE,
        ..Scenario::default()
    }
    .survives();
}
