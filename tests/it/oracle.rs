//! DVC reads what haul wrote, and the reverse. The tests print that they are skipped if `HAUL_DVC` names no DVC.

use haul_tests::dataset::DataSet;
use haul_tests::environment::process_variable;
use haul_tests::oracle::DvcOracle;

use crate::served;

/// Finds DVC, or prints that the test is skipped.
#[expect(clippy::print_stderr, reason = "a skipped test is to be seen")]
fn oracle(test: &str) -> Option<DvcOracle> {
    let oracle = DvcOracle::find();
    if oracle.is_none() {
        assert!(
            process_variable("REQUIRE_INTEGRATION").is_none(),
            "REQUIRE_INTEGRATION is set, but HAUL_DVC is not"
        );
        eprintln!("SKIPPED {test}: set HAUL_DVC to the dvc program to run it");
    }
    oracle
}

#[test]
fn dvc_pulls_what_haul_pushed() {
    let Some(dvc) = oracle("dvc_pulls_what_haul_pushed") else { return };
    let (server, mut environment) = served();
    environment.set("DVC_NO_ANALYTICS", "1");
    let repo = environment.repository_at("repo", &server.endpoint());
    DataSet::default().write_to(&repo.join("data"));
    repo.haul(["add", "data"]).success();
    repo.haul(["push"]).success();
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    dvc.run(&clone, ["pull"]).success();
    clone.tree("data").assert_equals(&repo.tree("data"));
    dvc.run(&repo, ["status"]).success().stdout_has(&["up to date"]);
    dvc.run(&repo, ["status", "-c"]).success().stdout_has(&["in sync"]);
}

#[test]
fn haul_pulls_what_dvc_pushed() {
    let Some(dvc) = oracle("haul_pulls_what_dvc_pushed") else { return };
    let (server, mut environment) = served();
    environment.set("DVC_NO_ANALYTICS", "1");
    let repo = environment.folder("repo");
    repo.git_init();
    dvc.run(&repo, ["init"]).success();
    dvc.run(&repo, ["remote", "add", "-d", "origin", "s3://bucket/store"]).success();
    dvc.run(&repo, ["remote", "modify", "origin", "endpointurl", &server.endpoint()]).success();
    DataSet::default().write_to(&repo.join("data"));
    dvc.run(&repo, ["add", "data"]).success();
    dvc.run(&repo, ["push"]).success();
    let clone = environment.folder("clone");
    clone.clone_metadata_of(&repo);
    clone.haul(["pull"]).success();
    clone.tree("data").assert_equals(&repo.tree("data"));
    repo.haul(["status"]).success().stdout_has(&["up to date"]);
    repo.haul(["push"]).success().stdout_has(&["Everything is up to date."]);
}

#[test]
fn every_command_of_dvc_is_answered_or_handed_over() {
    let Some(dvc) = oracle("every_command_of_dvc_is_answered_or_handed_over") else { return };
    let (_server, mut environment) = served();
    environment.set("DVC_NO_ANALYTICS", "1");
    let help = dvc.run(&environment.folder("repo"), ["nonsense"]).code(254);
    // The parser lists all its commands: `invalid choice: 'nonsense' (choose from 'add', …)`.
    let (_, choices) = help.stderr.split_once("(choose from ").expect("the parser lists its commands");
    let names: Vec<&str> =
        choices.split('\'').skip(1).step_by(2).take_while(|name| !name.contains(')')).collect();
    assert!(names.len() > 50, "{names:?}");
    for name in names {
        let output = environment.folder("repo").haul([name, "--help"]);
        let is_answered = output.status.success();
        let is_known = output.stderr.contains(&format!("haul has no `{name}`"));
        assert!(is_answered || is_known, "`haul {name}` is not known:\n{output}");
    }
}
