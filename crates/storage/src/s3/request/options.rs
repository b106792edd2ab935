//! Everything an [`S3Store`](crate::s3::S3Store) has to be told.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use haul_config::{Located, Origin, Secret};
use md5::{Digest, Md5};

use crate::s3::transport::proxy::ProxySettings;

/// How to reach a bucket and how to use it.
///
/// [`S3Options::new`] gives a bucket on AWS with the documented defaults; every field can be changed.
/// Values that come from a user keep their origin where an error may have to name it.
#[derive(Debug, Clone)]
pub struct S3Options {
    /// The name of the DVC remote, for hints such as `haul remote modify NAME …`.
    pub remote_name: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// What all keys start with, without the `/` behind it; raw, empty for the whole bucket.
    pub prefix: String,
    /// The region to sign for; without it `us-east-1`, and the region the server names.
    pub region: Option<Located<String>>,
    /// The server, as `https://minio.example.org:9000/base`; without it AWS.
    pub endpoint_url: Option<Located<String>>,
    /// Tells to use TLS where the endpoint does not say it.
    pub use_ssl: bool,
    /// Where the bucket's name goes.
    pub addressing: AddressingStyle,
    /// Sends objects through S3 Transfer Acceleration (AWS only).
    pub accelerate: Located<bool>,
    /// Uses the endpoints that have IPv6 addresses as well (AWS only).
    pub dualstack: Located<bool>,
    /// Uses the endpoints with FIPS 140 validated cryptography (AWS only).
    pub fips: Located<bool>,
    /// Where it is said that requests are not signed (`allow_anonymous_login`), if they are not.
    pub anonymous: Option<Origin>,
    /// Whom to believe to be the server.
    pub trust: ServerTrust,
    /// How proxies are chosen.
    pub proxy: ProxySettings,
    /// How long a connection may take, name look-up and TLS included.
    pub connect_timeout: Located<Duration>,
    /// How long the connection may be silent while a request is under way, in either direction.
    pub read_timeout: Located<Duration>,
    /// Which listing call to use.
    pub list_api: ListApi,
    /// What new objects are created with.
    pub object: ObjectSettings,
    /// The customer key of SSE-C.
    pub customer_key: Option<CustomerKey>,
    /// Whether bodies are part of the signature.
    pub payload_signing: PayloadSigning,
    /// Whether to send checksums that not every server knows.
    pub checksums: Checksums,
    /// Whether to ask for the checksums of objects, and to check them.
    pub reply_checksums: ReplyChecksums,
    /// When to try again.
    pub retry: RetryOptions,
    /// Files of at least this size go in parts, in bytes.
    pub multipart_threshold_bytes: u64,
    /// Size of a part, in bytes.
    pub part_size_bytes: u64,
    /// Requests under way at once.
    pub max_concurrency: Option<usize>,
    /// Objects that wait for a request, or to be written, at once.
    pub max_queue: Option<usize>,
    /// Bytes per second over all transfers of this store, in each direction.
    pub max_bandwidth: Option<u64>,
}

/// The timeout DVC documents for `connect_timeout` and `read_timeout`.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// From this size files go in parts. DVC sends up to 100 MiB in one request.
pub const DEFAULT_MULTIPART_THRESHOLD_BYTES: u64 = 100 << 20;

/// The size of a part unless a file needs larger ones. The same as DVC's, so that ETags agree.
pub const DEFAULT_PART_SIZE_BYTES: u64 = 50 << 20;

impl S3Options {
    /// Describes a bucket on AWS, with defaults for everything else.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            remote_name: None,
            bucket: bucket.into(),
            prefix: String::new(),
            region: None,
            endpoint_url: None,
            use_ssl: true,
            addressing: AddressingStyle::Auto,
            accelerate: Located::default_value(false),
            dualstack: Located::default_value(false),
            fips: Located::default_value(false),
            anonymous: None,
            trust: ServerTrust::System,
            proxy: ProxySettings::default(),
            connect_timeout: Located::default_value(DEFAULT_TIMEOUT),
            read_timeout: Located::default_value(DEFAULT_TIMEOUT),
            list_api: ListApi::V2,
            object: ObjectSettings::default(),
            customer_key: None,
            payload_signing: PayloadSigning::Auto,
            checksums: Checksums::WhenRequired,
            reply_checksums: ReplyChecksums::Ignore,
            retry: RetryOptions::default(),
            multipart_threshold_bytes: DEFAULT_MULTIPART_THRESHOLD_BYTES,
            part_size_bytes: DEFAULT_PART_SIZE_BYTES,
            max_concurrency: None,
            max_queue: None,
            max_bandwidth: None,
        }
    }

    /// Returns `s3://bucket/prefix`.
    pub fn location(&self) -> String {
        if self.prefix.is_empty() {
            format!("s3://{}", self.bucket)
        } else {
            format!("s3://{}/{}", self.bucket, self.prefix)
        }
    }

    /// Returns what a command of the AWS CLI needs to ask the same server, with a blank before it; empty for AWS itself.
    pub fn endpoint_argument(&self) -> String {
        let url = self.endpoint_url.as_ref();
        url.map(|url| format!(" --endpoint-url {}", haul_config::mask_urls(&url.value))).unwrap_or_default()
    }

    /// Returns the remote's name as it is typed in a command.
    pub(crate) fn name_in_commands(&self) -> &str {
        self.remote_name.as_deref().unwrap_or("NAME")
    }
}

/// Where the bucket's name goes in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressingStyle {
    /// Host name on AWS, path on any other server.
    #[default]
    Auto,
    /// `https://server/bucket/key`.
    Path,
    /// `https://bucket.server/key`.
    Virtual,
}

/// Whom to believe to be the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ServerTrust {
    /// Anyone certified by the authorities of the operating system.
    #[default]
    System,
    /// Anyone certified by the authorities in this PEM file, and no other server (as in botocore).
    CaBundle(Located<PathBuf>),
    /// Anyone.
    Anyone,
}

/// The call that lists a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListApi {
    /// ListObjects, for servers that know no other (`listobjects = true`).
    V1,
    /// ListObjectsV2.
    #[default]
    V2,
}

/// What new objects are created with; sent with PUT, copies and the start of a multipart upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectSettings {
    /// A canned ACL, as `bucket-owner-full-control`.
    pub acl: Option<String>,
    /// Grantees that may read the object, as `id=…,uri=…`.
    pub grant_read: Option<String>,
    /// Grantees that may read the object's ACL.
    pub grant_read_acp: Option<String>,
    /// Grantees that may write the object's ACL.
    pub grant_write_acp: Option<String>,
    /// Grantees that may do all three.
    pub grant_full_control: Option<String>,
    /// Server-side encryption: `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub sse: Option<String>,
    /// The KMS key.
    pub sse_kms_key_id: Option<String>,
    /// The storage class, as `STANDARD_IA`.
    pub storage_class: Option<String>,
}

impl ObjectSettings {
    /// Tells whether the ETag of an object created with these settings is not the MD5 of its bytes.
    pub(crate) fn hides_md5(&self) -> bool {
        self.sse.as_deref().is_some_and(|sse| sse.starts_with("aws:kms")) || self.sse_kms_key_id.is_some()
    }
}

/// A key of SSE-C, the encryption for which the client brings the key to every request.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerKey {
    algorithm: String,
    key_base64: Secret,
    key_md5_base64: String,
}

impl CustomerKey {
    /// Takes the raw bytes of the key.
    pub fn new(algorithm: impl Into<String>, key: &[u8; 32]) -> Self {
        Self {
            algorithm: algorithm.into(),
            key_base64: Secret::new(BASE64.encode(key)),
            key_md5_base64: BASE64.encode(Md5::digest(key)),
        }
    }

    /// Returns the algorithm, as `AES256`.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Returns the key in base64.
    pub fn key_base64(&self) -> &Secret {
        &self.key_base64
    }

    /// Returns the MD5 of the key in base64.
    pub fn key_md5_base64(&self) -> &str {
        &self.key_md5_base64
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CustomerKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Whether bodies are part of the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadSigning {
    /// Over http; TLS protects them well enough.
    #[default]
    Auto,
    /// Always (`payload_signing_enabled = true`).
    Always,
    /// Never (`payload_signing_enabled = false`), as botocore has it over http, too; Content-MD5 is still sent.
    Never,
}

/// Whether to send checksums beyond Content-MD5 and the signature's SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checksums {
    /// No: every server takes the requests.
    ///
    /// Deviation: the AWS SDKs of 2025 send CRC trailers unless told otherwise, which Ceph, R2, OVH and older
    /// MinIO servers refuse.
    #[default]
    WhenRequired,
    /// A CRC-32 header on every upload (`request_checksum_calculation = when_supported`).
    WhenSupported,
}

/// Whether to ask for the checksums that a server keeps of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyChecksums {
    /// No: what is downloaded is compared with the MD5 that names it.
    #[default]
    Ignore,
    /// Of each whole object, and compare its bytes with what comes (`response_checksum_validation = when_supported`).
    Verify,
}

/// When to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryOptions {
    /// How long one call may take, waiting and retries included, before it is given up.
    pub budget: Duration,
    /// How many times a silent server is asked; every time costs a whole `read_timeout`.
    pub max_timeouts: u32,
    /// How long a server that cannot be reached at all is tried.
    pub unreachable_budget: Duration,
    /// How long a server that answers with HTTP 500 is tried: often it is its way to refuse.
    pub internal_error_budget: Duration,
    /// Most attempts of any kind, if the AWS settings limit them (`max_attempts`).
    pub max_attempts: Option<u32>,
    /// Most attempts while the server does not ask for patience, if no limit is set (implied by `retry_mode`).
    pub implied_attempts: Option<u32>,
    /// The first wait; doubled with every attempt, and taken at random between nothing and that (full jitter).
    pub base_delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
}

impl RetryOptions {
    /// Returns how many times a silent server is asked.
    pub(crate) fn most_timeouts(&self) -> u32 {
        let limits = [self.max_attempts, self.implied_attempts].into_iter().flatten();
        limits.fold(self.max_timeouts, u32::min)
    }
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self {
            budget: Duration::from_mins(3),
            max_timeouts: 5,
            unreachable_budget: Duration::from_secs(4),
            internal_error_budget: Duration::from_secs(30),
            max_attempts: None,
            implied_attempts: None,
            base_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(20),
        }
    }
}

/// Says where a value came from unless it is the default, as ` (from .dvc/config:5)`.
pub(crate) fn from_origin(origin: &Origin) -> String {
    match origin {
        Origin::Default => String::new(),
        origin => format!(" (from {origin})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customer_key_is_shown_by_its_algorithm_only() {
        let key = CustomerKey::new("AES256", b"01234567890123456789012345678901");
        assert_eq!(key.key_md5_base64(), "KYvwGXoFFJ42a2u2GDWhwQ==");
        let mut options = S3Options::new("b");
        options.customer_key = Some(key.clone());
        options.proxy.http = Some(Secret::from("http://user:hunter2@proxy"));
        let shown = format!("{options:?}");
        assert!(!shown.contains(key.key_base64().expose()) && !shown.contains("hunter2"), "{shown}");
    }
}
