//! Paths that Git or `.dvcignore` ignores are not tracked, and those that were tracked before are not lost.

use crate::environment;

#[test]
fn add_below_a_directory_that_git_ignores_is_refused_before_anything_is_stored() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write(".gitignore", "/ign/\n*.log.dvc\n");
    repo.write("ign/f", "content");
    repo.write("x.log", "content");
    for (target, metafile) in [("ign/f", "ign/f.dvc"), ("x.log", "x.log.dvc")] {
        let text = format!("ERROR: bad DVC file name '{metafile}' is git-ignored.");
        repo.haul(["add", target]).code(1).stderr_has(&[&text]);
        assert!(!repo.exists(metafile) && !repo.exists("ign/.gitignore"));
    }
    assert_eq!(repo.cache_objects(), [""; 0]);
    assert_eq!(repo.read(".gitignore"), "/ign/\n*.log.dvc\n");

    repo.write("f", "content");
    repo.haul(["add", "f"]).success();
    repo.haul(["move", "f", "ign/g"]).code(1).stderr_has(&["bad DVC file name 'ign/g.dvc' is git-ignored."]);
    assert!(repo.exists("f") && repo.exists("f.dvc") && !repo.exists("ign/g"));
}

#[test]
fn out_that_dvcignore_names_is_refused_in_the_words_of_dvc() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("ig/x", "content");
    repo.haul(["add", "ig/x"]).success();
    repo.write(".dvcignore", "ig/x\n");
    let text = format!("Path '{}' is ignored by .dvcignore:1:ig/x", repo.join("ig/x").display());
    for (command, code) in [(&["add", "ig/x"][..], 1), (&["status"], 1), (&["checkout"], 255), (&["push"], 1)]
    {
        let output = repo.haul(command).code(code).stderr_has(&[&text, "ig/x.dvc", "line 2"]);
        assert_eq!(output.stdout, "", "{command:?}");
    }
    repo.write(".dvcignore", "ig/\n");
    // The metafile is in the ignored directory, and is no longer read.
    repo.haul(["status"]).success();
}

#[test]
fn checkout_keeps_a_tracked_file_that_dvcignore_names_now() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("d/a", "a");
    repo.write("d/b", "b");
    repo.write("d/sub/c", "c");
    repo.haul(["add", "d"]).success();
    repo.write(".dvcignore", "d/b\nd/sub\n");
    repo.haul(["checkout"]).success();
    repo.haul(["checkout", "d/b"]).success();
    let tree = repo.tree("d");

    // A missing file is written, and unsaved changes are not overwritten without an error.
    repo.remove("d/b");
    repo.remove("d/sub");
    repo.haul(["checkout"]).success();
    repo.tree("d").assert_equals(&tree);
    for file in ["d/b", "d/sub/c"] {
        repo.write(file, "unsaved");
        repo.haul(["checkout"]).failure().stderr_has(&[file]);
        assert_eq!(repo.read(file), "unsaved");
        repo.haul(["checkout", "--force"]).success();
        repo.tree("d").assert_equals(&tree);
    }
    repo.haul(["add", "d/b"]).failure().stderr_has(&["is ignored by .dvcignore:1:d/b"]);
}

#[test]
fn dependency_that_dvcignore_names_still_counts() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("dep", "content");
    let recorded = "    deps:\n    - path: dep\n      hash: md5\n      md5: 9a0364b9e99bb480dd25e1f0284c8555\n      size: 7\n";
    repo.write("dvc.yaml", "stages:\n  a:\n    cmd: x\n    deps:\n    - dep\n");
    repo.write("dvc.lock", format!("schema: '2.0'\nstages:\n  a:\n    cmd: x\n{recorded}"));
    repo.write(".dvcignore", "dep\n");
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
    repo.write("dep", "changed");
    repo.haul(["status"]).success().stdout_has(&["modified:           dep"]);
}
