//! The commands that move data, with a folder as the remote.

use crate::sandbox::Sandbox;

const MD5: &str = "b1946ac92492d2347c6235b4d2611184";
const OBJECT: &str = "files/md5/b1/946ac92492d2347c6235b4d2611184";

/// A repository that tracks `hello.txt`, with the object in the cache and a remote that is empty yet.
fn tracked() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    sandbox.write(
        ".dvc/config",
        "[core]\n    no_scm = True\n    remote = store\n['remote \"store\"']\n    url = ../../store\n",
    );
    sandbox
        .write("hello.txt.dvc", &format!("outs:\n- md5: {MD5}\n  size: 6\n  hash: md5\n  path: hello.txt\n"));
    sandbox.write("hello.txt", "hello\n");
    sandbox.write(&format!(".dvc/cache/{OBJECT}"), "hello\n");
    sandbox
}

fn forget_cache(sandbox: &Sandbox) {
    fs_err::remove_dir_all(sandbox.path(".dvc/cache")).unwrap();
}

fn forget_workspace(sandbox: &Sandbox) {
    fs_err::remove_file(sandbox.path("hello.txt")).unwrap();
}

#[test]
fn push_and_pull_say_what_they_did() {
    let sandbox = tracked();
    sandbox.haul("push --dry-run").is(
        0,
        &format!("{MD5}\thello.txt\n1 file (6 B) would be pushed; requests to find out: 1\n"),
        "",
    );
    assert!(!sandbox.path(&format!("../store/{OBJECT}")).exists());
    sandbox.haul("push").moved("1 file pushed\n");
    assert_eq!(sandbox.read(&format!("../store/{OBJECT}")), "hello\n");
    sandbox.haul("push").is(0, "Everything is up to date.\n", "");

    forget_cache(&sandbox);
    forget_workspace(&sandbox);
    sandbox.haul("pull").moved("A       hello.txt\n1 file fetched and 1 file added\n");
    assert_eq!(sandbox.read("hello.txt"), "hello\n");
    sandbox.haul("pull").is(0, "Everything is up to date.\n", "");
}

#[test]
fn fetch_fills_the_cache_only() {
    let sandbox = tracked();
    sandbox.haul("push -q").is_silent_success();
    forget_cache(&sandbox);
    forget_workspace(&sandbox);
    sandbox.haul("fetch hello.txt").moved("1 file fetched\n");
    assert!(!sandbox.path("hello.txt").exists());
    sandbox.haul("checkout --summary").is(0, "1 file added\n", "");
    sandbox.haul("checkout --summary").is(0, "No changes.\n", "");
    sandbox.haul("checkout").is(0, "", "");
}

#[test]
fn status_compares_workspace_and_metafiles() {
    let sandbox = tracked();
    sandbox.haul("status").is(0, "Data and pipelines are up to date.\n", "");
    sandbox.haul("status --json").is(0, "{}\n", "");
    sandbox.write("hello.txt", "hello, world\n");
    sandbox.haul("status").is(0, "hello.txt.dvc:\n\tchanged outs:\n\t\tmodified:           hello.txt\n", "");
    sandbox.haul("status --json").is(
        0,
        "{\"hello.txt.dvc\": [{\"changed outs\": {\"hello.txt\": \"modified\"}}]}\n",
        "",
    );
    sandbox.haul("status -q").is(1, "", "");
    forget_workspace(&sandbox);
    sandbox.haul("status").is(0, "hello.txt.dvc:\n\tchanged outs:\n\t\tdeleted:            hello.txt\n", "");
}

#[test]
fn status_of_an_empty_project() {
    let text = "There are no data or pipelines tracked in this project yet.\n\
                See <https://dvc.org/doc/start> to get started!\n";
    Sandbox::with_repository().haul("status").is(0, text, "");
}

#[test]
fn status_compares_cache_and_remote() {
    let sandbox = tracked();
    sandbox.haul("status -c").is(0, "\tnew:                hello.txt\n", "");
    sandbox.haul("status -c --json").is(0, "{\"hello.txt\": \"new\"}\n", "");
    sandbox.haul("push -q").is_silent_success();
    sandbox.haul("status -c").is(0, "Cache and remote 'store' are in sync.\n", "");
    forget_cache(&sandbox);
    sandbox.haul("status -r Store").is(0, "\tdeleted:            hello.txt\n", "");
    sandbox.haul("status -c -q").is(1, "", "");
}

#[test]
fn flags_of_the_other_status_are_refused() {
    let error = "ERROR: The following options are meaningless for local status: --all-branches, --jobs\n";
    tracked().haul("status -a -j 2").is(1, "", error);
}

#[test]
fn objects_that_are_nowhere_are_an_error() {
    let sandbox = tracked();
    forget_cache(&sandbox);
    forget_workspace(&sandbox);
    let warning = format!(
        "WARNING: Some of the cache files do not exist neither locally nor on remote. Missing cache files:\nmd5: {MD5} (hello.txt)\n"
    );
    for (line, operation) in [("push", "push"), ("fetch", "fetch"), ("pull", "pull")] {
        let output = sandbox.haul(line);
        assert_eq!((output.status.code(), output.stdout.as_str()), (1, ""), "`haul {line}`");
        assert!(output.stderr.starts_with(&warning), "`haul {line}`: {}", output.stderr);
        let start = format!("ERROR: failed to {operation} data ");
        assert!(output.stderr.contains(&start), "`haul {line}`: {}", output.stderr);
    }
}

#[test]
fn missing_objects_can_be_allowed() {
    let sandbox = tracked();
    forget_cache(&sandbox);
    forget_workspace(&sandbox);
    assert_eq!(sandbox.haul("pull --allow-missing").status.code(), 0);
    assert_eq!(sandbox.haul("checkout --allow-missing").status.code(), 0);
    let output = sandbox.haul("checkout");
    assert_eq!(output.status.code(), 255);
    assert!(
        output.stderr.starts_with(
            "ERROR: Checkout failed for following targets:\nhello.txt\nIs your cache up to date?\n\
             <https://error.dvc.org/missing-files>\n"
        ),
        "{}",
        output.stderr
    );
}

#[test]
fn what_needs_a_remote_fails_without_any() {
    let sandbox = tracked();
    sandbox.write(".dvc/config", "[core]\n    no_scm = True\n");
    for line in ["fetch", "pull"] {
        let output = sandbox.haul(line);
        let expected = (0, "Everything is up to date.\n");
        assert_eq!((output.status.code(), output.stdout.as_str()), expected, "what is cached needs none");
    }
    forget_cache(&sandbox);
    for (line, operation) in
        [("push", "push data to"), ("fetch", "fetch data from"), ("pull", "pull data from")]
    {
        let output = sandbox.haul(line);
        assert_eq!((output.status.code(), output.stdout.as_str()), (1, ""), "`haul {line}`");
        let start = format!(
            "ERROR: failed to {operation} the cloud - config file error: no remote specified in <root>. Create a default \
             remote with\n    haul remote add -d <remote name> <remote url>\n"
        );
        assert!(output.stderr.starts_with(&start), "`haul {line}`: {}", output.stderr);
    }
}

#[test]
fn the_same_error_has_another_code_in_another_command() {
    let sandbox = tracked();
    for (line, code, error) in [
        (
            "push -r nope",
            1,
            "failed to push data to the cloud - config file error: remote 'nope' doesn't exist",
        ),
        (
            "fetch -r nope",
            1,
            "failed to fetch data from the cloud - config file error: remote 'nope' doesn't exist",
        ),
        ("status -c -r nope", 1, "config file error: remote 'nope' doesn't exist"),
        ("remote show nope", 251, "configuration error - config file error: remote 'nope' doesn't exist"),
        (
            "push nope",
            1,
            "failed to push data to the cloud - 'nope' does not exist as an output or a stage name in 'dvc.yaml': \
             'dvc.yaml' does not exist",
        ),
    ] {
        let output = sandbox.haul(line);
        assert_eq!((output.status.code(), output.stdout.as_str()), (code, ""), "`haul {line}`");
        assert!(output.stderr.starts_with(&format!("ERROR: {error}\n")), "`haul {line}`: {}", output.stderr);
    }
}

#[test]
fn unsaved_changes_are_not_overwritten_without_force() {
    let sandbox = tracked();
    sandbox.write("hello.txt", "mine\n");
    sandbox.haul("checkout").is(
        255,
        "",
        "ERROR: Can't remove the following unsaved files without confirmation. Use `--force` to force.\n\
         <root>/hello.txt\n",
    );
    assert_eq!(sandbox.read("hello.txt"), "mine\n");
    sandbox.haul("checkout -f").is(0, "M       hello.txt\n", "");
    assert_eq!(sandbox.read("hello.txt"), "hello\n");
}

#[test]
fn json_of_a_failure_has_the_error() {
    let sandbox = tracked();
    let output = sandbox.haul("push -r nope --json");
    assert_eq!(output.status.code(), 1);
    assert_eq!(
        output.stdout,
        "{\"version\": 1, \"command\": \"push\", \"warnings\": [], \"errors\": [{\"kind\": \"configuration\", \
         \"message\": \"failed to push data to the cloud - config file error: remote 'nope' doesn't exist\", \
         \"hint\": \"list the remotes there are with `haul remote list`\", \"path\": null}]}\n"
    );
    assert!(output.stderr.starts_with("ERROR: failed to push"));
}

#[test]
fn every_command_needs_a_repository() {
    let error = "ERROR: you are not inside of a DVC repository (checked up to mount point '/')\n";
    for line in ["status", "push", "fetch", "pull", "checkout", "add x", "root", "check-ignore x"] {
        let output = Sandbox::new().haul(line);
        assert_eq!((output.status.code(), output.stdout.as_str()), (253, ""), "`haul {line}`");
        assert!(
            output.stderr.starts_with("ERROR: you are not inside of a DVC repository (checked up to "),
            "{error}"
        );
    }
}

#[test]
fn a_broken_configuration_stops_every_command_with_251() {
    let sandbox = tracked();
    sandbox.write(".dvc/config", "[core]\n    foo = 1\n");
    for line in ["status", "push", "checkout", "add x"] {
        let output = sandbox.haul(line);
        assert_eq!(output.status.code(), 251, "`haul {line}`");
        let error =
            "ERROR: configuration error - config file error: extra keys not allowed @ data['core']['foo']\n";
        assert!(output.stderr.starts_with(error), "`haul {line}`: {}", output.stderr);
        assert!(output.stderr.contains(".dvc/config:2"), "`haul {line}`: {}", output.stderr);
    }
}

#[test]
fn cd_is_the_current_folder_of_everything() {
    let sandbox = tracked();
    fs_err::create_dir(sandbox.path("sub")).unwrap();
    sandbox.haul("--cd sub root").is(0, "..\n", "");
    sandbox.haul("--cd sub push ../hello.txt.dvc").moved("1 file pushed\n");
    let output = sandbox.haul("--cd nowhere status");
    assert_eq!(output.status.code(), 255);
    assert!(output.stderr.starts_with("ERROR: cannot change the directory"), "{}", output.stderr);
}

#[test]
fn init_makes_a_repository_without_git() {
    let sandbox = Sandbox::new();
    let output = sandbox.haul("init --no-scm");
    assert_eq!((output.status.code(), output.stderr.as_str()), (0, ""));
    assert!(output.stdout.starts_with("Initialized DVC repository.\n\nWhat's next?\n"), "{}", output.stdout);
    assert_eq!(sandbox.read(".dvc/config"), "[core]\n    no_scm = True\n");
    let again = "ERROR: failed to initiate DVC - '.dvc' exists. Use `-f` to force.\n";
    sandbox.haul("init --no-scm").is(1, "", again);
    let output = Sandbox::new().haul("init");
    assert_eq!(output.status.code(), 1);
    assert!(
        output.stderr.contains("is not tracked by any supported SCM tool (e.g. Git)."),
        "{}",
        output.stderr
    );
}

#[test]
fn check_ignore_names_the_deciding_pattern() {
    let sandbox = Sandbox::with_repository();
    sandbox.write(".dvcignore", "*.log\n!keep.log\n");
    sandbox.haul("check-ignore a.log keep.log b.txt").is(0, "a.log\n", "");
    sandbox.haul("check-ignore b.txt").is(1, "", "");
    sandbox.haul("check-ignore -d a.log keep.log b.txt").is(
        0,
        ".dvcignore:1:*.log\ta.log\n.dvcignore:2:!keep.log\tkeep.log\n",
        "",
    );
    sandbox.haul("check-ignore -d -n b.txt").is(1, "::\tb.txt\n", "");
    sandbox.haul("check-ignore").is(255, "", "ERROR: `targets` or `--stdin` needed\n");
}

#[test]
fn add_hints_at_git_unless_there_is_none() {
    let sandbox = tracked();
    sandbox.write("new file.txt", "new\n");
    sandbox.run(["add", "new file.txt"], &sandbox.root()).is_silent_success();
    assert_eq!(
        sandbox.read("new file.txt.dvc"),
        "outs:\n- md5: 9cd599a3523898e6a12e13ec787da50a\n  size: 4\n  hash: md5\n  path: new file.txt\n"
    );
    let output = sandbox.haul("add nope neither");
    assert_eq!((output.status.code(), output.stdout.as_str()), (1, ""));
    let errors: Vec<&str> = output.stderr.lines().collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("ERROR: output 'nope' does not exist"), "{errors:?}");
    assert!(errors[1].starts_with("ERROR: output 'neither' does not exist"), "{errors:?}");
}

#[test]
fn remove_stops_tracking_and_keeps_or_deletes_the_data() {
    let sandbox = tracked();
    sandbox.haul("remove hello.txt.dvc").is_silent_success();
    assert!(!sandbox.path("hello.txt.dvc").exists());
    assert_eq!(sandbox.read("hello.txt"), "hello\n");
    let output = sandbox.haul("rm nope.dvc");
    assert_eq!((output.status.code(), output.stdout.as_str()), (1, ""));
    assert!(output.stderr.starts_with("ERROR: '<root>/nope.dvc' does not exist"), "{}", output.stderr);

    let sandbox = tracked();
    sandbox.haul("remove --outs hello.txt.dvc").is_silent_success();
    assert!(!sandbox.path("hello.txt").exists());
}

#[test]
fn unprotect_is_silent_and_knows_what_is_missing() {
    let sandbox = tracked();
    sandbox.haul("unprotect hello.txt").is_silent_success();
    let output = sandbox.haul("unprotect nope");
    assert_eq!((output.status.code(), output.stdout.as_str()), (255, ""));
    assert!(output.stderr.contains("nope"), "{}", output.stderr);
}

#[test]
fn commit_refuses_changes_without_force() {
    let sandbox = tracked();
    sandbox.haul("commit").is_silent_success();
    sandbox.write("hello.txt", "hello, world\n");
    let output = sandbox.haul("commit");
    assert_eq!((output.status.code(), output.stdout.as_str()), (1, ""));
    assert!(
        output.stderr.starts_with(
            "ERROR: failed to commit - unable to commit changed stage: 'hello.txt.dvc'. Use `-f|--force` to force."
        ),
        "{}",
        output.stderr
    );
    sandbox.haul("commit -f hello.txt.dvc").is_silent_success();
    sandbox.haul("status").is(0, "Data and pipelines are up to date.\n", "");
    let output = sandbox.haul("commit nope");
    assert_eq!(output.status.code(), 1);
    assert!(
        output.stderr.starts_with("ERROR: failed to commit nope - 'nope' does not exist"),
        "{}",
        output.stderr
    );
}
