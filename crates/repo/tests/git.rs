//! Creating repositories, `.gitignore` entries, and the status of Git.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use haul_config::Env;
use haul_repo::git::{HistoryOptions, RevisionSet, gitignore};
use haul_repo::init::{InitOptions, init};
use haul_repo::{Git, Repo};

fn env(folder: &Path) -> Env {
    Env::new(folder, [("HOME", folder.join("home"))])
}

fn new_git() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    gix::init(folder.path()).unwrap();
    folder
}

fn staged(folder: &Path) -> Vec<(String, String)> {
    let repo = gix::open(folder).unwrap();
    let index = repo.open_index().unwrap();
    let entries = index.entries().iter();
    entries
        .map(|entry| {
            let blob = repo.find_blob(entry.id).unwrap();
            (entry.path(&index).to_string(), String::from_utf8(blob.data.clone()).unwrap())
        })
        .collect()
}

#[test]
fn init_writes_and_stages_the_files_of_dvc() {
    let folder = new_git();
    let report = init(folder.path(), InitOptions::default(), &env(folder.path())).unwrap();
    assert!(report.staged && report.root == folder.path());
    let staged = staged(folder.path());
    let comment = "# Add patterns of files dvc should ignore, which could improve\n# the performance. Learn more at\n# \
                   https://dvc.org/doc/user-guide/dvcignore\n";
    let expected =
        [(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n"), (".dvc/config", ""), (".dvcignore", comment)];
    assert_eq!(staged, expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
    assert!(folder.path().join(".dvc/tmp/btime").is_file());
    let message = init(folder.path(), InitOptions::default(), &env(folder.path())).unwrap_err().to_string();
    assert_eq!(message, "failed to initiate DVC - '.dvc' exists. Use `-f` to force.");
    fs_err::write(folder.path().join(".dvc/config"), "[core]\n    remote = x\n").unwrap();
    init(folder.path(), InitOptions { force: true, ..InitOptions::default() }, &env(folder.path())).unwrap();
    assert_eq!(fs_err::read_to_string(folder.path().join(".dvc/config")).unwrap(), "");
}

#[test]
fn init_that_was_killed_is_completed() {
    let whole = new_git();
    init(whole.path(), InitOptions::default(), &env(whole.path())).unwrap();
    let config = |folder: &Path| folder.join(".dvc/config");
    // The files after each step.
    for n_steps in 0..=6 {
        let folder = new_git();
        let path = |name: &str| folder.path().join(name);
        let copy = |name: &str| fs_err::copy(whole.path().join(name), path(name)).map(drop);
        fs_err::create_dir(path(".dvc")).unwrap();
        let steps: [&dyn Fn() -> std::io::Result<()>; 6] = [
            &|| fs_err::create_dir(path(".dvc/tmp")),
            &|| copy(".dvcignore"),
            &|| fs_err::write(path(".dvc/.gitignore"), "/config.local\n"),
            &|| copy(".dvc/.gitignore"),
            &|| copy(".dvc/config"),
            // Existing data is not lost.
            &|| fs_err::create_dir(path(".dvc/cache")),
        ];
        for step in &steps[..n_steps] {
            step().unwrap();
        }
        init(folder.path(), InitOptions::default(), &env(folder.path())).unwrap();
        assert_eq!(staged(folder.path()), staged(whole.path()), "after {n_steps} steps");
        assert!(path(".dvc/tmp/btime").is_file());
        assert_eq!(path(".dvc/cache").is_dir(), n_steps == 6);
        init(folder.path(), InitOptions::default(), &env(folder.path())).unwrap_err();
    }
    let clone = new_git();
    fs_err::create_dir(clone.path().join(".dvc")).unwrap();
    fs_err::write(config(clone.path()), "").unwrap();
    Git::discover(clone.path()).unwrap().unwrap().stage(&[config(clone.path())]).unwrap();
    let message = init(clone.path(), InitOptions::default(), &env(clone.path())).unwrap_err().to_string();
    assert!(message.contains("exists"), "a clone is no half-made repository: {message}");
}

#[test]
fn init_without_git_that_was_killed_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let options = InitOptions { no_scm: true, ..InitOptions::default() };
    fs_err::create_dir_all(folder.path().join(".dvc/tmp")).unwrap();
    init(folder.path(), options, &env(folder.path())).unwrap();
    let config = fs_err::read_to_string(folder.path().join(".dvc/config")).unwrap();
    assert_eq!(config, "[core]\n    no_scm = True\n");
    fs_err::remove_file(folder.path().join(".dvc/tmp/btime")).unwrap();
    init(folder.path(), options, &env(folder.path())).unwrap_err();
}

#[test]
fn init_without_git_needs_to_be_told() {
    let folder = tempfile::tempdir().unwrap();
    let message = init(folder.path(), InitOptions::default(), &env(folder.path())).unwrap_err().to_string();
    assert!(
        message.contains(" is not tracked by any supported SCM tool (e.g. Git). Use `--no-scm` if"),
        "{message}"
    );
    assert!(!folder.path().join(".dvc").exists());
    let report =
        init(folder.path(), InitOptions { no_scm: true, ..InitOptions::default() }, &env(folder.path()))
            .unwrap();
    assert!(!report.staged);
    assert_eq!(
        fs_err::read_to_string(folder.path().join(".dvc/config")).unwrap(),
        "[core]\n    no_scm = True\n"
    );
    assert!(!folder.path().join(".dvc/.gitignore").exists());
    assert!(Repo::discover(&env(folder.path())).unwrap().git().is_none());
}

#[test]
fn init_below_a_git_root_needs_subdir() {
    let folder = new_git();
    let below = folder.path().join("sub");
    fs_err::create_dir(&below).unwrap();
    assert!(init(&below, InitOptions::default(), &env(&below)).is_err());
    init(&below, InitOptions { subdir: true, ..InitOptions::default() }, &env(&below)).unwrap();
    let paths: Vec<String> = staged(folder.path()).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["sub/.dvc/.gitignore", "sub/.dvc/config", "sub/.dvcignore"]);
    let both = InitOptions { subdir: true, no_scm: true, ..InitOptions::default() };
    assert!(
        init(&below, both, &env(&below)).unwrap_err().to_string().contains("Cannot initialize repo with")
    );
    let other = new_git();
    fs_err::write(other.path().join(".gitignore"), ".dvc\n").unwrap();
    let message = init(other.path(), InitOptions::default(), &env(other.path())).unwrap_err().to_string();
    assert!(message.contains("is ignored by your SCM tool."), "{message}");
}

#[test]
fn opened_repository_hides_its_private_files_again() {
    let folder = new_git();
    init(folder.path(), InitOptions::default(), &env(folder.path())).unwrap();
    let ignore_file = folder.path().join(".dvc/.gitignore");
    fs_err::write(&ignore_file, "/tmp").unwrap();
    Repo::discover(&env(folder.path())).unwrap();
    assert_eq!(fs_err::read_to_string(&ignore_file).unwrap(), "/tmp\n/config.local\n/cache\n");
}

#[test]
fn gitignore_entry_comes_and_goes() {
    let folder = new_git();
    let git = Git::discover(folder.path()).unwrap().unwrap();
    let file = folder.path().join("d/.gitignore");
    fs_err::create_dir(folder.path().join("d")).unwrap();
    fs_err::write(&file, "noeol").unwrap();
    let odd = ["#h", "!b", "s*r", "q?e", "back\\slash", "f [x].txt", "ünï", "tr  ", "plain"];
    for name in odd {
        let path = folder.path().join("d").join(name);
        assert!(!git.is_ignored(&path, false).unwrap(), "{name}");
        assert_eq!(gitignore::ignore(&git, &path).unwrap().as_ref(), Some(&file), "{name}");
        assert!(git.is_ignored(&path, false).unwrap(), "{name}");
        assert_eq!(gitignore::ignore(&git, &path).unwrap(), None, "{name}");
    }
    assert!(fs_err::read_to_string(&file).unwrap().starts_with("noeol\n/\\#h\n/\\!b\n/s\\*r\n/q\\?e\n"));
    for name in odd {
        let path = folder.path().join("d").join(name);
        assert_eq!(gitignore::unignore(&git, &path).unwrap().as_ref(), Some(&file), "{name}");
        assert!(!git.is_ignored(&path, false).unwrap(), "{name}");
        assert_eq!(gitignore::unignore(&git, &path).unwrap(), None, "{name}");
    }
    assert_eq!(fs_err::read_to_string(&file).unwrap(), "noeol\n");
    let other = folder.path().join("other");
    gitignore::ignore(&git, &other).unwrap();
    gitignore::unignore(&git, &other).unwrap();
    assert!(!folder.path().join(".gitignore").exists());
}

#[test]
fn git_knows_what_is_tracked_and_ignored() {
    let folder = new_git();
    let git = Git::discover(folder.path()).unwrap().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs_err::create_dir_all(path("d/e")).unwrap();
    for name in ["a", "d/e/f", "d-x"] {
        fs_err::write(path(name), name).unwrap();
    }
    git.stage(&[path("a"), path("d/e/f"), Path::new("/elsewhere").to_owned()]).unwrap();
    for (name, expected) in
        [("a", true), ("d", true), ("d/e", true), ("d/e/f", true), ("d-x", false), ("nope", false)]
    {
        assert_eq!(git.is_tracked(&path(name)).unwrap(), expected, "{name}");
    }
    assert!(!git.is_tracked(Path::new("/elsewhere/a")).unwrap());
    fs_err::write(path("a"), "changed").unwrap();
    fs_err::remove_file(path("d/e/f")).unwrap();
    git.stage(&[path("a"), path("d/e/f")]).unwrap();
    assert_eq!(staged(folder.path()), [("a".to_owned(), "changed".to_owned())]);
    assert!(!folder.path().join(".git/index.lock").exists());
    fs_err::write(path(".gitignore"), "dir/\n*.log\n!keep.log\n").unwrap();
    let git = Git::discover(&path("d")).unwrap().unwrap();
    assert_eq!(git.work_dir(), folder.path());
    for (name, is_dir, expected) in [
        ("dir", true, true),
        ("dir", false, false),
        ("dir/x", false, true),
        ("x.log", false, true),
        ("keep.log", false, false),
        ("sub/y.log", false, true),
        ("a", false, false),
    ] {
        assert_eq!(git.is_ignored(&path(name), is_dir).unwrap(), expected, "{name}");
    }
    assert!(!git.is_ignored(Path::new("/elsewhere/x.log"), false).unwrap());
}

#[test]
fn revisions_are_listed_once_with_all_their_names() {
    let folder = new_git();
    let repo = gix::open(folder.path()).unwrap();
    let commit = |name: &str, text: &str, parents: Vec<gix::ObjectId>| {
        let blob = repo.write_blob(text).unwrap().detach();
        let mut editor = repo.edit_tree(gix::ObjectId::empty_tree(repo.object_hash())).unwrap();
        editor.upsert("sub/f.dvc", gix::object::tree::EntryKind::Blob, blob).unwrap();
        editor.upsert("data", gix::object::tree::EntryKind::Blob, blob).unwrap();
        let tree = editor.write().unwrap().detach();
        let who =
            gix::actor::SignatureRef { name: "A".into(), email: "a@example.com".into(), time: "0 +0000" };
        repo.commit_as(who, who, name, text, tree, parents).unwrap().detach()
    };
    let first = commit("refs/heads/one", "outs: []\n", vec![]);
    let second = commit("refs/heads/two", "outs:\n", vec![first]);
    repo.reference("refs/tags/t", first, gix::refs::transaction::PreviousValue::Any, "").unwrap();
    let git = Git::discover(folder.path()).unwrap().unwrap();
    let names = |set: RevisionSet| -> Vec<String> {
        git.revisions(set).unwrap().into_iter().map(|revision| revision.name).collect()
    };
    let none = RevisionSet::default();
    assert!(names(none).is_empty());
    let branches = RevisionSet { all_branches: true, ..none };
    assert_eq!(names(branches), ["one", "two"]);
    let both = RevisionSet { all_tags: true, ..branches };
    assert_eq!(names(both), ["one,t", "two"]);
    let mut all = names(RevisionSet { all_commits: true, ..none });
    all.sort();
    let mut expected = [first.to_string(), second.to_string()];
    expected.sort();
    assert_eq!(all, expected);
    let named = |revision: &str, n_commits: i64| -> Vec<String> {
        let options =
            HistoryOptions { revisions: vec![revision.to_owned()], n_commits, ..HistoryOptions::default() };
        git.history(&options).unwrap().into_iter().map(|revision| revision.name).collect()
    };
    assert_eq!(named("two", 1), ["two"]);
    assert_eq!(named("two", 5), ["two".to_owned(), first.to_string()]);
    assert_eq!(named("two~1", 1), ["two~1"]);
    assert!(named("two", 0).is_empty());
    let unknown = HistoryOptions { revisions: vec!["nope".to_owned()], ..HistoryOptions::default() };
    assert_eq!(git.history(&unknown).unwrap_err().to_string(), "unknown Git revision 'nope'");
}
