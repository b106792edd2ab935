//! `cache migrate`: carry the objects of DVC 2 over to the layout of DVC 3.

use std::path::PathBuf;

use haul_storage::progress::Observer;
use haul_storage::{CancellationToken, Layout, Oid, OidKind, RemoteOdb, StoreMode};

use super::commit::{CommitReport, Hashing, Recorder, Recording};
use super::session::{Session, Stores};
use crate::workspace::state::Links;
use crate::{Error, Index, LockWait, Out, Repo, Result, SelectOptions, Selection, Stage};

/// What to migrate.
#[derive(Debug, Clone, Default)]
pub struct MigrateOptions {
    /// Migrate the entries of metafiles, too.
    pub dvc_files: bool,
    /// Only say what would be done.
    pub dry_run: bool,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// What was migrated, or would be.
#[derive(Debug, Default)]
pub struct MigrateReport {
    /// Number of objects: those that were new to the layout, or, of a dry run, all that would be hashed.
    pub n_objects: u64,
    /// The metafiles as DVC shows them; none if they were not asked for.
    pub metafiles: Option<Vec<String>>,
    /// Files that Git should know; absolute.
    pub files_to_track: Vec<PathBuf>,
    /// Each `dvc.lock` that was written, and whether it is new; absolute.
    pub locks: Vec<(PathBuf, bool)>,
    /// Files that were to be staged in Git, and could not be.
    pub unstaged: Option<Error>,
    /// Sentences for the user.
    pub warnings: Vec<String>,
}

/// Hashes the objects of the legacy layout anew, and links them into the current one under their new names; then, if that
/// is asked for, commits all outs that are recorded with the legacy hash, with what the workspace has of them.
///
/// Nothing is deleted. Killed at any moment, the same command goes on.
///
/// Deviation: an out that is not in the workspace keeps its legacy entry; DVC writes one that it cannot read any more.
pub fn migrate(repo: &Repo, options: &MigrateOptions, observer: &dyn Observer) -> Result<MigrateReport> {
    let _lock = repo.lock(options.wait)?;
    let stores = if options.dry_run { Stores::looking(repo) } else { Stores::of(repo) };
    let session = stores.session(repo, observer, &options.cancel);
    let mut report = MigrateReport::default();
    let objects: Vec<Oid> =
        session.cache.objects(Layout::Legacy)?.into_iter().map(|object| object.oid).collect();
    report.n_objects = if options.dry_run { objects.len() as u64 } else { carry_over(&session, &objects)? };
    if options.dvc_files {
        let index = Selection::resolve(repo, &SelectOptions::default())?.index;
        migrate_metafiles(&session, options, &index, &mut report)?;
    }
    session.memo.save();
    Ok(report)
}

/// Returns the number of objects that are new.
fn carry_over(session: &Session<'_>, objects: &[Oid]) -> Result<u64> {
    let (manifests, files): (Vec<Oid>, Vec<Oid>) = objects.iter().partition(|oid| oid.is_dir());
    let paths: Vec<PathBuf> =
        files.iter().map(|oid| session.cache.object_path(Layout::Legacy, oid)).collect();
    let mut n_new = 0;
    for stored in session.cache.store_files(&paths, StoreMode::Hardlink, session.observer, session.cancel) {
        n_new += u64::from(!stored?.existed);
    }
    // Manifests come last: a process that finds one finds what it names, as far as it was there.
    for oid in manifests {
        session.check_cancelled()?;
        let Some(bytes) = session.cache.read(Layout::Legacy, &oid, RemoteOdb::MAX_MANIFEST_BYTES)? else {
            continue;
        };
        n_new += u64::from(session.cache.check(Layout::Current, &oid)?.is_none());
        session.cache.store_bytes(Layout::Current, OidKind::Dir, &bytes)?;
    }
    Ok(n_new)
}

fn migrate_metafiles(
    session: &Session<'_>,
    options: &MigrateOptions,
    index: &Index,
    report: &mut MigrateReport,
) -> Result<()> {
    let mut names = Vec::new();
    let mut committed = CommitReport::default();
    let links = Links::load(session.memo.dir());
    let mut recorder = Recorder {
        session: *session,
        links,
        no_relink: false,
        hashing: Hashing::Current,
        gitignores: Vec::new(),
        report: &mut committed,
    };
    for stage in index.stages.iter().filter(|stage| is_legacy(session.repo, index, stage)) {
        session.check_cancelled()?;
        let mut shown = session.repo.display_path(&stage.metafile);
        if stage.name.is_some() {
            shown =
                format!("{shown} ({})", session.repo.display_path(&stage.metafile.with_extension("lock")));
        }
        if !options.dry_run {
            let outs: Vec<Out> = index.outs[stage.outs.clone()].to_vec();
            if let Some(missing) = outs.iter().find(|out| !out.path.exists()) {
                let name = session.repo.display_path(&missing.path);
                report
                    .warnings
                    .push(format!("'{name}' is not in the workspace, so {shown} is left as it is."));
                continue;
            }
            recorder.commit(index, stage, &outs, None, Recording::Anew)?;
            if stage.name.is_none() {
                report.files_to_track.push(stage.metafile.clone());
            }
        }
        if !names.contains(&shown) {
            names.push(shown);
        }
    }
    recorder.links.save();
    report.files_to_track.append(&mut recorder.gitignores);
    report.warnings.append(&mut committed.warnings);
    report.locks = committed.locks;
    report.files_to_track.extend(report.locks.iter().map(|(lock, _)| lock.clone()));
    names.sort();
    report.metafiles = Some(names);
    report.files_to_track.sort();
    report.files_to_track.dedup();
    report.unstaged = session.autostage(&report.files_to_track).err();
    Ok(())
}

/// Whether DVC's migration concerns a stage.
fn is_legacy(repo: &Repo, index: &Index, stage: &Stage) -> bool {
    let mut outs = index.outs[stage.outs.clone()].iter();
    let is_inside = |path: &PathBuf| repo.relative(path).is_some();
    let mut deps = stage.deps.iter().filter(|dep| dep.path.as_ref().is_some_and(is_inside));
    outs.any(|out| out.layout == Layout::Legacy && out.oid.is_some())
        || !stage.is_import && deps.any(|dep| dep.layout == Layout::Legacy && dep.oid.is_some())
}
