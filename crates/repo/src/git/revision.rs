//! The revisions that a command reads in addition to the workspace.

use std::collections::HashMap;

use gix::ObjectId;
use gix::object::Kind;

use super::{Git, unreadable};
use crate::paths::is_absence;
use crate::{Error, Result};

/// A commit to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its names for messages: branches, tags, or its id.
    pub name: String,
    /// The commit, or the tree that a tag names.
    pub(crate) commit: ObjectId,
}

/// The revisions that a command reads in addition to the workspace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RevisionSet {
    /// `--all-branches`.
    pub all_branches: bool,
    /// `--all-tags`.
    pub all_tags: bool,
    /// `--all-commits`.
    pub all_commits: bool,
}

impl RevisionSet {
    /// Returns whether only the workspace is meant.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl Git {
    /// Lists the revisions of `set`, each commit once, with all its names.
    pub fn revisions(&self, set: RevisionSet) -> Result<Vec<Revision>> {
        let repo = self.repo.to_thread_local();
        let mut commits = Commits::default();
        if set.all_commits {
            for commit in all_commits(&repo)
                .map_err(|source| unreadable(&repo, "cannot list the commits of Git", source))?
            {
                commits.add(None, commit);
            }
        }
        for prefix in [set.all_branches.then_some("refs/heads/"), set.all_tags.then_some("refs/tags/")]
            .into_iter()
            .flatten()
        {
            for (name, commit) in references(&repo, prefix)
                .map_err(|source| unreadable(&repo, "cannot list the references of Git", source))?
            {
                commits.add(Some(name), commit);
            }
        }
        Ok(commits.into_revisions())
    }

    /// Returns whether the clone is shallow: it has only a part of the history.
    pub fn is_shallow(&self) -> Result<bool> {
        let repo = self.repo.to_thread_local();
        repo.is_shallow()
            .map_err(|source| Error::git("cannot read where the history of the clone ends", source))
    }
}

/// Commits in the order in which they were added, each with its names.
#[derive(Debug, Default)]
pub(super) struct Commits {
    commits: Vec<(ObjectId, Vec<String>)>,
    positions: HashMap<ObjectId, usize>,
}

impl Commits {
    pub(super) fn add(&mut self, name: Option<String>, commit: ObjectId) {
        let position = *self.positions.entry(commit).or_insert_with(|| {
            self.commits.push((commit, Vec::new()));
            self.commits.len() - 1
        });
        let names = &mut self.commits[position].1;
        names.extend(name.filter(|name| !names.contains(name)));
    }

    pub(super) fn into_revisions(self) -> Vec<Revision> {
        let revision = |(commit, names): (ObjectId, Vec<String>)| Revision {
            name: if names.is_empty() { commit.to_string() } else { names.join(",") },
            commit,
        };
        self.commits.into_iter().map(revision).collect()
    }
}

/// The references that keep commits: branches, tags and remote branches.
pub(super) const REFERENCES: [&str; 3] = ["refs/heads/", "refs/tags/", "refs/remotes/"];

pub(super) type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Returns every commit that is reachable from a branch, a tag, a remote branch or HEAD.
fn all_commits(repo: &gix::Repository) -> Result<Vec<ObjectId>, AnyError> {
    let mut tips: Vec<ObjectId> = REFERENCES
        .into_iter()
        .map(|prefix| references(repo, prefix))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .map(|(_, commit)| commit)
        .collect();
    tips.extend(repo.head_id().ok().map(gix::Id::detach));
    tips.sort_unstable();
    tips.dedup();
    if tips.is_empty() {
        return Ok(Vec::new());
    }
    repo.rev_walk(tips).all()?.map(|commit| Ok(commit?.id)).collect()
}

/// Fails if the directory of references of this kind cannot be read: gix then finds none.
pub(super) fn check_references(repo: &gix::Repository, prefix: &str) -> Result<(), AnyError> {
    match fs_err::read_dir(repo.common_dir().join(prefix)) {
        Err(error) if !is_absence(&error) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Returns the short names of references and their commits. As in DVC, a reference to another object is left out; one
/// that cannot be read is an error.
fn references(repo: &gix::Repository, prefix: &str) -> Result<Vec<(String, ObjectId)>, AnyError> {
    check_references(repo, prefix)?;
    let mut found = Vec::new();
    for reference in repo.references()?.prefixed(prefix)? {
        let mut reference = reference?;
        let name = reference.name().shorten().to_string();
        let is_symbolic = reference.target().try_id().is_none();
        let read = reference.peel_to_id().and_then(|id| Ok((id.header()?.kind(), id.detach())));
        match read {
            Ok((Kind::Commit, commit)) => found.push((name, commit)),
            Ok(_) => {}
            // The branch that a symbolic reference such as `origin/HEAD` names may have been deleted.
            Err(_) if is_symbolic => {}
            Err(error) => return Err(format!("the reference `{name}` cannot be resolved: {error}").into()),
        }
    }
    Ok(found)
}
