//! The program under test: the same as `haul`, in the package of the tests.
//!
//! Cargo builds the binaries of a package before its integration tests and passes their paths to the tests, but not those
//! of other packages. With this binary, `cargo test` needs no other command before it.

fn main() -> std::process::ExitCode {
    haul::main()
}
