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
//! # Map: the way of a request
//!
//! | module | |
//! |---|---|
//! | `request` | operation, address, headers, body |
//! | `transport` | one HTTP exchange, its time limits, when to try again |
//! | `reply` | what servers write: documents, errors, checksums |
//! | `client` | the one way through these three: headers, signature, attempt, judgement |
//! | `store` | [`S3Store`]: a function per call, for the transfer engine and as an `object_store` |

mod client;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod reply;
pub(crate) mod request;
mod store;
#[cfg(test)]
mod tests;
pub(crate) mod transport;

pub use reply::bucket::{DefaultEncryption, ObjectLock};
pub(crate) use reply::documents::ErrorReply;
pub(crate) use reply::first_words;
pub use reply::refusals::{REFUSALS, Refusal};
pub use request::options::{
    AddressingStyle, Checksums, CustomerKey, DEFAULT_MULTIPART_THRESHOLD_BYTES, DEFAULT_PART_SIZE_BYTES,
    DEFAULT_TIMEOUT, ListApi, ObjectSettings, PayloadSigning, ReplyChecksums, RetryOptions, S3Options,
    ServerTrust,
};
pub use store::S3Store;
pub(crate) use transport::http_client::HttpTransport;
pub use transport::http_client::{Http, HttpSettings};
pub use transport::proxy::{InCapitals, ProxyInUse, ProxySettings};
pub use transport::tls::ServerCertificate;
