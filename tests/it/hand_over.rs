//! Commands that haul does not have are handed over to the `dvc` on PATH.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use haul_tests::TestEnvironment;

use crate::environment;

const PROGRAM: &str = env!("CARGO_BIN_EXE_haul-under-test");

/// Writes a shell script that stands in for DVC, and returns its directory.
fn stand_in(environment: &TestEnvironment, directory: &str, script: &str) -> PathBuf {
    let folder = environment.folder(directory);
    folder.write("dvc", format!("#!/bin/sh\n{script}\n"));
    let program = folder.join("dvc");
    let executable = std::fs::Permissions::from_mode(0o755);
    fs_err::set_permissions(&program, executable).expect("a script can be made executable");
    folder.join("")
}

fn path_of(directories: &[&Path]) -> String {
    let directories = directories.iter().map(|directory| directory.display().to_string());
    directories.chain([String::from("/usr/bin:/bin")]).collect::<Vec<_>>().join(":")
}

#[test]
fn whole_command_line_and_exit_code_are_those_of_dvc() {
    let mut environment = environment();
    let bin = stand_in(&environment, "bin", "echo \"$@\"; exit 7");
    environment.set("PATH", path_of(&[&bin]));
    let folder = environment.folder("work");
    let output = folder.haul(["--cd", "sub", "-q", "exp", "run", "-S", "a b"]).code(7);
    assert_eq!(output.stdout, "--cd sub exp run -q -S a b\n");
    let output = folder.haul(["repro", "--help"]).code(7);
    assert_eq!(output.stdout, "repro --help\n");
    // Commands that haul has are not handed over.
    folder.haul(["init", "--no-scm"]).success();
}

#[test]
fn signal_that_ends_dvc_ends_the_process() {
    let mut environment = environment();
    let bin = stand_in(&environment, "bin", "kill -KILL $$");
    environment.set("PATH", path_of(&[&bin]));
    let output = environment.folder("work").haul(["repro"]);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(9));
}

#[test]
fn haul_by_another_name_is_never_dvc() {
    let mut environment = environment();
    let real = stand_in(&environment, "real", "echo real");
    let links = environment.folder("links").join("");
    std::os::unix::fs::symlink(PROGRAM, links.join("dvc")).unwrap();
    let hard = environment.folder("hard").join("");
    // A hard link needs the same file system; on another one, only the symbolic link is tested.
    let has_hard = fs_err::hard_link(PROGRAM, hard.join("dvc")).is_ok();
    environment.set("PATH", path_of(&[&links, &hard, &real]));
    environment.folder("work").haul(["repro"]).success().stdout_has(&["real"]);
    environment.set("PATH", path_of(&[&links, &hard]));
    let work = environment.folder("work");
    work.haul(["repro"]).code(254).stderr_has(&["haul has no `repro`", "HAUL_DVC"]);
    environment.set("HAUL_DVC", links.join("dvc"));
    environment.folder("work").haul(["repro"]).code(254).stderr_has(&["names haul itself"]);
    if has_hard {
        environment.set("HAUL_DVC", hard.join("dvc"));
        environment.folder("work").haul(["repro"]).code(254).stderr_has(&["names haul itself"]);
    }
    environment.set("HAUL_DVC", real.join("dvc"));
    environment.folder("work").haul(["repro"]).success().stdout_has(&["real"]);
    // Under DVC's name, haul prints a version that tools can parse.
    let version = environment.folder("work").start_program(&links.join("dvc"), ["--version"]);
    assert_eq!(version.wait(Duration::from_mins(1)).success().stdout, "3.67.1\n");
    let version = environment.folder("work").start_program(&links.join("dvc"), ["doctor"]);
    version.wait(Duration::from_mins(1)).success().stdout_has(&["DVC version: 3.67.1 (haul "]);
}

#[test]
fn script_that_calls_haul_is_found_out() {
    let mut environment = environment();
    let script = format!("exec '{PROGRAM}' \"$@\"");
    let bin = stand_in(&environment, "bin", &script);
    environment.set("PATH", path_of(&[&bin]));
    environment.folder("work").haul(["repro"]).code(254).stderr_has(&["leads back to haul"]);
}
