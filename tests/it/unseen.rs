//! Data that a command does not see is not unused: that of metafiles that Git tracks but the workspace does not have, of
//! revisions that cannot be read, and of files with two spellings.

use std::os::unix::fs::symlink;

use haul_tests::embedded::EmbeddedS3;
use haul_tests::objects::{key_of, md5_of};
use haul_tests::{Folder, TestEnvironment};

use crate::{environment, served};

fn is_cached(repo: &Folder<'_>, content: &str) -> bool {
    let oid = md5_of(content.as_bytes());
    repo.exists(format!(".dvc/cache/files/md5/{}/{}", &oid[..2], &oid[2..]))
}

fn is_stored(server: &EmbeddedS3, content: &str) -> bool {
    server.object("bucket", &key_of(&md5_of(content.as_bytes()))).is_some()
}

/// Makes a repository that tracks `data/f` with the content `content`, which is pushed, and `other`.
fn stage() -> (EmbeddedS3, TestEnvironment) {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    for (path, content) in [("data/f", "content"), ("other", "another")] {
        repo.write(path, content);
        repo.haul(["add", path]).success();
    }
    repo.haul(["push"]).success();
    repo.stage();
    (server, environment)
}

/// Collects garbage in the cache and on the remote, and checks that the data is still there.
fn gc_keeps_it(repo: &Folder<'_>, server: &EmbeddedS3) {
    repo.haul(["gc", "-w", "-c", "-f"]).success();
    assert!(is_cached(repo, "content") && is_stored(server, "content"), "gc deleted what Git tracks");
}

#[test]
fn metafile_in_a_folder_that_gitignore_names_later_still_counts() {
    for rule in ["/data/\n", "*.dvc\n", "data\n"] {
        let (server, environment) = stage();
        let repo = environment.folder("repo");
        repo.write(".gitignore", rule);
        gc_keeps_it(&repo, &server);
        repo.remove("data/f");
        repo.haul(["status"]).success().stdout_has(&["deleted:            data/f"]);
        repo.remove(".dvc/cache");
        repo.haul(["pull"]).success();
        assert_eq!(repo.read("data/f"), "content", "{rule}");
        repo.haul(["checkout", "data/f.dvc"]).success();

        // A metafile that is ignored and not tracked is not read, as always.
        repo.write("data/untracked.dvc", "outs: [\n");
        repo.haul(["status"]).success();
    }
}

#[test]
fn metafile_that_a_sparse_checkout_leaves_out_still_counts() {
    let (server, environment) = stage();
    let repo = environment.folder("repo");
    repo.leave_out("data/f.dvc");
    for command in ["status", "push", "fetch", "pull", "checkout"] {
        let output = repo.haul([command]).success();
        output.stderr_has(&["are not in this sparse checkout, and were skipped: `data/f.dvc`"]);
        assert_eq!(repo.read("data/f"), "content", "{command} deleted what Git tracks");
    }
    repo.haul(["status", "-c"]).success().stderr_has(&["sparse checkout"]);
    gc_keeps_it(&repo, &server);

    // If a metafile cannot be read, nothing is deleted.
    let blob = repo.tracked_blob("data/f.dvc");
    repo.lose_git_object(&blob);
    repo.haul(["gc", "-w", "-f"]).failure().stderr_has(&["cannot read", "data/f.dvc"]);
    assert!(is_cached(&repo, "content"));
    repo.haul(["checkout"]).success().stderr_has(&["is left where it is"]);
    assert_eq!(repo.read("data/f"), "content");

    // Nothing is deleted either if the files that Git tracks are not known.
    repo.write(".git/index", "no index");
    repo.haul(["gc", "-w", "-f"]).failure().stderr_has(&["cannot read the index of Git"]);
    repo.haul(["checkout"]).success().stderr_has(&["is left where it is"]);
    assert!(is_cached(&repo, "content") && repo.read("data/f") == "content");
}

/// A target that is left out was only said not to exist.
#[test]
fn target_that_is_left_out_says_why_and_what_brings_it() {
    let (_server, environment) = stage();
    let repo = environment.folder("repo");
    repo.leave_out("data/f.dvc");
    repo.remove("data");
    for command in ["pull", "push", "fetch", "checkout"] {
        for target in ["data/f.dvc", "data/f", "data"] {
            repo.haul([command, target]).failure().stderr_has(&[
                "does not exist",
                "`data/f.dvc` is not in this sparse checkout; `git sparse-checkout add data` brings it",
            ]);
        }
    }
    repo.haul(["status", "-c", "data"]).failure().stderr_has(&["`git sparse-checkout add data` brings it"]);

    repo.write("ignored/f", "x");
    repo.haul(["add", "ignored/f"]).success();
    repo.write(".dvcignore", "/ignored/\n");
    let sub = environment.repository("repo/sub");
    sub.write("g", "y");
    sub.haul(["add", "g"]).success();
    for command in ["push", "fetch", "checkout"] {
        repo.haul([command, "ignored/f"]).failure().stderr_has(&["`.dvcignore:1:/ignored/` ignores it"]);
        for target in ["sub/g", "sub", "sub/g.dvc"] {
            let output = repo.haul([command, target]).failure();
            output.stderr_has(&["it belongs to another DVC repository; run the command there"]);
        }
        let output = repo.haul([command, "nothing"]);
        assert!(!output.stderr.contains("; "), "{command}: {}", output.stderr);
        output.failure().stderr_has(&["nothing"]);
    }
}

#[test]
fn metafile_that_was_deleted_counts_no_more() {
    let (_server, environment) = stage();
    let repo = environment.folder("repo");
    repo.remove("data/f.dvc");
    repo.haul(["gc", "-w", "-f"]).success();
    assert!(!is_cached(&repo, "content") && is_cached(&repo, "another"));
}

#[test]
fn metafile_behind_a_folder_that_became_a_link_still_counts() {
    let (server, environment) = stage();
    let repo = environment.folder("repo");
    let outside = environment.folder("outside");
    fs_err::rename(repo.join("data"), outside.join("data")).unwrap();
    symlink(outside.join("data"), repo.join("data")).unwrap();
    for command in ["status", "push", "checkout"] {
        let output = repo.haul([command]).success();
        output.stderr_has(&[
            "`data` is a symbolic link, and metafiles that Git tracks below it were skipped: `data/f.dvc`",
        ]);
    }
    gc_keeps_it(&repo, &server);
    assert_eq!(repo.read("data/f"), "content");
}

#[test]
fn file_that_is_pulled_through_a_link_is_one_file() {
    let (_server, environment) = stage();
    let repo = environment.folder("repo");
    symlink("data", repo.join("link")).unwrap();
    symlink(repo.path(), environment.folder("elsewhere").join("alias")).unwrap();
    let alias = environment.folder("elsewhere").join("alias");
    let absolute = alias.join("link/f.dvc").display().to_string();
    for target in [
        "link/f.dvc",
        "link/f",
        "./data/../link/f.dvc",
        "data/./f.dvc",
        &absolute,
        &alias.join("data/f").display().to_string(),
    ] {
        repo.remove("data/f");
        repo.haul(["pull", target]).success();
        assert_eq!(repo.read("data/f"), "content", "{target}");
        repo.haul(["pull"]).success();
        assert!(repo.exists("data/f"), "a pull after `pull {target}` deleted the file");
        repo.haul(["checkout", target]).success();
        repo.haul(["checkout"]).success();
        repo.haul(["status", target]).success().stdout_has(&["up to date"]);
        assert_eq!(repo.read("data/f"), "content", "{target}");
    }
    let links = repo.read(".dvc/tmp/haul/links.json");
    assert!(links.contains("data/f") && !links.contains("link/f"), "{links}");

    // The path of the repository through a link means the same repository.
    let alias = alias.display().to_string();
    repo.remove("data/f");
    repo.haul(["--cd", &alias, "pull", "link/f"]).success();
    repo.haul(["pull"]).success();
    assert_eq!(repo.read("data/f"), "content");

    repo.haul(["remove", "link/f.dvc"]).success();
    repo.haul(["checkout"]).success();
    assert_eq!(repo.read("data/f"), "content", "what is the user's own is not deleted");
}

#[test]
fn out_that_a_link_makes_the_same_as_another_is_refused() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("data/f", "content");
    repo.haul(["add", "data/f"]).success();
    symlink("data", repo.join("link")).unwrap();
    let text = repo.read("data/f.dvc").replace("path: f", "path: link/f");
    repo.write("again.dvc", text);
    repo.write("new", "new");
    repo.haul(["add", "new"]).failure().stderr_has(&["is specified in:", "again.dvc"]);
    repo.haul(["checkout"]).success();
    repo.remove("again.dvc");
    repo.haul(["checkout"]).success();
    assert_eq!(repo.read("data/f"), "content");
}

/// Makes a repository with the content `v0` in a commit whose metafile is missing, as in a partial clone.
fn partial() -> (EmbeddedS3, TestEnvironment) {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    let mut lost = String::new();
    for content in ["v0", "now"] {
        if repo.exists("file") {
            repo.remove("file");
        }
        repo.write("file", content);
        repo.haul(["add", "file"]).success();
        let commit = repo.commit();
        if lost.is_empty() {
            lost = repo.git_object(&commit, "file.dvc");
        }
    }
    repo.haul(["push", "-A"]).success();
    repo.lose_git_object(&lost);
    let config = repo.read(".git/config");
    repo.write(".git/config", format!("{config}[remote \"upstream\"]\n\tpromisor = true\n"));
    (server, environment)
}

#[test]
fn revision_that_a_partial_clone_lacks_is_an_error_with_the_command_that_mends_it() {
    let (server, environment) = partial();
    let repo = environment.folder("repo");
    for command in [&["push", "-A"][..], &["fetch", "-A"], &["pull", "-A"], &["status", "-c", "-A"]] {
        repo.haul(command).code(1).stderr_has(&[
            "cannot read `file.dvc` from Git",
            "the clone is partial",
            "git fetch --refetch --no-filter upstream",
        ]);
    }
    let output = repo.haul(["gc", "-A", "-c", "-f"]).failure();
    output.stderr_has(&["the clone is partial", "git fetch --refetch --no-filter upstream"]);
    assert!(is_cached(&repo, "v0") && is_stored(&server, "v0"));
    // The readable data is still transferred.
    repo.remove(".dvc/cache");
    repo.haul(["fetch", "-A"]).code(1);
    assert!(is_cached(&repo, "now"));
}

#[test]
fn shallow_clone_says_that_all_commits_are_not_all() {
    let (_server, environment) = stage();
    let repo = environment.folder("repo");
    let commit = repo.commit();
    repo.write(".git/shallow", format!("{commit}\n"));
    for command in ["push", "fetch"] {
        repo.haul([command, "-A"]).success().stderr_has(&["the clone is shallow", "git fetch --unshallow"]);
    }
}

#[test]
fn default_remote_of_each_revision_counts() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "add", "old", "s3://bucket/old"]).success();
    repo.haul(["remote", "modify", "old", "endpointurl", &server.endpoint()]).success();
    repo.haul(["remote", "default", "old"]).success();
    repo.write("file", "v0");
    repo.haul(["add", "file"]).success();
    repo.commit_to("old", 1_700_000_000);
    repo.haul(["remote", "default", "origin"]).success();
    repo.remove("file");
    repo.write("file", "now");
    repo.haul(["add", "file"]).success();
    repo.commit();
    let key = |prefix: &str, content: &str| key_of(&md5_of(content.as_bytes())).replacen("store", prefix, 1);
    let is_at = |prefix: &str, content: &str| server.object("bucket", &key(prefix, content)).is_some();

    repo.haul(["status", "-c", "-a"]).success().stdout_has(&["new:"]);
    repo.haul(["push", "-a"]).success().stdout_has(&["2 files pushed"]);
    assert!(is_at("old", "v0") && is_at("store", "now"));
    assert!(!is_at("old", "now") && !is_at("store", "v0"));
    repo.haul(["status", "-c", "-a"])
        .success()
        .stdout_has(&["Cache and remotes 'origin', 'old' are in sync."]);
    repo.remove(".dvc/cache");
    repo.haul(["fetch", "-a"]).success().stdout_has(&["2 files fetched"]);
    assert!(is_cached(&repo, "v0") && is_cached(&repo, "now"));

    // A remote that another out is bound to is collected too, and the branch's data on it stays.
    repo.write("bound", "bound");
    repo.haul(["add", "bound"]).success();
    let text = repo.read("bound.dvc");
    repo.write("bound.dvc", format!("{text}  remote: old\n"));
    repo.haul(["push"]).success();
    repo.haul(["gc", "-a", "-c", "-f"]).success();
    assert!(
        is_at("old", "v0") && is_at("old", "bound") && is_at("store", "now"),
        "gc deleted what `old` uses"
    );

    // A remote that only the workspace defines is the same in each revision.
    repo.haul(["remote", "add", "new", "s3://bucket/new"]).success();
    repo.haul(["remote", "modify", "new", "endpointurl", &server.endpoint()]).success();
    repo.haul(["push", "-a", "-r", "new"]).success();
    assert!(is_at("new", "v0") && is_at("new", "now"));

    // Data of a revision with an invalid configuration is included.
    let config = repo.read(".dvc/config");
    repo.write(".dvc/config", "[core]\n    remote = origin\n[nonsense\n");
    repo.commit_to("old", 1_700_000_001);
    repo.write(".dvc/config", config);
    repo.haul(["push", "-a"]).success().stderr_has(&["the configuration of 'old' cannot be used"]);
}

#[test]
fn out_that_is_skipped_is_said_to_be_skipped_and_why() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "add", "second", "s3://bucket/second"]).success();
    repo.haul(["remote", "modify", "second", "endpointurl", &server.endpoint()]).success();
    let out = |options: &str| {
        format!("outs:\n- md5: {}\n  size: 3\n  hash: md5\n{options}  path: OUT\n", md5_of(b"any"))
    };
    for (name, text) in [
        ("bound", out("  remote: second\n")),
        ("uncached", out("  cache: false\n")),
        ("unpushed", out("  push: false\n")),
        ("unhashed", String::from("outs:\n- path: OUT\n")),
    ] {
        repo.write(format!("{name}.dvc"), text.replace("OUT", name));
    }
    for command in [&["push", "-r", "origin"][..], &["status", "-c", "-r", "origin"]] {
        for (target, reason) in [
            ("bound.dvc", "'bound' was skipped: it is bound to the remote `second`"),
            ("uncached.dvc", "'uncached' was skipped: `cache: false`"),
            ("unpushed.dvc", "'unpushed' was skipped: `push: false`"),
        ] {
            let output = repo.haul([command, &[target]].concat()).success();
            assert_eq!(output.stdout, "", "{command:?} {target}");
            output.stderr_has(&[reason]);
        }
    }
    for command in ["push", "fetch"] {
        let output = repo.haul([command, "unhashed.dvc"]).success();
        assert_eq!(output.stdout, "", "{command}");
        output.stderr_has(&["'unhashed' was skipped: no hash of it is recorded"]);
    }
    let output = repo.haul(["push", "uncached.dvc", "--json"]).success();
    assert!(
        output.stdout.contains("\"path\":\"uncached\"") || output.stdout.contains("\"path\": \"uncached\""),
        "{output}"
    );

    // If all outs are requested, there is no message about outs that their metafile excludes.
    let output = repo.haul(["push", "-r", "origin"]).success();
    output.stderr_has(&["'bound' was skipped", "'unhashed' was skipped"]);

    repo.write("sub/.dvc/config", "");
    repo.write("sub/x.dvc", out(""));
    let output = repo.haul(["push", "-R", "sub"]).success();
    assert_eq!(output.stdout, "");
    output.stderr_has(&[
        "'sub' was skipped: no metafile is read below it: it belongs to another DVC repository",
    ]);
}

#[test]
fn status_of_the_cloud_looks_at_what_push_would_send() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "add", "second", "s3://bucket/second"]).success();
    repo.haul(["remote", "modify", "second", "endpointurl", &server.endpoint()]).success();
    for name in ["plain", "bound"] {
        repo.write(name, name);
        repo.haul(["add", name]).success();
    }
    let text = repo.read("bound.dvc");
    repo.write("bound.dvc", format!("{text}  remote: second\n"));
    let output = repo.haul(["status", "-c"]).success();
    output.stdout_has(&["new:                bound", "new:                plain"]);
    repo.haul(["push"]).success().stdout_has(&["2 files pushed"]);
    repo.haul(["status", "-c"]).success().stdout_has(&["are in sync."]);
}

#[test]
fn path_that_a_tracked_directory_does_not_have_is_an_error() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.write("data/x", "content");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    let text = "'data/nothere' is not in the tracked directory 'data'";
    for (command, code) in [("push", 1), ("fetch", 1), ("pull", 1), ("checkout", 255)] {
        let output = repo.haul([command, "data/nothere"]).code(code).stderr_has(&[text]);
        assert_eq!(output.stdout, "", "{command}");
    }
    repo.haul(["status", "-c", "data/nothere"]).code(1).stderr_has(&[text]);
    // A missing part does not stop an existing part.
    repo.remove("data/x");
    repo.haul(["pull", "data/nothere", "data/x"]).code(1).stderr_has(&[text]);
    assert_eq!(repo.read("data/x"), "content");

    // With revisions, at least one of them must have it.
    repo.commit_to("old", 1_700_000_000);
    repo.write("data/y", "y");
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    repo.commit();
    repo.haul(["fetch", "-a", "data/y"]).success();
    repo.haul(["fetch", "-a", "data/nothere"]).code(1).stderr_has(&[text]);
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push", "file/x"]).code(1).stderr_has(&["'file' is tracked as a file"]);
}
