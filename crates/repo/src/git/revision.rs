//! Commits to look at besides the workspace, and the files in them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gix::bstr::ByteSlice;

use super::Git;
use crate::{Error, Result};

/// A commit to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its names for messages: branches, tags, or its id.
    pub name: String,
    /// The commit id in hex.
    pub commit: String,
}

/// Which revisions a command looks at besides the workspace.
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
    /// Tells that only the workspace is meant.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl Git {
    /// Lists the revisions of `set`, each commit once, with all its names.
    pub fn revisions(&self, set: RevisionSet) -> Result<Vec<Revision>> {
        let repo = self.repo.to_thread_local();
        let mut commits: Vec<(String, Vec<String>)> = Vec::new();
        let mut positions = BTreeMap::new();
        let mut add = |name: Option<String>, commit: String| {
            let position = *positions.entry(commit.clone()).or_insert_with(|| {
                commits.push((commit, Vec::new()));
                commits.len() - 1
            });
            commits[position].1.extend(name);
        };
        if set.all_commits {
            for commit in
                all_commits(&repo).map_err(|source| Error::git("cannot list the commits of Git", source))?
            {
                add(None, commit);
            }
        }
        for prefix in [set.all_branches.then_some("refs/heads/"), set.all_tags.then_some("refs/tags/")]
            .into_iter()
            .flatten()
        {
            for (name, commit) in references(&repo, prefix)
                .map_err(|source| Error::git("cannot list the references of Git", source))?
            {
                add(Some(name), commit);
            }
        }
        Ok(commits
            .into_iter()
            .map(|(commit, names)| Revision {
                name: if names.is_empty() { commit.clone() } else { names.join(",") },
                commit,
            })
            .collect())
    }

    /// Returns the files of a commit whose names `wanted` accepts, with their content; paths are absolute, as
    /// if the commit were checked out.
    pub fn files_at(&self, revision: &Revision, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<NamedFile>> {
        self.try_files_at(revision, wanted)
            .map_err(|source| Error::git(format!("cannot read the revision `{}`", revision.name), source))
    }

    fn try_files_at(
        &self,
        revision: &Revision,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<NamedFile>, AnyError> {
        let repo = self.repo.to_thread_local();
        let id = gix::ObjectId::from_hex(revision.commit.as_bytes())?;
        let tree = repo.find_commit(id)?.tree()?;
        let mut files = Vec::new();
        for entry in tree.traverse().breadthfirst.files()? {
            let Ok(path) = entry.filepath.to_str() else { continue };
            let name = path.rsplit('/').next().unwrap_or(path);
            if entry.mode.is_blob() && wanted(name) {
                files.push((self.work_dir.join(path), repo.find_blob(entry.oid)?.take_data()));
            }
        }
        Ok(files)
    }
}

/// A path and what the file holds.
pub type NamedFile = (PathBuf, Vec<u8>);

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Every commit that a branch, a tag, a remote branch or HEAD leads to.
fn all_commits(repo: &gix::Repository) -> Result<Vec<String>, AnyError> {
    let mut tips: Vec<gix::ObjectId> = ["refs/heads/", "refs/tags/", "refs/remotes/"]
        .into_iter()
        .map(|prefix| references(repo, prefix))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .filter_map(|(_, commit)| gix::ObjectId::from_hex(commit.as_bytes()).ok())
        .collect();
    tips.extend(repo.head_id().ok().map(gix::Id::detach));
    tips.sort_unstable();
    tips.dedup();
    if tips.is_empty() {
        return Ok(Vec::new());
    }
    repo.rev_walk(tips).all()?.map(|commit| Ok(commit?.id.to_string())).collect()
}

/// The short names of references and the commits they lead to; what leads elsewhere is left out.
fn references(repo: &gix::Repository, prefix: &str) -> Result<Vec<(String, String)>, AnyError> {
    let mut found = Vec::new();
    for reference in repo.references()?.prefixed(prefix)? {
        let mut reference = reference?;
        let name = reference.name().shorten().to_string();
        if let Ok(commit) = reference.peel_to_commit() {
            found.push((name, commit.id.to_string()));
        }
    }
    Ok(found)
}
