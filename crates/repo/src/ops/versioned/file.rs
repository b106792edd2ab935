//! The files of an out, with the versions that are recorded of them.

use haul_storage::{Layout, Oid};

use super::VersionedOut;
use crate::index::Version;
use crate::ops::session::Session;
use crate::{Error, Result};

/// One file of an out.
#[derive(Debug, Clone)]
pub(super) struct OutFile {
    /// The path below the out, with `/`; empty for an out that is a file.
    pub(super) path: String,
    /// The path as a person knows it.
    pub(super) display: String,
    /// The key on the remote: the path below the root of the repository.
    pub(super) key: String,
    pub(super) layout: Layout,
    pub(super) oid: Oid,
    pub(super) size_bytes: Option<u64>,
    pub(super) is_exec: bool,
    pub(super) version: Option<Version>,
    /// Tells that it lies in the part that was asked for.
    pub(super) is_selected: bool,
}

impl OutFile {
    /// Returns the id of its version on a remote. What an old metafile records without a remote, holds for all.
    pub(super) fn version_id(&self, remote: &str) -> Option<&str> {
        let version = self.version.as_ref()?;
        let is_here = version.remote.as_deref().is_none_or(|recorded| recorded.eq_ignore_ascii_case(remote));
        version.version_id.as_deref().filter(|_| is_here)
    }
}

/// Lists all files of an out; none if its hash is not known.
///
/// # Errors
///
/// [`Error::Storage`] if the list of files is neither in the metafile nor in the cache.
pub(super) fn files_of(session: &Session<'_>, out: &VersionedOut) -> Result<Vec<OutFile>> {
    let Some(oid) = out.out.oid else { return Ok(Vec::new()) };
    let key = session.key(&out.out.path).ok_or_else(|| Error::NotUnicode(out.out.path.clone()))?;
    let layout = out.out.layout;
    if !oid.is_dir() {
        return Ok(vec![OutFile {
            path: String::new(),
            display: out.display.clone(),
            key,
            layout,
            oid,
            size_bytes: out.out.size_bytes,
            is_exec: out.out.is_exec,
            version: out.out.version.clone(),
            is_selected: true,
        }]);
    }
    let Some(manifest) = session.manifest_of(&out.out, &oid)? else {
        return Err(no_manifest(out, &oid));
    };
    let recorded: std::collections::HashMap<&str, _> =
        out.out.files.iter().flatten().map(|file| (file.path.as_str(), file)).collect();
    let within = out.within.as_deref();
    let is_selected = |path: &str| {
        within.is_none_or(|within| {
            path.strip_prefix(within).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let files = manifest.entries().iter().map(|entry| {
        let recorded = recorded.get(&*entry.path);
        OutFile {
            path: entry.path.to_string(),
            display: format!("{}/{}", out.display, entry.path),
            key: format!("{key}/{}", entry.path),
            layout,
            oid: Oid::file(entry.digest),
            size_bytes: recorded.and_then(|file| file.size_bytes),
            is_exec: recorded.is_some_and(|file| file.is_exec),
            version: recorded.and_then(|file| file.version.clone()),
            is_selected: is_selected(&entry.path),
        }
    });
    Ok(files.collect())
}

fn no_manifest(out: &VersionedOut, oid: &Oid) -> Error {
    let message = format!(
        "the list of files of `{}` (`{oid}`) is neither in its metafile nor in the cache, and a cloud-versioned remote \
         does not keep it",
        out.display
    );
    let hint = format!("`haul push {}` where the data is records it in the metafile", out.display);
    Error::Storage(haul_storage::Error::new(haul_storage::ErrorKind::NotFound, message).with_hint(hint))
}
