//! The harness of haul's end-to-end tests, and the tests themselves (`it/`).
//!
//! What is here is used by tests only and knows the product by its command line: what a person types, what is
//! printed, which files and objects are there afterwards, and which requests a server saw.
//!
//! | Module | What it gives |
//! |---|---|
//! | [`embedded`] | an S3 server in this process: strict about signatures, records every request, fails on demand |
//! | [`raw`] | an HTTP server that breaks rules which no S3 library would let us break |
//! | [`fault_proxy`] | a proxy in front of any server, with TLS or without, that damages requests and replies |
//! | [`environment`], [`command`] | a world of its own for each test, and `haul` in it |
//! | [`terminal`] | a terminal for programs that ask |
//! | [`dataset`], [`tree`] | data as people have it; trees compared byte for byte |
//! | [`delay`] | a proxy that makes a near server a far one |
//! | [`objects`] | DVC objects made by hand |
//! | `kill_point` | SIGKILL at a chosen system call of a command (Linux) |
//! | [`git`] | commits, branches and tags, without a `git` process |
//! | [`catalogue`], [`client`] | real S3 servers, started and stopped, and a bare client to look past the program |
//! | [`oracle`] | DVC itself, where it is installed, to compare with |
//! | [`tls`] | certificates of a private authority |
//! | [`announce`] | how the server binaries tell that they are ready, and when they stop |

pub mod announce;
pub mod catalogue;
pub mod client;
pub mod command;
pub mod dataset;
pub mod delay;
pub mod embedded;
pub mod environment;
pub mod failure;
pub mod fault_proxy;
pub mod git;
#[cfg(target_os = "linux")]
pub mod kill_point;
pub mod objects;
pub mod oracle;
pub mod raw;
pub mod terminal;
pub mod tls;
pub mod tree;

pub use command::CommandOutput;
pub use environment::{Folder, TestEnvironment};
pub use failure::FailedCommand;

/// Returns `length` random letters and digits, for keys and names of one test run.
pub fn random_text(length: usize) -> String {
    use rand::RngExt;
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(length).map(char::from).collect()
}
