//! The questions that a user on a terminal is asked before data is lost.

use std::path::Path;

use haul_tests::{Folder, TestEnvironment};

use crate::environment;

const HELPER: &str = env!("CARGO_BIN_EXE_on-a-terminal");

fn with_change(environment: &TestEnvironment) -> Folder<'_> {
    let repo = environment.repository("repo");
    repo.write("file", "one");
    repo.haul(["add", "file"]).success();
    repo.write("file", "two");
    repo
}

#[test]
fn commit_of_a_change_asks_and_a_yes_commits() {
    let environment = environment();
    let repo = with_change(&environment);
    let before = repo.read("file.dvc");
    let question =
        "outputs ['file'] of stage: 'file.dvc' changed. Are you sure you want to commit it? [y/n] ";
    for (answer, code) in [("n", 1), ("maybe\nno", 1), ("y", 0)] {
        assert_eq!(repo.read("file.dvc"), before, "before the answer {answer:?}");
        let mut terminal = repo.start_on_terminal(Path::new(HELPER), &["commit"]);
        terminal.wait_for(question);
        for line in answer.lines() {
            terminal.type_line(line);
        }
        let (status, screen) = terminal.wait();
        assert_eq!(status.code(), Some(code), "{screen}");
    }
    assert_ne!(repo.read("file.dvc"), before);
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
}

#[test]
fn interrupted_question_is_no_answer() {
    let environment = environment();
    let repo = with_change(&environment);
    let mut terminal = repo.start_on_terminal(Path::new(HELPER), &["commit"]);
    terminal.wait_for("Are you sure you want to commit it? [y/n] ");
    terminal.interrupt();
    let (status, screen) = terminal.wait();
    assert_eq!(status.code(), Some(252), "{screen}");
}

#[test]
fn commit_of_a_change_without_a_terminal_is_refused() {
    let environment = environment();
    let repo = with_change(&environment);
    let before = repo.read("file.dvc");
    repo.haul(["commit"]).code(1).stderr_has(&["unable to commit changed stage: 'file.dvc'."]);
    assert_eq!(repo.read("file.dvc"), before);
}

#[test]
fn destroy_asks_and_only_a_yes_destroys() {
    let environment = environment();
    let repo = environment.repository("repo");
    repo.write("file", "one");
    repo.haul(["config", "cache.type", "symlink"]).success();
    repo.haul(["add", "file"]).success();
    for (answer, is_there) in [("n", true), ("y", false)] {
        let mut terminal = repo.start_on_terminal(Path::new(HELPER), &["destroy"]);
        terminal.wait_for("Are you sure you want to continue? [y/n]: ");
        terminal.type_line(answer);
        let (status, screen) = terminal.wait();
        assert_eq!(status.success(), !is_there, "{screen}");
        assert_eq!(repo.join(".dvc").exists(), is_there);
        assert_eq!(repo.join("file.dvc").exists(), is_there);
    }
    assert_eq!(repo.read("file"), "one");
    let data = repo.join("file");
    assert!(!fs_err::symlink_metadata(data).unwrap().is_symlink(), "the data has bytes of its own");
}
