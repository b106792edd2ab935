//! Whether the source of an import changed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use futures::stream;
use haul_storage::CancellationToken;

use super::JOBS;
use super::look::{Looked, Opened};
use super::repo::{open, shown};
use super::repo_fetch::ImportChain;
use super::update::latest;
use crate::metafile::dependency::Dependency;
use crate::metafile::repo_dependency::RepoDependency;
use crate::ops::{EntryState, EntryStatus, Failure, StageStatus, StatusReport};
use crate::{Repo, Result, Stage};

/// A source that has to be asked whether it changed.
#[derive(Debug, Clone)]
pub struct SourceToAsk {
    /// How DVC addresses the stage.
    address: String,
    source: AskedSource,
}

#[derive(Debug, Clone)]
enum AskedSource {
    Url { wdir: PathBuf, dependency: Arc<Dependency> },
    Repo(Arc<RepoDependency>),
}

impl AskedSource {
    /// Returns the source as DVC shows it.
    fn shown(&self) -> String {
        match self {
            Self::Url { dependency, .. } => haul_config::mask_urls(&dependency.path),
            Self::Repo(dependency) => shown(dependency),
        }
    }
}

impl SourceToAsk {
    /// Returns the source of a stage, if its status depends on it and it is not on this machine.
    pub(in crate::ops) fn of(repo: &Repo, stage: &Stage) -> Option<Self> {
        let address = || stage.addressing(repo.current_dir());
        if let Some(dependency) = stage.repo_source() {
            return Some(Self {
                address: address(),
                source: AskedSource::Repo(Arc::new(dependency.clone())),
            });
        }
        let dependency = stage.source()?;
        let is_shown = !stage.is_frozen || dependency.is_version_aware();
        (is_shown && dependency.path.contains("://")).then(|| Self {
            address: address(),
            source: AskedSource::Url { wdir: stage.wdir.clone(), dependency: Arc::new(dependency.clone()) },
        })
    }
}

/// Asks the sources of imports, many at once where they are no repositories, and adds to the report what changed.
pub async fn ask_sources(repo: &Repo, report: &mut StatusReport, cancel: &CancellationToken) -> Result<()> {
    let sources = std::mem::take(&mut report.sources);
    // Imports of one repository ask it once.
    let commits = Mutex::new(HashMap::new());
    let commits = &commits;
    let answers: Vec<_> = stream::iter(&sources)
        .map(|source| async move {
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(crate::Error::Interrupted),
                state = state_of(repo, &source.source, commits, cancel) => state,
            }
        })
        .buffered(JOBS)
        .collect()
        .await;
    for (source, answer) in sources.into_iter().zip(answers) {
        let path = source.source.shown();
        match answer {
            Ok(None) => {}
            Ok(Some(state)) => {
                let at = report.stages.iter().position(|stage| stage.address == source.address);
                let at = at.unwrap_or_else(|| {
                    let address = source.address;
                    report.stages.push(StageStatus { address, ..StageStatus::default() });
                    report.stages.len() - 1
                });
                report.stages[at].changed_deps.push(EntryStatus { path, state });
            }
            Err(error) if error.is_interrupted() => return Err(error),
            Err(error) => report.failed.push(Failure { subject: path, path: None, error }),
        }
    }
    let places: HashMap<&str, usize> =
        report.order.iter().enumerate().map(|(place, address)| (address.as_str(), place)).collect();
    report.stages.sort_by_key(|stage| places.get(stage.address.as_str()).copied());
    Ok(())
}

/// A repository and its revision.
type Repository = (String, Option<String>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn state_of(
    repo: &Repo,
    source: &AskedSource,
    commits: &Mutex<HashMap<Repository, Option<String>>>,
    cancel: &CancellationToken,
) -> Result<Option<EntryState>> {
    let (wdir, recorded) = match source {
        AskedSource::Url { wdir, dependency } => (wdir, &**dependency),
        AskedSource::Repo(recorded) => {
            // What was never looked at is as new as what is there.
            if recorded.rev_lock.is_none() {
                return Ok(None);
            }
            let now = RepoDependency { rev_lock: None, ..RepoDependency::clone(recorded) };
            let repository = (now.url.clone(), now.rev.clone());
            let known = lock(commits).get(&repository).cloned();
            let commit = if let Some(commit) = known {
                commit
            } else {
                let commit = open(repo, &now, cancel, &ImportChain::default())?.project.commit();
                lock(commits).insert(repository, commit.clone());
                commit
            };
            return Ok((commit != recorded.rev_lock).then_some(EntryState::UpdateAvailable));
        }
    };
    let opened: Opened = latest(repo, wdir, recorded, None)?;
    let Some(looked) = opened.look(recorded).await? else { return Ok(Some(EntryState::Deleted)) };
    let now = &looked.dependency;
    if recorded.version_id.is_some() && recorded.version_id != now.version_id {
        return Ok(Some(EntryState::UpdateAvailable));
    }
    Ok(is_changed(recorded, &looked).then_some(EntryState::Modified))
}

/// Whether a source has other content than what is recorded. A version of the same content is none.
pub(super) fn is_changed(recorded: &Dependency, looked: &Looked) -> bool {
    let now = &looked.dependency;
    if recorded.files.is_none() && now.files.is_none() {
        return recorded.hash != now.hash;
    }
    let list = |dependency: &Dependency| {
        let mut files: Vec<_> = dependency.files.clone().unwrap_or_default();
        files.sort_by(|left, right| left.path.cmp(&right.path));
        files.into_iter().map(|file| (file.path, file.etag)).collect::<Vec<_>>()
    };
    list(recorded) != list(now)
}
