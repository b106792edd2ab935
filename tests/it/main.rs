//! End-to-end tests: what a person types, what comes out, and what is there afterwards.

use haul_tests::TestEnvironment;

mod credentials;

/// Makes a world of its own for a test, with the program in it.
fn environment() -> TestEnvironment {
    TestEnvironment::new(env!("CARGO_BIN_EXE_haul-under-test"))
}
