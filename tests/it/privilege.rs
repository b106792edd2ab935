//! The minimum of rights that each command needs.

use haul_tests::Folder;
use haul_tests::embedded::{EmbeddedOptions, EmbeddedS3, Operation, Permission, User};

use crate::environment;

/// Runs `work` in a repository whose user has only these rights.
fn with(permissions: &[Permission], work: impl FnOnce(&EmbeddedS3, &Folder<'_>, &Folder<'_>)) {
    let user = User::new("limitedaccesskey", "limitedsecretkey01234567").restricted_to(permissions);
    let server = EmbeddedS3::start(EmbeddedOptions { users: vec![user], ..EmbeddedOptions::default() })
        .expect("the server starts");
    let mut environment = environment();
    environment.use_keys_of(&server);
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("data/a", "a");
    repo.write("data/b", "b");
    repo.write("file", "content");
    repo.haul(["add", "data", "file"]).success();
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    work(&server, &repo, &clone);
}

fn round_trip(repo: &Folder<'_>, clone: &Folder<'_>) {
    repo.haul(["push"]).success().stdout_has(&["4 files pushed"]);
    repo.haul(["push"]).success();
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    clone.haul(["fetch"]).success();
    clone.haul(["pull"]).success();
    clone.tree("data").assert_equals(&repo.tree("data"));
}

#[test]
fn list_get_and_put_are_enough_for_all_transfers() {
    with(&[Permission::ListBucket, Permission::GetObject, Permission::PutObject], |server, repo, clone| {
        round_trip(repo, clone);
        assert!(server.requests().iter().all(|request| request.status != Some(403)));
        // Without the right to delete, nothing is lost.
        repo.remove("file");
        repo.write("file", "new content");
        repo.haul(["add", "file"]).success();
        let n_keys = server.keys("bucket").len();
        repo.haul(["gc", "-w", "-c", "-f"]).code(1).stderr_has(&["could not be removed", "AccessDenied"]);
        assert_eq!(server.keys("bucket").len(), n_keys);
    });
}

#[test]
fn the_right_to_delete_is_enough_for_gc_as_well() {
    let rights =
        [Permission::ListBucket, Permission::GetObject, Permission::PutObject, Permission::DeleteObject];
    with(&rights, |server, repo, clone| {
        round_trip(repo, clone);
        repo.remove("file");
        repo.write("file", "new content");
        repo.haul(["add", "file"]).success();
        repo.haul(["push"]).success();
        let gc = repo.haul(["gc", "-w", "-c", "-f"]).success();
        let gc = gc.stdout_has(&["Removed 1 objects from remote."]);
        assert_eq!(server.keys("bucket").len(), 4);
        // Listing unfinished uploads is optional: `gc` prints nothing if the server denies it.
        assert!(!gc.stderr.contains("unfinished uploads"), "{gc}");
        assert!(server.requests().iter().all(|request| {
            request.status != Some(403) || request.operation == Operation::ListMultipartUploads
        }));
    });
}

#[test]
fn without_the_right_to_list_objects_are_asked_for_one_by_one() {
    let rights = [Permission::GetObject, Permission::PutObject, Permission::DeleteObject];
    with(&rights, |server, repo, clone| {
        // There are more objects than would be asked for one by one.
        for index in 0..8 {
            repo.write(format!("more/{index}"), index.to_string());
        }
        repo.haul(["add", "more"]).success();
        clone.clone_metadata_of(repo);
        repo.haul(["push"]).success().stdout_has(&["13 files pushed"]);
        assert_eq!(server.keys("bucket").len(), 13);
        repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
        clone.haul(["pull"]).success();
        clone.tree("more").assert_equals(&repo.tree("more"));
        server.take_requests();
        repo.haul(["push"]).success();
        // Unused objects cannot be found without a listing, so nothing is deleted.
        repo.haul(["gc", "-w", "-c", "-f"]).failure().stderr_has(&["s3:ListBucket"]);
        assert_eq!(server.count(Operation::DeleteObjects), 0);
        assert_eq!(server.keys("bucket").len(), 13);
    });
}
