//! Reading other repositories, getting and importing from them: nothing is written outside, nothing is lost, and every
//! command ends.

use std::io::Write as _;
use std::process::{Command, Stdio};

use haul_tests::embedded::EmbeddedS3;
use haul_tests::environment::process_variable;
use haul_tests::{Folder, TestEnvironment};

use crate::served;

/// Makes an environment in which `git` is found.
fn with_git() -> (EmbeddedS3, TestEnvironment) {
    let (server, mut environment) = served();
    environment.set("PATH", process_variable("PATH").expect("tests run with a PATH"));
    (server, environment)
}

/// Makes a DVC and Git repository at `name`, with a tracked directory and a tracked file.
fn other<'environment>(environment: &'environment TestEnvironment, name: &str) -> Folder<'environment> {
    let repo = environment.folder(name);
    fs_err::create_dir_all(repo.path()).expect("a new directory");
    git(&repo, &["init", "--quiet"]);
    repo.haul(["init", "--quiet"]).success();
    repo.write("d/f", "tracked");
    repo.write("f", "tracked too");
    repo.haul(["add", "d", "f"]).success();
    commit(&repo);
    repo
}

/// Runs Git, and returns what it prints.
fn git(repo: &Folder<'_>, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(arguments)
        .current_dir(repo.path())
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn commit(repo: &Folder<'_>) {
    git(repo, &["add", "."]);
    git(repo, &["commit", "--quiet", "--message", "one"]);
}

/// Writes an object of Git without validation.
fn git_object(repo: &Folder<'_>, kind: &str, content: &[u8]) -> String {
    let mut child = Command::new("git")
        .args(["hash-object", "-t", kind, "--literally", "-w", "--stdin"])
        .current_dir(repo.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git runs");
    child.stdin.take().expect("it was piped").write_all(content).expect("git reads");
    let output = child.wait_with_output().expect("git ends");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Returns a tree of Git with one entry.
fn tree(repo: &Folder<'_>, mode: &str, name: &str, object: &str) -> String {
    let mut content = format!("{mode} {name}\0").into_bytes();
    content.extend(hex::decode(object).expect("the id of an object"));
    git_object(repo, "tree", &content)
}

#[test]
fn names_of_a_commit_that_lead_out_of_the_destination_are_not_written() {
    for name in ["../../../escaped", "..", ".git"] {
        let (_server, environment) = with_git();
        let evil = environment.folder("evil");
        fs_err::create_dir_all(evil.path()).expect("a new directory");
        git(&evil, &["init", "--quiet"]);
        let blob = git_object(&evil, "blob", b"hostile");
        let inner = tree(&evil, "100644", "escaped", &blob);
        let outer = tree(&evil, "40000", name, &inner);
        let root = tree(&evil, "40000", "d", &outer);
        let made = git(&evil, &["commit-tree", &root, "-m", "evil"]);
        git(&evil, &["update-ref", "HEAD", &made]);
        let place = environment.folder("deep/er/place");
        fs_err::create_dir_all(place.path()).expect("a new directory");
        let url = format!("file://{}", evil.path().display());
        // Whether it has nothing to copy or is refused: nothing is written outside.
        let ended = place.haul(["get", &url, "d"]);
        assert!(!ended.stderr.contains("clone"), "{}", ended.stderr);
        for escaped in ["../../escaped", "../escaped", "../../../escaped", "escaped", "d/.git/escaped"] {
            assert!(!place.exists(escaped), "{name}: {escaped}");
        }
    }
}

#[test]
fn get_replaces_links_and_does_not_follow_them() {
    let (_server, environment) = with_git();
    let source = other(&environment, "source");
    let place = environment.folder("place");
    place.write("victim/f", "mine");
    place.write("out/kept", "kept");
    std::os::unix::fs::symlink("../victim", place.path().join("out/d")).expect("a new link");
    let source = source.path().display().to_string();
    place.haul(["get", &source, "d", "-o", "out"]).code(1).stderr_has(&["already exists locally"]);
    place.haul(["get", "-f", &source, "d", "-o", "out"]).success();
    assert_eq!(place.read("victim/f"), "mine");
    assert_eq!((place.read("out/d/f"), place.read("out/kept")), ("tracked".to_owned(), "kept".to_owned()));
}

#[test]
fn links_that_lead_in_a_circle_are_listed_and_not_entered() {
    let (_server, environment) = with_git();
    let source = other(&environment, "source");
    source.write("s/file", "x");
    for link in ["s/one", "s/two"] {
        std::os::unix::fs::symlink(".", source.path().join(link)).expect("a new link");
    }
    source.haul(["list", ".", "s", "-R"]).success().stdout_has(&["file\none\ntwo\n"]);
    source.haul(["du", ".", "s"]).success();
}

#[test]
fn import_that_imports_itself_is_an_error() {
    let (_server, environment) = with_git();
    let source = other(&environment, "source");
    let url = source.path().display().to_string();
    source.write(
        "x.dvc",
        format!(
            "deps:\n- path: x\n  repo:\n    url: {url}\nouts:\n- md5: 0cc175b9c0f1b6a831c399e269772661\n  size: 1\n  hash: \
             md5\n  path: x\n"
        ),
    );
    commit(&source);
    let place = environment.folder("place");
    fs_err::create_dir_all(place.path()).expect("a new directory");
    place.haul(["get", &format!("file://{url}"), "x"]).code(1).stderr_has(&["circular imports"]);
    assert!(!place.exists("x"));
}

#[test]
fn import_of_data_that_its_repository_does_not_keep_is_an_error() {
    let (_server, environment) = with_git();
    let source = other(&environment, "source");
    source
        .write("dvc.yaml", "stages:\n  s:\n    cmd: x\n    metrics:\n    - m.json:\n        cache: false\n");
    source.write(
        "dvc.lock",
        "schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - path: m.json\n      md5: \
         202cb962ac59075b964b07152d234b70\n      size: 3\n",
    );
    commit(&source);
    let repo = other(&environment, "repo");
    repo.haul(["import", &source.path().display().to_string(), "m.json"])
        .code(255)
        .stderr_has(&["m.json", "No such file"]);
    assert!(!repo.exists("m.json") && !repo.exists("m.json.dvc"));
}

#[test]
fn import_over_a_file_of_the_user_is_refused() {
    let (_server, environment) = with_git();
    let source = other(&environment, "source");
    let repo = other(&environment, "repo");
    repo.write("g", "mine");
    let url = source.path().display().to_string();
    repo.haul(["import", &url, "f", "-o", "g"]).code(1).stderr_has(&["already exists locally"]);
    assert_eq!(repo.read("g"), "mine");
}

#[test]
fn clone_of_nothing_is_an_error_and_leaves_nothing() {
    let (_server, environment) = with_git();
    let repo = other(&environment, "repo");
    repo.haul(["import", "file:///does/not/exist", "g"]).code(1).stderr_has(&["Failed to clone repo"]);
    repo.haul(["get", "--", "-oProxyCommand=touch pwned", "g"])
        .failure()
        .stderr_has(&["not the URL of a repository"]);
    assert!(!repo.exists("pwned"));
}

#[test]
fn import_whose_repository_has_moved_is_told_to_be_imported_from_its_new_place() {
    let (_server, environment) = with_git();
    let source = other(&environment, "source");
    let repo = environment.repository("repo");
    repo.haul(["import", "../source", "d", "-o", "my data"]).success();
    let moved = environment.folder("moved");
    fs_err::rename(source.path(), moved.path()).expect("a free name");
    repo.remove(".dvc/cache");
    repo.remove("my data");
    let step = "`haul import --force <url> d -o 'my data'`";
    for (command, code) in [("pull", 1), ("fetch", 1)] {
        let failed = repo.haul([command]).code(code).stderr_has(&["`git ls-remote ", step]);
        assert!(!failed.stderr.contains("haul push"), "an import is never pushed\n{failed}");
        let document = repo.haul([command, "--json"]).code(code);
        assert!(document.stdout.contains("\"kind\": \"git\""), "{document}");
    }
    // Checkout leads to pull.
    repo.haul(["checkout"]).code(255).stderr_has(&["hint: get the missing data from a remote: haul pull"]);
    for command in [vec!["status"], vec!["update", "my data.dvc"], vec!["list", "../source"]] {
        repo.haul(&command).failure().stderr_has(&["hint: see whether Git reaches it: `git ls-remote "]);
    }
    repo.haul(["import", "--force", "../moved", "d", "-o", "my data"]).success();
    repo.haul(["pull"]).success();
    assert_eq!(repo.read("my data/f"), "tracked");
}
