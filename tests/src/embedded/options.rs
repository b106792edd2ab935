//! The options of an embedded server.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::access::Permission;

/// The options of an embedded server.
///
/// The default is for most tests: a free loopback port, one user who may do everything, one bucket `bucket` in
/// `us-east-1`, and S3's own limits.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The address to listen on; port 0 selects a free one.
    pub address: SocketAddr,
    /// The users.
    pub users: Vec<User>,
    /// The buckets to create.
    pub buckets: Vec<BucketOptions>,
    /// The directory for bodies above one MiB; `None` means a temporary directory.
    pub data_dir: Option<PathBuf>,
    /// Serve https with this certificate for `localhost` and 127.0.0.1.
    pub tls: Option<crate::tls::Certificate>,
    /// The peculiarities of other servers.
    pub quirks: Quirks,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            users: vec![User::new("testaccesskey", "testsecretkey0123456789")],
            buckets: vec![BucketOptions::new("bucket")],
            data_dir: None,
            tls: None,
            quirks: Quirks::default(),
        }
    }
}

/// A key pair and its rights.
#[derive(Clone)]
pub struct User {
    /// The access key id.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
    /// The session token that each request must have, for temporary keys.
    pub session_token: Option<String>,
    /// The user's rights; `None` means all.
    pub permissions: Option<Vec<Permission>>,
    /// The only bucket that the user may use; `None` means all buckets.
    pub bucket: Option<String>,
}

impl User {
    /// Makes a user who may do everything.
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            session_token: None,
            permissions: None,
            bucket: None,
        }
    }

    /// Restricts the user to one bucket.
    #[must_use]
    pub fn in_bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// Restricts the user to `permissions`.
    #[must_use]
    pub fn restricted_to(mut self, permissions: &[Permission]) -> Self {
        self.permissions = Some(permissions.to_vec());
        self
    }

    /// Makes the key pair a temporary one, which is valid only with `session_token`.
    #[must_use]
    pub fn with_session_token(mut self, session_token: impl Into<String>) -> Self {
        self.session_token = Some(session_token.into());
        self
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("User")
            .field("access_key", &self.access_key)
            .field("permissions", &self.permissions)
            .finish_non_exhaustive()
    }
}

/// A bucket that is created when the server starts.
#[derive(Debug, Clone)]
pub struct BucketOptions {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// Whether old versions are kept.
    pub versioning: Versioning,
    /// Whether it can be listed and read without keys.
    pub public_read: bool,
}

impl BucketOptions {
    /// Makes the options of a private bucket in `us-east-1` without versions.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            region: "us-east-1".to_owned(),
            versioning: Versioning::Off,
            public_read: false,
        }
    }
}

/// Whether a bucket keeps old versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// It never kept versions.
    Off,
    /// It keeps versions.
    Enabled,
    /// It kept versions once; new objects have the version id `null`.
    Suspended,
}

/// Differences from AWS. The default is AWS's behaviour.
#[derive(Debug, Clone)]
pub struct Quirks {
    /// The maximum number of entries of a page, whatever the client requests.
    pub page_size: usize,
    /// The minimum size in bytes of all parts but the last.
    pub min_part_size_bytes: u64,
    /// Omit `NextMarker` in v1 listings, even with a delimiter.
    pub no_next_marker: bool,
    /// Return listings without url-encoding, even if it was requested.
    pub ignore_encoding_type: bool,
    /// Return ETags that do not have the form of an MD5.
    pub opaque_etags: bool,
    /// Refuse bodies with trailers and `aws-chunked` encoding, as Ceph 16 does.
    pub no_chunked_signing: bool,
    /// Refuse SSE-C without TLS, as AWS does. It is off by default, so that SSE-C can be tested without certificates.
    pub ssec_needs_tls: bool,
    /// The ids of the existing KMS keys; `None` means that any id exists.
    pub kms_keys: Option<Vec<String>>,
    /// Encrypt new objects with this KMS key if the client requests no encryption, as a bucket's default encryption does.
    pub default_kms_key: Option<String>,
    /// The reaction to a request that is signed for another region than the bucket's.
    pub wrong_region: WrongRegion,
    /// The host whose subdomains are buckets (virtual-hosted addressing), such as `s3.localhost`.
    pub virtual_host: Option<String>,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            page_size: 1000,
            min_part_size_bytes: 5 << 20,
            no_next_marker: false,
            ignore_encoding_type: false,
            opaque_etags: false,
            no_chunked_signing: false,
            ssec_needs_tls: false,
            kms_keys: None,
            default_kms_key: None,
            wrong_region: WrongRegion::BadRequest,
            virtual_host: None,
        }
    }
}

/// The reaction of a server to a request that is signed for another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongRegion {
    /// Accepts it.
    Accept,
    /// Replies 400 `AuthorizationHeaderMalformed`, which names the right region.
    BadRequest,
    /// Replies 301 `PermanentRedirect` with `x-amz-bucket-region`, but without `Location`.
    Redirect,
}
