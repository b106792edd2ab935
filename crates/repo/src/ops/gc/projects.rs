//! The repositories whose objects are kept, locked for as long as the plan lives.

use std::collections::BTreeMap;
use std::path::Path;

use super::GcOptions;
use crate::ops::session::Stores;
use crate::workspace::lock::if_writable;
use crate::{Error, Repo, RepoLock, Result, TransferLock};

/// A repository, and the locks on it.
pub(super) struct Project {
    pub(super) repo: Repo,
    pub(super) stores: Stores,
    _locks: Locks,
}

type Locks = (Option<TransferLock>, Option<RepoLock>);

impl std::fmt::Debug for Project {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Project").field("root", &self.repo.root()).finish_non_exhaustive()
    }
}

/// Locks `repo`, and opens and locks the other repositories. The first one is `repo`.
pub(super) fn open(repo: Repo, options: &GcOptions) -> Result<Vec<Project>> {
    let mut others: Vec<Repo> = Vec::new();
    for name in &options.projects {
        let folder = repo.absolute(name);
        if !folder.is_dir() {
            return Err(Error::NotARepository(format!("directory '{name}' does not exist")));
        }
        let other = Repo::discover(&repo.env().clone().with_current_dir(&folder))?
            .with_cancellation(options.cancel.clone());
        // Whoever names a repository twice, or this one, does not want to wait for himself.
        let is_known = |known: &Repo| is_same(known.root(), other.root());
        if !is_known(&repo) && !others.iter().any(is_known) {
            others.push(other);
        }
    }
    let repos: Vec<Repo> = std::iter::once(repo).chain(others).collect();
    // In one order everywhere: two collections that name each other's repository must not wait for each other.
    let mut order: Vec<usize> = (0..repos.len()).collect();
    order.sort_by_key(|&number| repos[number].root());
    let mut locks = BTreeMap::new();
    for number in order {
        locks.insert(number, lock(&repos[number], options)?);
    }
    let projects = repos.into_iter().zip(locks.into_values());
    Ok(projects.map(|(repo, (stores, locks))| Project { repo, stores, _locks: locks }).collect())
}

fn lock(repo: &Repo, options: &GcOptions) -> Result<(Stores, Locks)> {
    let stores = if options.is_dry_run { Stores::looking(repo) } else { Stores::of(repo) };
    // In this order: a push that holds its share waits for the other lock when it records versions.
    let alone = TransferLock::alone(stores.memo_dir(), options.wait, &options.cancel);
    let locks = if options.is_dry_run {
        (if_writable(alone)?, repo.lock_to_look(options.wait)?)
    } else {
        (Some(alone?), Some(repo.lock(options.wait)?))
    };
    if !options.history.is_empty() {
        repo.require_git()?;
    }
    if repo.config().core.no_scm.value && !options.history.revisions.is_empty() {
        return Err(Error::UnknownRevision(
            "Only supported for Git repositories. If you're seeing this error in a Git repo, try updating the DVC \
             configuration with `dvc config core.no_scm false`."
                .to_owned(),
        ));
    }
    Ok((stores, locks))
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || fs_err::canonicalize(one)
            .is_ok_and(|one| fs_err::canonicalize(other).is_ok_and(|other| one == other))
}
