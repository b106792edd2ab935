//! Concurrent edits of the configuration.

use std::time::Duration;

use crate::environment;

#[test]
fn edits_at_the_same_time_lose_nothing() {
    const N_EDITS: usize = 40;
    let environment = environment();
    let repo = environment.repository("repo");
    let name = |number: usize| format!("remote-{number}");
    // Two files in one directory, and one that does not exist yet.
    let mut running = Vec::new();
    for number in 0..N_EDITS {
        let level = ["--project", "--local", "--global"][number % 3];
        let url = format!("s3://bucket/{number}");
        running.push(repo.start(["remote", "add", level, &name(number), &url]));
    }
    for command in running {
        command.wait(Duration::from_mins(2)).success();
    }
    let list = repo.haul(["remote", "list"]).success();
    let lost: Vec<String> =
        (0..N_EDITS).map(name).filter(|name| !list.stdout.contains(&format!("{name}\t"))).collect();
    assert_eq!(lost, [""; 0], "{list}");
}
