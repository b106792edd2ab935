//! What can be done with a URL and no repository: list it, get it.

mod get;
mod list;

use std::sync::Arc;

use haul_config::{Config, Env, Remote};
use haul_storage::Contact;
use haul_storage::source::{Source, SourceEntry, SourceVersion, open_source};

pub use self::get::{GetUrlOptions, get_url};
pub use self::list::{ListUrlOptions, ListedNode, list_url};
use crate::{Error, Result};

/// What is known outside of a repository: the configuration of the directory, and how a person is reached.
#[derive(Debug, Clone)]
pub struct Surroundings<'a> {
    /// The merged configuration; remotes of `remote://` URLs are in it.
    pub config: &'a Config,
    /// The environment.
    pub env: &'a Env,
    /// How remotes reach the person who waits for them.
    pub contact: Contact,
}

impl Surroundings<'_> {
    /// Opens a URL, or a path, with options for it alone.
    fn open(&self, url: &str, options: &[(String, String)]) -> Result<(Remote, Arc<dyn Source>)> {
        let remote = self.config.external(url, options)?;
        let source = open_source(&remote, &SourceVersion::AsWritten, self.env, &self.contact)?;
        Ok((remote, source))
    }
}

/// Looks at what a URL stands for.
///
/// # Errors
///
/// [`Error::NoUrl`] if there is nothing, in DVC's words; `detail` is what DVC adds to them.
async fn look(source: &dyn Source, url: &str, detail: Option<String>) -> Result<SourceEntry> {
    let url = haul_config::mask_urls(url);
    let is_web = source.path().starts_with("http");
    match source.stat().await {
        Ok(Some(entry)) => Ok(entry),
        Ok(None) => Err(Error::NoUrl { url, detail, source: None }),
        // As DVC: a web server that does not answer has nothing.
        Err(error) if is_web && error.kind() != haul_storage::ErrorKind::Interrupted => {
            Err(Error::NoUrl { url, detail: None, source: Some(Box::new(error)) })
        }
        Err(error) => Err(error.into()),
    }
}
