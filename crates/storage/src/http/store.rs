//! A web server as a remote.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use haul_config::{Env, HttpRemote, Remote};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::{WebClient, display};
use crate::{
    Body, Download, Md5Digest, ObjectInfo, ReadStore, RemoteStore, Result, StoreLimits, Uploaded, WriteStore,
};

/// What stands for itself in the path of a URL.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A remote on a web server, in DVC's layout below its URL.
///
/// Objects are asked for one by one: a web server has no listings. They are written by `POST` or `PUT` (`method`), where
/// the server takes that; nothing is ever deleted.
#[derive(Debug, Clone)]
pub struct HttpStore {
    client: Arc<WebClient>,
    location: Arc<str>,
}

impl HttpStore {
    /// Makes the store of a remote; nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a URL or for credentials that cannot be used.
    pub fn new(remote: &Remote, options: &HttpRemote, env: &Env) -> Result<Self> {
        let client = WebClient::new(remote, options, env)?;
        let location = display(client.base()).trim_end_matches('/').into();
        Ok(Self { client: Arc::new(client), location })
    }

    /// Returns the URL of a key.
    fn url(&self, key: &str) -> Url {
        let mut url = self.client.base().clone();
        let path = format!("{}/{}", url.path().trim_end_matches('/'), utf8_percent_encode(key, KEPT));
        url.set_path(&path);
        url
    }
}

impl RemoteStore for HttpStore {
    fn as_write(&self) -> Option<&dyn WriteStore> {
        Some(self)
    }
}

#[async_trait]
impl ReadStore for HttpStore {
    fn location(&self) -> &str {
        &self.location
    }

    fn kind(&self) -> &'static str {
        "a web server"
    }

    fn limits(&self) -> StoreLimits {
        StoreLimits::WHOLE
    }

    async fn head(&self, key: &str) -> Result<Option<ObjectInfo>> {
        let info = self.client.look(&self.url(key)).await?;
        Ok(info.map(|info| ObjectInfo {
            key: key.to_owned(),
            // Servers that send no length are asked for the object itself.
            size_bytes: info.size_bytes.unwrap_or_default(),
            etag: info.strong_etag(),
            last_modified: info.last_modified(),
        }))
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>, _if_match: Option<&str>) -> Result<Download> {
        self.client.open(&self.url(key), range).await
    }
}

#[async_trait]
impl WriteStore for HttpStore {
    async fn put(&self, key: &str, body: &Body, _md5: Option<&Md5Digest>) -> Result<Uploaded> {
        self.client.write(&self.url(key), body).await?;
        Ok(Uploaded::default())
    }
}
