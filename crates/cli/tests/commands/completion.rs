//! Completion, asked for as the shells ask: with `COMPLETE`, and the line behind `--`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::sandbox::Sandbox;

/// Where bash breaks words.
const BREAKS: &str = " \t\n\"'@><=;|&(:";

/// Makes a repository with two remotes, outs and stages; the files in `images` are in the cache only.
fn repository() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    sandbox.write(
        ".dvc/config",
        "[core]\n    remote = storage\n['remote \"storage\"']\n    url = s3://bucket/key\n['remote \"backup\"']\n    \
         url = /mnt/backup\n",
    );
    sandbox.write("data/a.txt", "a");
    sandbox.write("data/sub/b.txt", "b");
    sandbox.write("my model.bin", "m");
    for line in [["add", "-q", "data"], ["add", "-q", "my model.bin"]] {
        sandbox.run(line, &sandbox.root()).is_silent_success();
    }
    fs_err::remove_dir_all(sandbox.path("data")).unwrap();
    let stages =
        "stages:\n  train:\n    cmd: train\n    outs: [models/big/out.pkl]\n  test:\n    cmd: test\n";
    sandbox.write("dvc.yaml", stages);
    sandbox.write("sub/dvc.yaml", "stages:\n  prepare:\n    cmd: prepare\n");
    sandbox
}

fn program(sandbox: &Sandbox, shell: &str, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_haul"));
    command.args(arguments).current_dir(sandbox.root()).env_clear().envs(sandbox.variables());
    command.env("COMPLETE", shell).stdin(Stdio::null()).output().unwrap()
}

/// Returns what may follow on a line of bash.
#[track_caller]
fn bash(sandbox: &Sandbox, line: &str) -> Vec<String> {
    let before = files(&sandbox.root());
    let output = program(sandbox, "bash", &["--", line, BREAKS]);
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    assert_eq!(files(&sandbox.root()), before, "`{line}` changed files");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Lists all files and directories.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

#[track_caller]
fn check(sandbox: &Sandbox, line: &str, expected: &[&str]) {
    assert_eq!(bash(sandbox, line), expected, "`{line}`");
}

#[test]
fn commands_and_flags_are_completed() {
    let sandbox = repository();
    check(&sandbox, "haul pu", &["push", "pull"]);
    check(&sandbox, "haul remote mod", &["modify"]);
    check(&sandbox, "haul push --rem", &["--remote"]);
    check(&sandbox, "haul --progress ", &["auto", "plain", "none"]);
    // Those of DVC, where nothing else fits.
    check(&sandbox, "haul repr", &["repro"]);
    check(&sandbox, "haul exp appl", &["apply"]);
}

#[test]
fn remotes_are_completed_wherever_one_is_named() {
    let sandbox = repository();
    for line in ["haul push -r ", "haul remote show ", "haul gc -w -c --remote ", "haul config core.remote "]
    {
        check(&sandbox, line, &["storage", "backup"]);
    }
    // The shell replaces what is behind the `=` or the `:`.
    check(&sandbox, "haul push --remote=st", &["storage"]);
    check(&sandbox, "haul get-url remote://b", &["//backup/"]);
    check(&sandbox, "haul remote add ", &[]);
}

#[test]
fn targets_are_outs_their_files_metafiles_and_stages() {
    let sandbox = repository();
    check(
        &sandbox,
        "haul push ",
        &["data", "data.dvc", "models/", "my\\ model.bin", "my\\ model.bin.dvc", "sub/", "test", "train"],
    );
    // From the cache: nothing of it is in the workspace.
    check(&sandbox, "haul pull data/", &["data/a.txt", "data/sub/"]);
    check(&sandbox, "haul pull data/sub/", &["data/sub/b.txt"]);
    check(&sandbox, "haul fetch models/", &["models/big/"]);
    check(&sandbox, "haul fetch models/big/o", &["models/big/out.pkl"]);
    check(&sandbox, "haul status sub/", &["sub/dvc.yaml:"]);
    check(&sandbox, "haul status sub/dvc.yaml:", &["prepare"]);
    check(&sandbox, "haul push 'my model.bin.", &["my model.bin.dvc"]);
    check(&sandbox, "haul remove ", &["data.dvc", "models/", "my\\ model.bin.dvc", "sub/", "test", "train"]);
    check(&sandbox, "haul --cd sub push ", &["prepare"]);
    check(&sandbox, "haul push ../", &[]);
}

#[test]
fn options_and_their_values_are_completed() {
    let sandbox = repository();
    check(&sandbox, "haul remote modify storage endp", &["endpointurl"]);
    check(&sandbox, "haul remote modify --local backup ver", &["version_aware", "verify"]);
    check(&sandbox, "haul remote modify storage use_ssl ", &["true", "false"]);
    check(&sandbox, "haul remote modify storage sse aws:", &["kms", "kms:dsse"]);
    check(&sandbox, "haul remote modify storage acl bucket-owner-f", &["bucket-owner-full-control"]);
    check(&sandbox, "haul config core.autos", &["core.autostage"]);
    check(&sandbox, "haul config core.autostage t", &["true"]);
    check(&sandbox, "haul config remote.storage.endp", &["remote.storage.endpointurl"]);
    check(&sandbox, "haul config remote.storage.verify ", &["true", "false"]);
    check(
        &sandbox,
        "haul config cache.type reflink,",
        &["reflink,hardlink", "reflink,symlink", "reflink,copy"],
    );
    check(&sandbox, "haul get-url s3://b/x x --fs-config allow", &["allow_anonymous_login="]);
    check(&sandbox, "haul get-url s3://b/x x --fs-config use_ssl=f", &["false"]);
}

#[test]
fn every_shell_gets_its_kind_of_answer() {
    let sandbox = repository();
    let words = ["--", "haul", "get-url", "remote://st"];
    for (shell, expected) in [
        ("zsh", "+remote\\://storage/:remote\n"),
        ("fish", "remote://storage/\tremote\n"),
        ("/usr/bin/fish", "remote://storage/\tremote\n"),
        ("elvish", "remote://storage/\n"),
        ("powershell", "remote://storage/\tremote\n"),
    ] {
        assert_eq!(String::from_utf8(program(&sandbox, shell, &words).stdout).unwrap(), expected, "{shell}");
    }
}

#[test]
fn completion_is_silent_where_nothing_is_known() {
    let sandbox = Sandbox::new();
    check(&sandbox, "haul push -r ", &[]);
    check(&sandbox, "haul nonsense x", &[]);
    check(&sandbox, "haul config core.remote ", &[]);
    sandbox.write(".dvc/config", "[broken");
    sandbox.write("broken.dvc", "outs: [");
    check(&sandbox, "haul push -r ", &[]);
    check(&sandbox, "haul push ", &["broken.dvc"]);
    sandbox.write(".dvc/config", "");
    check(&sandbox, "haul push ", &["broken.dvc"]);
}

#[test]
fn variable_of_another_program_changes_nothing() {
    let sandbox = repository();
    for value in ["bash", "1", "zsh"] {
        let output = program(&sandbox, value, &["remote", "default"]);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "storage\n");
    }
}

/// Runs a script in bash, in which `haul` and `dvc` are this program.
#[cfg(unix)]
fn in_bash(sandbox: &Sandbox, script: &str) -> Option<String> {
    let programs = sandbox.path("programs");
    fs_err::create_dir_all(&programs).unwrap();
    for name in ["haul", "dvc"] {
        if !programs.join(name).exists() {
            fs_err::os::unix::fs::symlink(env!("CARGO_BIN_EXE_haul"), programs.join(name)).unwrap();
        }
    }
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let mut command = Command::new("bash");
    command.args(["--norc", "--noprofile", "-c", script]).current_dir(sandbox.root());
    command.env_clear().envs(sandbox.variables()).env("PATH", path).stdin(Stdio::null());
    let output = command.output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&said).into_owned())
}

/// Sources the script of bash for both names of the program, and calls its function as bash does.
#[test]
#[cfg(unix)]
fn script_of_bash_completes_once_it_is_sourced() {
    let sandbox = repository();
    for name in ["haul", "dvc"] {
        let script = format!(
            "source <({name} completion bash)\n\
             complete -p {name}\n\
             COMP_LINE='{name} push -r st --json' COMP_POINT={point}\n\
             _{name} {name} st -r\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
            point = name.len() + " push -r st".len()
        );
        let Some(said) = in_bash(&sandbox, &script) else { return };
        let (registered, found) = said.split_once('\n').unwrap();
        assert!(registered.ends_with(&format!("-F _{name} {name}")), "{said}");
        assert_eq!(found, "storage\n");
    }
}
