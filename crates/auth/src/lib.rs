//! Which AWS credentials, region and endpoint apply here, and why.
//!
//! This crate knows AWS; it knows no DVC repository, no bucket and no terminal. The environment, the clock and the
//! HTTP client are handed in.

#![warn(missing_docs)]

mod cache;
mod chain;
mod clock;
mod credentials;
mod error;
pub mod http;
mod identity;
mod profile;
mod request;
mod role_cache;
mod send;
mod settings;
mod shell_words;
mod sign;
mod source;
mod sso_token;
mod sts;
mod time;
mod trace;

pub use chain::{CredentialChain, PromptMfa};
pub use clock::{Clock, SystemClock};
pub use credentials::{Credentials, ProvideCredentials};
pub use error::{Error, InvalidValue, ProfileNotFound, Result};
pub use http::HttpClient;
pub use identity::CallerIdentity;
pub use request::CredentialRequest;
pub use settings::{AddressingStyle, AwsSettings, ChecksumMode, RetryMode, S3Settings};
pub use sign::{SignedPayload, SigningError, SigningScope, sign};
pub use trace::{Answer, SourceName, Trace, TraceEntry};
