//! Region, endpoint and transfer settings from the environment and the AWS config file.

mod endpoint;
mod parse;
mod read;

use std::path::PathBuf;

use haul_config::Located;

pub(crate) use endpoint::{Service, endpoint_url, place};
pub(crate) use parse::{integer, switch, uses_ipv6};
pub(crate) use read::{Reader, region, without_fips};

/// The settings for S3 requests in the environment, the AWS config file and the remote.
///
/// A field is `None` if it is not set: the S3 client then uses its default.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AwsSettings {
    /// The active profile: the remote's, `AWS_DEFAULT_PROFILE`, `AWS_PROFILE`, else `default`.
    pub profile: Located<String>,
    /// The region: the remote's, `AWS_DEFAULT_REGION`, the profile's, `AWS_REGION`.
    pub region: Option<Located<String>>,
    /// The S3 endpoint: the remote's, `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the profile's `services`, the profile's.
    pub endpoint_url: Option<Located<String>>,
    /// The endpoint of STS, where it is not AWS's: `AWS_ENDPOINT_URL_STS` and so on.
    pub sts_endpoint_url: Option<Located<String>>,
    /// The `s3 =` block of the profile.
    pub s3: S3Settings,
    /// A file of certificates that replaces the roots of the system: `AWS_CA_BUNDLE`, the profile's `ca_bundle`,
    /// `REQUESTS_CA_BUNDLE`.
    pub ca_bundle: Option<Located<PathBuf>>,
    /// How to retry (`AWS_RETRY_MODE`, `retry_mode`).
    pub retry_mode: Option<Located<RetryMode>>,
    /// Attempts per request, the first one included (`AWS_MAX_ATTEMPTS`, `max_attempts`).
    pub max_attempts: Option<Located<u32>>,
    /// When to send checksums (`AWS_REQUEST_CHECKSUM_CALCULATION`, `request_checksum_calculation`).
    pub request_checksum_calculation: Option<Located<ChecksumMode>>,
    /// When to check checksums of replies (`AWS_RESPONSE_CHECKSUM_VALIDATION`, `response_checksum_validation`).
    pub response_checksum_validation: Option<Located<ChecksumMode>>,
    /// Use endpoints that also support IPv6 (`AWS_USE_DUALSTACK_ENDPOINT`, `use_dualstack_endpoint`).
    pub use_dualstack_endpoint: Option<Located<bool>>,
    /// Use FIPS endpoints (a region such as `fips-us-west-2`, `AWS_USE_FIPS_ENDPOINT`, `use_fips_endpoint`).
    pub use_fips_endpoint: Option<Located<bool>>,
}

/// The `s3 =` block of a profile.
///
/// Source: <https://docs.aws.amazon.com/cli/latest/topic/s3-config.html>.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct S3Settings {
    /// The number of concurrent requests.
    pub max_concurrent_requests: Option<Located<usize>>,
    /// The number of objects that wait for a request, or to be written.
    pub max_queue_size: Option<Located<usize>>,
    /// Files of this many bytes or more are uploaded in parts.
    pub multipart_threshold: Option<Located<u64>>,
    /// Bytes per part.
    pub multipart_chunksize: Option<Located<u64>>,
    /// The maximum of bytes per second, over all transfers.
    pub max_bandwidth: Option<Located<u64>>,
    /// Whether the bucket is in the host name or in the path.
    pub addressing_style: Option<Located<AddressingStyle>>,
    /// Use the accelerated endpoint.
    pub use_accelerate_endpoint: Option<Located<bool>>,
    /// Use endpoints that also support IPv6, even if the profile's own key is false; `false` leaves the decision to that key.
    pub use_dualstack_endpoint: Option<Located<bool>>,
    /// Include the SHA-256 of every body in the signature.
    pub payload_signing_enabled: Option<Located<bool>>,
}

/// Where a URL names the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressingStyle {
    /// The S3 client decides.
    Auto,
    /// In the host name.
    Virtual,
    /// In the path.
    Path,
}

/// The AWS SDKs' retry modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryMode {
    /// botocore's original mode.
    Legacy,
    /// The mode that all SDKs have.
    Standard,
    /// With client-side rate limiting.
    Adaptive,
}

/// When checksums other than MD5 are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumMode {
    /// Wherever the operation allows it.
    WhenSupported,
    /// Only where the operation requires it.
    WhenRequired,
}
