//! Adding to, moving and removing pushed outs.

use haul_tests::objects::is_directory;

use super::{pulled, stage, with_data};

#[test]
fn adding_a_part_keeps_the_versions_of_the_rest() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    repo.write("data/sub/b.txt", "b, changed");
    repo.haul(["add", "data/sub"]).success();
    let data = repo.read("data.dvc");
    assert_eq!((data.matches("relpath:").count(), data.matches("cloud:").count()), (3, 2), "{data}");
    repo.haul(["push"]).success().stdout_has(&["1 file pushed"]);
    pulled(&environment, &repo, "clone").tree("data").assert_equals(&repo.tree("data"));
}

#[test]
fn file_that_did_not_change_keeps_its_version_when_it_is_added_again() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    let (one, data) = (repo.read("one.txt.dvc"), repo.read("data.dvc"));
    repo.haul(["add", "one.txt", "data"]).success();
    repo.haul(["commit", "-f"]).success();
    assert_eq!((repo.read("one.txt.dvc"), repo.read("data.dvc")), (one, data));
    repo.write("one.txt", "two");
    repo.haul(["add", "one.txt"]).success();
    assert!(!repo.read("one.txt.dvc").contains("cloud"));
}

#[test]
fn file_that_goes_is_not_deleted_on_the_remote() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    repo.remove("data/a.txt");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    assert!(server.object("bucket", "store/data/a.txt").is_some());
    assert!(!pulled(&environment, &repo, "clone").exists("data/a.txt"));
}

#[test]
fn checkout_needs_no_manifest_in_the_cache() {
    let (server, environment) = stage();
    let repo = with_data(&environment, &server);
    repo.haul(["push"]).success();
    for name in repo.cache_objects().iter().filter(|name| is_directory(name)) {
        repo.remove(format!(".dvc/cache/{name}"));
    }
    repo.remove("data");
    repo.haul(["checkout"]).success();
    assert_eq!(repo.read("data/sub/b.txt"), "b");
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
}
