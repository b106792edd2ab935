//! `diff`: what data differs between two commits, or between a commit and the workspace.

use haul_storage::CancellationToken;
use haul_storage::progress::Observer;

use super::session::{Session, Stores};
use super::sides::{Wanted, of_commit, of_workspace, selected};
use crate::data_tree::{Change, ChangeKind, DataObject, Side, Sided, compare};
use crate::git::Revision;
use crate::ops::Failure;
use crate::paths::posix;
use crate::{ConfigOverrides, Error, Index, LockWait, Project, Repo, Result};

/// What to compare.
#[derive(Debug, Clone, Default)]
pub struct DiffOptions {
    /// The older revision; none means `HEAD`.
    pub old: Option<String>,
    /// The newer one; none means the workspace.
    pub new: Option<String>,
    /// What is tracked and wanted, as typed; none means everything.
    pub targets: Vec<String>,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// A path that differs, relative to the root; that of a directory ends with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffEntry {
    /// The path; of something renamed, the old one.
    pub path: String,
    /// The new path of something renamed.
    pub new_path: Option<String>,
    /// The hash before.
    pub old_hash: Option<String>,
    /// The hash after.
    pub new_hash: Option<String>,
}

/// What differs, each list sorted by path.
#[derive(Debug, Default)]
pub struct DiffReport {
    /// Whether there were two points to compare, and something to say.
    pub is_empty: bool,
    /// Paths that are new.
    pub added: Vec<DiffEntry>,
    /// Paths that are gone.
    pub deleted: Vec<DiffEntry>,
    /// Paths with other data.
    pub modified: Vec<DiffEntry>,
    /// Data that left one path and came to another.
    pub renamed: Vec<DiffEntry>,
    /// Paths whose older data the cache lacks; looked at when the workspace is compared.
    pub not_in_cache: Vec<DiffEntry>,
    /// Files that could not be read.
    pub failed: Vec<Failure>,
}

/// Compares the data of two commits, or of a commit and the workspace.
///
/// # Errors
///
/// [`Error::UnknownRevision`]; [`Error::TargetNotFound`] for a target that neither side has.
pub async fn diff(repo: &Repo, options: &DiffOptions, observer: &dyn Observer) -> Result<DiffReport> {
    let _lock = repo.lock_to_look(options.wait)?;
    let stores = Stores::looking(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let no_difference = || Ok(DiffReport { is_empty: true, ..DiffReport::default() });
    let git = repo.git().ok_or_else(|| {
        Error::UnknownRevision(format!("{} is not a git repository", repo.root().display()))
    })?;
    if git.has_no_commits()? {
        return no_difference();
    }
    let old_revision = git.resolve(options.old.as_deref().unwrap_or("HEAD"))?;
    let new_revision = options.new.as_deref().map(|name| git.resolve(name)).transpose()?;
    if new_revision.as_ref().is_some_and(|new| new.commit == old_revision.commit) {
        return no_difference();
    }
    let nothing = Index::default();
    let old = at_if_there(repo, old_revision)?;
    let index = old.as_ref().map_or(Ok(&nothing), Project::index)?;
    let (old_wanted, old_missing) = wanted(repo, index, &options.targets)?;
    let is_of_workspace = new_revision.is_none();
    let (new, new_index) = match new_revision {
        Some(revision) => (at_if_there(repo, revision)?, Index::default()),
        None => (None, Index::collect(repo)?),
    };
    let index = new.as_ref().map_or(Ok(&new_index), Project::index)?;
    let (new_wanted, new_missing) = wanted(repo, index, &options.targets)?;
    if let Some(target) = old_missing.iter().find(|target| new_missing.contains(target)) {
        return Err(super::obtain::no_such_file(target));
    }
    let old = match &old {
        Some(project) => of_commit(&session, project, true, &old_wanted).await?,
        None => Side::default(),
    };
    let (new, failed) = match &new {
        Some(project) => (of_commit(&session, project, true, &new_wanted).await?, Vec::new()),
        None if is_of_workspace => of_workspace(&session, index, true, &new_wanted)?,
        None => (Side::default(), Vec::new()),
    };
    session.memo.save();
    let mut report = DiffReport { failed, ..DiffReport::default() };
    for change in compare(&old, &new) {
        if is_of_workspace {
            report.not_in_cache.extend(lacking(&session, &change)?);
        }
        report.add(change);
    }
    report.renamed.sort_by(|left, right| left.path.cmp(&right.path));
    let lists = [&report.added, &report.deleted, &report.modified, &report.renamed, &report.not_in_cache];
    report.is_empty = lists.iter().all(|list| list.is_empty());
    Ok(report)
}

/// Opens this repository at a commit.
fn at(repo: &Repo, revision: Revision) -> Result<Project> {
    let Some(git) = repo.git() else { return Err(Error::UnknownRevision(revision.name)) };
    let below = repo.root().strip_prefix(git.work_dir()).map_or_else(|_| Ok(String::new()), posix)?;
    Project::of_commit(git.again(), revision, &below, repo.env(), &ConfigOverrides::default())
}

/// Opens this repository at a commit; `None` for one from before it was there.
///
/// Deviation: all that is tracked now counts as added since such a commit. DVC finds no difference at all.
pub(super) fn at_if_there(repo: &Repo, revision: Revision) -> Result<Option<Project>> {
    match at(repo, revision) {
        Err(Error::NotARepository(_)) => Ok(None),
        project => project.map(Some),
    }
}

fn wanted(repo: &Repo, index: &Index, targets: &[String]) -> Result<(Wanted, Vec<String>)> {
    if targets.is_empty() {
        return Ok((None, Vec::new()));
    }
    let (found, missing) = selected(repo, index, targets)?;
    Ok((Some(found), missing))
}

/// Returns what a change replaces if the cache does not have it.
fn lacking(session: &Session<'_>, change: &Change) -> Result<Option<DiffEntry>> {
    let Some(old @ Sided { object: Some(object), .. }) = change.old else { return Ok(None) };
    let path = match &change.kind {
        ChangeKind::Renamed(path) => path,
        _ => &change.path,
    };
    let is_there = is_cached(session, object)?;
    Ok((!is_there).then(|| DiffEntry {
        path: shown(path, old.is_dir),
        new_path: None,
        old_hash: hash(Some(old)),
        new_hash: None,
    }))
}

pub(super) fn is_cached(session: &Session<'_>, object: DataObject) -> Result<bool> {
    Ok(session.cache.check(object.layout, &object.oid)?.is_some())
}

pub(super) fn shown(path: &str, is_dir: bool) -> String {
    if is_dir { format!("{path}/") } else { path.to_owned() }
}

fn hash(sided: Option<Sided>) -> Option<String> {
    sided?.object.map(|object| object.oid.to_string())
}

impl DiffReport {
    fn add(&mut self, change: Change) {
        let entry = DiffEntry {
            path: shown(&change.path, change.old.or(change.new).is_some_and(|sided| sided.is_dir)),
            new_path: None,
            old_hash: hash(change.old),
            new_hash: hash(change.new),
        };
        match change.kind {
            ChangeKind::Added => self.added.push(entry),
            ChangeKind::Deleted => self.deleted.push(entry),
            ChangeKind::Modified => self.modified.push(entry),
            ChangeKind::Renamed(from) => {
                let path = shown(&from, change.old.is_some_and(|sided| sided.is_dir));
                self.renamed.push(DiffEntry { path, new_path: Some(entry.path), ..entry });
            }
            ChangeKind::Unchanged | ChangeKind::Unknown => {}
        }
    }
}
