//! The names that revisions have.

use super::Git;
use super::revision::{AnyError, REFERENCES};
use crate::{Error, Result};

impl Git {
    /// Lists the names of branches, tags and remote branches, in this order; none of them is resolved.
    pub fn reference_names(&self) -> Result<Vec<String>> {
        let repo = self.repo.to_thread_local();
        let failed = |source: AnyError| Error::git("cannot list the references of Git", source);
        let references = repo.references().map_err(|source| failed(source.into()))?;
        let mut names = Vec::new();
        for prefix in REFERENCES {
            let found = references.prefixed(prefix).map_err(|source| failed(source.into()))?;
            names.extend(found.filter_map(|found| Some(found.ok()?.name().shorten().to_string())));
        }
        Ok(names)
    }
}
