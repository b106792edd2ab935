//! Disks that are full, read-only or small: one error, nothing incomplete, and the same command continues afterwards.
//!
//! A file system of a few hundred kilobytes needs root. Without root these tests print that they are skipped; with
//! `REQUIRE_INTEGRATION=1` they fail instead. What needs no disk is tested inside the crates.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use haul_tests::command::CommandOutput;
use haul_tests::embedded::{EmbeddedS3, Operation};
use haul_tests::environment::process_variable;
use haul_tests::objects::{put_object, track};
use haul_tests::{Folder, TestEnvironment};

use crate::{environment, served};

const FULL: &str = "No space left on device";
const HINT: &str =
    "hint: make room on that file system, then type the same command again: what is done stays done";

/// A file system in memory. Dropping it unmounts it.
struct SmallDisk<'a> {
    folder: Folder<'a>,
}

impl<'a> SmallDisk<'a> {
    /// Mounts it; `None` if that is not allowed, which is printed.
    fn mount(environment: &'a TestEnvironment, size: &str) -> Option<Self> {
        Self::mount_at(environment.folder("disk"), size)
    }

    /// Mounts it at `folder`; `None` if that is not allowed, which is printed.
    #[expect(clippy::print_stderr, reason = "a skip has to be seen")]
    fn mount_at(folder: Folder<'a>, size: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            let is_required = process_variable("REQUIRE_INTEGRATION").is_some();
            assert!(!is_required, "REQUIRE_INTEGRATION is set, but only root can mount a small file system");
            eprintln!("SKIPPED: a small file system can only be mounted by root");
            return None;
        }
        let path = folder.path().display().to_string();
        run(&folder, "mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "haul-test", &path]);
        Some(Self { folder })
    }

    fn remount(&self, option: &str) {
        let path = self.folder.path().display().to_string();
        run(&self.folder, "mount", &["-o", &format!("remount,{option}"), &path]);
    }

    /// Fills it.
    fn fill(&self) {
        let mut file = fs_err::File::create(self.folder.join("filler")).expect("a file can be made");
        let error =
            std::io::copy(&mut std::io::repeat(1).take(1 << 30), &mut file).expect_err("the disk is small");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let path = self.folder.path().display().to_string();
        let elsewhere = self.folder.join("..");
        let umount = program("umount");
        // The unmount is lazy, so that a process that still uses it does not keep the test's directory from being removed.
        if let Ok(mut child) = command(&umount).args(["-l", &path]).current_dir(elsewhere).spawn() {
            drop(child.wait());
        }
    }
}

fn command(program: &Path) -> std::process::Command {
    std::process::Command::new(program)
}

fn program(name: &str) -> std::path::PathBuf {
    let found = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map(|folder| Path::new(folder).join(name));
    found.into_iter().find(|path| path.exists()).unwrap_or_else(|| panic!("there is no `{name}`"))
}

fn run(folder: &Folder<'_>, name: &str, arguments: &[&str]) {
    folder.start_program(&program(name), arguments).wait(Duration::from_mins(1)).success();
}

/// Fails unless the output is one error with the cause and what to do, and nothing else.
#[track_caller]
fn assert_is_one_error(output: &CommandOutput, cause: &str) {
    let lines: Vec<&str> = output.stderr.lines().filter(|line| !line.starts_with("WARNING")).collect();
    assert_eq!(output.stderr.matches(cause).count(), 1, "{output}");
    assert!(output.stderr.matches("ERROR").count() <= 2, "{output}");
    assert!(lines.iter().any(|line| line.starts_with("hint: ")), "{output}");
    assert!(lines.len() <= 6, "more than an error and its hint\n{output}");
}

/// Fails if a temporary file of haul or DVC is left.
#[track_caller]
fn assert_no_temporary_files(folder: &Folder<'_>) {
    for path in folder.tree("").entries.into_keys() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_temporary = name.starts_with('.') && name.rsplit('.').next() == Some("tmp");
        assert!(!is_temporary, "{} is left", path.display());
        assert_ne!(name, "staging", "{} is left", path.display());
    }
}

const N_FILES: usize = 24;
const FILE_BYTES: usize = 64 << 10;

fn content(number: usize) -> Vec<u8> {
    (0..FILE_BYTES).map(|at| (at * 7 + number * 131 + at / 251).to_le_bytes()[0]).collect()
}

/// Makes a repository that tracks data that is on the server and not in the cache; the cache is the small disk.
fn repo_to_fetch<'a>(environment: &'a TestEnvironment, server: &EmbeddedS3, cache: &Path) -> Folder<'a> {
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["cache", "dir", &cache.display().to_string()]).success();
    for number in 0..N_FILES {
        track(&repo, &format!("f{number}"), &put_object(server, &content(number)));
    }
    repo
}

#[test]
fn fetch_onto_a_full_disk_ends_at_once_and_goes_on_when_there_is_room() {
    let (server, environment) = served();
    let Some(disk) = SmallDisk::mount(&environment, "700k") else { return };
    let repo = repo_to_fetch(&environment, &server, &disk.folder.join("cache"));
    for command in ["fetch", "pull"] {
        server.take_requests();
        let output = repo.haul([command, "-j", "2"]).code(1);
        assert_is_one_error(&output, FULL);
        output.stderr_has(&[HINT]);
        // Running downloads end; no others are started.
        assert!(server.count(Operation::GetObject) < N_FILES, "all was downloaded and thrown away");
        assert_no_temporary_files(&disk.folder);
        assert!(!repo.exists("f0"), "nothing is checked out of half a fetch");
    }
    let n_kept = disk.folder.tree("cache").n_files();
    assert!(n_kept > 0, "what was fetched is kept");
    disk.remount("size=8m");
    server.take_requests();
    repo.haul(["pull"]).success();
    assert_eq!(server.count(Operation::GetObject), N_FILES - n_kept, "what was kept is not fetched again");
    for number in 0..N_FILES {
        assert_eq!(fs_err::read(repo.join(format!("f{number}"))).expect("it is there"), content(number));
    }
}

#[test]
fn fetch_of_a_large_object_onto_a_full_disk_leaves_nothing() {
    let (server, environment) = served();
    let Some(disk) = SmallDisk::mount(&environment, "2m") else { return };
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["cache", "dir", &disk.folder.join("cache").display().to_string()]).success();
    let large: Vec<u8> = content(1).repeat(80);
    track(&repo, "large", &put_object(&server, &large));
    let output = repo.haul(["fetch"]).code(1);
    assert_is_one_error(&output, FULL);
    assert_no_temporary_files(&disk.folder);
    disk.remount("size=16m");
    repo.haul(["pull"]).success();
    assert_eq!(fs_err::read(repo.join("large")).expect("it is there"), large);
}

#[test]
fn add_and_commit_on_a_full_disk_keep_the_files_and_go_on_when_there_is_room() {
    let environment = environment();
    let Some(disk) = SmallDisk::mount(&environment, "700k") else { return };
    let repo = environment.repository("repo");
    repo.haul(["cache", "dir", &disk.folder.join("cache").display().to_string()]).success();
    for number in 0..N_FILES {
        repo.write(format!("data/{number}"), content(number));
    }
    repo.write("other", content(99));
    let before = repo.tree("data");
    let output = repo.haul(["add", "data", "other"]).code(1);
    assert_is_one_error(&output, FULL);
    output.stderr_has(&[HINT, "not tried, and not added: `other`"]);
    repo.tree("data").assert_equals(&before);
    assert!(!repo.exists("data.dvc"), "nothing is recorded of what is not stored");
    assert_no_temporary_files(&disk.folder);
    assert_no_temporary_files(&repo);

    repo.haul(["add", "data", "other", "--no-commit"]).success();
    let output = repo.haul(["commit"]).code(1);
    assert_is_one_error(&output, FULL);
    repo.tree("data").assert_equals(&before);
    assert_no_temporary_files(&disk.folder);

    disk.remount("size=8m");
    repo.haul(["commit"]).success();
    repo.haul(["add", "data", "other"]).success();
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
    repo.tree("data").assert_equals(&before);
}

#[test]
fn checkout_onto_a_full_disk_says_it_once_and_goes_on_when_there_is_room() {
    let environment = environment();
    let Some(disk) = SmallDisk::mount(&environment, "900k") else { return };
    let cache = environment.folder("cache");
    let source = environment.repository("source");
    for number in 0..N_FILES {
        source.write(format!("data/{number}"), content(number));
        source.write(format!("more/{number}"), content(number + 100));
    }
    source.haul(["cache", "dir", &cache.path().display().to_string()]).success();
    source.haul(["config", "cache.type", "copy"]).success();
    source.haul(["add", "data", "more"]).success();
    let repo = disk.folder.clone();
    repo.clone_metadata_of(&source);
    let output = repo.haul(["checkout"]).code(255);
    assert_is_one_error(&output, FULL);
    output.stderr_has(&[HINT, "data", "more"]);
    assert_no_temporary_files(&repo);
    disk.remount("size=16m");
    // Without -f, as the workspace has no unsaved changes.
    repo.haul(["checkout"]).success();
    repo.tree("data").assert_equals(&source.tree("data"));
    repo.tree("more").assert_equals(&source.tree("more"));
}

#[test]
fn metafiles_and_config_on_a_full_disk_stay_as_they_are() {
    let environment = environment();
    let Some(disk) = SmallDisk::mount(&environment, "900k") else { return };
    let repo = disk.folder.clone();
    repo.git_init();
    repo.haul(["init"]).success();
    repo.haul(["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
    repo.write("file", "one");
    repo.haul(["add", "file"]).success();
    repo.write("unused", content(5));
    repo.haul(["add", "unused"]).success();
    repo.haul(["remove", "unused.dvc"]).success();
    let (config, metafile) = (repo.read(".dvc/config"), repo.read("file.dvc"));
    // The file is overwritten in place, so that its blocks are allocated already.
    fs_err::write(repo.join("file"), "two").expect("it can be written");
    disk.fill();
    let output = repo.haul(["remote", "modify", "origin", "region", "eu-west-1"]).failure();
    assert_is_one_error(&output.stderr_has(&[HINT]), FULL);
    assert_eq!(repo.read(".dvc/config"), config);
    let output = repo.haul(["add", "file"]).failure();
    assert_is_one_error(&output.stderr_has(&[FULL]), FULL);
    assert_eq!((repo.read("file.dvc"), repo.read("file")), (metafile, String::from("two")));
    assert_no_temporary_files(&repo);
    // Commands that free space work.
    repo.remove("filler");
    disk.fill();
    repo.haul(["gc", "-w", "-f"]).success();
    repo.remove("filler");
    repo.haul(["add", "file"]).success();
    repo.haul(["remote", "modify", "origin", "region", "eu-west-1"]).success();
}

#[test]
fn read_only_cache_can_be_read_and_says_so_when_it_should_be_written() {
    let (server, environment) = served();
    let Some(disk) = SmallDisk::mount(&environment, "8m") else { return };
    let repo = repo_to_fetch(&environment, &server, &disk.folder.join("cache"));
    repo.write("mine", "content");
    repo.haul(["add", "mine"]).success();
    disk.remount("ro");
    server.take_requests();
    let output = repo.haul(["fetch", "-j", "2"]).code(1);
    assert_is_one_error(&output, "Read-only file system");
    output.stderr_has(&["mounted for writing"]);
    assert!(server.count(Operation::GetObject) < N_FILES, "all was downloaded and thrown away");
    repo.haul(["push", "mine"]).success().stdout_has(&["1 file pushed"]);
    repo.haul(["status", "mine.dvc"]).success();
    repo.remove("mine");
    repo.haul(["checkout", "mine.dvc"]).success();
    disk.remount("rw");
    repo.haul(["pull"]).success();
}

#[test]
fn too_few_open_files_are_told_as_that() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    for number in 0..N_FILES {
        track(&repo, &format!("f{number}"), &put_object(&server, &content(number)));
    }
    let haul = environment.root().join("bin/haul");
    // For each limit it is another file that cannot be opened; transfers open as many as the limit allows.
    let mut n_failed = 0;
    for limit in 10..20 {
        let script = format!("ulimit -n {limit}; exec {} fetch", haul.display());
        let output = repo.start_program(Path::new("/bin/sh"), ["-c", &script]).wait(Duration::from_mins(1));
        if output.status.success() {
            continue;
        }
        n_failed += 1;
        assert_is_one_error(&output, "Too many open files");
        output.stderr_has(&["hint: let the process open more files with `ulimit -n"]);
    }
    assert!(n_failed > 0, "ten files are enough");
    repo.haul(["pull"]).success();
}

/// A file that could not be deleted in the old place was left in the new one, untracked; the same happened to the new
/// metafile if there was no data.
#[test]
fn move_off_a_read_only_disk_leaves_nothing_behind() {
    let environment = environment();
    let repo = environment.repository("repo");
    let Some(disk) = SmallDisk::mount_at(environment.folder("repo/disk"), "1m") else { return };
    for name in ["a", "bare", "dir/x", "dir/y"] {
        repo.write(format!("disk/{name}"), name);
    }
    repo.haul(["add", "disk/a", "disk/bare", "disk/dir"]).success();
    repo.remove("disk/bare");
    disk.remount("ro");
    let names = || {
        let entries = fs_err::read_dir(repo.path()).expect("it can be read");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("it can be read").file_name()).collect();
        names.sort();
        (names, fs_err::read(repo.join(".gitignore")).unwrap_or_default())
    };
    let before = names();
    for name in ["a", "bare", "dir"] {
        let output = repo.haul(["move", &format!("disk/{name}"), name]).code(1);
        output.stderr_has(&["Read-only file system"]);
        assert_eq!(names(), before, "{name} left something");
    }
    disk.remount("rw");
    repo.haul(["move", "disk/dir", "dir"]).success();
    assert_eq!((repo.read("dir/x"), repo.exists("disk/dir")), ("dir/x".to_owned(), false));
}

/// Commands that change nothing wanted to write the files of their locks.
#[test]
fn commands_that_only_look_work_on_a_read_only_disk() {
    let (server, environment) = served();
    let Some(disk) = SmallDisk::mount(&environment, "8m") else { return };
    let repo = environment.repository_at("disk/repo", &server.endpoint());
    repo.write("f", "one");
    repo.haul(["add", "f"]).success();
    repo.haul(["push"]).success();
    repo.stage();
    repo.commit();
    repo.write("f", "another");
    for fresh in [false, true] {
        if fresh {
            repo.remove(".dvc/tmp");
        }
        disk.remount("ro");
        repo.haul(["status"]).success().stdout_has(&["modified:           f"]);
        repo.haul(["status", "-c"]).success().stdout_has(&["in sync"]);
        repo.haul(["data", "status"]).success().stdout_has(&["modified: f"]);
        repo.haul(["diff"]).success().stdout_has(&["Modified:", "f"]);
        repo.haul(["list", "."]).success().stdout_has(&["f.dvc"]);
        repo.haul(["push", "--dry-run"]).success();
        repo.haul(["gc", "-w", "--dry"]).success();
        repo.haul(["add", "f"]).failure().stderr_has(&["Read-only file system"]);
        disk.remount("rw");
    }
}
