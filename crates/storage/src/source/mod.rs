//! Data that lies under a URL and not under a hash: local paths, web servers, buckets.
//!
//! | module | what it holds |
//! |---|---|
//! | `local`, `web`, `bucket` | the sources |
//! | `take_in` | from a source into the cache, hashed on the way |
//! | `save` | from a source to a local path |

mod bucket;
mod local;
mod save;
pub(crate) mod take_in;
mod web;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use haul_auth::PromptMfa;
use haul_config::{Env, Remote, RemoteKind};

pub use save::save;
pub use take_in::{TakenIn, take_in};
#[cfg(test)]
pub(crate) use web::checksum_of_head;

use crate::{Download, Error, ErrorKind, Md5Digest, Result};

/// What kind of place a source is; it decides what stands for a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A path of this machine. Content has an MD5.
    Local,
    /// A web server. Content has a checksum: its entity tag or what else the server tells.
    Http,
    /// `https`, which DVC keeps apart.
    Https,
    /// A bucket. Content has an entity tag, and versions where the bucket keeps them.
    S3,
}

impl SourceKind {
    /// Returns DVC's name of the protocol.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Http => "http",
            Self::Https => "https",
            Self::S3 => "s3",
        }
    }
}

/// A file or directory of a source, as the source describes it. Nothing of it is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceEntry {
    /// The path below the source with `/` between its components; empty for the source itself.
    pub path: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Size in bytes, if the source tells.
    pub size_bytes: Option<u64>,
    /// The entity tag without its quotes (S3).
    pub etag: Option<String>,
    /// The entity tag as it is sent, `Content-MD5`, or a hash of what the server tells (HTTP).
    pub checksum: Option<String>,
    /// The version id, from a source that is asked for versions.
    pub version_id: Option<String>,
    /// When it changed, in seconds since the Unix epoch.
    pub last_modified: Option<i64>,
    /// Whether the file may be executed.
    pub is_exec: bool,
}

/// A place that data comes from: a file, or a directory with files below it.
///
/// Every call gives up within its own time budget; dropping a future cancels it. What is listed is not checked: paths may
/// lead anywhere.
#[async_trait]
pub trait Source: Debug + Send + Sync + 'static {
    /// Names the source for messages, without secrets.
    fn location(&self) -> &str;

    /// Returns what kind of place it is.
    fn kind(&self) -> SourceKind;

    /// Whether each content has a version id of its own.
    fn is_version_aware(&self) -> bool {
        false
    }

    /// Returns the path as DVC's file systems know it: without a scheme, but for web servers.
    fn path(&self) -> String;

    /// Looks at the source itself; `None` if there is nothing.
    async fn stat(&self) -> Result<Option<SourceEntry>>;

    /// Lists all files below the source, by path.
    async fn walk(&self) -> Result<Vec<SourceEntry>>;

    /// Lists what lies directly in a folder below the source, in the order of the source; `""` is the source itself.
    async fn children(&self, folder: &str) -> Result<Vec<SourceEntry>>;

    /// Opens a file of a listing, or the source itself. Content that changed since is an error where the source can tell.
    async fn open(&self, entry: &SourceEntry) -> Result<Download>;

    /// Returns the MD5 that the source promises of a file.
    fn promised_md5(&self, _entry: &SourceEntry) -> Option<Md5Digest> {
        None
    }
}

/// Which version of a source is meant, where it has versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SourceVersion {
    /// The one that the URL names (`?versionId=`), else the latest.
    #[default]
    AsWritten,
    /// The latest, whatever the URL names.
    Latest,
    /// The one with this id.
    Id(String),
}

/// Opens what a remote of the configuration, or a URL with options, stands for. Nothing is sent before the first call.
///
/// # Errors
/// [`ErrorKind::Config`] for settings that cannot be used, [`ErrorKind::Unsupported`] for a kind of storage that haul does
/// not know.
pub fn open_source(
    remote: &Remote,
    version: &SourceVersion,
    env: &Env,
    prompt: Option<Arc<dyn PromptMfa>>,
) -> Result<Arc<dyn Source>> {
    match &remote.kind {
        RemoteKind::Local(local) => Ok(Arc::new(local::LocalSource::new(&env.absolute(&local.path)))),
        RemoteKind::Http(options) => Ok(Arc::new(web::WebSource::new(remote, options, env)?)),
        RemoteKind::S3(s3) => Ok(Arc::new(bucket::BucketSource::new(remote, s3, version, env, prompt)?)),
        _ => {
            let url = haul_config::mask_urls(&remote.url.value);
            let message = format!("haul does not know the storage of `{url}`");
            Err(Error::new(ErrorKind::Unsupported, message).with_hint(
                "haul knows local paths, `http://`, `https://` and `s3://`; use `dvc` for this URL",
            ))
        }
    }
}
