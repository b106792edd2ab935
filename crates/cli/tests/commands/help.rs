//! What the program says of itself.

use crate::sandbox::Sandbox;

#[test]
fn version_wins_over_the_command() {
    let version = concat!(env!("CARGO_PKG_VERSION"), "\n");
    for line in ["-V", "--version", "-V push", "-q --version"] {
        Sandbox::new().haul(line).is(0, version, "");
    }
}

#[test]
fn reference_of_all_commands() {
    insta::assert_snapshot!(Sandbox::new().haul("util markdown").stdout);
}

#[test]
fn every_command_has_help() {
    for command in
        ["init", "add", "push", "fetch", "pull", "checkout", "status", "remote modify", "cache dir"]
    {
        let output = Sandbox::new().haul(&format!("{command} --help"));
        assert_eq!(output.status.code(), 0);
        assert!(output.stdout.contains(&format!("Usage: haul {command}")), "{}", output.stdout);
    }
}

#[test]
fn completions_and_manual_know_the_commands() {
    for line in ["completion", "completion -s zsh", "completion --shell fish", "util man"] {
        let output = Sandbox::new().haul(line);
        assert_eq!((output.status.code(), output.stderr.as_str()), (0, ""));
        assert!(output.stdout.contains("checkout"), "`haul {line}`");
    }
}
