//! `data status`: what changed between the last commit, the metafiles and the workspace.

use std::sync::Arc;

use haul_storage::progress::Observer;
use haul_storage::{CancellationToken, Presence, RemoteOdb, open_remote_with};

use super::diff::{at_if_there, is_cached, shown};
use super::session::{Session, Stores};
use super::sides::{Wanted, of_commit, of_metafiles, of_workspace};
use crate::data_tree::{ChangeKind, Portion, Side, compare};
use crate::ops::Failure;
use crate::tree::WorkspaceTree;
use crate::workspace::checkout::is_at_or_below;
use crate::{Index, LockWait, Repo, Result};

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct DataStatusOptions {
    /// Paths relative to the root; none means everything.
    pub targets: Vec<String>,
    /// Look into directories that are tracked (`--granular`).
    pub granular: bool,
    /// Look at the remote too (`--not-in-remote`).
    pub not_in_remote: bool,
    /// The remote; else each out's own, else the default one.
    pub remote: Option<String>,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// What differs between two points. Paths are relative to the root; those of directories end with `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataChanges {
    /// Paths with other data.
    pub modified: Vec<String>,
    /// Paths that are new.
    pub added: Vec<String>,
    /// Old and new paths of what moved.
    pub renamed: Vec<(String, String)>,
    /// Paths that are gone.
    pub deleted: Vec<String>,
    /// Files of directories whose list of files is not known.
    pub unknown: Vec<String>,
}

/// What changed.
#[derive(Debug, Default)]
pub struct DataStatusReport {
    /// Data that the metafiles name and the cache lacks.
    pub not_in_cache: Vec<String>,
    /// Data that the metafiles name and the remote lacks.
    pub not_in_remote: Vec<String>,
    /// Between the last commit and the metafiles.
    pub committed: DataChanges,
    /// Between the metafiles and the workspace.
    pub uncommitted: DataChanges,
    /// What is the same in all three.
    pub unchanged: Vec<String>,
    /// Files that could not be read.
    pub failed: Vec<Failure>,
    /// Whether there is no commit yet.
    pub has_no_commits: bool,
}

/// Compares the last commit, the metafiles and the workspace. Writes nothing but the memo.
pub async fn data_status(
    repo: &Repo,
    options: &DataStatusOptions,
    observer: &dyn Observer,
) -> Result<DataStatusReport> {
    let _lock = repo.lock_to_look(options.wait)?;
    let stores = Stores::looking(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let index = Index::collect(repo)?;
    let wanted = filter(&index, repo, &options.targets);
    let files = WorkspaceTree { ignore: Arc::clone(repo.ignore()) };
    let recorded =
        restrict(of_metafiles(&session, &files, &index, options.granular, &wanted).await?, options);
    let (found, failed) = of_workspace(&session, &index, options.granular, &wanted)?;
    let found = restrict(found, options);
    session.memo.save();
    let mut report = DataStatusReport { failed, ..DataStatusReport::default() };
    let mut unchanged = report.add_uncommitted(&session, &recorded, &found)?;
    report.forget_failed(repo);
    if let Some(git) = repo.git() {
        report.has_no_commits = git.has_no_commits()?;
        let head = if report.has_no_commits {
            Side::default()
        } else {
            match at_if_there(repo, git.resolve("HEAD")?)? {
                Some(project) => of_commit(&session, &project, options.granular, &None).await?,
                None => Side::default(),
            }
        };
        let (changes, same) = sort(&restrict(head, options), &recorded);
        report.committed = changes;
        let same: std::collections::HashSet<String> = same.into_iter().collect();
        unchanged.retain(|path| same.contains(path));
    }
    report.unchanged = unchanged;
    if options.not_in_remote {
        report.not_in_remote = not_in_remote(&session, &index, &recorded, options).await?;
    }
    Ok(report)
}

/// Names the outs that targets lie in, are, or have below them.
fn filter(index: &Index, repo: &Repo, targets: &[String]) -> Wanted {
    if targets.is_empty() {
        return None;
    }
    let meets = |path: &str| {
        targets.iter().any(|target| is_at_or_below(path, target) || is_at_or_below(target, path))
    };
    let paths = index.outs.iter().filter_map(|out| crate::paths::posix(repo.relative(&out.path)?).ok());
    Some(paths.filter(|path| meets(path)).map(|path| (path, Portion::Whole)).collect())
}

/// Leaves only what is at or below a target.
fn restrict(mut side: Side, options: &DataStatusOptions) -> Side {
    if !options.targets.is_empty() {
        side.entries.retain(|path, _| options.targets.iter().any(|target| is_at_or_below(path, target)));
    }
    side
}

/// Sorts what differs by its kind; the second list is what is the same.
fn sort(old: &Side, new: &Side) -> (DataChanges, Vec<String>) {
    let (mut changes, mut unchanged) = (DataChanges::default(), Vec::new());
    for change in compare(old, new) {
        let path = shown(&change.path, change.is_dir());
        let has_hash =
            |sided: Option<crate::data_tree::Sided>| sided.is_some_and(|sided| sided.object.is_some());
        match change.kind {
            // What no hash is recorded of is new as soon as it is there.
            ChangeKind::Modified if !has_hash(change.old) => changes.added.push(path),
            ChangeKind::Modified if !has_hash(change.new) => changes.deleted.push(path),
            ChangeKind::Modified => changes.modified.push(path),
            ChangeKind::Added if has_hash(change.new) => changes.added.push(path),
            ChangeKind::Deleted if has_hash(change.old) => changes.deleted.push(path),
            ChangeKind::Renamed(from) => {
                changes.renamed.push((shown(&from, change.old.is_some_and(|sided| sided.is_dir)), path));
            }
            ChangeKind::Unchanged if has_hash(change.new) => unchanged.push(path),
            ChangeKind::Unknown if change.new.is_some() => changes.unknown.push(path),
            _ => {}
        }
    }
    (changes, unchanged)
}

impl DataStatusReport {
    /// Takes out what was said of outs that could not be looked at: they are not gone.
    fn forget_failed(&mut self, repo: &Repo) {
        let paths = self.failed.iter().filter_map(|failure| repo.relative(failure.path.as_ref()?));
        let paths: Vec<String> = paths.filter_map(|path| crate::paths::posix(path).ok()).collect();
        self.uncommitted
            .deleted
            .retain(|path| !paths.iter().any(|failed| is_at_or_below(path.trim_end_matches('/'), failed)));
    }

    /// Adds what the workspace has changed and what the cache lacks; returns what is unchanged.
    fn add_uncommitted(
        &mut self,
        session: &Session<'_>,
        recorded: &Side,
        found: &Side,
    ) -> Result<Vec<String>> {
        for (path, sided) in &recorded.entries {
            if let Some(object) = sided.object
                && !is_cached(session, object)?
            {
                self.not_in_cache.push(shown(path, sided.is_dir));
            }
        }
        let (changes, unchanged) = sort(recorded, found);
        self.uncommitted = changes;
        Ok(unchanged)
    }
}

/// Asks remotes for what the metafiles name. What is not to be pushed does not count.
///
/// Deviation: without a remote that is an error; DVC says of everything that the remote does not have it.
async fn not_in_remote(
    session: &Session<'_>,
    index: &Index,
    recorded: &Side,
    options: &DataStatusOptions,
) -> Result<Vec<String>> {
    let mut by_remote: std::collections::BTreeMap<Option<&str>, Vec<&crate::Out>> =
        std::collections::BTreeMap::new();
    for out in &index.outs {
        // What was never downloaded was never pushed either.
        let is_pushed = out.can_push && out.use_cache && !out.is_external && out.oid.is_some();
        if is_pushed && !index.stage_of(out).is_repo_import {
            let name = options.remote.as_deref().or(out.remote.as_deref());
            by_remote.entry(name).or_default().push(out);
        }
    }
    let mut missing = Vec::new();
    for (name, outs) in by_remote {
        let remote = session.repo.config().remote(name)?;
        let jobs = remote.jobs.as_ref().map_or(64, |jobs| jobs.value.get());
        let store = open_remote_with(&remote, session.repo.env(), session.repo.contact())?;
        let odb = RemoteOdb::new(store);
        let mut asked = Vec::new();
        for out in outs {
            let Some(path) = session.key(&out.path) else { continue };
            let start = recorded.entries.range(path.clone()..);
            let below = start.take_while(|(other, _)| other.starts_with(&path));
            asked.extend(
                below
                    .filter(|(other, _)| is_at_or_below(other, &path))
                    .filter_map(|(path, sided)| Some((path, sided.is_dir, sided.object?))),
            );
        }
        let oids: Vec<_> = asked.iter().map(|(_, _, object)| (object.layout, object.oid, None)).collect();
        let answers = odb.look_up(&oids, jobs).await?;
        for ((path, is_dir, _), presence) in asked.into_iter().zip(answers) {
            if matches!(presence, Presence::Absent | Presence::Damaged { .. }) {
                missing.push(shown(path, is_dir));
            }
        }
    }
    missing.sort();
    Ok(missing)
}
