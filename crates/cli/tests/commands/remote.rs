//! `haul remote`: words, codes and bytes of DVC.

use crate::sandbox::Sandbox;

#[test]
fn add_writes_what_dvc_writes() {
    let sandbox = Sandbox::with_repository();
    sandbox.haul("remote add -d Origin s3://bucket/path").is(
        0,
        "Setting 'origin' as a default remote.\n",
        "",
    );
    assert_eq!(
        sandbox.read(".dvc/config"),
        "[core]\n    remote = origin\n['remote \"origin\"']\n    url = s3://bucket/path\n"
    );
    sandbox.haul("remote add other s3://other").is_silent_success();
    sandbox.haul("remote list").is(0, "origin\ts3://bucket/path\t(default)\nother\ts3://other\n", "");
    sandbox.haul("remote list --json").is(
        0,
        "{\"version\": 1, \"command\": \"remote list\", \"warnings\": [], \"errors\": [], \"remotes\": [\
         {\"name\": \"origin\", \"url\": \"s3://bucket/path\", \"is_default\": true}, \
         {\"name\": \"other\", \"url\": \"s3://other\", \"is_default\": false}]}\n",
        "",
    );
    sandbox.haul("remote default").is(0, "origin\n", "");
}

#[test]
fn add_of_an_existing_remote_is_refused_and_says_nothing_of_a_default() {
    let sandbox = Sandbox::with_repository();
    sandbox.haul("remote add x s3://bucket").is_silent_success();
    let output = sandbox.haul("remote add -d x s3://other");
    assert_eq!((output.status.code(), output.stdout.as_str()), (251, ""));
    assert!(output.stderr.starts_with(
        "ERROR: configuration error - config file error: remote 'x' already exists. Use `-f|--force` to overwrite \
         it.\n"
    ));
    sandbox.haul("remote add -f x s3://other").is_silent_success();
    sandbox.haul("remote list").is(0, "x\ts3://other\n", "");
}

#[test]
fn modify_sets_and_unsets() {
    let sandbox = Sandbox::with_repository();
    sandbox.haul("remote add x s3://bucket").is_silent_success();
    sandbox.haul("remote modify X endpointurl http://localhost:9000").is_silent_success();
    sandbox.haul("config remote.x.endpointurl").is(0, "http://localhost:9000\n", "");
    sandbox.haul("remote modify --unset x endpointurl").is_silent_success();
    sandbox.haul("remote modify -u x endpointurl").is_silent_success();
    sandbox.haul("config remote.x.endpointurl").is(0, "", "");
}

#[test]
fn modify_without_a_value_says_how_to_remove_the_option() {
    let sandbox = Sandbox::with_repository();
    sandbox.haul("remote add x s3://bucket").is_silent_success();
    sandbox.haul("remote modify x region").is(
        251,
        "",
        "ERROR: configuration error - config file error: option 'region' needs a value\n\
         hint: to remove the option: haul remote modify --unset x region\n",
    );
}

#[test]
fn unknown_remotes_are_refused() {
    let sandbox = Sandbox::with_repository();
    for (line, error) in [
        ("remote modify nope url s3://bucket", "remote 'nope' doesn't exist"),
        ("remote remove nope", "remote 'nope' doesn't exist"),
        ("remote rename nope new", "remote 'nope' doesn't exist"),
        ("remote default nope", "default remote must be present in remote list."),
    ] {
        let output = sandbox.haul(line);
        assert_eq!((output.status.code(), output.stdout.as_str()), (251, ""), "`haul {line}`");
        let start = format!("ERROR: configuration error - config file error: {error}");
        assert!(output.stderr.starts_with(&start), "`haul {line}`: {}", output.stderr);
    }
    assert_eq!(sandbox.read(".dvc/config"), "");
}

#[test]
fn default_is_shown_chosen_and_unset() {
    let sandbox = Sandbox::with_repository();
    sandbox.haul("remote default").is(1, "No default remote set\n", "");
    sandbox.haul("remote add x s3://bucket").is_silent_success();
    sandbox.haul("remote default X").is_silent_success();
    sandbox.haul("remote default").is(0, "x\n", "");
    sandbox.haul("remote default -u").is_silent_success();
    sandbox.haul("remote default -u").is_silent_success();
    sandbox.haul("remote default").is(1, "No default remote set\n", "");
}

#[test]
fn rename_and_remove_keep_the_default_right() {
    let sandbox = Sandbox::with_repository();
    sandbox.haul("remote add -d x s3://bucket").is(0, "Setting 'x' as a default remote.\n", "");
    sandbox.haul("remote rename x y").is_silent_success();
    sandbox.haul("remote list").is(0, "y\ts3://bucket\t(default)\n", "");
    sandbox.haul("remote remove y").is_silent_success();
    sandbox.haul("remote list").is(0, "", "");
    sandbox.haul("remote default").is(1, "No default remote set\n", "");
}

#[test]
fn outside_of_a_repository_only_two_levels_exist() {
    let sandbox = Sandbox::new();
    let output = sandbox.haul("remote add x s3://bucket");
    assert_eq!(output.status.code(), 251);
    assert!(
        output.stderr.starts_with("ERROR: configuration error - config file error: Not inside a DVC repo\n"),
        "{}",
        output.stderr
    );
    sandbox.haul("remote add --global x s3://bucket").is_silent_success();
    sandbox.haul("remote list").is(0, "x\ts3://bucket\n", "");
}

#[test]
fn local_secrets_raise_no_warning() {
    let sandbox = Sandbox::with_repository();
    sandbox.haul("remote add x s3://bucket").is_silent_success();
    sandbox.haul("remote modify --local x access_key_id AKIA").is(
        0,
        "",
        "note: `access_key_id` is set, but `secret_access_key` is not\n\
         hint: type `haul remote modify --local x secret_access_key <secret>` or `haul remote modify --local --unset x \
         access_key_id`\n",
    );
    sandbox.haul("remote modify --local x secret_access_key wJalrXUtnFEMI").is_silent_success();
    assert!(sandbox.read(".dvc/config.local").contains("secret_access_key = wJalrXUtnFEMI\n"));
}

#[test]
fn a_secret_in_a_file_that_git_takes_in_is_written_with_a_loud_warning() {
    let sandbox = Sandbox::with_repository();
    sandbox.write(".git/HEAD", "ref: refs/heads/main\n");
    sandbox.write(".git/objects/info/packs", "");
    sandbox.write(".git/refs/heads/.keep", "");
    sandbox.haul("remote add x s3://bucket").is_silent_success();
    sandbox.haul("remote modify x access_key_id AKIA");
    let output = sandbox.haul("remote modify x secret_access_key wJalrXUtnFEMI");
    assert_eq!((output.status.code(), output.stdout.as_str()), (0, ""));
    assert!(sandbox.read(".dvc/config").contains("secret_access_key = wJalrXUtnFEMI\n"));
    let stderr = &output.stderr;
    assert!(stderr.starts_with("WARNING: `remote.x.secret_access_key` is a secret"), "{stderr}");
    assert!(stderr.contains("`.dvc/config`, which Git does not ignore"), "{stderr}");
    assert!(stderr.contains("haul remote modify --local x secret_access_key"), "{stderr}");
    assert!(!stderr.contains("wJalrXUtnFEMI"), "the warning shows the secret: {stderr}");
}
