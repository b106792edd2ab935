//! Next steps that errors name: each is typed in the state that showed it, and the command that failed gets further.

use haul_tests::Folder;

use crate::versioned::stage;
use crate::{served, with_file};

/// Returns the commands that a text tells to type, with these words in the place of those that stand for something.
fn commands(text: &str, words: &[(&str, &str)]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    // What is no command of haul, as `ls`, and what describes another way, is not typed.
    for (start, end) in [("`haul ", "`"), (": haul ", "\n"), ("    haul ", "\n"), ("\thaul ", "\n")] {
        for (at, _) in text.match_indices(start) {
            let rest = &text[at + start.len()..];
            let command = rest.split(end).next().unwrap_or_default().trim();
            let typed =
                words.iter().fold(command.to_owned(), |typed, (word, value)| typed.replace(word, value));
            found.push(typed.split_whitespace().map(str::to_owned).collect());
        }
    }
    found
}

/// Fails unless `line` fails, names `n_commands` commands, and succeeds once they were typed.
#[track_caller]
fn helps(repo: &Folder<'_>, line: &[&str], words: &[(&str, &str)], n_commands: usize) {
    let failed = repo.haul(line).failure().stderr_has(&["ERROR: "]);
    let commands = commands(&failed.stderr, words);
    assert!(commands.len() >= n_commands && n_commands > 0, "too few commands to type\n{failed}");
    for command in &commands[..n_commands] {
        repo.haul(command).success();
    }
    repo.haul(line).success();
}

#[test]
fn missing_remote_is_added_or_made_the_default() {
    let (server, environment) = served();
    let repo = with_file(&environment, &server.endpoint());
    repo.haul(["remote", "default", "--unset"]).success();
    helps(&repo, &["push"], &[("<remote name>", "origin"), ("<name>", "origin")], 1);

    let (_server, environment) = served();
    let repo = environment.repository("repo");
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    let words = [
        ("<remote name>", "origin"),
        ("<remote url>", "../store"),
        ("<name>", "origin"),
        ("<url>", "../store"),
    ];
    helps(&repo, &["push"], &words, 1);
}

#[test]
fn data_that_the_cache_lacks_is_stored_from_the_workspace_or_got_from_the_remote() {
    let (server, environment) = served();
    let repo = with_file(&environment, &server.endpoint());
    repo.remove(".dvc/cache");
    helps(&repo, &["push"], &[], 1);
    repo.remove(".dvc/cache");
    repo.remove("file");
    helps(&repo, &["checkout"], &[], 1);
}

#[test]
fn half_of_the_keys_is_completed() {
    let (server, environment) = served();
    let repo = with_file(&environment, &server.endpoint());
    let user = server.user();
    repo.haul(["remote", "modify", "--local", "origin", "access_key_id", &user.access_key]).success();
    helps(&repo, &["push"], &[("<secret>", &user.secret_key)], 1);
}

#[test]
fn cache_type_that_does_not_work_is_completed_by_copies() {
    let (server, environment) = served();
    let repo = with_file(&environment, &server.endpoint());
    let elsewhere = tempfile::tempdir_in("/dev/shm").expect("there is shared memory");
    repo.haul(["config", "cache.dir", &elsewhere.path().display().to_string()]).success();
    repo.haul(["config", "cache.type", "hardlink"]).success();
    repo.haul(["commit", "-f"]).success();
    repo.remove("file");
    let failed = repo.haul(["checkout"]).failure().stderr_has(&["hardlink", "cross-device"]);
    assert!(failed.stderr.contains("the cache is on another file system"), "{failed}");
    helps(&repo, &["checkout"], &[], 1);
    assert_eq!(repo.read("file"), "content");
}

#[test]
fn update_over_changes_names_a_flag_that_there_is() {
    let (server, environment) = served();
    let repo = environment.repository_at("repo", &server.endpoint());
    server.put("bucket", "store/src/a", "one");
    repo.haul(["import-url", "remote://origin/src/a"]).success();
    server.put("bucket", "store/src/a", "two");
    repo.write("a", "mine");
    let failed = repo.haul(["update", "a.dvc"]).code(1).stderr_has(&["`haul update` has no `--force`"]);
    let command = commands(&failed.stderr, &[]).into_iter().find(|command| command[0] == "checkout");
    assert_eq!(command.as_deref().map(|words| words.join(" ")).as_deref(), Some("checkout --force a.dvc"));
    repo.haul(["checkout", "--force", "a.dvc"]).success();
    repo.haul(["update", "a.dvc"]).success();
    assert_eq!(repo.read("a"), "two");
}

#[test]
fn version_that_is_gone_is_told_as_gone_and_a_copy_records_another() {
    let (server, environment) = stage();
    let repo = environment.repository_at("repo", &server.endpoint());
    repo.haul(["remote", "modify", "origin", "version_aware", "true"]).success();
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo.haul(["push"]).success();
    server.remove("bucket", "store/file");
    assert!(server.versions("bucket", "store/file").is_empty());
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    let failed = clone
        .haul(["pull"])
        .failure()
        .stderr_has(&["the recorded versions are gone from `s3://bucket/store`"]);
    assert!(!failed.stderr.contains("push the missing data from"), "{failed}");
    // What is left of the hint in the copy that has the data.
    repo.haul(["push"]).success();
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    assert_eq!(clone.read("file"), "content");
}

#[test]
fn show_url_without_a_remote_has_the_code_of_a_configuration_that_cannot_be_used() {
    let (server, environment) = served();
    let repo = with_file(&environment, &server.endpoint());
    repo.haul(["get", ".", "file", "--show-url"]).success().stdout_has(&["s3://bucket/store/files/md5/"]);
    repo.haul(["remote", "remove", "origin"]).success();
    repo.remove(".dvc/cache");
    repo.haul(["get", ".", "file", "--show-url"])
        .code(251)
        .stderr_has(&["no remote specified", "haul remote add -d"]);
}

#[test]
fn move_into_a_directory_that_is_not_there_is_refused_as_by_dvc() {
    let (server, environment) = served();
    let repo = with_file(&environment, &server.endpoint());
    repo.haul(["move", "file", "b/"])
        .code(1)
        .stderr_has(&["failed to move 'file' -> 'b/' - stage working dir '", "/b' does not exist"]);
    assert!(repo.exists("file.dvc") && repo.exists("file"));
    fs_err::create_dir(repo.join("b")).expect("it can be made");
    repo.haul(["move", "file", "b/"]).success();
    assert_eq!(repo.read("b/file"), "content");
}
