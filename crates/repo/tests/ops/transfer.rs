//! `push`, `fetch`, `pull` and `status -c`.

use haul_repo::Repo;
use haul_repo::ops::{
    self, CloudState, CloudStatusOptions, CommitOptions, FetchOptions, PullOptions, PushOptions,
};
use haul_storage::Oid;
use haul_storage::hash::md5;
use haul_storage::progress::NoObserver;

use crate::{World, select};

#[tokio::test(flavor = "multi_thread")]
async fn push_then_pull_elsewhere_brings_every_byte() {
    let world = World::new();
    world.track_dir("d", &[("a", "1"), ("sub/b ü", "2"), ("empty", ""), ("twin", "1")]);
    world.track_file("f", "3", "");
    world.track_file("unpushed", "4", "  push: false\n");
    let other = world.track_file("elsewhere", "5", "  remote: other\n");
    let report = ops::push(&world.repo(), &PushOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    // Three files and the manifest of `d`, and `f`; the object of `elsewhere` is on the other remote.
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
    assert_eq!(report.remotes, ["shared"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn push_of_files_recorded_one_by_one_sends_them_with_a_manifest() {
    let world = World::new();
    let oid = world.track_file("f", "1", "");
    let files = format!("  - relpath: a\n    md5: {oid}\n    size: 1\n");
    world.write("d.dvc", &format!("outs:\n- hash: md5\n  path: d\n  files:\n{files}"));
    let report = ops::push(&world.repo(), &PushOptions::default(), &NoObserver).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.n_pushed(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn push_of_files_recorded_without_hashes_is_refused_and_told() {
    let world = World::new();
    world.write(
        "d.dvc",
        "outs:\n- hash: md5\n  path: d\n  files:\n  - relpath: a\n    size: 1\n    etag: abcdef\n",
    );
    let report = ops::push(&world.repo(), &PushOptions::default(), &NoObserver).await.unwrap();
    assert!(!report.is_complete());
    assert!(report.failed[0].error.to_string().contains("without their MD5"), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_that_is_not_what_its_name_says_stays_on_the_remote() {
    let world = World::new();
    for (path, text) in [
        ("dvc.yaml", "stages:\n  a:\n    cmd: make a\n    deps: [in]\n    outs: [a]\n"),
        ("in", "1"),
        ("a", "2"),
    ] {
        world.write(path, text);
    }
    let commit = CommitOptions { force: true, ..CommitOptions::default() };
    ops::commit(&world.repo(), &commit, &|_| false, &NoObserver).unwrap();
    let push = PushOptions { run_cache: true, ..PushOptions::default() };
    assert_eq!(ops::push(&world.repo(), &push, &NoObserver).await.unwrap().n_runs, 1);
    let fetch = FetchOptions { run_cache: true, ..FetchOptions::default() };
    let run = |root: &str| {
        let mut path = world.path(root).join("runs");
        for _ in 0..3 {
            path = fs_err::read_dir(path).ok()?.next()?.unwrap().path();
        }
        Some(path)
    };
    let (here, there) = (run("one/.dvc/cache").unwrap(), run("remote").unwrap());
    let text = fs_err::read_to_string(&there).unwrap();

    fs_err::remove_file(&here).unwrap();
    let report = ops::fetch(&world.repo(), &fetch, &NoObserver).await.unwrap();
    assert!(report.warnings.is_empty() && here.exists(), "{:?}", report.warnings);

    for bad in
        [text.replace("path: a\n", "path: in\n"), text.replace("md5: c", "md5: 0"), "- no run".to_owned()]
    {
        assert_ne!(bad, text);
        fs_err::remove_file(&here).unwrap();
        fs_err::remove_file(&there).unwrap();
        fs_err::write(&there, &bad).unwrap();
        let report = ops::fetch(&world.repo(), &fetch, &NoObserver).await.unwrap();
        assert_eq!(report.warnings.len(), 1, "{bad}");
        assert!(report.warnings[0].contains("is not what its name says"), "{:?}", report.warnings);
        assert!(!here.exists());
        fs_err::write(&here, "").unwrap();
    }
}
