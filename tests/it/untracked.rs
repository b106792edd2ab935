//! `checkout` deletes outs that no metafile names any more, and nothing else.

use std::os::unix::fs::PermissionsExt as _;

use haul_tests::Folder;

use crate::environment;

/// Makes `data/file` and `other` outs, and removes the metafile of `other`.
fn with_untracked(environment: &haul_tests::TestEnvironment) -> Folder<'_> {
    let repo = environment.repository("repo");
    repo.write("data/file", "content");
    repo.write("other", "other");
    repo.haul(["add", "data/file", "other"]).success();
    repo
}

#[test]
fn out_that_an_ignored_metafile_tracks_stays() {
    for rules in [".gitignore", ".dvcignore"] {
        let environment = environment();
        let repo = with_untracked(&environment);
        repo.write(rules, "data/\n");
        repo.remove("other.dvc");
        repo.haul(["checkout"])
            .success()
            .stderr_has(&["`data/file` is left as it is: `data/file.dvc` tracks it, and is ignored"]);
        assert_eq!(repo.read("data/file"), "content", "{rules}");
        assert!(!repo.exists("other"), "{rules}: nothing tracks it");
    }
}

#[test]
fn nothing_is_deleted_where_a_metafile_or_a_folder_cannot_be_read() {
    let environment = environment();
    let repo = with_untracked(&environment);
    repo.write(".gitignore", "/data\n/other\n");
    repo.write("data/broken.dvc", "outs: [");
    repo.remove("other.dvc");
    repo.haul(["checkout"])
        .success()
        .stderr_has(&["data that is tracked no longer is left where it is", "broken.dvc"]);
    assert_eq!((repo.read("other"), repo.read("data/file")), ("other".to_owned(), "content".to_owned()));
    // Root may read everything.
    if rustix::process::geteuid().is_root() {
        return;
    }
    repo.remove("data/broken.dvc");
    let closed =
        |mode| fs_err::set_permissions(repo.join("data"), std::fs::Permissions::from_mode(mode)).unwrap();
    closed(0o000);
    let checkout = repo.haul(["checkout"]);
    closed(0o755);
    checkout
        .success()
        .stderr_has(&["data that is tracked no longer is left where it is", "Permission denied"]);
    assert_eq!((repo.read("other"), repo.read("data/file")), ("other".to_owned(), "content".to_owned()));
}

#[test]
fn out_that_became_part_of_another_repository_stays() {
    let environment = environment();
    let repo = with_untracked(&environment);
    fs_err::create_dir(repo.join("data/.dvc")).unwrap();
    repo.haul(["checkout"]).success();
    assert_eq!(repo.read("data/file"), "content");
}
