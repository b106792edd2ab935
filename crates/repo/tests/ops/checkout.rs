//! `checkout`.

use std::os::unix::fs::PermissionsExt;

use haul_repo::Error;
use haul_repo::ops::{CheckoutOptions, EntryState};
use haul_storage::{Oid, OidKind};

use crate::{World, displays, entry, select};

#[test]
fn checkout_tells_what_it_did_as_dvc_does() {
    let world = World::new();
    world.track_dir("d", &[("a", "1"), ("sub/b", "2")]);
    world.track_file("f", "3", "  isexec: true\n");
    let report = world.checkout();
    assert_eq!(displays(&report.added), ["d/", "f"]);
    assert_eq!((report.stats.n_added, report.stats.n_modified, report.stats.n_deleted), (3, 0, 0));
    assert_eq!(world.read("d/sub/b"), "2");
    assert_eq!(fs_err::metadata(world.path("one/f")).unwrap().permissions().mode() & 0o100, 0o100);

    let report = world.checkout();
    assert!(report.added.is_empty() && report.modified.is_empty() && report.failed.is_empty());

    // DVC counts two directories and a file.
    world.write("d/extra/x", "1");
    fs_err::create_dir(world.path("one/d/empty")).unwrap();
    let report = world.checkout();
    assert_eq!(displays(&report.modified), ["d/"]);
    assert_eq!(report.stats.n_deleted, 3);
    assert!(!world.exists("d/empty") && !world.exists("d/extra"));
}

#[test]
fn checkout_refuses_to_lose_data_unless_forced() {
    let world = World::new();
    world.track_dir("d", &[("a", "1")]);
    world.track_file("f", "2", "");
    world.checkout();
    world.write("d/a", "unsaved");
    world.write("f", "unsaved");
    fs_err::remove_file(world.path("one/d.dvc")).unwrap();
    world.track_dir("d", &[("a", "1"), ("new", "3")]);
    let error = world.checkout_with(&CheckoutOptions::default()).unwrap_err();
    let Error::UnsavedFiles(mut paths) = error else { panic!("{error}") };
    paths.sort();
    assert_eq!(paths, [world.repo().root().join("d/a"), world.repo().root().join("f")]);
    assert!(!world.exists("d/new"));
    assert_eq!(world.read("d/a"), "unsaved");

    let report = world.checkout_with(&CheckoutOptions { force: true, ..CheckoutOptions::default() }).unwrap();
    assert_eq!(displays(&report.modified), ["d/", "f"]);
    assert_eq!((world.read("d/a"), world.read("f")), ("1".into(), "2".into()));
}

#[test]
fn checkout_of_missing_objects_fails_for_the_out_and_does_the_rest() {
    let world = World::new();
    world.track_dir("d", &[("a", "1"), ("b", "2")]);
    let lost = world.track_file("lost", "3", "");
    world.track_file("f", "4", "");
    let missing = *world.object(OidKind::File, b"2").digest();
    fs_err::remove_file(world.object_path(&Oid::file(missing))).unwrap();
    fs_err::remove_file(world.object_path(&lost)).unwrap();
    let report = world.checkout();
    let failed: Vec<_> =
        report.failed.iter().map(|out| (out.display.as_str(), out.missing.clone())).collect();
    assert_eq!(failed, [("d", vec!["d/b".to_owned()]), ("lost", vec!["lost".to_owned()])]);
    assert_eq!(displays(&report.added), ["f"]);
    assert_eq!(world.read("d/a"), "1");
    let options = CheckoutOptions { allow_missing: true, ..CheckoutOptions::default() };
    assert!(world.checkout_with(&options).unwrap().failed.is_empty());
}

#[test]
fn checkout_takes_away_what_is_tracked_no_longer_if_nobody_changed_it() {
    let world = World::new();
    world.track_dir("d", &[("a", "1"), ("sub/b", "2")]);
    world.track_file("f", "3", "");
    world.track_file("kept", "4", "");
    let nowhere = world.track_file("nowhere", "5", "");
    world.checkout();
    world.write("kept", "changed");
    for name in ["d", "f", "kept", "nowhere"] {
        fs_err::remove_file(world.path(&format!("one/{name}.dvc"))).unwrap();
    }
    fs_err::remove_file(world.object_path(&nowhere)).unwrap();
    // With targets nothing is deleted.
    world.track_file("g", "6", "");
    world.checkout_with(&CheckoutOptions { select: select(&["g"]), ..CheckoutOptions::default() }).unwrap();
    assert!(world.exists("d"));
    let report = world.checkout();
    assert_eq!(displays(&report.deleted), ["d/", "f"]);
    assert_eq!(report.stats.n_deleted, 2);
    assert!(!world.exists("d") && !world.exists("f"));
    assert!(world.exists("kept") && world.exists("nowhere"));
}

#[test]
fn checkout_of_a_part_writes_just_that() {
    let world = World::new();
    world.track_dir("d", &[("a", "1"), ("sub/b", "2"), ("sub/c", "3")]);
    let part = CheckoutOptions { select: select(&["d/sub"]), ..CheckoutOptions::default() };
    world.checkout_with(&part).unwrap();
    assert!(world.exists("d/sub/b") && world.exists("d/sub/c") && !world.exists("d/a"));
}

#[test]
fn checkout_by_symlinks_survives_a_lost_cache() {
    let world = World::new();
    let config = world.read(".dvc/config");
    world.write(".dvc/config", &format!("[cache]\n    type = symlink\n{config}"));
    world.track_dir("d", &[("a", "1"), ("b", "2")]);
    world.checkout();
    assert!(fs_err::symlink_metadata(world.path("one/d/a")).unwrap().is_symlink());
    assert_eq!(world.status(), []);
    fs_err::remove_dir_all(world.path("one/.dvc/cache")).unwrap();
    assert_eq!(world.status(), [entry("d.dvc", "d", EntryState::NotInCache)]);
    assert_eq!(world.checkout().failed.len(), 1);
    world.track_dir("d", &[("a", "1"), ("b", "2")]);
    assert!(world.checkout().failed.is_empty());
    assert_eq!(world.status(), []);
}
