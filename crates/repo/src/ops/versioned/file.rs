//! The files of an out, with the versions that are recorded of them.

use std::collections::BTreeSet;

use haul_storage::{Layout, Oid};

use super::VersionedOut;
use crate::index::Version;
use crate::ops::session::Session;
use crate::{Error, Out, Result};

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
    /// The remote that has its version, if the metafile names one and the configuration has it.
    home: Option<String>,
    /// Tells that its version was made, or found to have been made, by the command that is at work.
    pub(super) is_new: bool,
    /// Tells that it lies in the part that was asked for.
    pub(super) is_selected: bool,
}

impl OutFile {
    /// Returns the id of its version on a remote. What a metafile records without a remote, as old ones do, or of a
    /// remote that has another name by now, holds for all.
    pub(super) fn version_id(&self, remote: &str) -> Option<&str> {
        let is_here = self.home().is_none_or(|home| home.eq_ignore_ascii_case(remote));
        self.version.as_ref()?.version_id.as_deref().filter(|_| is_here)
    }

    /// Returns the remote that has its version.
    pub(super) fn home(&self) -> Option<&str> {
        self.home.as_deref()
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
    let names = session.repo.config().remote_names();
    let home_of = |version: Option<&Version>| known_remote(&names, version).map(str::to_owned);
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
            home: home_of(out.out.version.as_ref()),
            is_new: false,
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
            home: home_of(recorded.and_then(|file| file.version.as_ref())),
            is_new: false,
            is_selected: is_selected(&entry.path),
        }
    });
    Ok(files.collect())
}

/// Returns the remotes on which an out has files, as far as the configuration has them.
pub(in crate::ops) fn homes<'a>(names: &[&'a str], out: &Out) -> BTreeSet<&'a str> {
    let files = out.files.iter().flatten().filter_map(|file| file.version.as_ref());
    out.version.iter().chain(files).filter_map(|version| known_remote(names, Some(version))).collect()
}

/// Returns the configured remote that a version is recorded for.
fn known_remote<'a>(names: &[&'a str], version: Option<&Version>) -> Option<&'a str> {
    let recorded = version?.remote.as_deref()?;
    names.iter().copied().find(|name| name.eq_ignore_ascii_case(recorded))
}

fn no_manifest(out: &VersionedOut, oid: &Oid) -> Error {
    let message = format!(
        "the list of files of `{}` (`{oid}`) is not found in its metafile or in the cache, and a cloud-versioned remote \
         does not keep it",
        out.display
    );
    let hint = format!("`haul push {}` where the data is records it in the metafile", out.display);
    Error::Storage(haul_storage::Error::new(haul_storage::ErrorKind::NotFound, message).with_hint(hint))
}
