//! `add --out` and `add --to-remote`: track a copy of data that lies elsewhere.

use haul_storage::CancellationToken;
use haul_storage::progress::Observer;

use crate::metafile::dependency::Dependency;
use crate::metafile::dvc_file::DvcFile;
use crate::ops::import::{Opened, Place, get, resolve_out, send};
use crate::ops::session::Stores;
use crate::ops::{CheckoutOptions, ImportDepth, ImportReport, checkout};
use crate::{Error, Index, LockWait, Repo, Result, SelectOptions, TransferLock};

/// What to add, and where its data goes.
#[derive(Debug, Clone, Default)]
pub struct AddFromOptions {
    /// The data: a path, or a URL.
    pub target: String,
    /// Where it is tracked, as typed (`--out`); under its own name if not set.
    pub out: Option<String>,
    /// Into the workspace, or to a remote and nowhere else.
    pub depth: ImportDepth,
    /// Overwrite what is there (`-f`).
    pub force: bool,
    /// Requests under way at once (`--remote-jobs`).
    pub jobs: Option<usize>,
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// Takes data into the cache and the workspace, or sends it to a remote, and tracks it. The data first, then Git is told to
/// look away, then the `.dvc` file, then the workspace. Killed at any moment, the same command goes on.
///
/// # Errors
///
/// [`Error::BadOut`] or [`Error::OverlappingOuts`] in DVC's words.
pub async fn add_from(
    repo: &Repo,
    options: &AddFromOptions,
    observer: &dyn Observer,
) -> Result<ImportReport> {
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let _share = TransferLock::share(session.memo.dir(), options.wait, &options.cancel)?;
    let is_sent = matches!(options.depth, ImportDepth::Remote(_));
    if let ImportDepth::Remote(remote) = &options.depth {
        // Before anything is read.
        repo.config().remote(remote.as_deref())?;
    }
    let target = options.target.as_str();
    let is_inside = !target.contains("://") && repo.relative(&repo.absolute(target)).is_some();
    let name = if let Some(out) = &options.out {
        resolve_out(repo.current_dir(), target, Some(out), options.force)?
    } else if is_inside {
        target.to_owned()
    } else {
        // What lies elsewhere is tracked here.
        resolve_out(repo.current_dir(), target, None, true)?
    };
    let lock = repo.lock(options.wait)?;
    let index = Index::collect(repo)?;
    let place = Place::of(repo, &index, &name)?;
    drop(lock);
    let dependency = Dependency { path: target.to_owned(), ..Dependency::default() };
    let opened = Opened::of(repo, repo.current_dir(), &dependency)?;
    let looked = opened.look(&dependency).await?.ok_or_else(|| {
        let shown = crate::ops::import::shown(repo, repo.current_dir(), &dependency);
        let message = format!("output '{shown}' does not exist");
        Error::BadOut(message)
    })?;
    let state = match &options.depth {
        ImportDepth::Remote(remote) => {
            send(&session, &opened, &looked, remote.as_deref(), options.jobs).await?
        }
        _ => get(&session, &opened, &looked, options.jobs).await?,
    };
    let mut report = ImportReport::default();
    let lock = repo.lock(options.wait)?;
    session.refuse_busy(&[], std::slice::from_ref(&place.out))?;
    if !is_sent {
        report.files_to_track.extend(place.ignore(repo)?);
    }
    let mut file = match DvcFile::read(&place.metafile) {
        Ok(file) if index.outs.iter().any(|out| out.path == place.out) => file,
        _ => DvcFile::new(&place.metafile, &place.name),
    };
    file.set_state(0, &state)?;
    file.write()?;
    report.files_to_track.push(place.metafile.clone());
    report.files_to_track.sort();
    drop(lock);
    session.autostage(&report.files_to_track)?;
    if !is_sent {
        let select = SelectOptions { targets: vec![place.target(repo)], ..SelectOptions::default() };
        let (wait, cancel, force) = (options.wait, options.cancel.clone(), options.force);
        let checkout_options = CheckoutOptions { select, force, wait, cancel, ..CheckoutOptions::default() };
        report.checkout = checkout(repo, &checkout_options, observer)?;
    }
    Ok(report)
}
