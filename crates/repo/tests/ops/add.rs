//! `add`.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use haul_repo::ops::AddOptions;
use haul_storage::Oid;
use haul_storage::hash::md5;

use crate::World;

#[test]
fn add_writes_what_dvc_writes() {
    let world = World::new();
    for (path, text) in [("d/a", "a\n"), ("d/sub/b", "b\n"), ("d/empty", ""), ("d/twin", "a\n")] {
        world.write(path, text);
    }
    world.write("f", "x");
    fs_err::set_permissions(world.path("one/f"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let report = world.add(&["d", "f"]);
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    // Three contents and a manifest.
    assert_eq!(report.added[0].n_files, 4);
    assert_eq!(report.added[0].n_stored, 3);
    // The hash is that of DVC 3.67.1 for the same files.
    assert_eq!(
        world.read("d.dvc"),
        "outs:\n- md5: ae71417410d276b2a714848c10d65caa.dir\n  size: 6\n  nfiles: 4\n  hash: md5\n  path: d\n"
    );
    assert_eq!(
        world.read("f.dvc"),
        format!(
            "outs:\n- md5: {}\n  size: 1\n  isexec: true\n  hash: md5\n  path: f\n",
            Oid::file(md5(b"x"))
        )
    );
    assert_eq!(world.read(".gitignore"), "/d\n/f\n");
    let root = world.repo().root().to_owned();
    assert_eq!(report.files_to_track, [root.join(".gitignore"), root.join("d.dvc"), root.join("f.dvc")]);
    assert!(!report.is_staged);
    let object = world.object_path(&Oid::file(md5(b"x")));
    assert_eq!(fs_err::metadata(object).unwrap().permissions().mode() & 0o7777, 0o444);
    assert_eq!(world.status(), []);

    let again = world.add(&["d", "f"]);
    assert!(again.added.iter().all(|added| !added.is_changed && added.n_stored == 0));
    assert_eq!(again.files_to_track, [root.join("d.dvc"), root.join("f.dvc")]);
}

#[test]
fn add_of_a_folder_leaves_its_empty_folders_alone() {
    let world = World::new();
    world.write("d/a", "1");
    fs_err::create_dir_all(world.path("one/d/empty/deep")).unwrap();
    assert!(world.add(&["d"]).failed.is_empty());
    assert!(world.exists("d/empty/deep"));
}

#[test]
fn add_inside_a_tracked_directory_records_as_dvc_does() {
    let world = World::new();
    world.write("d/a", "1");
    world.write("d/sub/b", "2");
    world.add(&["d"]);
    let fields = || world.read("d.dvc").lines().skip(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(fields()[..2], ["  size: 2", "  nfiles: 2"]);
    world.write("d/new", "333");
    world.add(&["d/new"]);
    assert_eq!(fields()[..2], ["  size: 5", "  nfiles: 3"]);
    world.write("d/sub/b", "changed");
    world.write("d/a", "not added");
    world.add(&["d/sub"]);
    // The size of the other files is no longer known.
    assert_eq!(fields()[0], "  nfiles: 3");
    assert_eq!(world.status().len(), 1);
    world.write("d/a", "1");
    assert_eq!(world.status(), []);
    fs_err::remove_file(world.path("one/d/new")).unwrap();
    world.add(&["d/new"]);
    assert_eq!(fields()[0], "  nfiles: 2");
    assert_eq!(world.status(), []);
    let report = world.add(&["d/nothere"]);
    assert!(report.failed[0].error.to_string().contains("does not exist"));
}

#[test]
fn add_refuses_what_cannot_be_an_out_before_it_adds_anything() {
    let world = World::new();
    world.write("p/q/x", "1");
    world.write("f", "1");
    world.write("folder/file", "1");
    symlink(world.path("one/folder"), world.path("one/link")).unwrap();
    world.add(&["p/q/x"]);
    let error = |targets: &[&str]| {
        let targets = targets.iter().map(|&target| target.to_owned()).collect();
        world.add_with(&AddOptions { targets, ..AddOptions::default() }).unwrap_err().to_string()
    };
    for (target, part) in [
        ("p", "Cannot add 'p', because it is overlapping with other DVC tracked output: 'p/q/x'."),
        ("p/q/x.dvc", "DVC file 'p/q/x.dvc' cannot be an output."),
        (".", "does not overlap with base path"),
        ("/etc/passwd", "Cached output(s) outside of DVC project: /etc/passwd."),
        ("link", "Cannot add files inside symlinked directories to DVC."),
        ("link/file", "Cannot add files inside symlinked directories to DVC."),
        (".git", "is ignored by"),
    ] {
        let text = error(&["f", target]);
        assert!(text.contains(part), "{target}: {text}");
    }
    assert!(!world.exists("f.dvc"));
    let text = error(&["folder", "folder/file"]);
    assert!(text.contains("overlapping"), "{text}");
}

#[test]
fn add_goes_on_after_a_target_that_fails() {
    let world = World::new();
    world.write("f", "1");
    world.write("d/fine", "1");
    symlink("nowhere", world.path("one/d/dangling")).unwrap();
    let report = world.add(&["nope", "d", "f"]);
    assert_eq!(
        report.failed.iter().map(|failure| failure.subject.as_str()).collect::<Vec<_>>(),
        ["nope", "d"]
    );
    assert_eq!(report.failed[0].error.to_string(), "output 'nope' does not exist");
    assert!(world.exists("f.dvc") && !world.exists("d.dvc"));
    assert_eq!(world.read(".gitignore"), "/f\n");
}

#[test]
fn add_follows_links_to_files_and_replaces_them() {
    let world = World::new();
    world.write("target", "1");
    world.write("d/a", "2");
    symlink("../target", world.path("one/d/link")).unwrap();
    let report = world.add(&["d"]);
    assert_eq!(report.added[0].n_files, 2);
    assert!(!fs_err::symlink_metadata(world.path("one/d/link")).unwrap().is_symlink());
    assert_eq!(world.read("d/link"), "1");
}

#[test]
fn add_that_cannot_stage_says_what_to_type_and_the_next_one_stages_all() {
    let world = World::new();
    let config = world.read(".dvc/config");
    world.write(".dvc/config", &config.replacen("[core]\n", "[core]\n    autostage = true\n", 1));
    world.write("f 1", "1");
    world.write(".git/index.lock", "");
    let options = AddOptions { targets: vec!["f 1".to_owned()], ..AddOptions::default() };
    let report = world.add_with(&options).unwrap();
    assert!(report.added.len() == 1 && report.failed.len() == 1 && !report.is_staged);
    let hint = report.failed[0].error.hint().unwrap();
    assert_eq!(hint, "stage it with `git add .gitignore 'f 1.dvc'`");
    let staged = || {
        let repo = gix::open(world.path("one")).unwrap();
        let index = repo.open_index().unwrap();
        index.entries().iter().map(|entry| entry.path(&index).to_string()).collect::<Vec<_>>()
    };
    assert!(!staged().contains(&".gitignore".to_owned()));

    fs_err::remove_file(world.path("one/.git/index.lock")).unwrap();
    let report = world.add_with(&options).unwrap();
    assert!(report.is_staged);
    assert_eq!(staged(), [".dvc/.gitignore", ".dvc/config", ".dvcignore", ".gitignore", "f 1.dvc"]);
    // Later changes of the file are left to the user to stage.
    world.write(".gitignore", "/f 1\nmine\n");
    let report = world.add_with(&options).unwrap();
    assert_eq!(report.files_to_track, [world.repo().root().join("f 1.dvc")]);
}

#[test]
fn add_links_the_workspace_as_configured() {
    let world = World::new();
    let config = world.read(".dvc/config");
    for link_type in ["hardlink", "symlink"] {
        world.write(".dvc/config", &format!("[cache]\n    type = {link_type}\n{config}"));
        world.write(&format!("{link_type}/a"), link_type);
        world.write(&format!("{link_type}/twin"), link_type);
        let report = world.add(&[link_type]);
        assert!(report.link_failures.is_empty() && report.failed.is_empty(), "{report:?}");
        let metadata = fs_err::symlink_metadata(world.path(&format!("one/{link_type}/twin"))).unwrap();
        assert_eq!(metadata.is_symlink(), link_type == "symlink");
        if link_type == "hardlink" {
            assert_eq!((metadata.nlink(), metadata.mode() & 0o777), (3, 0o444));
        }
        assert_eq!(world.status(), []);
    }
    world.write("plain", "p");
    let targets = vec!["plain".to_owned()];
    world.add_with(&AddOptions { targets, no_relink: true, ..AddOptions::default() }).unwrap();
    assert!(!fs_err::symlink_metadata(world.path("one/plain")).unwrap().is_symlink());
}

#[test]
fn add_without_commit_records_and_stores_nothing() {
    let world = World::new();
    world.write("d/a", "1");
    let targets = vec!["d".to_owned()];
    let report = world.add_with(&AddOptions { targets, no_commit: true, ..AddOptions::default() }).unwrap();
    assert_eq!(report.added[0].n_stored, 0);
    assert!(world.exists("d.dvc"));
    assert!(!world.object_path(&Oid::file(md5(b"1"))).exists());
    assert!(!world.object_path(&report.added[0].oid).exists());
}

#[test]
fn add_by_patterns_adds_what_matches() {
    let world = World::new();
    for name in ["a.bin", "b.bin", "c.txt", ".hidden.bin", "sub/d.bin"] {
        world.write(name, name);
    }
    let glob = |pattern: &str| {
        world.add_with(&AddOptions { targets: vec![pattern.to_owned()], glob: true, ..AddOptions::default() })
    };
    glob("*.bin").unwrap();
    assert!(world.exists("a.bin.dvc") && world.exists("b.bin.dvc"));
    assert!(!world.exists("c.txt.dvc") && !world.exists(".hidden.bin.dvc"));
    glob("**/d.bin").unwrap();
    assert!(world.exists("sub/d.bin.dvc"));
    assert!(glob("zz*").unwrap_err().to_string().contains("has no matches"));
}
