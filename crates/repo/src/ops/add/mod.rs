//! `add`: put files and directories under DVC's control.

mod from;
mod store;
mod target;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use haul_storage::progress::Observer;
use haul_storage::{CancellationToken, Oid};

pub use self::from::{AddFromOptions, add_from};
pub(super) use self::store::{Stored, found_below, relink, store};
pub(super) use self::target::{AddTarget, cached_outside, refuse_place, refuse_symlinked_folder};
use super::checkout::link_record;
use super::session::{Session, Stores};
use crate::git::gitignore;
use crate::index::expand_globs;
use crate::metafile::dvc_file::DvcFile;
use crate::ops::Failure;
use crate::workspace::scan::fingerprint;
use crate::workspace::state::{Links, Unrecorded};
use crate::{Error, Index, LockWait, Repo, Result};

/// What to add, and how.
#[derive(Debug, Clone, Default)]
pub struct AddOptions {
    /// Files and directories as typed, relative to the working directory.
    pub targets: Vec<String>,
    /// Targets are shell patterns (`--glob`).
    pub glob: bool,
    /// Record the hash and store nothing (`--no-commit`).
    pub no_commit: bool,
    /// Leave the workspace files as they are instead of linking them from the cache (`--no-relink`).
    pub no_relink: bool,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// A target that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedTarget {
    /// The target as typed, or as its pattern gave it.
    pub target: String,
    /// The out that tracks it; a directory above the target for a target inside a tracked directory.
    pub out: PathBuf,
    /// The `.dvc` file.
    pub metafile: PathBuf,
    /// What is recorded now.
    pub oid: Oid,
    /// Size in bytes, as it is recorded; not known after a part of a directory was replaced.
    pub size_bytes: Option<u64>,
    /// Number of files.
    pub n_files: u64,
    /// Number of objects that were new to the cache.
    pub n_stored: u64,
    /// Tells that the `.dvc` file changed.
    pub is_changed: bool,
}

/// Targets that were not tried and are named one by one.
const MAX_NAMED_TARGETS: usize = 10;

/// What was added.
#[derive(Debug, Default)]
pub struct AddReport {
    /// Targets that were added, in the order of the command.
    pub added: Vec<AddedTarget>,
    /// Files that Git should know: `.dvc` files and `.gitignore`s that were written; absolute.
    pub files_to_track: Vec<PathBuf>,
    /// Tells that they were staged in Git (`core.autostage`).
    pub is_staged: bool,
    /// `.dvc` files whose data could not be linked from the cache by any of the configured cache types; the
    /// data is stored and recorded nevertheless.
    pub link_failures: Vec<PathBuf>,
    /// Targets that could not be added; the last one may be [`Error::Unstaged`].
    pub failed: Vec<Failure>,
    /// Sentences for the user, as `'d' is empty.`
    pub warnings: Vec<String>,
}

/// Hashes and stores targets, writes their `.dvc` files and makes Git ignore the data.
///
/// For each target, in this order: it is noted as [not recorded yet](Unrecorded), the content enters the cache, its path
/// enters `.gitignore`, the `.dvc` file is written, the files are linked from the cache, each by a rename. Killed at any moment, the data is as it was or linked to objects
/// that are whole, and the same command goes on.
///
/// All targets are checked first, and one that cannot be an out stops all. After that a target that fails does not
/// stop the others. With [`AddOptions::cancel`] the targets that were finished stay added.
///
/// Deviation: DVC stops at the first target that fails; those behind it are added here, and each failure is told.
pub fn add(repo: &Repo, options: &AddOptions, observer: &dyn Observer) -> Result<AddReport> {
    let _lock = repo.lock(options.wait)?;
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let result = run(&session, options);
    session.memo.save();
    // What a killed run left in the cache goes now and then; until then it is in no command's way.
    if let Err(error) = session.cache.sweep(&session.memo.dir().join("swept"), SystemTime::now()) {
        tracing::debug!(%error, "old temporary files stay in the cache");
    }
    result
}

fn run(session: &Session<'_>, options: &AddOptions) -> Result<AddReport> {
    let repo = session.repo;
    let names = if options.glob {
        expand_globs(repo.current_dir(), &options.targets)?
    } else {
        options.targets.clone()
    };
    let index = Index::collect(repo)?;
    let targets = target::resolve(repo, &index, &names)?;
    let mut report = AddReport::default();
    let mut links = Links::load(session.memo.dir());
    let mut unrecorded = Unrecorded::load(session.memo.dir());
    for (at, target) in targets.iter().enumerate() {
        session.check_cancelled()?;
        let noted: Vec<String> =
            session.link_key(&target.out).into_iter().filter(|_| !options.no_commit).collect();
        let added = refuse(session, target).and_then(|()| {
            unrecorded.during(&noted, || add_one(session, options, &index, target, &mut links, &mut report))
        });
        match added {
            Ok(()) => {}
            Err(error) if error.is_interrupted() => {
                links.save();
                return Err(Error::Interrupted);
            }
            Err(error) => {
                let ends_run = error.ends_run();
                report.failed.push(Failure {
                    subject: target.name.clone(),
                    path: Some(target.path.clone()),
                    error,
                });
                if ends_run {
                    report.warnings.extend(left_behind(&targets[at + 1..]));
                    break;
                }
            }
        }
    }
    links.save();
    report.files_to_track.sort();
    report.files_to_track.dedup();
    match session.autostage(&report.files_to_track) {
        Ok(is_staged) => report.is_staged = is_staged,
        Err(error) => {
            report.failed.push(Failure { subject: "git".to_owned(), path: None, error });
        }
    }
    Ok(report)
}

/// Names the targets that were not tried, because nothing can be written any more.
fn left_behind(targets: &[AddTarget]) -> Option<String> {
    let names: Vec<String> =
        targets.iter().take(MAX_NAMED_TARGETS).map(|target| format!("`{}`", target.name)).collect();
    let more = match targets.len().saturating_sub(MAX_NAMED_TARGETS) {
        0 => String::new(),
        n_more => format!(" and {n_more} more"),
    };
    (!names.is_empty()).then(|| format!("not tried, and not added: {}{more}", names.join(", ")))
}

/// Refuses an out that Git tracks, and one that another process works on.
fn refuse(session: &Session<'_>, target: &AddTarget) -> Result<()> {
    let repo = session.repo;
    if let Some(git) = repo.git()
        && git.is_tracked(&target.out)?
    {
        return Err(tracked_by_git(repo, &target.out));
    }
    session.refuse_busy(&[], std::slice::from_ref(&target.out))
}

fn add_one(
    session: &Session<'_>,
    options: &AddOptions,
    index: &Index,
    target: &AddTarget,
    links: &mut Links,
    report: &mut AddReport,
) -> Result<()> {
    let repo = session.repo;
    let previous = target.known.map(|out| &index.outs[out]);
    let Stored { state, files, n_new, n_files } = store(session, options, target, previous, None)?;

    // The data is safe now. Git is told to look away before it is told of the `.dvc` file.
    if let Some(git) = repo.git() {
        let changed = match gitignore::ignore(git, &target.out)? {
            None if repo.config().core.autostage.value => gitignore::unstaged(git, &target.out)?,
            changed => changed,
        };
        report.files_to_track.extend(changed);
    }
    let mut file = target.open()?;
    file.set_state(target.position, &state)?;
    let is_changed = file.write()?;
    report.files_to_track.push(target.metafile.clone());

    if !options.no_commit && !options.no_relink {
        match relink(session, target, &state, files)? {
            Some(files) if target.within.is_none() => {
                if let Some(key) = session.link_key(&target.out) {
                    links.insert(&key, link_record(&state.oid, state.layout, fingerprint(&files)));
                }
            }
            Some(_) => {}
            None => report.link_failures.push(target.metafile.clone()),
        }
    }
    report.added.push(AddedTarget {
        target: target.name.clone(),
        out: target.out.clone(),
        metafile: target.metafile.clone(),
        oid: state.oid,
        size_bytes: state.size_bytes,
        n_files,
        n_stored: n_new,
        is_changed,
    });
    Ok(())
}

pub(in crate::ops) fn tracked_by_git(repo: &Repo, out: &Path) -> Error {
    let name = repo.display_path(out);
    Error::BadOut(format!(
        " output '{name}' is already tracked by SCM (e.g. Git).\n    You can remove it from Git, then add to DVC.\n        \
         To stop tracking from Git:\n            git rm -r --cached '{name}'\n            git commit -m \"stop \
         tracking {name}\" "
    ))
}

impl AddTarget {
    /// Opens the `.dvc` file, or makes a new one.
    fn open(&self) -> Result<DvcFile> {
        if self.known.is_some() {
            return DvcFile::read(&self.metafile);
        }
        let name = self.out.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Error::NotUnicode(self.out.clone()))?;
        Ok(DvcFile::new(&self.metafile, name))
    }
}
