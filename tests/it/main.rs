//! End-to-end tests: what a user types, what is printed, and which files and objects exist afterwards.
//!
//! One module per subject; names are `subject_condition_expectation`. Nothing here needs a network, a container, a
//! `git` process or Python: the S3 server is the embedded one. Tests against real servers are in `integration`.

use haul_tests::embedded::EmbeddedS3;
use haul_tests::{Folder, TestEnvironment};

mod aws_settings;
mod configuration;
mod credentials;
mod customer_key;
mod damage;
mod durability;
mod embedded_server;
mod faults;
mod full_disk;
mod gc;
mod hand_over;
mod hostile;
mod ignored;
mod imports;
mod integration;
mod interrupt;
mod kill;
mod links;
mod looking;
mod missing;
mod multipart;
mod next_steps;
mod odd_files;
mod options;
mod oracle;
mod other_repositories;
mod privilege;
mod questions;
mod refusals;
mod requests;
mod revisions;
mod round_trip;
mod secrets;
mod side_by_side;
mod tls;
mod unseen;
mod untracked;
mod uploads;
mod validation;
mod versioned;

/// Makes a separate world for a test, with the program in it.
fn environment() -> TestEnvironment {
    TestEnvironment::new(env!("CARGO_BIN_EXE_haul-under-test"))
}

/// Starts a server, and makes a world that has its keys.
fn served() -> (EmbeddedS3, TestEnvironment) {
    let server = EmbeddedS3::new();
    let mut environment = environment();
    environment.use_keys_of(&server);
    (server, environment)
}

/// Makes a repository whose default remote is at the endpoint, and adds `file` to it.
fn with_file<'a>(environment: &'a TestEnvironment, endpoint: &str) -> Folder<'a> {
    let repo = environment.repository_at("repo", endpoint);
    repo.write("file", "content");
    repo.haul(["add", "file"]).success();
    repo
}
