//! Versions on cloud-versioned remotes.
//!
//! A version is garbage if a commit of the repository, or the workspace, once recorded it for the remote, and nothing
//! that is kept records it now, for whichever remote: names change, and two may stand for one place. What was never
//! recorded belongs to others, and stays.
//!
//! Deviation: DVC refuses `gc -c` for cloud-versioned remotes, which grow for ever.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::StreamExt as _;
use haul_storage::progress::{Event, Observer, Phase};
use haul_storage::versions::{VersionCursor, VersionedStore};
use haul_storage::{CancellationToken, open_versioned_remote};

use super::plan::{is_within, jobs};
use super::projects::Project;
use super::used::check;
use super::{CollectedVersions, GcOptions, PlannedVersions, UnusedVersion};
use crate::git::{HistoryOptions, RevisionSet};
use crate::index::{Broken, CommitReader, Reading};
use crate::{Out, Repo, Result};

/// Versions that one request may delete.
const DELETE_AT_ONCE: usize = 1000;

/// A version that a metafile records.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct VersionRef {
    /// The remote; `None` in old metafiles, where it holds for all.
    remote: Option<String>,
    key: String,
    version_id: String,
}

/// Lists the versions that are recorded of an out.
pub(super) fn recorded(repo: &Repo, out: &Out) -> Vec<VersionRef> {
    let Some(key) = repo.relative(&out.path).and_then(|path| path.to_str()) else { return Vec::new() };
    let own = out.version.iter().map(|version| (key.to_owned(), version));
    let files = out.files.iter().flatten();
    let below = files.filter_map(|file| Some((format!("{key}/{}", file.path), file.version.as_ref()?)));
    own.chain(below)
        .filter_map(|(key, version)| {
            let remote = version.remote.as_ref().map(|name| name.to_lowercase());
            Some(VersionRef { remote, key, version_id: version.version_id.clone()? })
        })
        .collect()
}

/// Finds the garbage on each of the remotes.
pub(super) async fn plan(
    projects: &[Project],
    names: &[String],
    used: &HashSet<VersionRef>,
    options: &GcOptions,
) -> Result<(Vec<PlannedVersions>, Vec<(Arc<dyn VersionedStore>, usize)>)> {
    let (mut planned, mut stores) = (Vec::new(), Vec::new());
    if names.is_empty() {
        return Ok((planned, stores));
    }
    let repo = &projects[0].repo;
    let ever = ever_recorded(repo, used, options)?;
    for name in names {
        let remote = repo.config().remote(Some(name))?;
        let store = open_versioned_remote(&remote, repo.env(), repo.contact())?;
        let names = repo.config().remote_names();
        planned.push(plan_remote((&remote.name, &names), store.as_ref(), &ever, used, options).await?);
        let jobs = jobs(options, &remote, store.limits());
        stores.push((store, jobs));
    }
    Ok((planned, stores))
}

/// Collects what the repository recorded at any time. A commit that cannot be read names nothing, so less is deleted.
fn ever_recorded(
    repo: &Repo,
    used: &HashSet<VersionRef>,
    options: &GcOptions,
) -> Result<HashSet<VersionRef>> {
    let mut ever = used.clone();
    let Some(git) = repo.git() else { return Ok(ever) };
    let set = RevisionSet { all_branches: true, all_tags: true, all_commits: true };
    let history = HistoryOptions { set, ..HistoryOptions::default() };
    let mut reader = CommitReader::new(repo, git);
    for revision in git.history(&history)? {
        check(&options.cancel)?;
        match reader.addition(&revision, Reading::Metafiles, Broken::PassOver) {
            Ok(addition) => ever.extend(addition.index.outs.iter().flat_map(|out| recorded(repo, out))),
            Err(error) if error.is_interrupted() => return Err(error),
            Err(error) => tracing::debug!(%error, revision = revision.name, "a revision names no versions"),
        }
    }
    Ok(ever)
}

async fn plan_remote(
    (name, names): (&str, &[&str]),
    store: &dyn VersionedStore,
    ever: &HashSet<VersionRef>,
    used: &HashSet<VersionRef>,
    options: &GcOptions,
) -> Result<PlannedVersions> {
    // A remote that the configuration does not have may be this one, by an old name.
    let is_elsewhere = |remote: &str| {
        !remote.eq_ignore_ascii_case(name) && names.iter().any(|known| known.eq_ignore_ascii_case(remote))
    };
    let is_here = |version: &&VersionRef| !version.remote.as_deref().is_some_and(is_elsewhere);
    // By their ids alone, which no two versions of a bucket share: the same place may be recorded under the name and the
    // prefix of another remote, or by another repository.
    let kept: HashSet<&str> = used.iter().map(|version| version.version_id.as_str()).collect();
    let mut known: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
    for version in ever.iter().filter(is_here) {
        known.entry(&version.key).or_default().insert(&version.version_id);
    }
    let mut planned = PlannedVersions {
        name: name.to_owned(),
        location: store.location().to_owned(),
        n_versions: 0,
        total_bytes: 0,
        unused: Vec::new(),
        n_young: 0,
    };
    let is_garbage = |id: &&str| !kept.contains(id);
    if !known.values().flatten().any(is_garbage) {
        return Ok(planned);
    }
    let keys: Vec<&str> = known.keys().copied().collect();
    let mut cursor: Option<VersionCursor> = None;
    loop {
        check(&options.cancel)?;
        let page = store.list_versions(common_prefix(&keys), cursor.as_ref()).await?;
        for version in page.versions {
            let (Some(ids), Some(id)) = (known.get(version.key.as_str()), version.version_id) else {
                continue;
            };
            if version.is_delete_marker || !ids.contains(id.as_str()) {
                continue;
            }
            planned.n_versions += 1;
            planned.total_bytes += version.size_bytes;
            if kept.contains(id.as_str()) {
                continue;
            }
            let modified = version.last_modified;
            if options.older_than.is_some_and(|grace| is_within(modified, grace, options.now)) {
                planned.n_young += 1;
                continue;
            }
            let (key, size_bytes) = (version.key, version.size_bytes);
            planned.unused.push(UnusedVersion { key, version_id: id, size_bytes, modified });
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(planned);
        }
    }
}

/// Returns what all keys start with, which are sorted.
fn common_prefix<'a>(keys: &[&'a str]) -> &'a str {
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return "" };
    let n_equal = first.char_indices().zip(last.chars()).take_while(|((_, one), other)| one == other);
    let end = n_equal.last().map_or(0, |((at, character), _)| at + character.len_utf8());
    &first[..end]
}

/// Deletes what was planned. A failure of one version does not stop the others.
pub(super) async fn remove(
    planned: &PlannedVersions,
    store: &dyn VersionedStore,
    jobs: usize,
    cancel: &CancellationToken,
    observer: &dyn Observer,
) -> CollectedVersions {
    let chunks = planned.unused.chunks(DELETE_AT_ONCE).zip((0..).step_by(DELETE_AT_ONCE));
    let mut removals = futures::stream::iter(chunks)
        .map(|(chunk, start): (&[UnusedVersion], usize)| async move {
            let mut collected = CollectedVersions::default();
            if cancel.is_cancelled() {
                collected.n_not_tried = chunk.len() as u64;
                return collected;
            }
            let versions: Vec<_> =
                chunk.iter().map(|version| (version.key.clone(), version.version_id.clone())).collect();
            match store.delete_versions(&versions).await {
                Ok(failed) => {
                    collected.n_removed = (chunk.len() - failed.len()) as u64;
                    collected.failed =
                        failed.into_iter().map(|(index, error)| (start + index, error)).collect();
                }
                Err(error) => {
                    // The whole request failed; the first version speaks for all of it.
                    collected.n_not_tried = (chunk.len() - 1) as u64;
                    collected.failed.push((start, error));
                }
            }
            let n_objects = chunk.len() as u64;
            observer.on(Event::Finished { phase: Phase::Removing, n_objects });
            collected
        })
        .buffer_unordered(jobs);
    let mut all = CollectedVersions::default();
    while let Some(one) = removals.next().await {
        all.n_removed += one.n_removed;
        all.failed.extend(one.failed);
        all.n_not_tried += one.n_not_tried;
    }
    all.failed.sort_by_key(|(index, _)| *index);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_prefix_never_cuts_a_character() {
        assert_eq!(common_prefix(&["data/é", "data/è"]), "data/");
        assert_eq!(common_prefix(&["a"]), "a");
        assert_eq!(common_prefix(&["a", "b"]), "");
    }
}
