//! Which AWS credentials, region and endpoint apply here, and why.
//!
//! This crate knows AWS. It knows no DVC repository, no bucket and no terminal, and it has no global state: the
//! environment ([`haul_config::Env`]), the clock ([`Clock`]) and the HTTP client ([`HttpClient`]) are arguments.
//! The reference is botocore: the same environment and files give the same source, keys, region and refusal.
//!
//! | To find out | ask | in |
//! |---|---|---|
//! | the credentials | [`CredentialChain`] through [`ProvideCredentials`] | `chain.rs`, one file per source in `source/` |
//! | what every source answered | [`CredentialChain::trace`] | `trace.rs` |
//! | whose credentials they are | [`CredentialChain::caller_identity`] | `identity.rs` |
//! | region, endpoint, the `s3 =` block, … | [`AwsSettings`] | `settings/` |
//! | a signature | [`sign()`] | `sign.rs`, over `aws-sigv4` |
//!
//! `profile/` reads the AWS files, `cache/` keeps and renews credentials, `sts.rs`, `sso_token.rs` and `send.rs` send
//! requests to the services. The four services of the chain need one or two small requests each, made here over
//! [`HttpClient`]: the generated AWS clients would add a second HTTP and retry stack for them.
//!
//! # Invariants
//!
//! - A source that is not configured is skipped; one that is configured and broken ends the walk with the reason.
//! - Nothing is read or sent before credentials are requested; explicit keys and anonymous access never read a file.
//! - Concurrent callers share one fetch; credentials are renewed five minutes before they expire, and once when the
//!   server calls them expired.
//! - No secret enters a log, an error, a trace or a `{:?}`.
//!
//! # Known differences from botocore
//!
//! Each is marked `Deviation:` where it is made.
//!
//! - `AWS_REGION` is the region if botocore would find none; STS with a custom endpoint needs no region.
//! - A variable or key with an empty value counts as unset.
//! - Only the settings of the sources that are asked are read; botocore fails on a mistake in any of them.
//! - An AWS file that cannot be read is an error, not an empty file; so are keys that are empty, a
//!   `duration_seconds` that is not a number, and a switch that is neither `true` nor `false`.
//! - A `credential_process` is stopped after two minutes.
//! - A busy instance metadata service is asked up to three times, not once.
//! - `AWS_CREDENTIAL_FILE` and the files of boto 2 are not read; `aws login` sessions are refused, as by botocore
//!   without its C extension.
//! - Credentials are renewed five minutes before they expire; botocore renews ten to fifteen minutes before.

#![warn(missing_docs)]

mod cache;
mod chain;
mod clock;
mod credentials;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod http;
mod identity;
mod partition;
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
pub use partition::dns_suffix;
pub use request::CredentialRequest;
pub use settings::{AddressingStyle, AwsSettings, ChecksumMode, RetryMode, S3Settings};
pub use sign::{SignedPayload, SigningError, SigningScope, sign};
pub use trace::{Answer, SourceName, Trace, TraceEntry};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
