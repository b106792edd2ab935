//! The commits that a command that deletes data must read. A commit that cannot be read is an error and never skipped:
//! the command would delete the data that the commit uses.

use std::collections::HashSet;

use gix::ObjectId;
use gix::object::Kind;

use super::revision::{AnyError, Commits, REFERENCES, check_references};
use super::{Git, Revision, RevisionSet, unreadable};
use crate::{Error, Result};

/// The prefix of references to experiments.
const EXPERIMENTS: &str = "refs/exps/";
/// The maximum number of hours that a time zone is ahead of UTC.
const EARLIEST_CLOCK: i64 = 14;

/// The commits to read in addition to the workspace, including the ways to name them that only `gc` has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Branches, tags, all commits.
    pub set: RevisionSet,
    /// The commits of all experiments.
    pub all_experiments: bool,
    /// Commits since the beginning of this day, in days since the Unix epoch.
    ///
    /// Deviation: DVC lets the day of `gc --date` begin in the time zone of the machine; haul lets it begin in the earliest
    /// time zone of the world, so that the same command keeps the same data on every machine, and never less than DVC.
    pub since_day: Option<i64>,
    /// Commits by any name that Git resolves to one, or by the name of an experiment.
    pub revisions: Vec<String>,
    /// The number of commits to take from each of `revisions` and each branch, following first parents. As in DVC, 0 takes
    /// none, and a negative number takes all.
    pub n_commits: i64,
}

impl HistoryOptions {
    /// Returns whether only the workspace is meant.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && !self.all_experiments && self.since_day.is_none() && self.revisions.is_empty()
    }
}

impl Git {
    /// Returns the commit of a name: any name that Git resolves to a commit, or the name of an experiment.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRevision`] in DVC's words.
    pub fn resolve(&self, name: &str) -> Result<Revision> {
        let repo = self.repo.to_thread_local();
        let commit = History { repo: &repo }.resolve(name)?;
        Ok(Revision { name: name.to_owned(), commit })
    }

    /// Returns whether there is no commit yet.
    pub fn has_no_commits(&self) -> Result<bool> {
        let repo = self.repo.to_thread_local();
        let head = repo.head().map_err(|source| Error::git("cannot read HEAD", source))?;
        Ok(head.is_unborn())
    }

    /// Lists the commits that `options` name, each once, with all its names.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRevision`] for a name that Git does not know; [`Error::Git`] for a reference or a commit that
    /// cannot be read, and for history that a shallow clone does not have.
    pub fn history(&self, options: &HistoryOptions) -> Result<Vec<Revision>> {
        let repo = self.repo.to_thread_local();
        let reader = History { repo: &repo };
        if !options.set.is_empty() {
            reader.refuse_lost_branches()?;
        }
        let mut commits = Commits::default();
        for name in &options.revisions {
            let start = reader.resolve(name)?;
            reader.first_parents(name, start, options.n_commits, None, &mut commits)?;
        }
        if options.set.all_commits {
            for commit in reader.all_commits()? {
                commits.add(None, commit);
            }
        }
        if options.set.all_branches {
            for (name, commit) in reader.references("refs/heads/")? {
                reader.first_parents(&name, commit, options.n_commits, None, &mut commits)?;
            }
        }
        if options.set.all_tags {
            for (name, commit) in reader.references("refs/tags/")? {
                commits.add(Some(name), commit);
            }
        }
        if let Some(day) = options.since_day {
            let since = day.saturating_mul(24).saturating_sub(EARLIEST_CLOCK).saturating_mul(3600);
            for commit in reader.all_commits()? {
                if reader.time(commit)? >= since {
                    commits.add(None, commit);
                }
            }
        }
        if options.all_experiments {
            for (name, commit) in reader.references(EXPERIMENTS)? {
                let baseline = baseline(&name);
                // For a reference that is not an experiment (a queue, a running experiment), only its tip is kept.
                let n_commits = if baseline.is_some() { -1 } else { 1 };
                reader.first_parents(&name, commit, n_commits, baseline, &mut commits)?;
            }
        }
        Ok(commits.into_revisions())
    }
}

struct History<'repo> {
    repo: &'repo gix::Repository,
}

impl History<'_> {
    fn resolve(&self, name: &str) -> Result<ObjectId> {
        let unknown = || Error::UnknownRevision(format!("unknown Git revision '{name}'"));
        let Ok(id) = self.repo.rev_parse_single(name) else {
            let suffix = format!("/{name}");
            let mut named: Vec<ObjectId> = self
                .references(EXPERIMENTS)?
                .into_iter()
                .filter(|(reference, _)| baseline(reference).is_some() && reference.ends_with(&suffix))
                .map(|(_, commit)| commit)
                .collect();
            named.dedup();
            return match named[..] {
                [commit] => Ok(commit),
                [] => Err(unknown()),
                _ => Err(Error::UnknownRevision(format!("ambiguous Git revision '{name}'"))),
            };
        };
        let object = id.object().and_then(|object| object.peel_to_kind(Kind::Commit));
        Ok(object
            .map_err(|source| unreadable(self.repo, format!("cannot read the revision `{name}`"), source))?
            .id)
    }

    /// Fails if there is no branch although commits were made: the files that name the branches are damaged or gone, and
    /// to Git the repository looks like a new one.
    fn refuse_lost_branches(&self) -> Result<()> {
        let head = self.repo.head().map_err(|source| Error::git("cannot read HEAD", source))?;
        let log = self.repo.git_dir().join("logs/HEAD");
        if head.is_unborn()
            && self.references("refs/heads/")?.is_empty()
            && fs_err::metadata(&log).is_ok_and(|metadata| metadata.len() > 0)
        {
            let message = format!("no branch is left, but `{}` tells of commits", log.display());
            return Err(Error::git("cannot find the branches of Git", message));
        }
        Ok(())
    }

    /// Adds a commit and its first parents.
    fn first_parents(
        &self,
        name: &str,
        start: ObjectId,
        n_commits: i64,
        end: Option<ObjectId>,
        commits: &mut Commits,
    ) -> Result<()> {
        if n_commits == 0 {
            return Ok(());
        }
        let cannot =
            |source: AnyError| unreadable(self.repo, format!("cannot read the history of `{name}`"), source);
        commits.add(Some(name.to_owned()), start);
        let (mut current, mut n_taken) = (start, 1);
        let mut seen = HashSet::from([start]);
        while n_taken != n_commits {
            let commit = match self.repo.find_object(current) {
                Ok(object) if object.kind == Kind::Commit => object.into_commit(),
                // A tag may name a tree, which has no history.
                Ok(_) => break,
                Err(source) => return Err(cannot(source.into())),
            };
            let Some(parent) = commit.parent_ids().next().map(gix::Id::detach) else { break };
            if Some(parent) == end || !seen.insert(parent) {
                break;
            }
            if self.is_boundary(current)? {
                return Err(shallow(&format!("the history of `{name}` ends at {current}")));
            }
            commits.add(None, parent);
            current = parent;
            n_taken += 1;
        }
        Ok(())
    }

    /// Returns every commit that is reachable from a branch, a tag, a remote branch or HEAD.
    fn all_commits(&self) -> Result<Vec<ObjectId>> {
        let cannot = |source: AnyError| unreadable(self.repo, "cannot list the commits of Git", source);
        if self.repo.is_shallow().map_err(|source| cannot(source.into()))? {
            return Err(shallow("this clone does not have the whole history"));
        }
        let mut tips = Vec::new();
        for prefix in REFERENCES {
            tips.extend(self.references(prefix)?.into_iter().map(|(_, commit)| commit));
        }
        let head = self.repo.head().map_err(|source| cannot(source.into()))?;
        if !head.is_unborn() {
            tips.push(head.into_peeled_id().map_err(|source| cannot(source.into()))?.detach());
        }
        let mut walked = Vec::new();
        let (starts, trees): (Vec<_>, Vec<_>) = {
            let mut kinds = Vec::with_capacity(tips.len());
            for tip in tips {
                let header = self.repo.find_header(tip).map_err(|source| cannot(source.into()))?;
                kinds.push((tip, header.kind() == Kind::Commit));
            }
            kinds.into_iter().partition(|(_, is_commit)| *is_commit)
        };
        walked.extend(trees.into_iter().map(|(tree, _)| tree));
        if !starts.is_empty() {
            let walk = self.repo.rev_walk(starts.into_iter().map(|(commit, _)| commit)).all();
            for commit in walk.map_err(|source| cannot(source.into()))? {
                walked.push(commit.map_err(|source| cannot(source.into()))?.id);
            }
        }
        Ok(walked)
    }

    /// Returns the short names of references and their targets: commits, and trees, whose files are used in the same way.
    /// A reference to a file is left out.
    fn references(&self, prefix: &str) -> Result<Vec<(String, ObjectId)>> {
        let cannot = |source: AnyError| Error::git(format!("cannot read the references `{prefix}`"), source);
        check_references(self.repo, prefix).map_err(cannot)?;
        let platform = self.repo.references().map_err(|source| cannot(source.into()))?;
        let mut found = Vec::new();
        for reference in platform.prefixed(prefix).map_err(|source| cannot(source.into()))? {
            let mut reference = reference.map_err(cannot_read(prefix))?;
            let name = reference.name().shorten().to_string();
            let read = reference.peel_to_id().and_then(|id| Ok((id.header()?.kind(), id.detach())));
            let (kind, id) = read.map_err(|source| {
                unreadable(self.repo, format!("cannot read the reference `{name}`"), source)
            })?;
            if kind != Kind::Blob {
                found.push((name, id));
            }
        }
        Ok(found)
    }

    fn time(&self, id: ObjectId) -> Result<i64> {
        let cannot = |source: AnyError| unreadable(self.repo, format!("cannot read the commit {id}"), source);
        let object = self.repo.find_object(id).map_err(|source| cannot(source.into()))?;
        if object.kind != Kind::Commit {
            // As in DVC, an object without a time is kept.
            return Ok(i64::MAX);
        }
        Ok(object.into_commit().time().map_err(|source| cannot(source.into()))?.seconds)
    }

    /// Returns whether the parents of a commit are missing in this clone.
    fn is_boundary(&self, commit: ObjectId) -> Result<bool> {
        let boundary = self
            .repo
            .shallow_commits()
            .map_err(|source| Error::git("cannot read where the history of the clone ends", source))?;
        Ok(boundary.is_some_and(|boundary| boundary.iter().any(|known| *known == commit)))
    }
}

fn cannot_read<E: Into<AnyError>>(prefix: &str) -> impl FnOnce(E) -> Error + '_ {
    move |source| Error::git(format!("cannot read the references `{prefix}`"), source)
}

fn shallow(what: &str) -> Error {
    Error::ShallowClone(format!("{what}: the clone is shallow, and data of older commits would be deleted"))
}

/// Returns the commit that an experiment started from, which is part of the name of its reference:
/// `exps/ab/cdef…/name`.
fn baseline(reference: &str) -> Option<ObjectId> {
    let mut parts =
        reference.strip_prefix("exps/").or_else(|| reference.strip_prefix(EXPERIMENTS))?.split('/');
    let (first, rest, _name) = (parts.next()?, parts.next()?, parts.next()?);
    ObjectId::from_hex(format!("{first}{rest}").as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baseline_stands_in_the_name_of_an_experiment() {
        let id = "c0ffee".repeat(7)[..40].to_owned();
        let name = format!("exps/{}/{}/lazy-dog", &id[..2], &id[2..]);
        assert_eq!(baseline(&name).map(|id| id.to_string()), Some(id));
        for other in ["exps/stash", "exps/exec/EXEC_HEAD", "exps/celery/stash", "heads/x"] {
            assert_eq!(baseline(other), None, "{other}");
        }
    }
}
