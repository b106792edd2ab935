//! Outs that we put into the workspace and that are tracked no longer, as after `git checkout` of another commit.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use haul_storage::{Layout, Oid};

use super::checkout::out_change;
use super::session::Session;
use super::{CheckoutReport, Failure};
use crate::index::{IgnoredOut, unseen_outs};
use crate::workspace::checkout::{check_parents, delete_file};
use crate::workspace::scan::{Found, fingerprint, many};
use crate::workspace::state::{LinkRecord, Links};
use crate::{Error, Index, Result};

/// Deletes them, if they were not changed since, and if every metafile of the workspace was read: what one that was not
/// read may name stays, and so does what an ignored one names.
///
/// Killed at any moment, it leaves records of what is gone, which the next checkout forgets.
///
/// Deviation: DVC deletes outs that no metafile names any more, whether their objects are still in the cache or not; haul
/// keeps what would be lost. DVC deletes what an ignored metafile names, or one that it may not read, too.
pub(super) fn remove_unused(
    session: &Session<'_>,
    index: &Index,
    links: &mut Links,
    report: &mut CheckoutReport,
) {
    let repo = session.repo;
    let identities = index.outs.iter().flat_map(|out| [index.identity_of(repo, out), out.path.clone()]);
    let tracked: HashSet<PathBuf> = identities.collect();
    let is_in = |paths: &HashSet<PathBuf>, path: &Path| path.ancestors().any(|path| paths.contains(path));
    let mut candidates: Vec<(String, LinkRecord)> = links
        .iter()
        .filter(|(key, _)| {
            let path = repo.root().join(key);
            !is_in(&tracked, &path) && !is_in(&tracked, &repo.identify(&path))
        })
        .map(|(key, record)| (key.to_owned(), record.clone()))
        .collect();
    if candidates.is_empty() {
        return;
    }
    let why = if index.has_unknown {
        Some("the index of Git cannot be read")
    } else if index.unresolved.is_empty() {
        None
    } else {
        Some("the outs of a stage with templates cannot be worked out")
    };
    if let Some(why) = why {
        report.warnings.push(format!("data that is tracked no longer is left where it is: {why}"));
        return;
    }
    // What a metafile names that is not in the workspace is tracked all the same.
    let unseen: HashSet<PathBuf> = match unseen_outs(repo, &index.unseen) {
        Ok(paths) => paths.iter().flat_map(|path| [repo.identify(path), path.clone()]).collect(),
        Err(error) => {
            report.warnings.push(format!(
                "data that is tracked no longer is left where it is: {}",
                with_sources(&error)
            ));
            return;
        }
    };
    candidates.retain(|(key, _)| {
        let path = repo.root().join(key);
        !is_in(&unseen, &path) && !is_in(&unseen, &repo.identify(&path))
    });
    if candidates.is_empty() {
        return;
    }
    let ignored = match index.ignored_outs(repo) {
        Ok(ignored) => ignored,
        Err(error) => {
            let why = with_sources(&error);
            report.warnings.push(format!("data that is tracked no longer is left where it is: {why}"));
            return;
        }
    };
    candidates.retain(|(key, _)| {
        let path = repo.root().join(key);
        let claims = |out: &&IgnoredOut| {
            let out = repo.identify(&out.path);
            path.starts_with(&out) || out.starts_with(&path)
        };
        let Some(claim) = ignored.iter().find(claims) else { return true };
        if !matches!(session.scanner().look(&path), Ok(Found::Nothing)) {
            let [path, metafile] = [&path, &claim.metafile].map(|path| repo.display_path(path));
            report
                .warnings
                .push(format!("`{path}` is left as it is: `{metafile}` tracks it, and is ignored"));
        }
        false
    });
    for (key, record) in candidates {
        let path = session.repo.root().join(&key);
        // Named before it is gone: a directory is shown with `/`.
        let change = out_change(session.repo, &path);
        match remove(session, &path, &record) {
            Ok(Outcome::Removed) => {
                report.stats.n_deleted += 1;
                report.deleted.push(change);
                links.remove(&key);
            }
            Ok(Outcome::Gone) => {
                links.remove(&key);
            }
            Ok(Outcome::Kept) => {}
            Err(error) => {
                report.failed.push(super::FailedOut {
                    path: path.clone(),
                    display: change.display.clone(),
                    missing: Vec::new(),
                    failures: vec![Failure { subject: change.display, path: Some(path), error }],
                });
            }
        }
    }
}

enum Outcome {
    Removed,
    /// There is nothing, or something that is not ours any more.
    Gone,
    /// Its content is nowhere else.
    Kept,
}

fn remove(session: &Session<'_>, path: &Path, record: &LinkRecord) -> Result<Outcome> {
    let Ok(found) = session.scanner().look(path) else {
        return Ok(Outcome::Gone);
    };
    let is_ours = match &found {
        Found::Nothing | Found::Dangling => false,
        Found::File(_) => true,
        Found::Dir(dir) => !dir.is_symlink && dir.dangling.is_empty(),
    };
    if !is_ours || fingerprint(found.files()) != record.fingerprint {
        return Ok(Outcome::Gone);
    }
    if !is_saved(session, record)? {
        return Ok(Outcome::Kept);
    }
    check_parents(session.repo.root(), path)?;
    let mut errors = Vec::new();
    for entry in found.files() {
        // Some time has passed since it was looked at.
        if let Err(error) = delete_file(&entry.full_path(path), entry) {
            errors.push(error);
        }
    }
    many(errors)?;
    if let Found::Dir(dir) = &found {
        for folder in dir.folders.iter().rev() {
            // What DVC does not see may keep a folder alive.
            let _ignored = fs_err::remove_dir(path.join(&**folder));
        }
        let _ignored = fs_err::remove_dir(path);
    }
    Ok(Outcome::Removed)
}

/// Joins an error and its causes.
fn with_sources(error: &Error) -> String {
    let first: &dyn std::error::Error = error;
    let texts = std::iter::successors(Some(first), |error| error.source()).map(ToString::to_string);
    texts.collect::<Vec<_>>().join(": ")
}

/// Tells whether the cache has everything the out was made from.
fn is_saved(session: &Session<'_>, record: &LinkRecord) -> Result<bool> {
    let Ok(oid) = record.oid.parse::<Oid>() else {
        return Ok(false);
    };
    let layout = if record.is_legacy { Layout::Legacy } else { Layout::Current };
    if !oid.is_dir() {
        return Ok(session.cache.check(layout, &oid)?.is_some());
    }
    let Some(manifest) = session.manifest(layout, &oid)? else {
        return Ok(false);
    };
    let oids: Vec<_> = manifest.entries().iter().map(|entry| (layout, Oid::file(entry.digest))).collect();
    for answer in session.cache.check_many(&oids, session.cancel) {
        if answer?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
