//! What an embedded server is started with.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::access::Permission;

/// How an embedded server is to be.
///
/// The default is what tests want: a free loopback port, one user who may do everything, one bucket `bucket` in
/// `us-east-1`, and S3's own limits.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Who may come in.
    pub users: Vec<User>,
    /// The buckets there are from the start.
    pub buckets: Vec<BucketOptions>,
    /// Where bodies above one MiB are kept while the server runs; `None` takes a temp folder.
    pub data_dir: Option<PathBuf>,
    /// Serve https with this certificate, made for `localhost` and 127.0.0.1.
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

/// A key pair and what it may do.
#[derive(Clone)]
pub struct User {
    /// The access key id.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
    /// The token that each request must carry, for temporary keys.
    pub session_token: Option<String>,
    /// What the user may do; `None` is everything.
    pub permissions: Option<Vec<Permission>>,
    /// The one bucket it may use; `None` is all of them.
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

    /// Makes the key pair a temporary one, good only together with `session_token`.
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

/// A bucket that is there when the server starts.
#[derive(Debug, Clone)]
pub struct BucketOptions {
    /// Its name.
    pub name: String,
    /// The region it lives in.
    pub region: String,
    /// Whether old versions are kept.
    pub versioning: Versioning,
    /// Whether anybody may list and read it without keys.
    pub public_read: bool,
}

impl BucketOptions {
    /// Makes a private bucket in `us-east-1` without versions.
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
    /// It never did.
    Off,
    /// It does.
    Enabled,
    /// It did; what is written now has the version id `null`.
    Suspended,
}

/// Where a server differs from Amazon's. The default is Amazon's way.
#[derive(Debug, Clone)]
pub struct Quirks {
    /// Most entries of a page, whatever the client asks for.
    pub page_size: usize,
    /// Smallest size of a part but the last, in bytes.
    pub min_part_size_bytes: u64,
    /// Leave `NextMarker` out of v1 listings even where there is a delimiter.
    pub no_next_marker: bool,
    /// Answer listings without url-encoding, although it was asked for.
    pub ignore_encoding_type: bool,
    /// Give ETags that neither are nor look like an MD5.
    pub opaque_etags: bool,
    /// Refuse bodies with trailers and `aws-chunked` encoding, as Ceph 16 does.
    pub no_chunked_signing: bool,
    /// Refuse SSE-C without TLS, as Amazon does. Off, so that SSE-C can be tested without certificates.
    pub ssec_needs_tls: bool,
    /// The KMS keys there are; `None` takes any.
    pub kms_keys: Option<Vec<String>>,
    /// Encrypt each new object with this KMS key where the client asks for nothing, as a bucket's default may be.
    pub default_kms_key: Option<String>,
    /// What happens to a request signed for another region than the bucket's.
    pub wrong_region: WrongRegion,
    /// The host under which buckets are subdomains (virtual-hosted addressing), such as `s3.localhost`.
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

/// What a server does with a request that was signed for another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongRegion {
    /// Takes it.
    Accept,
    /// Answers 400 `AuthorizationHeaderMalformed`, naming the right region.
    BadRequest,
    /// Answers 301 `PermanentRedirect` with `x-amz-bucket-region`, and no `Location`.
    Redirect,
}
