//! `haul config` and `haul cache dir`.

use crate::sandbox::Sandbox;

#[test]
fn get_set_unset() {
    let sandbox = Sandbox::with_repository();
    sandbox.haul("config core.autostage").is(0, "", "");
    sandbox.haul("config core.autostage true").is_silent_success();
    assert_eq!(sandbox.read(".dvc/config"), "[core]\n    autostage = true\n");
    sandbox.haul("config Core.AutoStage").is(0, "true\n", "");
    sandbox.haul("config --unset core.autostage").is_silent_success();
    let output = sandbox.haul("config -u core.autostage");
    assert_eq!(output.status.code(), 251);
    let error = "ERROR: configuration error - config file error: option 'autostage' doesn't exist in section 'core'\n";
    assert!(output.stderr.starts_with(error), "{}", output.stderr);
}

#[test]
fn misuse_is_a_failure_as_in_dvc() {
    let sandbox = Sandbox::with_repository();
    for (line, error) in [
        ("config", "name argument is required"),
        (
            "config --list core.remote",
            "-l/--list can't be used together with any of these options: -u/--unset, name, value",
        ),
        (
            "config --show-origin -u core.remote",
            "--show-origin can't be used together with any of these options: -u/--unset, value",
        ),
        (
            "config --show-origin core.remote x",
            "--show-origin can't be used together with any of these options: -u/--unset, value",
        ),
    ] {
        sandbox.haul(line).is(1, "", &format!("ERROR: {error}\n"));
    }
}

#[test]
fn list_shows_levels_in_order_and_masks_secrets() {
    let sandbox = Sandbox::with_repository();
    sandbox.write("../home/global/config", "[core]\n    autostage = true\n");
    sandbox.write(".dvc/config", "[core]\n    remote = x\n['remote \"x\"']\n    url = s3://bucket\n");
    sandbox.write(".dvc/config.local", "['remote \"x\"']\n    secret_access_key = wJalrXUtnFEMI\n");
    sandbox.haul("config --list").is(
        0,
        "core.autostage=true\nremote.x.url=s3://bucket\ncore.remote=x\nremote.x.secret_access_key=********\n",
        "",
    );
    sandbox.haul("config --list --show-origin").is(
        0,
        "<home>/global/config\tcore.autostage=true\n.dvc/config\tremote.x.url=s3://bucket\n\
         .dvc/config\tcore.remote=x\n.dvc/config.local\tremote.x.secret_access_key=********\n",
        "",
    );
    sandbox.haul("config remote.x.secret_access_key").is(0, "wJalrXUtnFEMI\n", "");
    sandbox.haul("config --show-origin core.remote").is(0, ".dvc/config\tx\n", "");
}

#[test]
fn list_as_json_says_what_is_overridden() {
    let sandbox = Sandbox::with_repository();
    sandbox.write(".dvc/config", "[core]\n    remote = x\n");
    sandbox.write(".dvc/config.local", "[core]\n    remote = y\n");
    sandbox.haul("config --list --json").is(
        0,
        "{\"version\": 1, \"command\": \"config\", \"warnings\": [], \"errors\": [], \"options\": [\
         {\"name\": \"core.remote\", \"value\": \"x\", \"origin\": {\"kind\": \"file\", \
         \"path\": \"<root>/.dvc/config\", \"line\": 2, \"level\": \"repo\"}, \"is_overridden\": true}, \
         {\"name\": \"core.remote\", \"value\": \"y\", \"origin\": {\"kind\": \"file\", \
         \"path\": \"<root>/.dvc/config.local\", \"line\": 2, \"level\": \"local\"}, \
         \"is_overridden\": false}]}\n",
        "",
    );
}

#[test]
fn cache_type_reminds_of_links() {
    let sandbox = Sandbox::with_repository();
    let output = sandbox.haul("config cache.type hardlink,symlink");
    assert_eq!((output.status.code(), output.stdout.as_str()), (0, ""));
    assert!(
        output.stderr.starts_with("WARNING: You have changed the 'cache.type' option."),
        "{}",
        output.stderr
    );
    assert!(output.stderr.ends_with("haul checkout --relink\n"), "{}", output.stderr);
}

#[test]
fn cache_dir_is_relative_to_the_current_folder() {
    let sandbox = Sandbox::with_repository();
    fs_err::create_dir(sandbox.path("sub")).unwrap();
    sandbox.haul("cache dir").is(0, "<root>/.dvc/cache\n", "");
    sandbox.haul_in("sub", "cache dir ../../cache").is_silent_success();
    assert_eq!(sandbox.read(".dvc/config"), "[cache]\n    dir = ../../cache\n");
    let shown = sandbox.haul("cache dir");
    assert_eq!(shown.status.code(), 0);
    assert!(shown.stdout.ends_with("/cache\n") && !shown.stdout.contains(".."), "{}", shown.stdout);
    sandbox.haul("cache dir --unset").is_silent_success();
    sandbox.haul("cache dir").is(0, "<root>/.dvc/cache\n", "");
    assert_eq!(sandbox.haul("cache dir --local").status.code(), 251);
}

#[test]
fn a_broken_file_is_named_with_its_line() {
    let sandbox = Sandbox::with_repository();
    sandbox.write(".dvc/config", "[core]\n    remote = x\nnonsense\n");
    let output = sandbox.haul("remote list");
    assert_eq!((output.status.code(), output.stdout.as_str()), (251, ""));
    assert!(
        output.stderr.starts_with("ERROR: configuration error - config file error: "),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains(".dvc/config:3"), "{}", output.stderr);
}
