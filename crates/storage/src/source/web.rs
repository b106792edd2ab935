//! A file on a web server as a source.

use async_trait::async_trait;
use haul_config::{Env, HttpRemote, Remote, python_repr};
use url::Url;

use super::{Source, SourceEntry, SourceKind};
use crate::hash::md5;
use crate::http::{FileInfo, WebClient};
use crate::{Download, Error, ErrorKind, Result};

/// A URL. Directories of a web server cannot be listed.
#[derive(Debug)]
pub(super) struct WebSource {
    client: WebClient,
    /// The URL as the user wrote it, which is part of the text that DVC hashes.
    written: String,
    location: String,
}

impl WebSource {
    pub(super) fn new(remote: &Remote, options: &HttpRemote, env: &Env) -> Result<Self> {
        let client = WebClient::new(remote, options, env)?;
        let location = crate::http::display(client.base());
        Ok(Self { client, written: remote.url.value.clone(), location })
    }

    fn url(&self) -> &Url {
        self.client.base()
    }
}

#[async_trait]
impl Source for WebSource {
    fn location(&self) -> &str {
        &self.location
    }

    fn kind(&self) -> SourceKind {
        if self.url().scheme() == "https" { SourceKind::Https } else { SourceKind::Http }
    }

    fn path(&self) -> String {
        self.written.clone()
    }

    async fn stat(&self) -> Result<Option<SourceEntry>> {
        let info = self.client.look(self.url()).await?;
        Ok(info.map(|info| SourceEntry {
            checksum: Some(checksum_of_head(&self.written, &info)),
            size_bytes: info.size_bytes,
            last_modified: info.last_modified(),
            ..SourceEntry::default()
        }))
    }

    async fn walk(&self) -> Result<Vec<SourceEntry>> {
        Err(no_directory(&self.location))
    }

    async fn children(&self, _folder: &str) -> Result<Vec<SourceEntry>> {
        Err(no_directory(&self.location))
    }

    async fn open(&self, _entry: &SourceEntry) -> Result<Download> {
        self.client.open(self.url(), None).await
    }
}

fn no_directory(location: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("`{location}` is on a web server, which has no listings"))
}

/// Returns the checksum that DVC records for a content: the entity tag with its quotes, the server's `Content-MD5`, or a
/// hash of all metadata of the reply, as fsspec computes it.
///
/// Source: <https://filesystem-spec.readthedocs.io/en/latest/_modules/fsspec/spec.html>, `checksum`.
pub(crate) fn checksum_of_head(written: &str, info: &FileInfo) -> String {
    if let Some(told) = info.checksum("ETag").or_else(|| info.checksum("Content-MD5")) {
        return told.to_owned();
    }
    let mut members = vec![
        ("name", python_repr(written)),
        ("size", info.size_bytes.map_or_else(|| "None".to_owned(), |size_bytes| size_bytes.to_string())),
    ];
    members.extend(info.media_type.as_ref().map(|media_type| ("mimetype", python_repr(media_type))));
    members.extend(info.sends_no_parts.then(|| ("partial", "False".to_owned())));
    members.push(("url", python_repr(&info.url)));
    members.extend(info.checksums.iter().map(|(name, value)| (*name, python_repr(value))));
    members.push(("type", python_repr("file")));
    let members: Vec<String> =
        members.into_iter().map(|(name, value)| format!("{}: {value}", python_repr(name))).collect();
    u128::from_be_bytes(md5(format!("({{{}}},)", members.join(", ")).as_bytes())).to_string()
}
