//! Commands that read branches, tags and commits in addition to the workspace.

use haul_tests::embedded::{EmbeddedS3, Operation};
use haul_tests::objects::{key_of, md5_of};
use haul_tests::{Folder, TestEnvironment};

use crate::served;

const CONTENTS: [&str; 4] = ["v0", "v1", "v2", "now"];

/// Makes a repository with a commit of a tag, one of a branch, one in between, and a workspace with later changes.
fn stage() -> (EmbeddedS3, TestEnvironment) {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    let mut commits = Vec::new();
    for content in CONTENTS {
        if repo.exists("data/file") {
            repo.remove("data/file");
        }
        repo.write("data/file", content);
        repo.write("data/same", "in each commit");
        repo.haul(["add", "data"]).success();
        if content != "now" {
            commits.push(repo.commit());
        }
    }
    repo.point("refs/tags/old", &commits[0]);
    (server, environment)
}

fn present(server: &EmbeddedS3) -> Vec<&'static str> {
    let is_there = |content: &&str| server.object("bucket", &key_of(&md5_of(content.as_bytes()))).is_some();
    CONTENTS.into_iter().filter(is_there).collect()
}

fn cached(repo: &Folder<'_>) -> Vec<&'static str> {
    let is_there = |content: &&str| {
        let oid = md5_of(content.as_bytes());
        repo.exists(format!(".dvc/cache/files/md5/{}/{}", &oid[..2], &oid[2..]))
    };
    CONTENTS.into_iter().filter(is_there).collect()
}

#[test]
fn push_sends_what_revisions_use() {
    for (flag, expected) in
        [("", vec!["now"]), ("-T", vec!["v0", "now"]), ("-a", vec!["v2", "now"]), ("-A", CONTENTS.to_vec())]
    {
        let (server, environment) = stage();
        let repo = environment.folder("repo");
        let words: Vec<&str> = ["push", flag].into_iter().filter(|word| !word.is_empty()).collect();
        repo.haul(words).success();
        assert_eq!(present(&server), expected, "push {flag}");
    }
}

#[test]
fn fetch_and_pull_get_what_revisions_use() {
    let (server, environment) = stage();
    let repo = environment.folder("repo");
    repo.haul(["push", "-A"]).success().stdout_has(&["9 files pushed"]);
    assert_eq!(present(&server), CONTENTS);
    for (words, expected) in [
        (vec!["fetch"], vec!["now"]),
        (vec!["fetch", "-T"], vec!["v0", "now"]),
        (vec!["fetch", "--all-branches"], vec!["v2", "now"]),
        (vec!["fetch", "-A"], CONTENTS.to_vec()),
        (vec!["pull", "-A"], CONTENTS.to_vec()),
        (vec!["fetch", "-A", "data/file"], CONTENTS.to_vec()),
    ] {
        repo.remove(".dvc/cache");
        repo.haul(&words).success();
        assert_eq!(cached(&repo), expected, "{words:?}");
    }
    assert_eq!(repo.read("data/file"), "now");
}

#[test]
fn status_of_the_cloud_knows_revisions() {
    let (server, environment) = stage();
    let repo = environment.folder("repo");
    repo.haul(["push"]).success();
    repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
    server.take_requests();
    let output = repo.haul(["status", "-c", "-A", "--json"]).success();
    // The same path in three commits, each with a new object.
    assert!(output.stdout.contains("\"data/file\": \"new\""), "{output}");
    assert_eq!(server.count(Operation::PutObject), 0);
    repo.haul(["push", "-A"]).success();
    repo.haul(["status", "-c", "-A"]).success().stdout_has(&["in sync"]);
}

#[test]
fn revision_that_cannot_be_read_is_passed_over_with_a_warning() {
    let (server, environment) = stage();
    let repo = environment.folder("repo");
    repo.write("bad.dvc", "outs: [\n");
    let broken = repo.commit();
    repo.remove("bad.dvc");
    repo.haul(["push", "-A"]).success().stderr_has(&[&format!("failed to collect '{broken}', skipping")]);
    assert_eq!(present(&server), CONTENTS);
}

#[test]
fn stage_of_a_revision_that_cannot_be_worked_out_is_a_failure_and_the_rest_takes_part() {
    let (server, environment) = stage();
    let repo = environment.folder("repo");
    repo.write("beside", "beside the stage");
    repo.haul(["add", "beside"]).success();
    repo.write("dvc.yaml", "stages:\n  bad:\n    cmd: run\n    outs: [\"${nothing}\"]\n");
    let broken = repo.commit();
    for name in ["dvc.yaml", "beside", "beside.dvc"] {
        repo.remove(name);
    }
    let reasons =
        [format!("Failed to collect '{broken}'"), "stages.bad.outs".to_owned(), "dvc.yaml".to_owned()];
    let reasons = reasons.each_ref().map(String::as_str);
    repo.haul(["push", "-A"]).code(1).stderr_has(&reasons);
    assert_eq!(present(&server), CONTENTS);
    let oid = md5_of(b"beside the stage");
    assert!(server.object("bucket", &key_of(&oid)).is_some(), "the rest of the revision stays behind");
    repo.remove(".dvc/cache");
    repo.haul(["fetch", "-A"]).code(1).stderr_has(&reasons);
    assert!(repo.exists(format!(".dvc/cache/files/md5/{}/{}", &oid[..2], &oid[2..])));
    assert_eq!(cached(&repo), CONTENTS);
    repo.haul(["status", "-c", "-A"]).code(1).stderr_has(&reasons);
    // Data that is missing for an old revision does not stop the checkout of the workspace.
    repo.remove("data");
    repo.haul(["pull", "-A"]).code(1).stderr_has(&reasons);
    assert_eq!(repo.read("data/file"), "now");
    repo.haul(["push"]).success();
}

#[test]
fn target_of_a_revision_that_cannot_be_worked_out_does_not_stop_the_others() {
    let (server, environment) = stage();
    let repo = environment.folder("repo");
    repo.write("beside", "before");
    repo.haul(["add", "beside"]).success();
    repo.write("dvc.yaml", "stages:\n  made:\n    cmd: run\n    outs: [\"${nothing}\"]\n");
    let broken = repo.commit();
    repo.write("dvc.yaml", "stages:\n  made:\n    cmd: run\n    outs: [{file: {cache: false}}]\n");
    repo.write("beside", "after");
    repo.haul(["add", "beside"]).success();
    let failed = format!("Failed to collect '{broken}'");
    repo.haul(["push", "-A", "made", "beside.dvc"]).code(1).stderr_has(&[&failed, "stages.made.outs"]);
    for content in ["before", "after"] {
        let key = key_of(&md5_of(content.as_bytes()));
        assert!(server.object("bucket", &key).is_some(), "`{content}` stays behind");
    }
}

#[test]
fn dvcignore_of_the_revision_counts() {
    let (server, environment) = stage();
    let repo = environment.folder("repo");
    repo.write(".dvcignore", "hidden/\n");
    repo.write("hidden/file.dvc", "outs: [\n");
    repo.commit();
    repo.remove("hidden");
    repo.write(".dvcignore", "");
    let output = repo.haul(["push", "-A"]).success();
    assert!(!output.stderr.contains("failed to collect"), "{output}");
    assert_eq!(present(&server), CONTENTS);
}

#[test]
fn repository_below_the_root_of_git_is_read_in_its_folder() {
    let (server, environment) = served();
    let outer = environment.folder("outer");
    outer.git_init();
    let repo = environment.folder("outer/sub");
    repo.haul(["init", "--subdir"]).success();
    repo.haul(["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
    repo.haul(["remote", "modify", "origin", "endpointurl", &server.endpoint()]).success();
    repo.write("file", "v0");
    repo.haul(["add", "file"]).success();
    outer.commit();
    repo.remove("file");
    repo.write("file", "now");
    repo.haul(["add", "file"]).success();
    repo.haul(["push", "-A"]).success();
    assert_eq!(present(&server), ["v0", "now"]);
    repo.haul(["gc", "-A", "-f"]).success();
    assert_eq!(cached(&repo), ["v0", "now"]);
    repo.haul(["gc", "-w", "-f"]).success();
    assert_eq!(cached(&repo), ["now"]);
}
