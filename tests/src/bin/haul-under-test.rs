//! The program under test: what `haul` itself is, in the package of the tests.
//!
//! Cargo builds the binaries of a package before its integration tests and tells the tests where they are; it does
//! not do so for binaries of other packages. Through this one, `cargo test` needs no second command before it.

fn main() -> std::process::ExitCode {
    haul::main()
}
