//! A validated remote.

mod build;
pub(crate) mod new_values;
pub(crate) mod rules;
mod server;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

pub(crate) use build::{build, dereference, external};
pub use server::{EndpointProblem, is_host_label, is_region, parse_endpoint};

use crate::schema::LinkType;
use crate::{Error, Located, Origin, Secret};

/// A remote with its options checked, ready to be connected to.
#[derive(Debug, Clone)]
pub struct Remote {
    /// The name, in lower case.
    pub name: String,
    /// The URL; a local path is absolute.
    pub url: Located<String>,
    /// How many transfers may run side by side (`jobs`).
    pub jobs: Option<Located<NonZeroUsize>>,
    /// Whether downloads are hashed again (`verify`).
    pub verify: Located<bool>,
    /// Whether object versions stand for file versions (`version_aware`); implied by `worktree`.
    pub version_aware: Option<Located<bool>>,
    /// Whether the remote mirrors the workspace (`worktree`).
    pub worktree: Option<Located<bool>>,
    /// What kind of storage it is.
    pub kind: RemoteKind,
    /// What is wrong with the options that only uploads use (`acl`, `grant_*`, `sse`, `sse_kms_key_id`); they are all
    /// left out then.
    upload_problem: Option<Arc<Error>>,
}

impl Remote {
    /// Refuses a remote whose options for uploads contradict each other, are incomplete or malformed.
    ///
    /// Whoever only reads need not care, as in DVC; [`upload_problem`](Self::upload_problem) has the words for a warning.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::Incomplete`].
    pub fn check_uploads(&self) -> Result<(), Error> {
        match self.upload_problem() {
            None => Ok(()),
            Some(Error::Incomplete { message, places, hint }) => {
                let (message, places, hint) = (message.clone(), places.clone(), hint.clone());
                Err(Error::Incomplete { message, places, hint })
            }
            Some(error) => Err(Error::Invalid {
                message: error.to_string(),
                places: error.places(),
                hint: error.hint().unwrap_or_default(),
            }),
        }
    }

    /// Returns what is wrong with the options that only uploads use.
    pub fn upload_problem(&self) -> Option<&Error> {
        self.upload_problem.as_deref()
    }

    /// Tells whether files lie under their own paths there, each version of them with an id (`version_aware`, or
    /// `worktree`, which implies it).
    pub fn is_cloud_versioned(&self) -> bool {
        self.version_aware.as_ref().is_some_and(|flag| flag.value)
    }

    /// Tells whether the remote mirrors the workspace (`worktree`).
    pub fn is_worktree(&self) -> bool {
        self.worktree.as_ref().is_some_and(|flag| flag.value)
    }
}

/// The kinds of storage a remote can stand for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RemoteKind {
    /// Amazon S3, or a server that speaks its protocol.
    S3(Box<S3Remote>),
    /// A folder of this machine.
    Local(LocalRemote),
    /// A server that speaks HTTP.
    Http(Box<HttpRemote>),
    /// A storage that DVC knows and haul does not, such as `gs` or `ssh`.
    Unsupported {
        /// The scheme of its URL.
        scheme: String,
    },
}

/// The options of a remote that is a web server, as far as they are set.
///
/// Source: <https://dvc.org/doc/user-guide/data-management/remote-storage/http>.
#[derive(Debug, Clone)]
pub struct HttpRemote {
    /// How requests say who sends them.
    pub auth: Option<Located<HttpAuth>>,
    /// The user name of `auth = basic`.
    pub user: Option<Located<String>>,
    /// The password, or the value of the header of `auth = custom`.
    pub password: Option<Located<Secret>>,
    /// The header of `auth = custom`.
    pub custom_auth_header: Option<Located<String>>,
    /// How the server's certificate is checked.
    pub ssl_verify: Option<Located<SslVerify>>,
    /// The method of uploads.
    pub method: Option<Located<String>>,
    /// How long connecting may take.
    pub connect_timeout: Option<Located<Duration>>,
    /// How long a connection may be silent.
    pub read_timeout: Option<Located<Duration>>,
}

/// How requests to a web server say who sends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpAuth {
    /// `basic`: user name and password.
    Basic,
    /// `digest`: accepted in files, and refused when it is used.
    Digest,
    /// `custom`: a header with a secret.
    Custom,
}

/// The options of a remote that is a folder.
#[derive(Debug, Clone)]
pub struct LocalRemote {
    /// The folder, absolute.
    pub path: PathBuf,
    /// How files are linked from it, by preference (`type`).
    pub types: Option<Located<Vec<LinkType>>>,
    /// Whether its files are made writable for the group (`shared = group`).
    pub shared_group: Option<Located<bool>>,
}

/// The options of an S3 remote, as far as they are set.
///
/// Source: <https://dvc.org/doc/user-guide/data-management/remote-storage/amazon-s3>.
#[derive(Debug, Clone)]
pub struct S3Remote {
    /// The bucket of the URL.
    pub bucket: String,
    /// The rest of the URL's path, with neither a leading nor a trailing `/`.
    pub prefix: String,
    /// The region requests are signed for.
    pub region: Option<Located<String>>,
    /// The profile of the shared AWS files; takes environment variables out of the credential chain.
    pub profile: Option<Located<String>>,
    /// The shared credentials file, absolute.
    pub credentialpath: Option<Located<PathBuf>>,
    /// The AWS configuration file, absolute.
    pub configpath: Option<Located<PathBuf>>,
    /// The server, as `https://host:port` with an optional base path.
    pub endpointurl: Option<Located<Url>>,
    /// The access key; comes only together with `secret_access_key`.
    pub access_key_id: Option<Located<String>>,
    /// The secret of the access key.
    pub secret_access_key: Option<Located<Secret>>,
    /// The session token of temporary keys.
    pub session_token: Option<Located<Secret>>,
    /// Whether an endpoint without a scheme of its own is reached over TLS; true unless set.
    pub use_ssl: Option<Located<bool>>,
    /// How the server's certificate is checked.
    pub ssl_verify: Option<Located<SslVerify>>,
    /// Whether requests go out unsigned.
    pub allow_anonymous_login: Option<Located<bool>>,
    /// The server-side encryption to ask for.
    pub sse: Option<Located<ServerSideEncryption>>,
    /// The KMS key of `aws:kms` encryption.
    pub sse_kms_key_id: Option<Located<String>>,
    /// The algorithm of customer-key encryption: `AES256`.
    pub sse_customer_algorithm: Option<Located<String>>,
    /// The customer key, decoded from base64.
    pub sse_customer_key: Option<Located<Secret<[u8; 32]>>>,
    /// The canned ACL of new objects.
    pub acl: Option<Located<String>>,
    /// Who may read new objects.
    pub grant_read: Option<Located<String>>,
    /// Who may read the ACL of new objects.
    pub grant_read_acp: Option<Located<String>>,
    /// Who may write the ACL of new objects.
    pub grant_write_acp: Option<Located<String>>,
    /// Who may do all of it.
    pub grant_full_control: Option<Located<String>>,
    /// How long a connection may be silent.
    pub read_timeout: Option<Located<Duration>>,
    /// How long connecting may take.
    pub connect_timeout: Option<Located<Duration>>,
    /// Whether listings use version 1 of the protocol.
    pub listobjects: Option<Located<bool>>,
}

impl S3Remote {
    /// Returns where it is said that requests go out unsigned, if they do.
    pub fn anonymous(&self) -> Option<&Origin> {
        self.allow_anonymous_login.as_ref().filter(|is_on| is_on.value).map(|is_on| &is_on.origin)
    }
}

/// How the certificate of the server is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SslVerify {
    /// Against the system's authorities.
    Enabled,
    /// Not at all.
    Disabled,
    /// Against the authorities of this PEM file, and no others.
    CaBundle(PathBuf),
}

/// The server-side encryptions of S3.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerSideEncryption {
    /// `AES256`: keys kept by S3.
    Aes256,
    /// `aws:kms`: keys kept by KMS.
    AwsKms,
    /// `aws:kms:dsse`: two layers, keys kept by KMS.
    AwsKmsDsse,
}

impl ServerSideEncryption {
    /// Returns the value of the `x-amz-server-side-encryption` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::AwsKms => "aws:kms",
            Self::AwsKmsDsse => "aws:kms:dsse",
        }
    }

    /// Reads the value of the header.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Aes256, Self::AwsKms, Self::AwsKmsDsse].into_iter().find(|sse| sse.as_str() == name)
    }
}
