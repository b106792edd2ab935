//! Web servers: files under URLs, read and, where the server takes them, written.
//!
//! | module | what it holds |
//! |---|---|
//! | `client` | [`WebClient`]: one request with its redirects and repetitions |
//! | `info` | what the head of a reply tells of a file |
//! | `store` | [`HttpStore`]: a remote on a web server |

mod client;
mod info;
mod s3_server;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use client::{WebClient, display};
pub(crate) use info::FileInfo;
pub use store::HttpStore;
