//! `commit`: record and store the present content of outs.

mod question;
mod record;
mod run;

use std::path::{Path, PathBuf};

use haul_storage::CancellationToken;
use haul_storage::progress::Observer;

use self::question::Changes;
pub(super) use self::record::{Hashing, Recorder, Recording};
use super::session::{Session, Stores};
use super::status::{Asked, stage_status};
use crate::ops::Failure;
use crate::workspace::state::Links;
use crate::{Error, Index, LockWait, Repo, Result, SelectOptions, Selection, Stage};

/// What to commit, and how.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// Which stages, or parts of them.
    pub select: SelectOptions,
    /// Commit stages whose content changed (`-f`). Without it the person is asked, and only what the cache lacks of
    /// unchanged ones is stored.
    pub force: bool,
    /// Leave the workspace files as they are instead of linking them from the cache (`--no-relink`).
    pub no_relink: bool,
    /// Pass over stages that have a command (`--data-only`).
    pub data_only: bool,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// What was committed.
#[derive(Debug, Default)]
pub struct CommitReport {
    /// How DVC addresses the stages that were committed.
    pub committed: Vec<String>,
    /// Number of objects that were new to the cache.
    pub n_stored: u64,
    /// Each `dvc.lock` that was written, and whether it is new; absolute.
    pub locks: Vec<(PathBuf, bool)>,
    /// The stage that could not be committed.
    pub failed: Vec<Failure>,
    /// Sentences for the user, as `'d' is empty.`
    pub warnings: Vec<String>,
}

/// Stores the outs of stages and records their hashes in `.dvc` files and `dvc.lock`, and those of the dependencies of
/// pipeline stages.
///
/// `confirm` answers DVC's question about a stage that changed; without a person to ask it answers no.
///
/// For each stage, in this order: the content enters the cache, its hashes are recorded, the files are linked from the
/// cache. Killed at any moment, what is recorded is in the cache, and the same command goes on. As in DVC, the first stage
/// that fails is the last one that is looked at; what was committed stays.
///
/// Of a stage that a target names a part of, all is recorded and only that part is stored, as in DVC. A stage that is
/// recorded is kept as a run in the run cache.
///
/// Deviation: of an import from a bucket or a web server, DVC also records what its source has now; haul asks no source that is
/// not on this machine, and leaves that to `update`, which gets the data that goes with it.
pub fn commit(
    repo: &Repo,
    options: &CommitOptions,
    confirm: &dyn Fn(&str) -> bool,
    observer: &dyn Observer,
) -> Result<CommitReport> {
    let _lock = repo.lock(options.wait)?;
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let links = Links::load(session.memo.dir());
    let mut report = CommitReport::default();
    let selection = Selection::resolve(repo, &options.select)?;
    let hashing = Hashing::AsRecorded;
    let mut recorder = Recorder {
        session,
        links,
        no_relink: options.no_relink,
        hashing,
        gitignores: Vec::new(),
        report: &mut report,
    };
    let mut failed = Vec::new();
    for (at, within) in &selection.stages {
        let stage = &selection.index.stages[*at];
        if options.data_only && stage.has_command {
            continue;
        }
        let address = stage.addressing(repo.current_dir());
        let is_missing = within.as_ref().is_some_and(|path| fs_err::symlink_metadata(path).is_err());
        let committed = match within {
            Some(path) if is_missing => {
                Err(Error::BadOut(format!("output '{}' does not exist", repo.display_path(path))))
            }
            part => commit_stage(&mut recorder, options, confirm, &selection.index, stage, part.as_deref()),
        };
        match committed {
            Ok(()) => recorder.report.committed.push(address),
            Err(error) if error.is_interrupted() => {
                recorder.links.save();
                session.memo.save();
                return Err(Error::Interrupted);
            }
            Err(error) => {
                failed.push(Failure { subject: address, path: Some(stage.metafile.clone()), error });
                break;
            }
        }
    }
    recorder.links.save();
    session.memo.save();
    report.failed = failed;
    Ok(report)
}

fn commit_stage(
    recorder: &mut Recorder<'_>,
    options: &CommitOptions,
    confirm: &dyn Fn(&str) -> bool,
    index: &Index,
    stage: &Stage,
    part: Option<&Path>,
) -> Result<()> {
    let session: &Session<'_> = &recorder.session;
    let shown = stage.shown(session.repo.current_dir());
    let outs = &index.outs[stage.outs.clone()];
    session.refuse_busy(&Index::dep_paths(stage), &index.out_paths(stage))?;
    let (status, failures) = stage_status(session, stage, outs.iter(), Asked::ByCommit);
    crate::workspace::scan::many(failures.into_iter().map(|failure| failure.error).collect())?;
    let changes = Changes::of(&status, stage);
    if changes.is_any() && !options.force && !confirm(&changes.question(&shown)) {
        return Err(Error::BadOut(format!("unable to commit changed {shown}. Use `-f|--force` to force.")));
    }
    let is_recorded = options.force || changes.is_any();
    recorder.commit(index, stage, outs, part, if is_recorded { Recording::Anew } else { Recording::AsItIs })
}
