//! The remains of a power failure: state of haul, or files of the workspace, that are empty or cut.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use haul_repo::Error;
use haul_repo::ops::{self, CheckoutOptions, FetchOptions, PushOptions, UnprotectOptions};
use haul_storage::progress::{Event, NoObserver, Observer};

use crate::World;

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// Returns whether `path` is a file of state that every repository of these tests has.
fn has(files: &[PathBuf], name: &str) -> bool {
    files.iter().any(|path| path.to_string_lossy().contains(name))
}

fn transfer(world: &World) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let repo = world.repo();
    let (push, fetch) = (PushOptions::default(), FetchOptions::default());
    assert!(runtime.block_on(ops::push(&repo, &push, &NoObserver)).unwrap().is_complete());
    assert!(runtime.block_on(ops::fetch(&repo, &fetch, &NoObserver)).unwrap().is_complete());
}

#[test]
fn state_that_is_empty_or_cut_or_garbage_is_as_if_it_were_not_there() {
    let world = World::new();
    world.write("d/a", "1");
    world.write("f", "2");
    // A file that was written in the same tick of the clock is not in the memo.
    std::thread::sleep(Duration::from_millis(20));
    world.add(&["d", "f"]);
    fs_err::remove_file(world.path("one/f")).unwrap();
    world.checkout();
    transfer(&world);
    fs_err::write(world.path("one/.dvc/tmp/rwlock"), r#"{"write": {}, "read": {}}"#).unwrap();
    let files = files_below(&world.path("one/.dvc/tmp"));
    for name in
        ["/lock", "/rwlock", "/memo.unwritten.", "/links.json", "/clock", "/transfer.lock", "/writes/"]
    {
        assert!(has(&files, name), "no {name} among {files:?}");
    }
    for path in files {
        let whole = fs_err::read(&path).unwrap_or_default();
        let cut = whole[..whole.len() / 2].to_vec();
        for damaged in [Vec::new(), cut, vec![0; whole.len().max(9)], b"\xff{garbage".to_vec()] {
            fs_err::write(&path, &damaged).unwrap();
            let context = format!("{} is {damaged:?}", path.display());
            world.write("f", &context);
            assert!(world.add(&["f"]).failed.is_empty(), "{context}");
            assert_eq!(world.status(), [], "{context}");
            fs_err::remove_file(world.path("one/d/a")).unwrap();
            assert!(world.checkout().failed.is_empty(), "{context}");
            assert_eq!((world.read("d/a"), world.read("f")), ("1".into(), context.clone()));
            transfer(&world);
        }
    }
}

/// Records the warnings.
#[derive(Default)]
struct Warnings(std::sync::Mutex<Vec<String>>);

impl Observer for Warnings {
    fn on(&self, event: Event<'_>) {
        if let Event::Warning(text) = event {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }
}

#[test]
fn table_of_locks_that_was_cut_is_removed_with_one_warning() {
    let world = World::new();
    world.write("f", "1");
    world.add(&["f"]);
    fs_err::write(world.path("one/.dvc/tmp/rwlock"), "").unwrap();
    let status = || {
        let warnings = Warnings::default();
        ops::status(&world.repo(), &ops::StatusOptions::default(), &warnings).unwrap();
        warnings.0.into_inner().unwrap()
    };
    let warnings = status();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("rwlock' was cut off"), "{warnings:?}");
    assert_eq!(status(), [""; 0]);
    assert!(!world.exists(".dvc/tmp/rwlock"), "DVC fails on it");
}

#[test]
fn no_command_leaves_a_table_of_locks() {
    let world = World::new();
    world.write("f", "1");
    world.add(&["f"]);
    world.checkout();
    assert!(!world.exists(".dvc/tmp/rwlock"));
}

fn modified(path: &Path) -> SystemTime {
    fs_err::metadata(path).unwrap().modified().unwrap()
}

/// Changes the content of a file and keeps its time, as a power failure does.
fn cut(path: &Path, content: &[u8]) {
    let time = modified(path);
    fs_err::write(path, content).unwrap();
    fs_err::OpenOptions::new().write(true).open(path).unwrap().file().set_modified(time).unwrap();
}

#[test]
fn workspace_files_that_a_power_failure_cut_are_written_again() {
    let world = World::new();
    let long: String = "0123456789abcdef".repeat(4096);
    world.track_dir("d", &[("a", &long), ("b", "2"), ("c", "3")]);
    world.track_file("f", &long, "  isexec: true\n");
    world.checkout();
    let path = |name: &str| world.path("one").join(name);
    cut(&path("d/a"), &long.as_bytes()[..5000]);
    cut(&path("d/b"), b"");
    cut(&path("f"), &vec![0; long.len()]);
    let report = world.checkout();
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    assert_eq!(report.stats.n_modified, 3);
    assert_eq!((world.read("d/a"), world.read("d/b"), world.read("f")), (long.clone(), "2".into(), long));
    assert_eq!(world.status(), []);
}

#[test]
fn workspace_files_that_a_power_failure_cut_make_way_for_another_version() {
    let world = World::new();
    world.track_dir("d", &[("gone", "1"), ("other", "2")]);
    world.checkout();
    cut(&world.path("one/d/gone"), b"");
    cut(&world.path("one/d/other"), b"");
    fs_err::remove_file(world.path("one/d.dvc")).unwrap();
    world.track_dir("d", &[("other", "3")]);
    world.checkout();
    assert!(!world.exists("d/gone"));
    assert_eq!(world.read("d/other"), "3");
}

#[test]
fn workspace_files_that_the_user_shortened_are_kept() {
    let world = World::new();
    world.track_dir("d", &[("a", "12345"), ("b", "12345"), ("c", "12345")]);
    world.checkout();
    // Emptied by a program, which changes the time.
    fs_err::write(world.path("one/d/a"), "").unwrap();
    // Edited by a program that restores the old time.
    cut(&world.path("one/d/b"), b"12x");
    let error = world.checkout_with(&CheckoutOptions::default()).unwrap_err();
    let Error::UnsavedFiles(mut paths) = error else { panic!("{error}") };
    paths.sort();
    assert_eq!(paths, ["d/a", "d/b"].map(|path| world.repo().root().join(path)));
    assert_eq!((world.read("d/a"), world.read("d/b")), (String::new(), "12x".into()));
}

#[test]
fn files_of_one_checkout_have_one_time_which_nothing_else_has() {
    let world = World::new();
    world.track_dir("d", &[("a", "1"), ("b", "2")]);
    world.checkout();
    let time = modified(&world.path("one/d/a"));
    assert_eq!(time, modified(&world.path("one/d/b")));
    let age = SystemTime::now().duration_since(time).unwrap();
    assert!(age < Duration::from_mins(10), "{age:?}");
}

#[test]
fn unprotected_file_that_a_power_failure_cut_is_written_again() {
    let world = World::new();
    let config = world.read(".dvc/config");
    fs_err::write(world.path("one/.dvc/config"), format!("{config}[cache]\n    type = hardlink\n")).unwrap();
    world.track_file("f", "12345", "");
    world.checkout();
    let options = UnprotectOptions { targets: vec!["f".to_owned()], ..UnprotectOptions::default() };
    assert_eq!(ops::unprotect(&world.repo(), &options).unwrap().n_copied, 1);
    cut(&world.path("one/f"), b"");
    world.checkout();
    assert_eq!(world.read("f"), "12345");
}
