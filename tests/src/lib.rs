//! The harness of haul's end-to-end tests, and the tests themselves (`it/`).
//!
//! It is used by tests only and knows the product by its command line: what a user types, what is printed, which files
//! and objects exist afterwards, and which requests a server received.
//!
//! | Module | Contents |
//! |---|---|
//! | [`embedded`] | an S3 server in this process: strict about signatures, records every request, fails on demand |
//! | [`raw`] | an HTTP server that breaks rules that S3 libraries do not allow to break |
//! | [`fault_proxy`] | a proxy in front of any server, with TLS or without, that damages requests and replies |
//! | [`environment`], [`command`] | a separate world for each test, and `haul` in it |
//! | [`terminal`] | a terminal for programs that ask questions |
//! | [`dataset`], [`tree`] | realistic data; trees that are compared byte for byte |
//! | [`delay`] | a proxy that adds latency to a server |
//! | [`objects`] | writes DVC objects directly |
//! | `kill_point` | SIGKILL at a chosen system call of a command (Linux) |
//! | [`git`] | commits, branches and tags, without a `git` process |
//! | [`catalogue`], [`client`] | starts and stops real S3 servers; a simple client that reads them without haul |
//! | [`oracle`] | DVC itself, if it is installed, to compare with |
//! | [`tls`] | certificates of a private authority |
//! | [`announce`] | how the server binaries report that they are ready, and when they stop |

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
