//! Fetching imports from their sources: those that were never got, and those whose versions are recorded.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use haul_storage::hash::md5;
use haul_storage::transfer::{TransferMode, TransferReport};
use haul_storage::{ErrorKind, Oid};

use super::get::get;
use super::look::{Looked, Opened};
use super::status::is_changed;
use super::{found, shown};
use crate::metafile::dependency::Dependency;
use crate::ops::session::Session;
use crate::ops::{Failure, FetchOptions, FetchReport, RemoteFetch};
use crate::{Error, Out, Result, Stage};

/// An import whose data comes from its source, and not from a remote.
#[derive(Debug, Clone)]
pub(in crate::ops) struct ImportedOut {
    pub(in crate::ops) out: Out,
    /// Where a path of the dependency starts.
    pub(in crate::ops) wdir: PathBuf,
    pub(in crate::ops) dependency: Dependency,
    /// The path as DVC shows it.
    pub(in crate::ops) display: String,
    /// Whether it is that of a revision, whose source may have gone on since.
    pub(in crate::ops) is_of_revision: bool,
}

impl ImportedOut {
    /// Whether both have the same data from the same source.
    pub(in crate::ops) fn is_same(&self, other: &Self) -> bool {
        self.out.path == other.out.path
            && self.out.oid == other.out.oid
            && self.dependency == other.dependency
    }
}

/// Gets what the cache lacks of imports, each verified as far as something is recorded of it.
///
/// Deviation: the data of imports is kept in the cache like all other data. DVC keeps it in a second cache, by its sources.
///
/// As in DVC, the file of an import that was never looked at (`--no-exec`) is left to `update`.
///
/// Deviation: files without an entity tag are fetched from their sources too, and a file that changed since it was imported is
/// a failure; DVC passes silently over both. Of a directory that changed both get what is there now; here a warning says so.
pub(in crate::ops) async fn fetch_imports(
    session: &Session<'_>,
    imports: &[ImportedOut],
    options: &FetchOptions,
    report: &mut FetchReport,
) {
    for import in imports {
        let before = match is_there(session, import) {
            Ok(true) => continue,
            Ok(false) if options.mode == TransferMode::DryRun => continue,
            Ok(false) => fetch_one(session, import, options.jobs, &mut report.warnings).await,
            Err(error) => Err(error),
        };
        match before {
            Ok(None) => {}
            Ok(Some(n_transferred)) => report.remotes.push(RemoteFetch {
                remote: haul_config::mask_urls(&import.dependency.path),
                location: haul_config::mask_urls(&import.dependency.path),
                transfer: TransferReport { n_transferred, ..TransferReport::default() },
            }),
            Err(error) => {
                let is_interrupted = error.is_interrupted();
                let error = if is_interrupted { error } else { of_import(import, error) };
                report.failed.push(Failure { subject: import.display.clone(), path: None, error });
                if is_interrupted {
                    break;
                }
            }
        }
    }
}

/// Says that it is one import that could not be fetched, and not a remote.
fn of_import(import: &ImportedOut, error: Error) -> Error {
    Error::Import { display: import.display.clone(), path: None, source: Box::new(error) }
}

/// Whether the cache has all of an import.
fn is_there(session: &Session<'_>, import: &ImportedOut) -> Result<bool> {
    let oid = import.out.oid.or_else(|| noted(session.memo.dir(), &import.dependency));
    is_cached(session, &Out { oid, ..import.out.clone() })
}

/// Whether the cache has all of an out.
pub(in crate::ops) fn is_cached(session: &Session<'_>, out: &Out) -> Result<bool> {
    let Some(oid) = out.oid else { return Ok(false) };
    let layout = out.layout;
    if session.cache.check(layout, &oid)?.is_none() {
        return Ok(false);
    }
    if !oid.is_dir() {
        return Ok(true);
    }
    let Some(manifest) = session.manifest(layout, &oid)? else { return Ok(false) };
    let oids: Vec<_> = manifest.entries().iter().map(|entry| (layout, Oid::file(entry.digest))).collect();
    for answer in session.cache.check_many(&oids, session.cancel) {
        if answer?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn fetch_one(
    session: &Session<'_>,
    import: &ImportedOut,
    jobs: Option<usize>,
    warnings: &mut Vec<String>,
) -> Result<Option<u64>> {
    let ImportedOut { out, wdir, dependency, display, is_of_revision } = import;
    let opened = Opened::of(session.repo, wdir, dependency)?;
    let has_versions = dependency.version_id.is_some()
        || dependency.files.as_ref().is_some_and(|files| files.iter().all(|file| file.version_id.is_some()));
    let looked = if has_versions {
        let looked = Looked::recorded(dependency);
        super::check_paths(if looked.is_dir { &looked.entries } else { &[] }, opened.source.location())?;
        looked
    } else {
        let shown = shown(session.repo, wdir, dependency);
        let mut looked = found(opened.look(dependency).await, &opened, &shown)?;
        looked.hash_local(session, wdir)?;
        let was_never_looked_at = dependency.hash.is_none() && dependency.files.is_none();
        if was_never_looked_at && !looked.is_dir {
            return Ok(None);
        }
        if !was_never_looked_at && is_changed(dependency, &looked) {
            if *is_of_revision {
                warnings
                    .push(format!("'{shown}' changed since '{display}' was imported, and is not fetched"));
                return Ok(None);
            }
            if !looked.is_dir {
                return Err(changed(&shown, display));
            }
            warnings.push(format!(
                "'{display}' is not what was imported: '{shown}' changed since; record what it has now with `haul update \
                 {display}.dvc`"
            ));
        }
        looked
    };
    let state = get(session, &opened, &looked, jobs).await?;
    match out.oid {
        None => note_partial(session, dependency, state.oid)?,
        Some(oid) if oid != state.oid => {
            let shown = shown(session.repo, wdir, dependency);
            let message = format!("`{shown}` does not have the content that is recorded of `{display}`");
            return Err(haul_storage::Error::new(ErrorKind::Corrupt, message).into());
        }
        Some(_) => {}
    }
    Ok(Some(looked.entries.len() as u64))
}

fn changed(shown: &str, target: &str) -> Error {
    let message = format!("`{shown}` changed since it was imported");
    let hint = format!("take over what it has now with `haul update {target}.dvc`");
    haul_storage::Error::new(ErrorKind::Precondition, message).with_hint(hint).into()
}

/// Returns what came of an import that records nothing of its content, if it was got here.
pub(in crate::ops) fn partial_state(memo_dir: &Path, stage: &Stage) -> Option<Oid> {
    match (stage.source(), stage.repo_source()) {
        (Some(dependency), _) => noted(memo_dir, dependency),
        (None, Some(dependency)) => noted(memo_dir, dependency),
        (None, None) => None,
    }
}

/// Returns what came of a dependency, if that was noted.
pub(super) fn noted(memo_dir: &Path, dependency: &impl Debug) -> Option<Oid> {
    fs_err::read_to_string(note_of(memo_dir, dependency)).ok()?.trim().parse().ok()
}

/// Notes what came of an import that records nothing of its content.
pub(super) fn note_partial(session: &Session<'_>, dependency: &impl Debug, oid: Oid) -> Result<()> {
    let note = note_of(session.memo.dir(), dependency);
    if let Some(folder) = note.parent() {
        fs_err::create_dir_all(folder).map_err(|error| Error::io("cannot note what was fetched", error))?;
    }
    crate::atomic::write(&note, format!("{oid}\n").as_bytes())
}

fn note_of(memo_dir: &Path, dependency: &impl Debug) -> PathBuf {
    // All that is recorded of the source: where it changes, what was got before is no longer it.
    let token = hex::encode(md5(format!("{dependency:?}").as_bytes()));
    memo_dir.join("imports").join(token)
}
