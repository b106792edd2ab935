//! `checkout`: make the workspace what the metafiles say.

use std::path::{Path, PathBuf};

use haul_storage::progress::Observer;
use haul_storage::{CancellationToken, ErrorKind, Layout, Oid};
use rayon::prelude::*;

use super::collect::absent;
use super::import::partial_state;
use super::session::{Session, Stores};
use super::unused::remove_unused;
use crate::git::shell_quoted;
use crate::index::unseen_sentences;
use crate::ops::{Failure, manifest_of};
use crate::workspace::checkout::{Applied, OutPlan, Target, Wanted, apply, flavour_of, plan};
use crate::workspace::link::Linker;
use crate::workspace::scan::{Found, fingerprint, many};
use crate::workspace::state::{LinkRecord, Links, Unrecorded, Writes};
use crate::{Error, Index, LockWait, Out, Repo, Result, SelectOptions, Selected, Selection};

/// What to check out, and how.
#[derive(Debug, Clone, Default)]
pub struct CheckoutOptions {
    /// Which outs.
    pub select: SelectOptions,
    /// Overwrite and delete files whose content is nowhere else (`-f`).
    pub force: bool,
    /// Link all files again, by the cache types of now (`--relink`).
    pub relink: bool,
    /// Do not count objects that the cache lacks as a failure (`--allow-missing`).
    pub allow_missing: bool,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// An out that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutChange {
    /// The path, absolute.
    pub path: PathBuf,
    /// The path relative to the working directory, with `/` behind a directory: DVC's form.
    pub display: String,
}

/// Numbers of workspace files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckoutStats {
    /// Files that were replaced.
    pub n_modified: u64,
    /// Files that are new.
    pub n_added: u64,
    /// Files, and untracked outs, that were deleted.
    pub n_deleted: u64,
}

/// An out that is not what it should be.
#[derive(Debug)]
pub struct FailedOut {
    /// The path, absolute.
    pub path: PathBuf,
    /// The path relative to the working directory.
    pub display: String,
    /// Files of the out whose object is not in the cache; paths relative to the working directory.
    pub missing: Vec<String>,
    /// What else went wrong, file by file.
    pub failures: Vec<Failure>,
}

/// What the checkout did. Lists are sorted as DVC sorts them: directories first, then by name.
#[derive(Debug, Default)]
pub struct CheckoutReport {
    /// Outs that are new in the workspace.
    pub added: Vec<OutChange>,
    /// Outs that changed.
    pub modified: Vec<OutChange>,
    /// Outs that are gone, among them those that are tracked no longer.
    pub deleted: Vec<OutChange>,
    /// Numbers of files.
    pub stats: CheckoutStats,
    /// Outs that could not be checked out whole; the files that could be are there.
    pub failed: Vec<FailedOut>,
    /// Number of files linked again without a change of content (`--relink`).
    pub n_relinked: u64,
    /// Sentences for the user.
    pub warnings: Vec<String>,
    /// Tells that the cancellation token stopped it; the same command goes on from there.
    pub is_interrupted: bool,
}

/// Writes the recorded state of outs into the workspace.
///
/// In this order: what would be lost is looked for, and refused; outs that are tracked no longer go; each out is written,
/// each file by a rename; the records of links are written. Killed at any moment, it leaves the old or the new file at
/// each path, and the same command goes on.
///
/// # Errors
///
/// [`Error::UnsavedFiles`] before anything is written, if files would be
/// overwritten or deleted whose content is in no cache.
pub fn checkout(repo: &Repo, options: &CheckoutOptions, observer: &dyn Observer) -> Result<CheckoutReport> {
    let _lock = repo.lock(options.wait)?;
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let result = run(&session, options);
    session.memo.save();
    result
}

fn run(session: &Session<'_>, options: &CheckoutOptions) -> Result<CheckoutReport> {
    let mut report = CheckoutReport::default();
    let selection = Selection::resolve(session.repo, &options.select)?;
    if options.select.targets.is_empty() {
        report.warnings.extend(unseen_sentences(session.repo, &selection.index.unseen));
    }
    let mut links = Links::load(session.memo.dir());
    let linker = session.linker()?;
    let relink = options.relink.then_some(&linker);

    let selected: Vec<&Selected> = selection
        .outs
        .iter()
        .filter(|selected| {
            let out = &selection.index.outs[selected.out];
            out.use_cache && !out.is_external
        })
        .collect();
    let planned: Vec<Result<Planned>> =
        selected.par_iter().map(|selected| plan_out(session, &selection.index, selected, relink)).collect();
    session.check_cancelled()?;

    let mut unrecorded = Unrecorded::load(session.memo.dir());
    let mut plans = Vec::new();
    for (selected, planned) in selected.iter().zip(planned) {
        let out = &selection.index.outs[selected.out];
        match planned {
            Ok(Planned::Plan(plan)) => plans.push((*selected, out, *plan)),
            Ok(Planned::Nothing) => forget(session, &mut unrecorded, selected, out),
            Ok(Planned::NoManifest(_) | Planned::NotFetched) if options.allow_missing => {}
            Ok(Planned::NotFetched) => {
                let mut failed = failed_out(session, out);
                let stage = selection.index.stage_of(out);
                let was_never_looked_at =
                    stage.source().is_some_and(|source| source.hash.is_none() && source.files.is_none());
                let stage = shell_quoted(&stage.addressing(session.repo.current_dir()));
                let error = haul_storage::Error::new(
                    ErrorKind::NotFound,
                    "the data of the import was never downloaded",
                );
                let error = if was_never_looked_at {
                    error.with_hint(format!("take over what its source has: haul update {stage}"))
                } else {
                    error.with_hint(format!("get it from its source: haul pull {stage}"))
                };
                failed.failures.push(Failure {
                    subject: failed.display.clone(),
                    path: Some(out.path.clone()),
                    error: error.into(),
                });
                report.failed.push(failed);
            }
            Ok(Planned::Absent(within)) => {
                let display = failed_out(session, out).display;
                let subject = format!("{display}/{within}");
                let error = absent(&display, &within);
                let mut failed = FailedOut { display: subject.clone(), ..failed_out(session, out) };
                failed.failures.push(Failure { subject, path: Some(out.path.join(within)), error });
                report.failed.push(failed);
            }
            Ok(Planned::NoHash) => {
                report.warnings.push(format!(
                    "No file hash info found for '{}'. It won't be created.",
                    out.path.display()
                ));
                if !options.allow_missing {
                    report.failed.push(failed_out(session, out));
                }
            }
            Ok(Planned::NoManifest(oid)) => {
                let mut failed = failed_out(session, out);
                failed.missing.push(format!("{} ({oid})", failed.display));
                report.failed.push(failed);
            }
            Err(error) if error.is_interrupted() => return Err(Error::Interrupted),
            Err(error) => {
                let mut failed = failed_out(session, out);
                failed.failures.push(Failure {
                    subject: failed.display.clone(),
                    path: Some(out.path.clone()),
                    error,
                });
                report.failed.push(failed);
            }
        }
    }
    if !options.force {
        refuse_loss(session, plans.iter().map(|(_, _, plan)| plan))?;
    }
    let writes_bytes = linker.writes_bytes();
    let writes = plans.iter().flat_map(|(_, _, plan)| plan.writes(writes_bytes));
    let linker = session.note_writes(linker, writes)?;
    if options.select.targets.is_empty() {
        remove_unused(session, &selection.index, &mut links, &mut report);
    }
    let mut is_ended = false;
    for (selected, out, plan) in plans {
        if session.cancel.is_cancelled() {
            report.is_interrupted = true;
            break;
        }
        if is_ended {
            if !plan.is_empty() {
                report.failed.push(failed_out(session, out));
            }
            continue;
        }
        apply_out(session, &linker, selected, out, plan, options, &mut links, &mut report);
        forget(session, &mut unrecorded, selected, out);
        // A full disk, say: the outs behind it are named, and not tried.
        let failures = report.failed.last().into_iter().flat_map(|failed| &failed.failures);
        is_ended = failures.into_iter().any(|failure| failure.error.ends_run());
    }
    links.save();
    unrecorded.save();
    for list in [&mut report.added, &mut report.modified, &mut report.deleted] {
        list.sort_by(|left, right| {
            (!left.display.ends_with('/'), &left.display)
                .cmp(&(!right.display.ends_with('/'), &right.display))
        });
    }
    Ok(report)
}

/// Forgets that an out was on its way into the cache: a checkout that was not refused found it as recorded, or it was given up.
fn forget(session: &Session<'_>, unrecorded: &mut Unrecorded, selected: &Selected, out: &Out) {
    if selected.within.is_none()
        && !unrecorded.is_empty()
        && let Some(key) = session.link_key(&out.path)
    {
        unrecorded.forget(&key);
    }
}

/// What there is to do for an out.
enum Planned {
    Plan(Box<OutPlan>),
    /// All is as it should be.
    Nothing,
    /// The part that was asked for does not exist in the out.
    Absent(String),
    /// There is no recorded hash.
    NoHash,
    /// There is an import that was never got.
    NotFetched,
    /// The directory's manifest is not in the cache.
    NoManifest(Oid),
}

fn plan_out(
    session: &Session<'_>,
    index: &Index,
    selected: &Selected,
    relink: Option<&Linker>,
) -> Result<Planned> {
    session.check_cancelled()?;
    let out = &index.outs[selected.out];
    let stage = index.stage_of(out);
    let oid = match out.oid {
        Some(oid) => oid,
        None if !stage.is_import => return Ok(Planned::NoHash),
        // Nothing is recorded of its content; what was got of it lies in the cache.
        None => match partial_state(session.memo.dir(), stage) {
            Some(oid) => oid,
            None => return Ok(Planned::NotFetched),
        },
    };
    let manifest;
    let wanted = if oid.is_dir() {
        let Some(read) = session.manifest_of(out, &oid)? else {
            // Deviation: a directory that is as recorded needs no list of its files. DVC takes the files for unsaved ones, and
            // refuses.
            let is_whole = is_as_recorded(session, out, oid)?;
            return Ok(if is_whole { Planned::Nothing } else { Planned::NoManifest(oid) });
        };
        manifest = read;
        match selected.within.as_deref() {
            None => Wanted::Dir(manifest.entries()),
            Some(within) => {
                let entries = manifest.below(within);
                if entries.is_empty() {
                    return Ok(Planned::Absent(within.to_owned()));
                }
                Wanted::Dir(entries)
            }
        }
    } else {
        Wanted::File { digest: *oid.digest(), size_bytes: out.size_bytes, is_exec: out.is_exec }
    };
    let target = Target { path: &out.path, within: selected.within.as_deref(), wanted, layout: out.layout };
    let plan = plan(&session.scanner(), session.cache, &target, relink, session.observer, session.cancel)?;
    Ok(Planned::Plan(Box::new(plan)))
}

/// Tells whether the workspace has a directory as it is recorded, which needs no manifest.
fn is_as_recorded(session: &Session<'_>, out: &Out, oid: Oid) -> Result<bool> {
    let scanner = session.scanner();
    let mut found = scanner.look(&out.path)?;
    let failures = scanner.hash(&out.path, found.files_mut(), flavour_of(out.layout), session.observer)?;
    many(failures.into_iter().map(|(_, error)| error).collect())?;
    Ok(match &found {
        Found::Dir(dir) => dir.dangling.is_empty() && manifest_of(&dir.files)?.1 == oid,
        _ => false,
    })
}

/// Refuses to go on if a checkout of these outs would lose files whose content is in no cache.
pub(super) fn refuse_unsaved(session: &Session<'_>, index: &Index, selected: &[Selected]) -> Result<()> {
    let mut plans = Vec::new();
    for selected in selected {
        if let Planned::Plan(plan) = plan_out(session, index, selected, None)? {
            plans.push(plan);
        }
    }
    refuse_loss(session, plans.iter().map(|plan| &**plan))
}

fn refuse_loss<'a>(session: &Session<'_>, plans: impl Iterator<Item = &'a OutPlan>) -> Result<()> {
    let unrecorded = Unrecorded::load(session.memo.dir());
    let mut unsaved = Vec::new();
    for plan in plans {
        // Deviation: what the cache has and no metafile names, because `add` or `commit` was killed, is not saved. DVC replaces
        // the file, and its next `gc` deletes the object.
        let is_noted = |path| session.link_key(path).is_some_and(|key| unrecorded.contains(&key));
        if !unrecorded.is_empty() && is_noted(plan.path()) {
            unsaved.extend(plan.victim_paths());
        } else {
            unsaved.extend(plan.unsaved(session.cache, session.cancel)?);
        }
    }
    if !unsaved.is_empty() {
        // What an earlier checkout wrote and a power failure cut is in the cache.
        let writes = Writes::load(session.memo.dir());
        unsaved.retain(|path| !writes.is_cut(session.repo.root(), path, session.cache));
    }
    if unsaved.is_empty() { Ok(()) } else { Err(Error::UnsavedFiles(unsaved)) }
}

#[expect(clippy::too_many_arguments, reason = "one step of the checkout")]
fn apply_out(
    session: &Session<'_>,
    linker: &Linker,
    selected: &Selected,
    out: &Out,
    plan: OutPlan,
    options: &CheckoutOptions,
    links: &mut Links,
    report: &mut CheckoutReport,
) {
    let mut failed = failed_out(session, out);
    let missing = plan.missing.iter();
    failed.missing = missing.map(|(path, _)| session.repo.display_path(&below(&out.path, path))).collect();
    let (changes, existed) = (plan.changes(), plan.existed);
    let Session { repo, cache, memo, observer, cancel } = *session;
    let applied = match apply(plan, repo.root(), linker, cache, memo, observer, cancel) {
        Ok(applied) => applied,
        Err(Error::Interrupted) => {
            report.is_interrupted = true;
            return;
        }
        Err(error) => {
            let subject = failed.display.clone();
            failed.failures.push(Failure { subject, path: Some(out.path.clone()), error });
            Applied::default()
        }
    };
    report.stats.n_added += applied.n_added;
    report.stats.n_modified += applied.n_modified;
    report.stats.n_deleted += applied.n_deleted;
    report.n_relinked += applied.n_relinked;
    failed.failures.extend(applied.failures.into_iter().map(|(path, error)| Failure {
        subject: repo.display_path(&path),
        path: Some(path),
        error,
    }));
    if !failed.failures.is_empty() || (!failed.missing.is_empty() && !options.allow_missing) {
        report.failed.push(failed);
        return;
    }
    if changes {
        let change = out_change(repo, &out.path);
        if existed { report.modified.push(change) } else { report.added.push(change) }
    }
    if let (true, None, Some(files), Some(oid), Some(key)) =
        (changes || options.relink, &selected.within, &applied.files, out.oid, session.link_key(&out.path))
    {
        links.insert(&key, link_record(&oid, out.layout, fingerprint(files)));
    }
}

/// Makes the record of an out that is in the workspace now.
pub(super) fn link_record(oid: &Oid, layout: Layout, fingerprint: String) -> LinkRecord {
    LinkRecord { oid: oid.to_string(), is_legacy: layout == Layout::Legacy, fingerprint }
}

/// Names a change as DVC does: relative, a directory with `/` behind it.
pub(super) fn out_change(repo: &Repo, path: &Path) -> OutChange {
    let mut display = repo.display_path(path);
    if path.is_dir() {
        display.push('/');
    }
    OutChange { path: path.to_owned(), display }
}

fn failed_out(session: &Session<'_>, out: &Out) -> FailedOut {
    FailedOut {
        path: out.path.clone(),
        display: session.repo.display_path(&out.path),
        missing: Vec::new(),
        failures: Vec::new(),
    }
}

fn below(path: &Path, relative: &str) -> PathBuf {
    if relative.is_empty() { path.to_owned() } else { path.join(relative) }
}
