//! `commit`: record and store the present content of outs.

use haul_storage::CancellationToken;
use haul_storage::progress::Observer;

use super::add::{AddOptions, AddTarget, Stored, relink, store};
use super::checkout::link_record;
use super::session::{Session, Stores};
use super::status::stage_status;
use crate::metafile::dvc_file::{DvcFile, DvcLock};
use crate::ops::Failure;
use crate::scan::fingerprint;
use crate::state::Links;
use crate::{Error, Index, LockWait, Out, Repo, Result, SelectOptions, Selection, Stage};

/// What to commit, and how.
#[derive(Debug, Clone, Default)]
pub struct CommitOptions {
    /// Which stages; the whole of each.
    pub select: SelectOptions,
    /// Commit stages whose content changed (`-f`). Without it they are failures, and only what the cache lacks of
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
    /// Stages that could not be committed.
    pub failed: Vec<Failure>,
    /// Sentences for the user, as `'d' is empty.`
    pub warnings: Vec<String>,
}

/// Stores the outs of stages and records their hashes in `.dvc` files and `dvc.lock`.
///
/// For each out, in this order: the content enters the cache, its hash is recorded, the files are linked from the cache.
/// Killed at any moment, what is recorded is in the cache, and the same command goes on.
///
/// Deviation: the recorded hashes of a pipeline stage's dependencies are not brought up to date, because that would
/// claim that the stage ran with them; such a stage is a failure that names `dvc commit`.
pub fn commit(repo: &Repo, options: &CommitOptions, observer: &dyn Observer) -> Result<CommitReport> {
    let _lock = repo.lock(options.wait)?;
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let mut links = Links::load(session.memo.dir());
    let mut report = CommitReport::default();
    let selection = Selection::resolve(repo, &options.select)?;
    for (at, _) in &selection.stages {
        let stage = &selection.index.stages[*at];
        if options.data_only && stage.has_command {
            continue;
        }
        let address = stage.addressing(repo.current_dir());
        match commit_stage(&session, options, &selection.index, stage, &mut links, &mut report) {
            Ok(()) => report.committed.push(address),
            Err(error) if error.is_interrupted() => {
                links.save();
                session.memo.save();
                return Err(Error::Interrupted);
            }
            Err(error) => {
                let ends_run = error.ends_run();
                report.failed.push(Failure { subject: address, path: Some(stage.metafile.clone()), error });
                if ends_run {
                    break;
                }
            }
        }
    }
    links.save();
    session.memo.save();
    Ok(report)
}

fn commit_stage(
    session: &Session<'_>,
    options: &CommitOptions,
    index: &Index,
    stage: &Stage,
    links: &mut Links,
    report: &mut CommitReport,
) -> Result<()> {
    let repo = session.repo;
    let outs = &index.outs[stage.outs.clone()];
    session.refuse_busy(&Index::dep_paths(stage), &index.out_paths(stage))?;
    let (status, failures) = stage_status(session, stage, outs.iter());
    crate::scan::many(failures.into_iter().map(|failure| failure.error).collect())?;
    let is_changed = status.changed_outs.iter().any(|out| out.state != super::EntryState::NotInCache)
        || !status.changed_deps.is_empty()
        || !status.changed_params.is_empty()
        || status.is_changed_checksum;
    let shown = stage.shown(repo.current_dir());
    if is_changed && !options.force {
        return Err(Error::BadOut(format!("unable to commit changed {shown}. Use `-f|--force` to force.")));
    }
    if !status.changed_deps.is_empty() || !status.changed_params.is_empty() {
        return Err(Error::BadOut(format!(
            "dependencies of {shown} changed; `dvc commit` records them, or `dvc repro` runs the stage again"
        )));
    }
    if let Some(out) = outs.iter().find(|out| out.is_external && out.use_cache) {
        return Err(Error::BadOut(format!(
            "Saving cached external output {} is not supported since DVC 3.0. See \
             <https://dvc.org/doc/user-guide/upgrade> for more info.",
            out.path.display()
        )));
    }
    for out in outs.iter().filter(|out| !out.is_external) {
        session.check_cancelled()?;
        commit_out(session, options, index, stage, out, links, report)?;
    }
    Ok(())
}

fn commit_out(
    session: &Session<'_>,
    options: &CommitOptions,
    index: &Index,
    stage: &Stage,
    out: &Out,
    links: &mut Links,
    report: &mut CommitReport,
) -> Result<()> {
    let target = AddTarget {
        name: session.repo.display_path(&out.path),
        path: out.path.clone(),
        out: out.path.clone(),
        within: None,
        metafile: stage.metafile.clone(),
        position: out.position,
        known: index.outs.iter().position(|other| other.path == out.path),
    };
    let add_options = AddOptions {
        no_commit: !out.use_cache,
        no_relink: options.no_relink,
        cancel: options.cancel.clone(),
        ..AddOptions::default()
    };
    let Stored { state, files, n_new, .. } = store(session, &add_options, &target, Some(out))?;
    report.n_stored += n_new;
    if state.size_bytes == Some(0) {
        report.warnings.push(format!("'{}' is empty.", target.name));
    }
    match &stage.name {
        None => {
            let mut file = DvcFile::read(&stage.metafile)?;
            file.set_state(out.position, &state)?;
            file.write()?;
        }
        Some(name) => {
            let mut file = DvcLock::read(&stage.metafile.with_file_name("dvc.lock"))?;
            file.set_state(name, &out.def_path, &state)?;
            file.write()?;
        }
    }
    if out.use_cache
        && !options.no_relink
        // Behind a link in the place of the out, the files stay as they are: nothing is written through it.
        && !files.is_linked_dir()
        && let Some(files) = relink(session, &target, &state, files)?
        && let Some(key) = session.link_key(&out.path)
    {
        links.insert(&key, link_record(&state.oid, state.layout, fingerprint(&files)));
    }
    Ok(())
}
