//! `gc -c` deletes versions that no metafile names any more.

use haul_tests::Folder;
use haul_tests::embedded::{EmbeddedS3, Operation, Permission, User};

use super::{pulled, repository, stage};

/// Makes a repository with three commits, each with another content of `f` and of `d/a`, all of them pushed.
fn with_history<'a>(environment: &'a haul_tests::TestEnvironment, server: &EmbeddedS3) -> Folder<'a> {
    let repo = repository(environment, server, "repo");
    repo.write("d/same", "same");
    for content in ["one", "two", "three"] {
        repo.write("f", content);
        repo.write("d/a", format!("a {content}"));
        repo.haul(["add", "f", "d"]).success();
        repo.haul(["push"]).success();
        repo.commit();
    }
    repo
}

fn ids(server: &EmbeddedS3, key: &str) -> Vec<String> {
    server.versions("bucket", key).into_iter().map(|version| version.version_id).collect()
}

#[test]
fn gc_deletes_versions_that_only_other_commits_name() {
    let (server, environment) = stage();
    let repo = with_history(&environment, &server);
    // Foreign data: a key that was never tracked, and a version that no commit ever recorded.
    server.put("bucket", "store/d/foreign", "foreign");
    server.put("bucket", "store/f", "somebody else's");
    let (before, foreign) = (ids(&server, "store/f"), ids(&server, "store/d/foreign"));
    assert_eq!(before.len(), 4);
    repo.haul(["gc", "-w", "-c", "--dry"])
        .success()
        .stdout_has(&[
            "Would remove s3://bucket/store/f?versionId=",
            "Would remove 4 versions from remote 'origin'.",
        ])
        .stderr_has(&["Unused on remote `origin` at s3://bucket/store: 4 of 7 versions, 16 B"]);
    assert_eq!(ids(&server, "store/f"), before);
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["Removed 4 versions from remote 'origin'."]);
    assert_eq!(ids(&server, "store/f"), before[2..]);
    assert_eq!(ids(&server, "store/d/a").len(), 1);
    assert_eq!(ids(&server, "store/d/same").len(), 1);
    assert_eq!(ids(&server, "store/d/foreign"), foreign);
    repo.haul(["gc", "-w", "-c", "-f"]).success().stdout_has(&["No unused versions to remove"]);
    let clone = pulled(&environment, &repo, "clone");
    assert_eq!((clone.read("f").as_str(), clone.read("d/a").as_str()), ("three", "a three"));
}

#[test]
fn gc_keeps_what_the_commits_in_its_scope_name() {
    let (server, environment) = stage();
    let repo = with_history(&environment, &server);
    repo.haul(["gc", "-A", "-c", "-f"]).success().stdout_has(&["No unused versions"]);
    assert_eq!(ids(&server, "store/f").len(), 3);
    repo.haul(["gc", "--rev", "HEAD", "-n", "2", "-c", "-f"]).success().stdout_has(&["Removed 2 versions"]);
    assert_eq!(ids(&server, "store/f").len(), 2);
}

#[test]
fn version_that_cannot_be_deleted_is_told_and_the_others_go() {
    let (server, environment) = stage();
    let repo = with_history(&environment, &server);
    server.retain("bucket", "store/f");
    repo.haul(["gc", "-w", "-c", "-f"])
        .code(1)
        .stdout_has(&["Removed 2 versions from remote 'origin'."])
        .stderr_has(&["failed to remove 's3://bucket/store/f?versionId=", "2 objects could not be removed"]);
    assert_eq!((ids(&server, "store/f").len(), ids(&server, "store/d/a").len()), (3, 1));
}

#[test]
fn gc_needs_the_rights_to_list_and_delete_versions_and_no_more() {
    let (server, environment) = stage();
    let repo = with_history(&environment, &server);
    let limit = |permissions: &[Permission]| {
        server.add_user(User::new("limitedkey", "limitedsecret0123456789").restricted_to(permissions));
    };
    repo.haul(["remote", "modify", "--local", "origin", "access_key_id", "limitedkey"]).success();
    repo.haul(["remote", "modify", "--local", "origin", "secret_access_key", "limitedsecret0123456789"])
        .success();
    limit(&[Permission::ListBucket, Permission::DeleteObject]);
    repo.haul(["gc", "-w", "-c", "-f"])
        .failure()
        .stderr_has(&["s3:ListBucketVersions on `arn:aws:s3:::bucket`"]);
    limit(&[Permission::ListBucketVersions]);
    repo.haul(["gc", "-w", "-c", "-f"]).code(1).stderr_has(&["failed to remove"]);
    assert_eq!(ids(&server, "store/f").len(), 3);
    limit(&[Permission::ListBucketVersions, Permission::DeleteObjectVersion]);
    server.take_requests();
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    let requests: Vec<_> = server.requests().iter().map(|request| request.operation).collect();
    assert_eq!(requests, [Operation::ListObjectVersions, Operation::DeleteObjects]);
    assert_eq!(ids(&server, "store/f").len(), 1);
}

#[test]
fn gc_of_what_a_versioned_remote_has_is_refused() {
    let (server, environment) = stage();
    let repo = with_history(&environment, &server);
    repo.haul(["gc", "-w", "--not-in-remote", "-f"])
        .failure()
        .stderr_has(&["unsupported for cloud versioned remotes"]);
    assert!(!repo.cache_objects().is_empty());
}

#[test]
fn gc_keeps_what_is_recorded_under_another_name_of_the_remote() {
    let (server, environment) = stage();
    let repo = with_history(&environment, &server);
    let (latest, n_versions) = (ids(&server, "store/f").pop().unwrap(), ids(&server, "store/f").len());
    repo.haul(["remote", "rename", "origin", "store"]).success();
    for metafile in ["f.dvc", "d.dvc"] {
        repo.write(metafile, repo.read(metafile).replace("origin:", "store:"));
    }
    repo.commit();
    repo.haul(["remote", "add", "origin", "s3://bucket/store"]).success();
    repo.haul(["remote", "modify", "origin", "endpointurl", &server.endpoint()]).success();
    repo.haul(["remote", "modify", "origin", "version_aware", "true"]).success();
    repo.haul(["gc", "-w", "-c", "-f", "-r", "origin"]).success();
    let left = ids(&server, "store/f");
    assert!(left.len() < n_versions && left.contains(&latest), "{left:?}");
    pulled(&environment, &repo, "clone").tree("d").assert_equals(&repo.tree("d"));
}

#[test]
fn gc_keeps_what_another_project_records_for_the_same_place() {
    let (server, environment) = stage();
    let repo = with_history(&environment, &server);
    let other = environment.folder("other");
    other.clone_metadata_of(&repo);
    other.haul(["remote", "rename", "origin", "elsewhere"]).success();
    other.write("f.dvc", other.read("f.dvc").replace("origin:", "elsewhere:"));
    let kept = ids(&server, "store/f").pop().unwrap();
    repo.remove("f");
    repo.write("f", "four");
    repo.haul(["add", "f"]).success();
    repo.haul(["push"]).success();
    repo.haul(["gc", "-w", "-c", "-f", "-p", "../other"]).success();
    assert!(ids(&server, "store/f").contains(&kept));
    other.haul(["pull"]).success();
    assert_eq!(other.read("f"), "three");
}
