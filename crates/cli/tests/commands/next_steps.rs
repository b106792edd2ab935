//! Next steps that are printed can be typed, and help.

use crate::sandbox::Sandbox;

/// Checks that a failed command names a next step, and that nothing in it is for a remote that there is not.
#[track_caller]
fn check(sandbox: &Sandbox, line: &str, hint: &str) {
    let output = sandbox.haul(line);
    assert_ne!(output.status.code(), 0, "`{line}`");
    assert!(output.stderr.contains(hint), "`{line}`\n{}", output.stderr);
}

#[test]
fn options_of_a_url_are_named_as_the_command_line_takes_them() {
    let sandbox = Sandbox::with_repository();
    for command in ["get-url s3://bucket/x", "list-url s3://bucket/x", "import-url s3://bucket/x"] {
        let line = |option: &str| format!("{command} --fs-config {option}");
        check(&sandbox, &line("region=EU-west-1"), "hint: type `--fs-config region=eu-west-1`\n");
        check(
            &sandbox,
            &line("endpoint=http://h"),
            "did you mean `endpointurl`? leave it out of the command line\n",
        );
        let output = sandbox.haul(&line("access_key_id=AKIA"));
        assert!(!output.stderr.contains("haul remote"), "{}", output.stderr);
        assert!(
            output.stderr.contains("note: `access_key_id` is set at command line\n"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn unknown_option_is_removed_from_the_file_that_has_it() {
    let sandbox = Sandbox::with_repository();
    for (file, flag) in [(".dvc/config", ""), (".dvc/config.local", " --local")] {
        sandbox.write(".dvc/config", "['remote \"s\"']\n    url = s3://b/p\n");
        let section = "['remote \"s\"']\n    url = s3://b/p\n    bogus = abc\n";
        sandbox.write(file, section);
        let step = format!("remote modify{flag} --unset s bogus");
        check(&sandbox, "status", &format!("hint: remove it with `haul {step}`\n"));
        sandbox.haul(&step).is_silent_success();
        assert_eq!(sandbox.haul("status").status.code(), 0);
    }
}

#[test]
fn remote_that_is_named_by_its_place_in_the_command_is_so_in_the_hint() {
    let sandbox = Sandbox::with_repository();
    sandbox.haul("remote add -q s s3://b/p").is_silent_success();
    for command in ["remote check", "remote show"] {
        check(&sandbox, command, "hint: name one behind the command, or make it the default with");
    }
    check(&sandbox, "push", "hint: name one with `--remote <name>`, or make it the default with");
}

#[test]
fn option_of_a_remote_that_is_not_there_leads_to_add() {
    let sandbox = Sandbox::with_repository();
    check(
        &sandbox,
        "config remote.nope.region x",
        "there is no remote `nope`: add it with `haul remote add nope <url>`",
    );
    check(&sandbox, "config --local remote.nope.region x", "`haul remote add --local nope <url>`");
}

#[test]
fn misspelt_secret_is_not_led_into_git() {
    let sandbox = Sandbox::with_repository();
    sandbox.haul("remote add -q s s3://b/p").is_silent_success();
    let hint = "did you mean `haul remote modify --local s secret_access_key -`";
    check(&sandbox, "remote modify s secret_acces_key XYZZY", hint);
    check(&sandbox, "remote modify s url", "hint: to remove the remote: haul remote remove s\n");
}

#[test]
fn url_that_looks_like_a_bucket_and_is_a_directory_is_named_as_one() {
    let sandbox = Sandbox::with_repository();
    for (typed, meant) in [
        ("s3//data/p", "s3://data/p"),
        ("s3.amazonaws.com/data", "s3://data"),
        ("arn:aws:s3:::data", "s3://data"),
    ] {
        let output = sandbox.haul(&format!("remote add -f zz {typed}"));
        assert_eq!(output.status.code(), 0);
        let step = format!("remote modify zz url {meant}");
        assert!(
            output.stderr.contains(&format!("`{typed}` is the path of a directory")),
            "{}",
            output.stderr
        );
        assert!(
            output.stderr.contains(&format!("hint: for a bucket type `haul {step}`\n")),
            "{}",
            output.stderr
        );
        sandbox.haul(&step).is_silent_success();
    }
    let output = sandbox.run(["remote", "add", "-f", "zz", ""], &sandbox.root());
    assert!(output.stderr.contains("an empty `url` is the repository itself"), "{}", output.stderr);
    // A path that looks like one.
    for typed in ["/mnt/s3/data", "store", "../s3"] {
        sandbox.haul(&format!("remote add -f zz {typed}")).is_silent_success();
    }
}

#[test]
fn password_of_a_url_is_not_left_to_git_in_silence() {
    let sandbox = Sandbox::with_repository();
    let output = sandbox.haul("remote add q https://user:XYZZY@h/x");
    assert_eq!(output.status.code(), 0);
    assert!(output.stderr.contains("`url` holds a password, and Git tracks the file"), "{}", output.stderr);
    assert!(!output.stderr.contains("XYZZY"), "{}", output.stderr);
    for step in ["remote modify q url https://h/x", "remote modify --local q user user"] {
        assert!(output.stderr.contains(&format!("`haul {step}`")), "{}", output.stderr);
        sandbox.haul(step).is_silent_success();
    }
    sandbox.haul("remote add --local r https://user:XYZZY@h/x").is_silent_success();
    sandbox.haul("remote add t https://user@h/x").is_silent_success();
}

#[test]
fn endpoint_with_a_slip_in_it_is_put_right() {
    let sandbox = Sandbox::with_repository();
    sandbox.haul("remote add s s3://bucket/x").is_silent_success();
    for typed in ["http:/127.0.0.1:9", "http//127.0.0.1:9"] {
        let output = sandbox.haul(&format!("remote modify s endpointurl {typed}"));
        assert!(
            output.stderr.contains("`haul remote modify s endpointurl http://127.0.0.1:9"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn web_server_that_does_not_answer_is_no_answer() {
    let sandbox = Sandbox::with_repository();
    let output = sandbox.haul("list-url http://127.0.0.1:9/x --json");
    assert_eq!(output.status.code(), 255);
    assert!(output.stdout.contains(r#""kind": "network""#), "{}", output.stdout);
    sandbox.haul("remote add -q -d w http://127.0.0.1:9/x").is_silent_success();
    let output = sandbox.haul("remote check");
    assert_eq!(output.status.code(), 1);
    assert!(output.stdout.contains("a web server has none"), "{}", output.stdout);
    assert!(output.stdout.contains("reading      failed: "), "{}", output.stdout);
}

#[test]
fn mistake_on_the_command_line_is_told_as_one_to_programs() {
    let sandbox = Sandbox::with_repository();
    for (line, code) in [
        ("gc", 255),
        ("gc -w -n 3", 255),
        ("gc -w -c --not-in-remote", 255),
        ("check-ignore", 255),
        ("check-ignore --all x", 255),
        ("config", 1),
        ("config --list core.remote", 1),
        ("config --show-origin core.remote x", 1),
    ] {
        let output = sandbox.haul(&format!("{line} --json"));
        assert_eq!(output.status.code(), code, "{line}");
        assert!(output.stdout.contains(r#""kind": "usage""#), "{line}: {}", output.stdout);
    }
}

#[test]
fn target_with_a_slip_in_it_leads_to_what_is_there() {
    let sandbox = Sandbox::with_repository();
    sandbox.write("data.csv", "a");
    sandbox.write("d/model", "b");
    assert_eq!(sandbox.haul("add data.csv d/model").status.code(), 0);
    assert_eq!(sandbox.haul("remote add -d s ../remote").status.code(), 0);
    sandbox.write("dvc.yaml", "stages:\n  train:\n    cmd: run\n    outs: [out]\n");
    for (line, meant) in [
        ("push data.cvs", "data.csv"),
        ("fetch Data.csv.dvc", "data.csv.dvc"),
        ("status d/modle", "d/model"),
        ("checkout trian", "train"),
        ("commit d/model.dcv", "d/model.dvc"),
        ("freeze data.csv", "data.csv.dvc"),
    ] {
        check(&sandbox, line, &format!("hint: did you mean `{meant}`?\n"));
    }
    check(&sandbox, "pull data*", "hint: patterns are taken with `--glob`\n");
    let output = sandbox.haul("push nothing-like-it");
    assert!(!output.stderr.contains("hint: "), "{}", output.stderr);
}
