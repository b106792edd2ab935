//! A thin client for S3 and servers that speak its language.
mod client;
mod describe;
mod download;
mod endpoint;
mod failure;
mod http_client;
mod list;
mod object_store;
mod op;
mod ops;
mod options;
mod payload;
mod replies;
mod resolve;
mod retry;
mod sign;
mod store;
mod throttle;
mod transport;
mod watch;
mod xml;

pub use http_client::{Http, HttpSettings};
pub use options::{
    AddressingStyle, Checksums, CustomerKey, DEFAULT_MULTIPART_THRESHOLD_BYTES, DEFAULT_PART_SIZE_BYTES,
    DEFAULT_TIMEOUT, ListApi, ObjectSettings, PayloadSigning, ProxySettings, RetryOptions, S3Options,
    ServerTrust,
};
pub use store::S3Store;
