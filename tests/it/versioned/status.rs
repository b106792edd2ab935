//! `status` and `status -c`.

use super::{stage, with_data};

#[test]
fn status_of_the_cloud_tells_new_modified_and_deleted() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["status", "-c"])
        .success()
        .stdout_has(&["new:                data/a.txt", "new:                one.txt"]);
    repo.haul(["push"]).success();
    repo.haul(["status", "-c"]).success().stdout_has(&["Cache and remote 'origin' are in sync."]);
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
    server.put("bucket", "store/data/a.txt", "newer");
    server.remove("bucket", "store/data/c.txt");
    repo.write("data/sub/b.txt", "b, changed");
    repo.haul(["add", "data"]).success();
    let json = r#"{"data/a.txt": "modified", "data/c.txt": "deleted", "data/sub/b.txt": "new"}"#;
    let shown = repo.haul(["status", "-c", "--json"]).success();
    let compact = |text: &str| text.replace(char::is_whitespace, "");
    assert_eq!(compact(&shown.stdout), compact(json));
    repo.haul(["-q", "status", "-c"]).code(1);
}

#[test]
fn status_of_many_files_lists_their_versions() {
    let (server, environment) = stage();
    let repo = super::repository(&environment, &server, "repo");
    for index in 0..40 {
        repo.write(format!("data/{index:02}"), format!("{index}"));
    }
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    server.put("bucket", "store/data/07", "newer");
    server.put("bucket", "store/data/not ours", "x");
    server.remove("bucket", "store/data/09");
    server.take_requests();
    repo.haul(["status", "-c"])
        .success()
        .stdout_has(&["modified:           data/07", "deleted:            data/09"]);
    let requests: Vec<_> = server.take_requests().into_iter().map(|request| request.operation).collect();
    assert_eq!(requests, [haul_tests::embedded::Operation::ListObjectVersions]);
}

#[test]
fn file_that_was_deleted_on_the_remote_is_told_by_status_and_shown_again_by_push() {
    for n_files in [2, 40] {
        let (server, environment) = stage();
        let repo = super::repository(&environment, &server, "repo");
        for index in 0..n_files {
            repo.write(format!("d/{index}"), format!("{index}"));
        }
        repo.haul(["add", "d"]).success();
        repo.haul(["push"]).success();
        let old = environment.folder("old");
        old.clone_metadata_of(&repo);
        server.hide("bucket", "store/d/1");
        repo.haul(["status", "-c"]).success().stdout_has(&["deleted:            d/1"]);
        // A clone without the file does not change it.
        old.haul(["push"]).success().stdout_has(&["Everything is up to date."]);
        repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
        assert_eq!(server.keys("bucket").len(), n_files);
        repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
        repo.haul(["push"]).success().stdout_has(&["Everything is up to date."]);
        old.haul(["pull"]).success();
        old.tree("d").assert_equals(&repo.tree("d"));
    }
}
