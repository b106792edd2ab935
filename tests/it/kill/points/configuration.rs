//! Commands that edit one or two files of the configuration.

use haul_tests::Folder;

use super::{ONE, Scenario, tracked};

/// Makes a remote whose keys are in the other file.
fn two_levels(repo: &Folder<'_>) {
    tracked(repo);
    repo.haul(["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
    repo.haul(["remote", "add", "other", "s3://bucket/other"]).success();
    repo.haul(["remote", "modify", "--local", "origin", "access_key_id", "mine"]).success();
    repo.haul(["config", "--local", "core.remote", "origin"]).success();
}

#[test]
fn killed_rename_of_a_remote_over_two_files_goes_on() {
    Scenario {
        name: "remote rename",
        line: &["remote", "rename", "origin", "upstream"],
        prepare: &two_levels,
        precious: ONE,
        is_done: &["remote 'origin' doesn't exist"],
        after_checkout: &|repo| {
            let list = repo.haul(["config", "--list"]).success();
            assert!(list.stdout.contains("access_key_id"), "{list}");
        },
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_removal_of_a_remote_over_two_files_goes_on() {
    let prepare = |repo: &Folder<'_>| {
        tracked(repo);
        repo.haul(["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
        repo.haul(["config", "--local", "core.remote", "origin"]).success();
    };
    Scenario {
        name: "remote remove",
        line: &["remote", "remove", "origin"],
        prepare: &prepare,
        precious: ONE,
        is_done: &["remote 'origin' doesn't exist"],
        ..Scenario::default()
    }
    .survives();
}

#[test]
fn killed_edit_of_the_configuration_goes_on() {
    Scenario {
        name: "remote default",
        line: &["remote", "default", "other"],
        prepare: &two_levels,
        precious: ONE,
        ..Scenario::default()
    }
    .survives();
}
