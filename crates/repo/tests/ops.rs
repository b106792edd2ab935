//! The operations on whole repositories, with a folder as the remote.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use haul_config::Env;
use haul_repo::init::{InitOptions, init};
use haul_repo::metafile::dir_manifest::{DirEntry, DirManifest};
use haul_repo::ops::{
    self, CheckoutOptions, CheckoutReport, CloudState, CloudStatusOptions, EntryState, FetchOptions,
    PullOptions, PushOptions, StatusOptions,
};
use haul_repo::{Error, Repo, SelectOptions};
use haul_storage::hash::md5;
use haul_storage::progress::NoObserver;
use haul_storage::{Oid, OidKind};

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        world.init("one");
        world
    }

    /// Makes a repository whose default remote is the folder that all of them share.
    fn init(&self, name: &str) {
        let root = self.path(name);
        fs_err::create_dir_all(&root).unwrap();
        gix::init(&root).unwrap();
        init(&root, InitOptions::default(), &self.env(name)).unwrap();
        let config = "[core]\n    remote = shared\n['remote \"shared\"']\n    url = ../../remote\n['remote \"other\"']\n    \
                      url = ../../other\n";
        fs_err::write(root.join(".dvc/config"), config).unwrap();
    }

    /// Makes another repository with the same metafiles, as `git clone` does.
    fn clone_to(&self, name: &str) {
        self.init(name);
        for entry in fs_err::read_dir(self.path("one")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "dvc") {
                fs_err::copy(&path, self.path(name).join(path.file_name().unwrap())).unwrap();
            }
        }
    }

    fn env(&self, below: &str) -> Env {
        Env::new(self.path(below), [("HOME", self.folder.path().join("home").as_os_str())])
    }

    fn repo(&self) -> Repo {
        Repo::discover(&self.env("one")).unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path("one").join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs_err::read_to_string(self.path("one").join(path)).unwrap()
    }

    fn exists(&self, path: &str) -> bool {
        fs_err::symlink_metadata(self.path("one").join(path)).is_ok()
    }

    /// Puts an object into the cache, as `add` does.
    fn object(&self, kind: OidKind, bytes: &[u8]) -> Oid {
        let cache =
            haul_storage::Cache::new(self.path("one/.dvc/cache"), haul_storage::CacheOptions::default());
        cache.store_bytes(haul_storage::Layout::Current, kind, bytes).unwrap()
    }

    fn object_path(&self, oid: &Oid) -> PathBuf {
        self.path("one/.dvc/cache").join(haul_storage::Layout::Current.object_path(oid))
    }

    /// Tracks a file of this content; it is in the cache and not in the workspace.
    fn track_file(&self, path: &str, text: &str, extra: &str) -> Oid {
        let oid = self.object(OidKind::File, text.as_bytes());
        self.metafile(path, &oid, extra);
        oid
    }

    /// Tracks a directory of these files; it is in the cache and not in the workspace.
    fn track_dir(&self, path: &str, files: &[(&str, &str)]) -> Oid {
        let entries = files
            .iter()
            .map(|(path, text)| DirEntry {
                path: (*path).into(),
                digest: *self.object(OidKind::File, text.as_bytes()).digest(),
            })
            .collect();
        let manifest = DirManifest::new(entries).unwrap();
        let oid = self.object(OidKind::Dir, &manifest.to_bytes());
        self.metafile(path, &oid, "");
        oid
    }

    fn metafile(&self, path: &str, oid: &Oid, extra: &str) {
        let name = path.rsplit('/').next().unwrap();
        self.write(
            &format!("{path}.dvc"),
            &format!("outs:\n- md5: {oid}\n  hash: md5\n  path: {name}\n{extra}"),
        );
    }

    fn checkout(&self) -> CheckoutReport {
        self.checkout_with(&CheckoutOptions::default()).unwrap()
    }

    fn checkout_with(&self, options: &CheckoutOptions) -> haul_repo::Result<CheckoutReport> {
        ops::checkout(&self.repo(), options, &NoObserver)
    }

    fn status(&self) -> Vec<(String, String, EntryState)> {
        let report = ops::status(&self.repo(), &StatusOptions::default(), &NoObserver).unwrap();
        assert!(report.failed.is_empty(), "{:?}", report.failed);
        let outs = |stage: ops::StageStatus| {
            let address = stage.address;
            stage.changed_outs.into_iter().map(move |out| (address.clone(), out.path, out.state))
        };
        report.stages.into_iter().flat_map(outs).collect()
    }
}

fn select(targets: &[&str]) -> SelectOptions {
    SelectOptions {
        targets: targets.iter().map(|&target| target.to_owned()).collect(),
        ..SelectOptions::default()
    }
}

fn displays(changes: &[ops::OutChange]) -> Vec<&str> {
    changes.iter().map(|change| change.display.as_str()).collect()
}

fn entry(address: &str, path: &str, state: EntryState) -> (String, String, EntryState) {
    (address.to_owned(), path.to_owned(), state)
}

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

    // As DVC counts: two folders and a file.
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
    // With targets nothing is taken away.
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

#[test]
fn status_tells_each_state() {
    let world = World::new();
    world.track_dir("same", &[("a", "1")]);
    world.track_dir("changed", &[("a", "1")]);
    world.track_dir("gone", &[("a", "1")]);
    let lost = world.track_file("lost", "2", "");
    world.track_file("file", "3", "");
    world.checkout();
    assert_eq!(world.status(), []);
    world.write("changed/a", "2");
    world.write("file", "4");
    fs_err::remove_dir_all(world.path("one/gone")).unwrap();
    fs_err::remove_file(world.object_path(&lost)).unwrap();
    world.write("nohash.dvc", "outs:\n- path: nohash\n");
    assert_eq!(
        world.status(),
        [
            entry("changed.dvc", "changed", EntryState::Modified),
            entry("file.dvc", "file", EntryState::Modified),
            entry("gone.dvc", "gone", EntryState::Deleted),
            entry("lost.dvc", "lost", EntryState::NotInCache),
            entry("nohash.dvc", "nohash", EntryState::Deleted),
        ]
    );
}

#[test]
fn status_without_memo_is_the_same() {
    let world = World::new();
    world.track_dir("d", &[("a", "1"), ("b", "2")]);
    world.checkout();
    let state = world.path("one/.dvc/tmp/haul");
    for damage in ["", "garbage"] {
        assert_eq!(world.status(), []);
        fs_err::remove_dir_all(&state).unwrap();
        fs_err::create_dir_all(&state).unwrap();
        for name in ["memo", "memo.recent", "links.json"] {
            fs_err::write(state.join(name), damage).unwrap();
        }
    }
    assert_eq!(world.status(), []);
    assert!(world.checkout().failed.is_empty());
}

#[test]
fn status_lists_what_cannot_be_read() {
    let world = World::new();
    world.track_dir("d", &[("a", "1")]);
    world.checkout();
    symlink("nowhere", world.path("one/d/dangling")).unwrap();
    let report = ops::status(&world.repo(), &StatusOptions::default(), &NoObserver).unwrap();
    assert_eq!(report.failed.len(), 1);
    assert!(report.failed[0].error.to_string().contains("dangling"));
}

#[tokio::test(flavor = "multi_thread")]
async fn push_then_pull_elsewhere_brings_every_byte() {
    let world = World::new();
    world.track_dir("d", &[("a", "1"), ("sub/b ü", "2"), ("empty", ""), ("twin", "1")]);
    world.track_file("f", "3", "");
    world.track_file("unpushed", "4", "  push: false\n");
    let other = world.track_file("elsewhere", "5", "  remote: other\n");
    let report = ops::push(&world.repo(), &PushOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    // Three files and the manifest of `d`, `f`; and `elsewhere` on the other remote.
    assert_eq!(report.n_pushed(), 6);
    assert_eq!(
        report.remotes.iter().map(|remote| remote.remote.as_str()).collect::<Vec<_>>(),
        ["shared", "other"]
    );
    assert!(world.path("other/files/md5").join(&other.to_string()[..2]).exists());
    let again = ops::push(&world.repo(), &PushOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(again.n_pushed(), 0);

    world.clone_to("two");
    fs_err::remove_file(world.path("two/unpushed.dvc")).unwrap();
    let two = Repo::discover(&world.env("two")).unwrap();
    let report = ops::pull(&two, &PullOptions::default(), &NoObserver).await.unwrap();
    assert!(report.fetch.is_complete(), "{report:?}");
    assert_eq!(report.fetch.n_fetched(), 6);
    let checkout = report.checkout.unwrap();
    assert_eq!(checkout.stats.n_added, 6);
    assert_eq!(fs_err::read_to_string(world.path("two/d/sub/b ü")).unwrap(), "2");
    assert_eq!(fs_err::read_to_string(world.path("two/elsewhere")).unwrap(), "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn transfer_to_a_named_remote_passes_over_outs_of_others() {
    let world = World::new();
    world.track_file("f", "1", "");
    world.track_file("bound", "2", "  remote: shared\n");
    let options = PushOptions { remote: Some("other".into()), ..PushOptions::default() };
    let report = ops::push(&world.repo(), &options, &NoObserver).await.unwrap();
    assert_eq!(report.n_pushed(), 1);
    let unknown = PushOptions { remote: Some("nope".into()), ..PushOptions::default() };
    let error = ops::push(&world.repo(), &unknown, &NoObserver).await.unwrap_err();
    assert!(error.to_string().contains("nope"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_of_a_part_brings_just_that() {
    let world = World::new();
    world.track_dir("d", &[("a", "1"), ("sub/b", "2")]);
    ops::push(&world.repo(), &PushOptions::default(), &NoObserver).await.unwrap();
    fs_err::remove_dir_all(world.path("one/.dvc/cache")).unwrap();
    let options = FetchOptions { select: select(&["d/sub"]), ..FetchOptions::default() };
    let report = ops::fetch(&world.repo(), &options, &NoObserver).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert!(world.object_path(&Oid::file(md5(b"2"))).exists());
    assert!(!world.object_path(&Oid::file(md5(b"1"))).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_of_what_is_nowhere_is_told_and_not_complete() {
    let world = World::new();
    let dir = world.track_dir("d", &[("a", "1")]);
    let file = world.track_file("f", "2", "");
    fs_err::remove_file(world.object_path(&dir)).unwrap();
    fs_err::remove_file(world.object_path(&file)).unwrap();
    let report = ops::fetch(&world.repo(), &FetchOptions::default(), &NoObserver).await.unwrap();
    assert!(!report.is_complete());
    assert_eq!(report.failed.len(), 1);
    assert_eq!(report.failed[0].subject, "d");
    assert_eq!(report.remotes[0].transfer.missing.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_manifest_from_a_remote_is_refused() {
    let world = World::new();
    let text = format!("[{{\"md5\": \"{}\", \"relpath\": \"../../evil\"}}]", Oid::file(md5(b"1")));
    let oid = Oid::dir(md5(text.as_bytes()));
    world.metafile("d", &oid, "");
    let object = world.path("remote").join(haul_storage::Layout::Current.object_path(&oid));
    fs_err::create_dir_all(object.parent().unwrap()).unwrap();
    fs_err::write(object, text).unwrap();
    let report = ops::pull(&world.repo(), &PullOptions::default(), &NoObserver).await.unwrap();
    assert!(report.fetch.failed[0].error.to_string().contains("evil"), "{report:?}");
    assert!(!world.object_path(&oid).exists());
    assert!(!world.path("evil").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_status_tells_each_state_by_path() {
    let world = World::new();
    world.track_dir("d", &[("a", "1"), ("b", "2")]);
    world.track_file("f", "3", "");
    ops::push(&world.repo(), &PushOptions::default(), &NoObserver).await.unwrap();
    let run =
        async || ops::cloud_status(&world.repo(), &CloudStatusOptions::default(), &NoObserver).await.unwrap();
    assert_eq!(run().await.entries, []);
    let new = world.track_file("new", "4", "");
    fs_err::remove_file(world.object_path(&Oid::file(md5(b"2")))).unwrap();
    let missing = Oid::file(md5(b"nowhere"));
    world.metafile("missing", &missing, "");
    let report = run().await;
    let entries: Vec<_> = report.entries.iter().map(|entry| (entry.path.as_str(), entry.state)).collect();
    assert_eq!(
        entries,
        [("d/b", CloudState::Deleted), ("missing", CloudState::Missing), ("new", CloudState::New)]
    );
    assert_eq!(report.entries[2].oid, new);
    assert_eq!(report.remote, "shared");
}

#[test]
fn unprotect_gives_files_of_their_own() {
    let world = World::new();
    for link_type in ["hardlink", "symlink"] {
        let config = "[core]\n    remote = shared\n['remote \"shared\"']\n    url = ../../remote\n";
        world.write(".dvc/config", &format!("[cache]\n    type = {link_type}\n{config}"));
        world.track_dir(link_type, &[("a", "1"), ("sub/b", "2")]);
        let select = select(&[link_type]);
        world.checkout_with(&CheckoutOptions { select, ..CheckoutOptions::default() }).unwrap();
        let options =
            ops::UnprotectOptions { targets: vec![link_type.into(), "nope".into()], ..Default::default() };
        let report = ops::unprotect(&world.repo(), &options).unwrap();
        assert_eq!((report.n_copied, report.failed.len()), (2, 1));
        world.write(&format!("{link_type}/a"), "edited");
        assert_eq!(fs_err::read_to_string(world.object_path(&Oid::file(md5(b"1")))).unwrap(), "1");
    }
}

#[test]
fn remove_stops_tracking_and_keeps_or_deletes_the_data() {
    let world = World::new();
    world.track_dir("d", &[("a", "1")]);
    world.track_file("f", "2", "");
    world.checkout();
    world.write(".gitignore", "/d\n/f\nmine\n");
    let options = ops::RemoveOptions { targets: vec!["d.dvc".into(), "f".into()], ..Default::default() };
    let report = ops::remove(&world.repo(), &options).unwrap();
    assert_eq!(report.removed, [world.repo().root().join("d.dvc")]);
    assert_eq!(report.failed[0].error.to_string(), "'f' is not a .dvc file. Do you mean 'f.dvc'?");
    assert_eq!(world.read(".gitignore"), "/f\nmine\n");
    assert!(world.exists("d/a") && !world.exists("d.dvc"));
    // It is the user's own now: a checkout does not take it away.
    world.checkout();
    assert!(world.exists("d/a"));
    let options = ops::RemoveOptions { targets: vec!["f.dvc".into()], outs: true, ..Default::default() };
    ops::remove(&world.repo(), &options).unwrap();
    assert!(!world.exists("f") && !world.exists("f.dvc"));
}
