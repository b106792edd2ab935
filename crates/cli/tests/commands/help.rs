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
fn help_command_shows_the_help_of_a_command() {
    for command in ["push", "remote add", "data status"] {
        let output = Sandbox::new().haul(&format!("help {command}"));
        assert_eq!((output.status.code(), output.stderr.as_str()), (0, ""), "`haul help {command}`");
        assert!(output.stdout.contains(&format!("Usage: haul {command}")), "{}", output.stdout);
        assert!(output.stdout.contains("Examples:\n  haul "), "{}", output.stdout);
    }
    let output = Sandbox::new().haul("help nonsense");
    assert_eq!(output.status.code(), 254, "{}", output.stdout);
}

#[test]
fn table_of_options_hangs_below_its_second_column() {
    let help = Sandbox::new().haul("remote modify --help").stdout;
    let (_, table) = help.split_once("Options of S3 remotes:\n").unwrap();
    let table = table.split("\n\n").next().unwrap();
    let column = table.lines().next().unwrap().rfind("  ").unwrap() + 2;
    for line in table.lines() {
        assert!(line.len() <= 80, "{line}");
        let is_continued = line.starts_with("    ");
        assert!(!is_continued || line[..column].trim().is_empty(), "{line}");
        assert!(!line[column..].starts_with(' '), "{line}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let sandbox = Sandbox::new();
    sandbox.haul("util man pages").is_silent_success();
    for page in ["haul.1", "haul-push.1", "haul-remote-modify.1", "haul-data-status.1"] {
        assert!(sandbox.read(&format!("pages/{page}")).contains(".SH NAME"), "{page}");
    }
    assert!(sandbox.read("pages/haul-push.1").contains("haul push \\-\\-dry\\-run"));
}

#[test]
fn manual_knows_the_commands() {
    let output = Sandbox::new().haul("util man");
    assert_eq!((output.status.code(), output.stderr.as_str()), (0, ""));
    assert!(output.stdout.contains("checkout"));
}

#[test]
fn completion_of_each_shell_is_a_script_that_asks_this_program() {
    for line in ["completion", "completion zsh", "completion --shell fish", "completion -s elvish"] {
        let output = Sandbox::new().haul(line);
        assert_eq!((output.status.code(), output.stderr.as_str()), (0, ""));
        assert!(output.stdout.contains("COMPLETE="), "`haul {line}`");
    }
}
