//! Data that is addressed by a URL and not by a hash: local paths, web servers, buckets.
//!
//! | module | contents |
//! |---|---|
//! | `local`, `web`, `bucket` | the sources |
//! | `take_in` | downloads from a source into the cache, and hashes the bytes |
//! | `save` | downloads from a source to a local path |

mod bucket;
mod local;
mod save;
pub(crate) mod take_in;
mod web;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use haul_config::{Env, Remote, RemoteKind};

pub use save::save;
pub use take_in::{TakenIn, take_in};
#[cfg(test)]
pub(crate) use web::checksum_of_head;

use crate::{Contact, Download, Error, ErrorKind, Md5Digest, Result};

/// The kind of a source; it determines how a content is identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A local path. A content is identified by its MD5.
    Local,
    /// A web server. A content is identified by a checksum: its entity tag, or a hash of other headers.
    Http,
    /// A web server over `https`, which DVC treats as a kind of its own.
    Https,
    /// A bucket. A content is identified by its entity tag, and by its version if the bucket keeps versions.
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

/// A file or directory as the source describes it. No field is validated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceEntry {
    /// The path below the source with `/` between its components; empty for the source itself.
    pub path: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Size in bytes, if the source reports it.
    pub size_bytes: Option<u64>,
    /// The entity tag without its quotes (S3).
    pub etag: Option<String>,
    /// The unchanged entity tag, `Content-MD5`, or a hash of other headers (HTTP).
    pub checksum: Option<String>,
    /// The version id, if the source was opened with versions.
    pub version_id: Option<String>,
    /// When it was last changed, in seconds since the Unix epoch.
    pub last_modified: Option<i64>,
    /// Whether the file is executable.
    pub is_exec: bool,
}

/// A source of data: a file, or a directory with files below it.
///
/// Every call fails when its own time budget is used up; dropping a future cancels it. The paths of a listing are not
/// validated: they may contain `..` or be absolute.
#[async_trait]
pub trait Source: Debug + Send + Sync + 'static {
    /// Returns the source's name for messages, without secrets.
    fn location(&self) -> &str;

    /// Returns the kind of the source.
    fn kind(&self) -> SourceKind;

    /// Returns whether each content has its own version id.
    fn is_version_aware(&self) -> bool {
        false
    }

    /// Returns the path in the form of DVC's file systems: without a scheme, except for web servers.
    fn path(&self) -> String;

    /// Returns the entry of the source itself; `None` if it does not exist.
    async fn stat(&self) -> Result<Option<SourceEntry>>;

    /// Lists all files below the source, by path.
    async fn walk(&self) -> Result<Vec<SourceEntry>>;

    /// Lists the direct children of a directory below the source, in the order of the source; `""` is the source itself.
    async fn children(&self, folder: &str) -> Result<Vec<SourceEntry>>;

    /// Opens a file of a listing, or the source itself. It is an error if the content changed since the listing and the
    /// source can detect that.
    async fn open(&self, entry: &SourceEntry) -> Result<Download>;

    /// Returns the MD5 of a file, if the source reports one.
    fn promised_md5(&self, _entry: &SourceEntry) -> Option<Md5Digest> {
        None
    }
}

/// The version of a source to read, if it has versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SourceVersion {
    /// The one that the URL names (`?versionId=`), else the latest.
    #[default]
    AsWritten,
    /// The latest, even if the URL names another.
    Latest,
    /// The one with this id.
    Id(String),
}

/// Opens the source of a remote of the configuration, or of a URL with options. Sends no request.
///
/// # Errors
/// [`ErrorKind::Config`] for invalid settings, [`ErrorKind::Unsupported`] for a kind of storage that haul does not
/// support.
pub fn open_source(
    remote: &Remote,
    version: &SourceVersion,
    env: &Env,
    contact: &Contact,
) -> Result<Arc<dyn Source>> {
    match &remote.kind {
        RemoteKind::Local(local) => Ok(Arc::new(local::LocalSource::new(&env.absolute(&local.path)))),
        RemoteKind::Http(options) => Ok(Arc::new(web::WebSource::new(remote, options, env)?)),
        RemoteKind::S3(s3) => Ok(Arc::new(bucket::BucketSource::new(remote, s3, version, env, contact)?)),
        _ => {
            let url = haul_config::mask_urls(&remote.url.value);
            let message = format!("haul does not support the storage of `{url}`");
            Err(Error::new(ErrorKind::Unsupported, message).with_hint(
                "haul supports local paths, `http://`, `https://` and `s3://`; use `dvc` for this URL",
            ))
        }
    }
}
