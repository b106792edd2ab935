//! SIGKILL before each call that changes a file, for each command that changes more than one thing.
//!
//! The command is killed once at every point, each time in a new repository; then either the same command or a checkout
//! runs. Nothing of the user's data may be lost, and nothing may block the command. `HAUL_KILL_POINTS=all` tries every
//! point (`cargo xtask kills`); without it, an evenly spread sample of those at which a name is created or removed.

mod configuration;
mod transfers;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use haul_tests::embedded::EmbeddedS3;
use haul_tests::environment::process_variable;
use haul_tests::kill_point::Reached;
use haul_tests::oracle::DvcOracle;
use haul_tests::tree::{Entry, Tree};
use haul_tests::{Folder, TestEnvironment};

use super::temp_files_git_sees;
use crate::environment;

/// The number of points of a command that are tried, unless all are requested.
const SAMPLE: usize = 10;
/// The calls that make, change or remove a name: between two of them, other processes see no difference.
const NAMING: [&str; 6] = ["rename ", "unlink ", "link ", "symlink ", "mkdir ", "rmdir "];

/// A command to be killed.
struct Scenario<'a> {
    name: &'a str,
    /// The command line.
    line: &'a [&'a str],
    /// Prepares a new repository for the command.
    prepare: &'a dyn Fn(&Folder<'_>),
    /// Contents of the user that must always be in the workspace or the cache.
    precious: &'a [&'a str],
    /// What only the workspace had before the command: a checkout must leave it there.
    edits: &'a [&'a str],
    /// Errors that the same command may end with if it was killed when its work was done.
    is_done: &'a [&'a str],
    /// Checks after a checkout that followed the kill.
    after_checkout: &'a dyn Fn(&Folder<'_>),
    /// Runs before a repository is deleted.
    cleanup: &'a dyn Fn(&Folder<'_>),
    /// Whether temporary files may be beside the data, because `.dvc` is on another file system.
    leaves_temp_files: bool,
    /// The server whose keys the command has.
    server: Option<&'a EmbeddedS3>,
    /// Whether the data is on a remote, and may not be in the cache yet.
    may_lack_data: bool,
    /// Whether the metafiles record versions, which differ in each run.
    records_versions: bool,
    /// The maximum number of points that are tried, unless all are requested.
    sample: usize,
}

impl Default for Scenario<'_> {
    fn default() -> Self {
        Self {
            name: "",
            line: &[],
            prepare: &|_| {},
            precious: &[],
            edits: &[],
            is_done: &[],
            after_checkout: &|_| {},
            cleanup: &|_| {},
            leaves_temp_files: false,
            server: None,
            may_lack_data: false,
            records_versions: false,
            sample: SAMPLE,
        }
    }
}

impl Scenario<'_> {
    /// Kills the command at its points.
    #[expect(clippy::print_stderr, reason = "a skipped test is to be seen")]
    fn survives(&self) {
        let mut environment = environment();
        if let Some(server) = self.server {
            environment.use_keys_of(server);
        }
        let whole = self.repository(&environment, "whole");
        let (calls, expected) = match whole.haul_until(self.line, usize::MAX) {
            Ok(Reached::Ended { code, calls, .. }) => {
                assert_eq!(code, Some(0), "{} fails by itself", self.name);
                let tree = workspace(&whole);
                (self.cleanup)(&whole);
                (calls, tree)
            }
            Ok(reached) => panic!("{}: {reached:?}", self.name),
            Err(error) => {
                assert!(
                    process_variable("REQUIRE_INTEGRATION").is_none(),
                    "processes cannot be traced: {error}"
                );
                eprintln!("SKIPPED {}: processes cannot be traced: {error}", self.name);
                return;
            }
        };
        let n_points = calls.len();
        let takes_all = process_variable("HAUL_KILL_POINTS").is_some_and(|points| points == "all");
        let is_naming = |call: &String| NAMING.iter().any(|name| call.starts_with(name));
        let points: Vec<usize> =
            (1..=n_points).filter(|point| takes_all || is_naming(&calls[point - 1])).collect();
        assert!(points.len() > 2, "{} changes nothing", self.name);
        let points: BTreeSet<usize> = if takes_all || points.len() <= self.sample {
            points.into_iter().collect()
        } else {
            (0..self.sample).map(|at| points[at * (points.len() - 1) / (self.sample - 1)]).collect()
        };
        let mut n_killed = 0;
        for point in points {
            for first in [First::SameCommand, First::Checkout] {
                let repo = self.repository(&environment, &format!("at-{point}-{first:?}"));
                // With another order of its threads, the command may not reach the last point.
                let reached = repo.haul_until(self.line, point).expect("it could be traced before");
                if let Reached::Killed { call } = reached {
                    n_killed += 1;
                    let place = format!(
                        "{} killed at {point} of {n_points}, before `{call}`, then {first:?}",
                        self.name
                    );
                    self.check(&repo, first, &place, &expected);
                }
                (self.cleanup)(&repo);
                fs_err::remove_dir_all(repo.path()).expect("it can be deleted");
            }
        }
        assert!(n_killed >= 2, "{}: nothing was killed", self.name);
    }

    fn repository<'environment>(
        &self,
        environment: &'environment TestEnvironment,
        name: &str,
    ) -> Folder<'environment> {
        let folder = environment.folder(name);
        folder.git_init();
        (self.prepare)(&folder);
        folder
    }

    fn check(&self, repo: &Folder<'_>, first: First, place: &str, expected: &Tree) {
        let nothing_lost = |when: &str| {
            let have = contents(repo.path());
            for text in self.precious {
                assert!(have.contains(text.as_bytes()), "{text:?} is gone {when}: {place}");
            }
        };
        nothing_lost("after the kill");
        repo.assert_cache_is_sound();
        if !self.leaves_temp_files {
            assert_eq!(temp_files_git_sees(repo), [""; 0], "{place}");
        }
        // As in Git, whether a running process holds the lock cannot be found out.
        if repo.exists(".git/index.lock") {
            repo.remove(".git/index.lock");
        }
        if first == First::Checkout && repo.exists(".dvc/config") {
            let checkout = repo.haul(["checkout"]);
            let is_refused = checkout.stderr.contains("unsaved files")
                || self.may_lack_data && checkout.stderr.contains("Is your cache up to date?");
            assert!(checkout.status.success() || is_refused, "{place}\n{checkout}");
            nothing_lost("after a checkout");
            let tree = workspace(repo);
            for text in self.edits {
                let is_there = |path: &PathBuf| {
                    fs_err::read(repo.join(path)).is_ok_and(|bytes| bytes == text.as_bytes())
                };
                assert!(tree.entries.keys().any(is_there), "{text:?} was replaced: {place}\n{checkout}");
            }
            (self.after_checkout)(repo);
        }
        let again = repo.haul(self.line);
        let is_done = self.is_done.iter().any(|text| again.stderr.contains(text));
        assert!(again.status.success() || is_done, "{place}\n{again}");
        nothing_lost("after the same command");
        repo.assert_cache_is_sound();
        if first == First::SameCommand {
            let mut found = workspace(repo);
            if self.leaves_temp_files {
                found.entries.retain(|path, _| path.extension().is_none_or(|ending| ending != "tmp"));
            }
            let is_told_apart =
                |path: &Path| self.records_versions && path.extension().is_some_and(|ending| ending == "dvc");
            let differs = |path: &&PathBuf| {
                found.entries.get(*path) != expected.entries.get(*path) && !is_told_apart(path)
            };
            let paths: BTreeSet<&PathBuf> =
                found.entries.keys().chain(expected.entries.keys()).filter(differs).collect();
            assert!(paths.is_empty(), "{place}: the end differs at {paths:?}");
            repo.haul(["checkout"]).success();
            nothing_lost("at the end");
            (self.after_checkout)(repo);
        }
        let status = repo.haul(["status"]).success();
        if let Some(dvc) = DvcOracle::find() {
            let theirs = dvc.run(repo, ["status"]).success();
            let is_clean = |text: &str| text.contains("up to date");
            assert_eq!(is_clean(&theirs.stdout), is_clean(&status.stdout), "{place}\n{theirs}\n{status}");
        }
    }
}

/// The command that runs first after a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    SameCommand,
    Checkout,
}

/// Returns the workspace as a user sees it, with the configuration and without haul's own files.
fn workspace(repo: &Folder<'_>) -> Tree {
    let mut tree = Tree::read_through_links(repo.path());
    let is_private =
        |path: &Path| [".git", ".dvc/tmp", ".dvc/cache"].iter().any(|folder| path.starts_with(folder));
    tree.entries.retain(|path, _| !is_private(path));
    tree
}

/// Returns the bytes of all files, in the workspace and the cache.
fn contents(folder: &Path) -> BTreeSet<Vec<u8>> {
    let tree = Tree::read(folder);
    let files = tree.entries.iter().filter(|(path, entry)| {
        matches!(entry, Entry::File(..)) && !path.starts_with(".git") && !path.starts_with(".dvc/tmp")
    });
    files.map(|(path, _)| fs_err::read(folder.join(path)).expect("it is there")).collect()
}

fn init(repo: &Folder<'_>) {
    repo.haul(["init"]).success();
}

/// Tracks two files and a directory of two files.
fn tracked(repo: &Folder<'_>) {
    init(repo);
    write_all(repo, "one");
    repo.haul(["add", "a", "b", "d"]).success();
}

fn write_all(repo: &Folder<'_>, version: &str) {
    for name in ["a", "b", "d/x", "d/sub/y"] {
        repo.write(name, format!("{name} {version}"));
    }
}

const ONE: &[&str] = &["a one", "b one", "d/x one", "d/sub/y one"];
const BOTH: &[&str] =
    &["a one", "b one", "d/x one", "d/sub/y one", "a two", "b two", "d/x two", "d/sub/y two"];

/// Fails unless the workspace has all four files as they were.
fn has_all(repo: &Folder<'_>) {
    for name in ["a", "b", "d/x", "d/sub/y"] {
        assert_eq!(repo.read(name), format!("{name} one"));
    }
}

#[test]
fn killed_remove_keeps_the_data_in_the_workspace() {
    Scenario {
        name: "remove",
        line: &["remove", "a.dvc", "b.dvc", "d.dvc"],
        prepare: &tracked,
        precious: ONE,
        is_done: &["does not exist"],
        after_checkout: &has_all,
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_remove_of_symlinks_keeps_the_data_in_the_workspace() {
    let prepare = |repo: &Folder<'_>| {
        init(repo);
        repo.haul(["config", "cache.type", "symlink"]).success();
        write_all(repo, "one");
        repo.haul(["add", "a", "b", "d"]).success();
    };
    Scenario {
        name: "remove of symlinks",
        line: &["remove", "a.dvc", "d.dvc"],
        prepare: &prepare,
        precious: ONE,
        is_done: &["does not exist"],
        after_checkout: &has_all,
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_remove_with_data_keeps_the_objects() {
    Scenario {
        name: "remove --outs",
        line: &["remove", "--outs", "a.dvc", "d.dvc"],
        prepare: &tracked,
        precious: ONE,
        is_done: &["does not exist"],
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_move_of_a_changed_file_goes_on() {
    let prepare = |repo: &Folder<'_>| {
        tracked(repo);
        repo.write("a", "a two");
    };
    Scenario {
        name: "move of a file",
        line: &["move", "a", "z"],
        prepare: &prepare,
        precious: &["a one", "a two", "b one"],
        is_done: &["Unable to find DVC file with output 'a'"],
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_move_of_a_directory_goes_on() {
    Scenario {
        name: "move of a directory",
        line: &["move", "d", "e"],
        prepare: &tracked,
        precious: ONE,
        is_done: &["Unable to find DVC file with output 'd'"],
        ..Scenario::default()
    }
    .survives();
}

/// Mounts another file system at `far`, if that is allowed.
fn mount(repo: &Folder<'_>) -> bool {
    repo.write("far/.keep", "");
    let folder = repo.join("far").display().to_string();
    let mount = repo.start_program(Path::new("/bin/mount"), ["-t", "tmpfs", "none", &folder]);
    mount.wait(Duration::from_secs(30)).status.success()
}

fn unmount(repo: &Folder<'_>) {
    let folder = repo.join("far").display().to_string();
    let unmount = repo.start_program(Path::new("/bin/umount"), ["--lazy", &folder]);
    unmount.wait(Duration::from_secs(30)).success();
}

/// Returns whether a repository can have two file systems; prints that the test is skipped if not.
#[expect(clippy::print_stderr, reason = "a skipped test is to be seen")]
fn can_mount(test: &str) -> bool {
    let environment = environment();
    let folder = environment.folder("folder");
    let can = mount(&folder);
    if can {
        unmount(&folder);
    } else {
        eprintln!("SKIPPED {test}: only root may mount a file system");
    }
    can
}

#[test]
fn killed_move_across_file_systems_goes_on() {
    if !can_mount("killed_move_across_file_systems_goes_on") {
        return;
    }
    let prepare = |repo: &Folder<'_>| {
        tracked(repo);
        assert!(mount(repo));
    };
    for line in [["move", "d", "far/e"], ["move", "a", "far"]] {
        Scenario {
            name: "move across file systems",
            line: &line,
            prepare: &prepare,
            precious: ONE,
            is_done: &["Unable to find DVC file with output"],
            cleanup: &unmount,
            leaves_temp_files: true,
            ..Scenario::default()
        }
        .survives();
    }
}

#[test]
fn move_to_another_file_system_moves_all_or_nothing() {
    if !can_mount("move_to_another_file_system_moves_all_or_nothing") {
        return;
    }
    let environment = environment();
    let repo = environment.repository("repo");
    write_all(&repo, "one");
    repo.haul(["add", "a", "d"]).success();
    assert!(mount(&repo));
    repo.haul(["move", "d", "far/e"]).success();
    repo.haul(["move", "a", "far/a"]).success();
    assert_eq!(
        (repo.read("far/e/sub/y"), repo.read("far/a")),
        ("d/sub/y one".to_owned(), "a one".to_owned())
    );
    assert!(!repo.exists("d") && !repo.exists("a") && !repo.exists("d.dvc"));
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
    // The mount point of a file system can be neither renamed nor deleted.
    repo.haul(["move", "far/e", "back"]).success();
    repo.haul(["move", "far/a", "a"]).success();
    assert_eq!(repo.read("back/x"), "d/x one");
    // There is no space for the data.
    let folder = repo.join("far").display().to_string();
    let remount = ["-o", "remount,size=64k", &folder];
    repo.start_program(Path::new("/bin/mount"), remount).wait(Duration::from_secs(30)).success();
    repo.write("big/one", vec![b'x'; 40_000]);
    repo.write("big/two", vec![b'y'; 40_000]);
    repo.haul(["add", "big"]).success();
    let before = workspace(&repo);
    repo.haul(["move", "big", "far/big"]).code(1).stderr_has(&["No space left"]);
    assert!(workspace(&repo) == before, "something changed");
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
    unmount(&repo);
}

#[test]
fn killed_add_goes_on() {
    let prepare = |repo: &Folder<'_>| {
        init(repo);
        repo.haul(["config", "core.autostage", "true"]).success();
        write_all(repo, "one");
    };
    Scenario {
        name: "add",
        line: &["add", "a", "b", "d"],
        prepare: &prepare,
        precious: ONE,
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_add_of_edits_leaves_them_to_the_user() {
    let prepare = |repo: &Folder<'_>| {
        tracked(repo);
        write_all(repo, "two");
    };
    Scenario {
        name: "add of edits",
        line: &["add", "a", "b", "d"],
        prepare: &prepare,
        precious: BOTH,
        edits: &["a two", "b two", "d/x two", "d/sub/y two"],
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_add_of_hard_links_goes_on() {
    let prepare = |repo: &Folder<'_>| {
        init(repo);
        repo.haul(["config", "cache.type", "hardlink"]).success();
        write_all(repo, "one");
    };
    Scenario {
        name: "add with hard links",
        line: &["add", "a", "d"],
        prepare: &prepare,
        precious: ONE,
        after_checkout: &has_all,
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_commit_goes_on() {
    let prepare = |repo: &Folder<'_>| {
        tracked(repo);
        write_all(repo, "two");
    };
    Scenario {
        name: "commit",
        line: &["commit", "-f"],
        prepare: &prepare,
        precious: BOTH,
        edits: &["a two", "b two", "d/x two", "d/sub/y two"],
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_unprotect_goes_on() {
    let prepare = |repo: &Folder<'_>| {
        init(repo);
        repo.haul(["config", "cache.type", "symlink"]).success();
        write_all(repo, "one");
        repo.haul(["add", "a", "b", "d"]).success();
    };
    Scenario {
        name: "unprotect",
        line: &["unprotect", "a", "d"],
        prepare: &prepare,
        precious: ONE,
        after_checkout: &has_all,
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_gc_keeps_what_is_used() {
    let prepare = |repo: &Folder<'_>| {
        tracked(repo);
        write_all(repo, "two");
        repo.haul(["add", "a", "b", "d"]).success();
    };
    Scenario {
        name: "gc",
        line: &["gc", "-w", "-f"],
        prepare: &prepare,
        precious: &["a two", "b two", "d/x two", "d/sub/y two"],
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_checkout_goes_on_and_keeps_all_versions() {
    let prepare = |repo: &Folder<'_>| {
        tracked(repo);
        let [a, d] = ["a.dvc", "d.dvc"].map(|name| repo.read(name));
        write_all(repo, "two");
        repo.write("d/new", "d/new two");
        repo.haul(["add", "a", "b", "d"]).success();
        repo.write("a.dvc", a);
        repo.write("d.dvc", d);
        // It is no longer tracked, as after `git checkout` of another commit.
        repo.remove("b.dvc");
    };
    Scenario {
        name: "checkout",
        line: &["checkout"],
        prepare: &prepare,
        precious: BOTH,
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_checkout_with_other_links_goes_on() {
    let prepare = |repo: &Folder<'_>| {
        tracked(repo);
        repo.haul(["config", "cache.type", "symlink"]).success();
    };
    Scenario {
        name: "checkout --relink",
        line: &["checkout", "--relink"],
        prepare: &prepare,
        precious: ONE,
        after_checkout: &has_all,
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_init_goes_on() {
    let prepare = |repo: &Folder<'_>| repo.write("mine", "mine");
    Scenario {
        name: "init",
        line: &["init"],
        prepare: &prepare,
        precious: &["mine"],
        is_done: &["'.dvc' exists"],
        ..Scenario::default()
    }
    .survives();
}
