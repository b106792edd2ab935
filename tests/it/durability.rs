//! What must be on the disk when a command reports success, by the order of the calls that write and wait.

use haul_tests::Folder;
use haul_tests::kill_point::Reached;
use haul_tests::objects::md5_of;

use crate::environment;

/// Runs a command, and returns its calls that change a file or wait for the disk. `None` if processes cannot be traced.
#[expect(clippy::print_stderr, reason = "a skipped test is to be seen")]
fn calls(repo: &Folder<'_>, line: &[&str]) -> Option<Vec<String>> {
    match repo.haul_until(line, usize::MAX) {
        Ok(Reached::Ended { code: Some(0), with_syncs, .. }) => Some(with_syncs),
        Ok(reached) => panic!("{line:?}: {reached:?}"),
        Err(error) => {
            eprintln!("SKIPPED: processes cannot be traced: {error}");
            None
        }
    }
}

/// Returns the index of the last call that starts with one of these texts.
fn last(calls: &[String], starts: &[&str]) -> Option<usize> {
    calls.iter().rposition(|call| starts.iter().any(|start| call.starts_with(start)))
}

#[test]
fn push_into_a_directory_waits_for_the_disk_at_its_end() {
    let environment = environment();
    let repo = environment.repository("repo");
    let remote = repo.join("../remote").display().to_string();
    repo.haul(["remote", "add", "-d", "origin", &remote]).success();
    repo.write("d/a", "a");
    repo.write("d/b", "b");
    repo.haul(["add", "d"]).success();
    for (what, is_empty) in [("all objects", true), ("objects a killed run put", false)] {
        let Some(calls) = calls(&repo, &["push"]) else { return };
        let put = calls.iter().rposition(|call| call.starts_with("rename ") && call.contains("remote"));
        let waited = calls.iter().rposition(|call| call.starts_with("sync-all ") && call.contains("remote"));
        assert_eq!(put.is_some(), is_empty, "{what}: {calls:#?}");
        assert!(waited.is_some() && waited > put, "{what} are not waited for: {calls:#?}");
    }
}

#[test]
fn object_that_was_found_in_the_cache_is_on_the_disk_before_a_metafile_names_it() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("file", "content");
    repo.write("d/file", "another");
    repo.haul(["add", "file", "d"]).success();
    for (target, contents, is_memo_lost) in [
        ("file", "content", false),
        ("d", "another", false),
        ("file", "content", true),
        ("d", "another", true),
    ] {
        repo.remove(format!("{target}.dvc"));
        if is_memo_lost {
            repo.remove(".dvc/tmp/haul");
        }
        let Some(calls) = calls(&repo, &["add", target]) else { return };
        let oid = md5_of(contents.as_bytes());
        assert!(last(&calls, &["rename "]).is_some() && !calls.iter().any(|call| call.contains(&oid[2..])));
        let waited = calls.iter().position(|call| call.starts_with("sync-all ") && call.contains("cache"));
        let named = calls.iter().position(|call| call.ends_with(&format!("{target}.dvc")));
        // The temporary file of the metafile is written and synchronised in `.dvc/tmp`.
        let written = calls.iter().position(|call| call.starts_with("sync ") && call.contains(".dvc/tmp"));
        assert!(waited.is_some(), "{target}: {calls:#?}");
        assert!(waited < written.max(named), "{target}: {calls:#?}");
    }
}

#[test]
fn deletion_of_a_metafile_is_durable_when_remove_and_move_are_done() {
    let environment = environment();
    let repo = environment.repository("repo");
    for name in ["a", "b", "c"] {
        repo.write(name, name);
    }
    repo.haul(["add", "a", "b", "c"]).success();
    for line in [&["remove", "a.dvc", "b.dvc"][..], &["move", "c", "z"]] {
        let Some(calls) = calls(&repo, line) else { return };
        let gone = calls.iter().rposition(|call| {
            call.starts_with("unlink ") && call.rsplit_once('.').is_some_and(|(_, suffix)| suffix == "dvc")
        });
        let folder = repo.path().display().to_string();
        let waited = calls.iter().rposition(|call| *call == format!("sync {folder}"));
        assert!(gone.is_some() && waited > gone, "{line:?}: {calls:#?}");
    }
}
