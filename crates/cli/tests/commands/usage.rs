//! Command lines that make no sense: help on stdout, one line on stderr, 254.

use crate::sandbox::Sandbox;

#[track_caller]
fn check(line: &str, usage: &str, stderr: &str) {
    let output = Sandbox::new().haul(line);
    assert_eq!(output.stderr, stderr, "stderr of `haul {line}`");
    assert_eq!(output.status.code(), 254, "exit code of `haul {line}`");
    let shown = output.stdout.lines().find(|line| line.starts_with("Usage: ")).unwrap_or_default();
    assert_eq!(shown, usage, "usage line of `haul {line}`");
}

#[test]
fn missing_command_shows_all_commands() {
    let usage = "Usage: haul [OPTIONS] <COMMAND>";
    check("", usage, "ERROR: the following arguments are required: command\n");
    check("-q", usage, "ERROR: the following arguments are required: command\n");
    check(
        "remote",
        "Usage: haul remote [OPTIONS] <COMMAND>",
        "ERROR: the following arguments are required: cmd\n",
    );
}

#[test]
fn unknown_command_names_the_nearest() {
    let output = Sandbox::new().haul("pus");
    assert_eq!(output.status.code(), 254);
    assert!(
        output.stderr.starts_with("ERROR: argument command: invalid choice: 'pus' (choose from 'init', ")
    );
    assert!(output.stderr.ends_with("hint: did you mean `push`?\n"));
}

#[test]
fn unknown_flag_shows_the_help_of_its_command() {
    let usage = "Usage: haul push [OPTIONS] [TARGETS]...";
    check("push --nope", usage, "ERROR: unrecognized arguments: --nope\n");
    check("push --jbs 3", usage, "ERROR: unrecognized arguments: --jbs\nhint: did you mean `--jobs`?\n");
    check("--cd / push --nope", usage, "ERROR: unrecognized arguments: --nope\n");
}

#[test]
fn global_flags_stand_before_the_command() {
    let usage = "Usage: haul push [OPTIONS] [TARGETS]...";
    check(
        "push --cd sub",
        usage,
        "ERROR: unrecognized arguments: --cd\nhint: `--cd` stands before the command: `haul --cd <path> push …`\n",
    );
    check(
        "push --wait-for-lock",
        usage,
        "ERROR: unrecognized arguments: --wait-for-lock\nhint: `--wait-for-lock` stands before the command: \
         `haul --wait-for-lock push …`\n",
    );
    check("push -V", usage, "ERROR: unrecognized arguments: -V\n");
}

#[test]
fn bad_values_are_named_with_their_flag() {
    let usage = "Usage: haul push [OPTIONS] [TARGETS]...";
    check("push -j x", usage, "ERROR: argument -j/--jobs: invalid int value: 'x'\n");
    check("push -j -1", usage, "ERROR: argument -j/--jobs: number must not be negative: '-1'\n");
    check("push -r", usage, "ERROR: argument -r/--remote: expected one argument\n");
    let usage = "Usage: haul fetch [OPTIONS] [TARGETS]...";
    check(
        "fetch --type x",
        usage,
        "ERROR: argument --type: invalid choice: 'x' (choose from 'metrics', 'plots')\n",
    );
}

#[test]
fn missing_arguments_are_all_named() {
    let usage = "Usage: haul remote add [OPTIONS] <NAME> <URL>";
    check("remote add", usage, "ERROR: the following arguments are required: name, url\n");
    check("remote add origin", usage, "ERROR: the following arguments are required: url\n");
    check(
        "add",
        "Usage: haul add [OPTIONS] <TARGETS>...",
        "ERROR: the following arguments are required: targets\n",
    );
}

#[test]
fn contradictions_are_refused() {
    check(
        "remote list --local --global",
        "Usage: haul remote list [OPTIONS]",
        "ERROR: argument --global: not allowed with argument --local\n",
    );
    for line in ["push -q -v", "-q push -v", "-v push -q"] {
        check(
            line,
            "Usage: haul push [OPTIONS] [TARGETS]...",
            "ERROR: argument -v/--verbose: not allowed with argument -q/--quiet\n",
        );
    }
}

#[test]
fn option_names_have_two_or_three_parts() {
    let error = "ERROR: argument name: name argument should look like remote.name.option or db.name.option or \
                 section.option\n";
    for name in ["core", "a.b.c.d", "remote.a.b.c"] {
        check(&format!("config {name}"), "Usage: haul config [OPTIONS] [NAME] [VALUE]", error);
    }
}

#[test]
fn pipelines_are_left_to_dvc() {
    for (line, what) in [("repro", "repro"), ("exp run -S a=1", "exp run"), ("-q stage list", "stage list")] {
        Sandbox::new().haul(line).is(
            254,
            "",
            &format!("ERROR: haul has no `{what}`: run `dvc {what}`, which works in the same repository\n"),
        );
    }
}

#[test]
fn add_refuses_what_dvc_refuses() {
    for (line, error) in [
        ("add --remote x a", "--remote can't be used without --to-remote"),
        ("add --remote-jobs 2 a", "--remote-jobs can't be used without --to-remote"),
        ("add --to-remote a b", "multiple targets can't be used with --to-remote"),
        ("add -o x a b", "multiple targets can't be used with --out"),
        ("add --to-remote --no-commit a", "--no-commit option can't be used with --to-remote"),
    ] {
        Sandbox::new().haul(line).is(1, "", &format!("ERROR: {error}\n"));
    }
}

#[test]
fn quiet_says_nothing_at_all() {
    for line in ["-q root", "root -q", "-q remote default nope", "add -q x"] {
        let output = Sandbox::new().haul(line);
        assert_ne!(output.status.code(), 0, "`haul {line}`");
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""), "`haul {line}`");
    }
}
