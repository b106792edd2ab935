//! The merge driver: three versions of a `.dvc` file that tracks a directory become one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use haul_storage::progress::Observer;
use haul_storage::{CancellationToken, Layout, Md5Digest, OidKind};

use super::session::{Session, Stores};
use crate::metafile::dir_manifest::DirEntry;
use crate::metafile::dvc_file::{DvcFile, OutState};
use crate::{DirManifest, Error, Index, LockWait, Out, Repo, Result};

/// The three versions, as Git names them to a merge driver.
///
/// Source: <https://git-scm.com/docs/gitattributes#_defining_a_custom_merge_driver>.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// The version both come from; empty if there is none.
    pub ancestor: PathBuf,
    /// Our version; the result is written over it.
    pub our: PathBuf,
    /// Their version.
    pub their: PathBuf,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// Merges the lists of files of a directory. The result enters the cache before our version names it.
///
/// Deviation: a file that both sides deleted is no conflict; DVC refuses it.
///
/// # Errors
///
/// [`Error::BadOut`] in DVC's words for what cannot be merged without a person.
pub fn merge(repo: &Repo, options: &MergeOptions, observer: &dyn Observer) -> Result<()> {
    let _lock = repo.lock(options.wait)?;
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let read = |path: &PathBuf| -> Result<Option<Out>> {
        let path = repo.absolute(path);
        let is_empty = fs_err::metadata(&path).is_ok_and(|metadata| metadata.len() == 0);
        Ok(if is_empty { None } else { Index::read(repo, &path)?.outs.into_iter().next() })
    };
    let (ancestor, our, their) = (read(&options.ancestor)?, read(&options.our)?, read(&options.their)?);
    let Some(their) = their else { return Ok(()) };
    let path = repo.absolute(&options.our);
    let Some(our) = our else {
        let text = fs_err::read(repo.absolute(&options.their))
            .map_err(|error| Error::io("cannot read a metafile", error))?;
        return crate::atomic::write(&path, &text);
    };
    for other in ancestor.iter().chain([&their]) {
        refuse_different(&our, other)?;
    }
    let no_files = BTreeMap::new();
    let ancestor = ancestor.as_ref().map_or(Ok(no_files), |out| files_of(&session, out))?;
    let merged = merged(&ancestor, &files_of(&session, &our)?, &files_of(&session, &their)?)?;
    let manifest = DirManifest::new(merged).map_err(|error| Error::BadOut(error.to_string()))?;
    let state = stored(&session, our.layout, &manifest)?;
    let mut file = DvcFile::read(&path)?;
    file.set_state(our.position, &state)?;
    file.write().map(drop)
}

type Files = BTreeMap<Box<str>, Md5Digest>;

fn refuse_different(our: &Out, other: &Out) -> Result<()> {
    let options = |out: &Out| {
        (out.def_path.clone(), out.layout, out.use_cache, out.can_push, out.persist, out.remote.clone())
    };
    let refuse = |what: &str| Err(Error::BadOut(format!("unable to auto-merge outputs {what}")));
    if options(our) != options(other) {
        return refuse("with different options");
    }
    let is_dir = |out: &Out| out.oid.is_some_and(|oid| oid.is_dir());
    if is_dir(our) && is_dir(other) { Ok(()) } else { refuse("that are not directories") }
}

fn files_of(session: &Session<'_>, out: &Out) -> Result<Files> {
    let Some(oid) = out.oid else { return Ok(Files::new()) };
    let manifest = session.manifest_of(out, &oid)?.ok_or_else(|| {
        let name = session.repo.display_path(&out.path);
        let message = format!("the list of files of `{name}` (`{oid}`) is not in the cache");
        Error::Storage(haul_storage::Error::new(haul_storage::ErrorKind::NotFound, message))
    })?;
    Ok(manifest.into_entries().into_iter().map(|entry| (entry.path, entry.digest)).collect())
}

fn merged(ancestor: &Files, our: &Files, their: &Files) -> Result<Vec<DirEntry>> {
    let paths: BTreeSet<&str> =
        [ancestor, our, their].iter().flat_map(|files| files.keys()).map(|path| &**path).collect();
    let mut entries = Vec::new();
    let mut conflicts = Vec::new();
    for path in paths {
        let [base, ours, theirs] = [ancestor, our, their].map(|files| files.get(path));
        let chosen = if ours == theirs || theirs == base {
            ours
        } else if ours == base {
            theirs
        } else {
            conflicts.push(path);
            continue;
        };
        entries.extend(chosen.map(|digest| DirEntry { path: path.into(), digest: *digest }));
    }
    if conflicts.is_empty() {
        return Ok(entries);
    }
    Err(Error::BadOut(format!("unable to auto-merge the following paths:\n{}", conflicts.join("\n"))))
}

/// Puts the list of files into the cache, and returns what to record of it.
fn stored(session: &Session<'_>, layout: Layout, manifest: &DirManifest) -> Result<OutState> {
    let oid = session.cache.store_bytes(layout, OidKind::Dir, &manifest.to_bytes())?;
    let mut size_bytes = Some(0);
    for entry in manifest.entries() {
        let file = haul_storage::Oid::file(entry.digest);
        let size =
            fs_err::metadata(session.cache.object_path(layout, &file)).ok().map(|metadata| metadata.len());
        size_bytes = size_bytes.zip(size).map(|(sum, size)| sum + size);
    }
    let n_files = Some(manifest.entries().len() as u64);
    Ok(OutState { size_bytes, n_files, ..OutState::new(oid, layout) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, u8)]) -> Files {
        list.iter().map(|(path, byte)| ((*path).into(), haul_storage::hash::md5(&[*byte]))).collect()
    }

    #[test]
    fn changes_of_both_sides_are_merged() {
        let ancestor = files(&[("a", 1), ("b", 1), ("c", 1), ("gone", 1)]);
        let our = files(&[("a", 2), ("b", 1), ("c", 1), ("new", 5), ("same", 6)]);
        let their = files(&[("a", 1), ("b", 3), ("same", 6)]);
        let entries = merged(&ancestor, &our, &their).unwrap();
        let expected = files(&[("a", 2), ("b", 3), ("new", 5), ("same", 6)]);
        let found: Files = entries.into_iter().map(|entry| (entry.path, entry.digest)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn different_changes_of_one_file_are_a_conflict() {
        let ancestor = files(&[("a", 1), ("b", 1)]);
        let error = merged(&ancestor, &files(&[("a", 2)]), &files(&[("a", 3), ("b", 4)])).unwrap_err();
        assert_eq!(error.to_string(), "unable to auto-merge the following paths:\na\nb");
    }
}
