//! A thin client for S3 and the servers that speak its language.
//!
//! It exists because the clients at hand lack what a DVC remote needs: ListObjects (v1), ACLs and grants, bodies
//! streamed from files, error codes as data, wrong-region retries, and an idle limit that tells a slow server from a
//! dead one. It holds no credentials chain (haul-auth) and knows no objects by their hash (the rest of this crate).
//!
//! # What always holds
//!
//! - Every request goes through `client`: headers by operation, then a signature over all of them, once per attempt.
//! - No redirect is followed, but to the same bucket in the region that the server names.
//! - Replies are bounded in size and depth, without entities; listings must move on; a body is as long as announced.
//! - Secrets are marked sensitive and shown by no `Debug`, no log and no error.
//!
//! # Map
//!
//! | module | |
//! |---|---|
//! | `options`, `resolve` | what can be set; from the configuration to it |
//! | `endpoint` | host and path of a bucket and its keys |
//! | `op` | the operations and the headers of each |
//! | `payload`, `throttle` | bodies, made anew for every attempt; bandwidth |
//! | `transport`, `http_client`, `watch` | one HTTP exchange; reqwest; the idle watchdog |
//! | `proxy` | which requests go through a proxy |
//! | `tls` | whom to believe to be the server |
//! | `client`, `retry`, `failure`, `describe` | the choke point; when to try again; what a failure is, and in words |
//! | `ops`, `list`, `download` | one function per call; listings; GET that goes on where it broke off |
//! | `xml`, `replies` | what servers write |
//! | `web_page` | what other servers write |
//! | `store`, `object_store` | [`S3Store`] for the transfer engine and as an `object_store` |
//! | `locked` | objects that the customer key does not open |
//! | `versions` | [`S3Store`] as a store that keeps versions |

mod client;
mod describe;
mod download;
mod endpoint;
mod error_body;
mod etags;
mod failure;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod http_client;
mod list;
mod locked;
mod object_store;
mod op;
mod ops;
mod options;
pub(crate) mod payload;
mod proxy;
mod remedies;
mod replies;
mod reply_checksum;
mod resolve;
mod retry;
mod store;
#[cfg(test)]
mod tests;
mod throttle;
mod tls;
pub(crate) mod transport;
mod uploads;
mod versions;
mod watch;
mod web_page;
mod xml;

pub(crate) use http_client::HttpTransport;
pub use http_client::{Http, HttpSettings};
pub use options::{
    AddressingStyle, Checksums, CustomerKey, DEFAULT_MULTIPART_THRESHOLD_BYTES, DEFAULT_PART_SIZE_BYTES,
    DEFAULT_TIMEOUT, ListApi, ObjectSettings, PayloadSigning, ReplyChecksums, RetryOptions, S3Options,
    ServerTrust,
};
pub use proxy::ProxySettings;
pub use store::S3Store;
