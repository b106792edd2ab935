//! `status`, `unprotect` and `remove`.

use std::collections::HashSet;
use std::os::unix::fs::symlink;
use std::sync::Mutex;
use std::thread::ThreadId;

use haul_repo::ops::{
    self, CheckoutOptions, CommitOptions, EntryState, MoveOptions, RemoveOptions, StatusOptions,
};
use haul_storage::Oid;
use haul_storage::hash::md5;
use haul_storage::progress::{Event, NoObserver, Observer, Phase};

use crate::{World, entry, select};

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

/// Records events, and the threads that report them.
#[derive(Default)]
struct Heard(Mutex<Vec<(Phase, u64, ThreadId)>>);

impl Observer for Heard {
    fn on(&self, event: Event<'_>) {
        if let Event::Finished { phase, n_objects } = event {
            self.0.lock().unwrap().push((phase, n_objects, std::thread::current().id()));
        }
    }
}

impl Heard {
    fn of(&self, wanted: Phase) -> Vec<(u64, ThreadId)> {
        let heard = self.0.lock().unwrap();
        heard.iter().filter(|(phase, ..)| *phase == wanted).map(|(_, n, thread)| (*n, *thread)).collect()
    }
}

#[test]
fn status_hashes_in_as_many_threads_as_are_set_and_counts_files_before() {
    let world = World::new();
    world.track_dir("d", &[("a", "1")]);
    world.checkout();
    for index in 0..600 {
        world.write(&format!("d/{index}"), "changed");
    }
    let config = world.read(".dvc/config");
    let threads = |n_threads: &str| {
        world.write(
            ".dvc/config",
            &config.replace("[core]", &format!("[core]\n    checksum_jobs = {n_threads}")),
        );
        fs_err::remove_dir_all(world.path("one/.dvc/tmp/haul")).unwrap();
        let heard = Heard::default();
        ops::status(&world.repo(), &StatusOptions::default(), &heard).unwrap();
        assert_eq!(heard.of(Phase::Collecting).iter().map(|(n, _)| n).sum::<u64>(), 601);
        let hashed = heard.of(Phase::Hashing);
        assert_eq!(hashed.iter().map(|(n, _)| n).sum::<u64>(), 601);
        hashed.into_iter().map(|(_, thread)| thread).collect::<HashSet<_>>()
    };
    assert_eq!(threads("1"), HashSet::from([std::thread::current().id()]), "there is only this thread");
    assert!(!threads("2").contains(&std::thread::current().id()), "two threads work, and this one waits");
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
    let report = ops::remove(&world.repo(), &options, &NoObserver).unwrap();
    assert_eq!(report.removed, [world.repo().root().join("d.dvc")]);
    assert_eq!(
        report.failed[0].error.to_string(),
        "'f' is not a .dvc file. Do you mean 'f.dvc'?: 'dvc.yaml' does not exist"
    );
    assert_eq!(world.read(".gitignore"), "/f\nmine\n");
    assert!(world.exists("d/a") && !world.exists("d.dvc"));
    // The file now belongs to the user: a checkout does not delete it.
    world.checkout();
    assert!(world.exists("d/a"));
    let options = ops::RemoveOptions { targets: vec!["f.dvc".into()], outs: true, ..Default::default() };
    ops::remove(&world.repo(), &options, &NoObserver).unwrap();
    assert!(!world.exists("f") && !world.exists("f.dvc"));
}

#[test]
fn commit_records_changes_only_if_forced() {
    let world = World::new();
    world.write("d/a", "1");
    world.write("f", "2");
    world.add(&["d", "f"]);
    world.write("d/a", "changed");
    let report = ops::commit(&world.repo(), &CommitOptions::default(), &|_| false, &NoObserver).unwrap();
    // As in DVC, targets after the first failure are skipped.
    assert_eq!(report.committed, [""; 0]);
    assert_eq!(
        report.failed[0].error.to_string(),
        "unable to commit changed stage: 'd.dvc'. Use `-f|--force` to force."
    );
    let options = CommitOptions { force: true, ..CommitOptions::default() };
    let report = ops::commit(&world.repo(), &options, &|_| false, &NoObserver).unwrap();
    assert_eq!(report.committed, ["d.dvc", "f.dvc"]);
    assert_eq!(report.n_stored, 1);
    assert_eq!(world.status(), []);
    // Objects of an unchanged out that are missing in the cache are stored again.
    fs_err::remove_file(world.object_path(&Oid::file(md5(b"2")))).unwrap();
    let report = ops::commit(&world.repo(), &CommitOptions::default(), &|_| false, &NoObserver).unwrap();
    assert_eq!(report.n_stored, 1);
    assert_eq!(world.status(), []);
}

#[test]
fn move_takes_data_and_metafile_along() {
    let world = World::new();
    world.write("d/a", "1");
    world.write("other", "2");
    world.add(&["d", "other"]);
    let run = |from: &str, to: &str| {
        let options = MoveOptions { from: from.into(), to: to.into(), ..MoveOptions::default() };
        ops::move_out(&world.repo(), &options, &NoObserver)
    };
    assert_eq!(run("d", "other").unwrap_err().to_string(), "'other.dvc' already exists");
    assert!(run("d", "new/e").unwrap_err().to_string().ends_with("/new' does not exist"));
    fs_err::create_dir(world.path("one/new")).unwrap();
    let report = run("d", "new/e").unwrap();
    assert!(!report.is_data_missing);
    assert_eq!(world.read("new/e/a"), "1");
    assert!(world.read("new/e.dvc").ends_with("  path: e\n"));
    assert_eq!((world.read(".gitignore"), world.read("new/.gitignore")), ("/other\n".into(), "/e\n".into()));
    assert!(!world.exists("d") && !world.exists("d.dvc"));
    assert_eq!(world.status(), []);

    // A kill may leave this: both are tracked, the data is at the new path.
    let text = world.read("new/e.dvc").replace("path: e", "path: g");
    world.write("g.dvc", &text);
    fs_err::rename(world.path("one/new/e"), world.path("one/g")).unwrap();
    run("new/e", "g").unwrap();
    assert!(world.exists("g/a") && !world.exists("new/e.dvc"));
    assert_eq!(world.status(), []);
    // Into a directory.
    run("g", "new").unwrap();
    assert!(world.exists("new/g/a") && world.exists("new/g.dvc"));
    assert!(run("new/g", "new/g/below").is_err());
    assert!(run("nope", "x").is_err());
}

#[test]
fn outs_of_a_stage_that_runs_are_left_alone() {
    let world = World::new();
    for path in ["f", "g"] {
        world.write(path, "1");
    }
    world.add(&["f", "g"]);
    world.write("f", "2");
    // DVC writes this entry while it runs a stage. The first process of the system is running, and is not this one.
    let out = world.repo().root().join("f");
    let table = serde_json::json!({"write": {out.display().to_string(): {"pid": 1, "cmd": "dvc repro"}}});
    fs_err::write(world.path("one/.dvc/tmp/rwlock"), table.to_string()).unwrap();
    let repo = world.repo();
    let is_busy = |error: &haul_repo::Error| error.to_string().contains("is busy, it is being blocked by:");

    let added = world.add(&["f", "g"]);
    assert_eq!(added.added.len(), 1);
    assert!(is_busy(&added.failed[0].error));
    let options = CommitOptions { force: true, select: select(&["f.dvc"]), ..CommitOptions::default() };
    assert!(is_busy(&ops::commit(&repo, &options, &|_| false, &NoObserver).unwrap().failed[0].error));
    let options = RemoveOptions { targets: vec!["f.dvc".to_owned()], ..RemoveOptions::default() };
    assert!(is_busy(&ops::remove(&repo, &options, &NoObserver).unwrap().failed[0].error));
    let options = MoveOptions { from: "f".to_owned(), to: "h".to_owned(), ..MoveOptions::default() };
    assert!(is_busy(&ops::move_out(&repo, &options, &NoObserver).unwrap_err()));
    assert!(is_busy(&ops::status(&repo, &StatusOptions::default(), &NoObserver).unwrap_err()));
    let options = StatusOptions { select: select(&["g"]), ..StatusOptions::default() };
    ops::status(&repo, &options, &NoObserver).unwrap();
    assert!(world.exists("f.dvc") && world.exists("f"));
}

#[test]
fn move_keeps_what_the_user_wrote() {
    let world = World::new();
    world.write("f", "1");
    world.add(&["f"]);
    let text = world.read("f.dvc");
    world.write("f.dvc", &format!("# mine\nwdir: .\n{text}  remote: other\ndesc: text\n"));
    fs_err::create_dir(world.path("one/new")).unwrap();
    let options = MoveOptions { from: "f".to_owned(), to: "new/g".to_owned(), ..MoveOptions::default() };
    ops::move_out(&world.repo(), &options, &NoObserver).unwrap();
    let moved = text.replace("path: f", "path: g");
    assert_eq!(world.read("new/g.dvc"), format!("# mine\n{moved}  remote: other\ndesc: text\n"));

    // A metafile of another name is not moved.
    fs_err::rename(world.path("one/new/g.dvc"), world.path("one/new/data.dvc")).unwrap();
    let options = MoveOptions { from: "new/g".to_owned(), to: "h".to_owned(), ..MoveOptions::default() };
    ops::move_out(&world.repo(), &options, &NoObserver).unwrap();
    assert!(world.read("new/data.dvc").contains("path: ../h\n"));
    assert!(world.exists("h") && !world.exists("new/g") && !world.exists("h.dvc"));
    assert_eq!(world.status(), []);
}
