//! End-to-end tests: what a person types, what comes out, and what is there afterwards.
//!
//! One module per subject; names are `subject_condition_expectation`. Nothing here needs a network, a container, a
//! `git` process or Python: the S3 server is the embedded one. Tests against real servers are in `integration`.

use haul_tests::TestEnvironment;

mod aws_settings;
mod credentials;
mod customer_key;
mod damage;
mod embedded_server;
mod faults;
mod gc;
mod hostile;
mod ignored;
mod integration;
mod interrupt;
mod kill;
mod missing;
mod multipart;
mod odd_files;
mod options;
mod oracle;
mod privilege;
mod requests;
mod revisions;
mod round_trip;
mod secrets;
mod side_by_side;
mod validation;
mod versioned;

/// Makes a world of its own for a test, with the program in it.
fn environment() -> TestEnvironment {
    TestEnvironment::new(env!("CARGO_BIN_EXE_haul-under-test"))
}
