//! `add --out` and `add --to-remote`: track a copy of data that lies elsewhere.

use haul_storage::CancellationToken;
use haul_storage::progress::Observer;

use crate::metafile::dependency::Dependency;
use crate::metafile::dvc_file::DvcFile;
use crate::ops::import::{Landing, Opened, Place, get, resolve_out, send};
use crate::ops::session::Stores;
use crate::ops::{ImportDepth, ImportReport};
use crate::{Error, Index, LockWait, Repo, Result, TransferLock};

/// What to add, and where its data goes.
#[derive(Debug, Clone, Default)]
pub struct AddFromOptions {
    /// The data: a path, or a URL.
    pub target: String,
    /// Where it is tracked, as typed (`--out`); under its own name if not set.
    pub out: Option<String>,
    /// Into the cache and the workspace, or to a remote alone.
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
    let write = || {
        let mut file = match DvcFile::read(&place.metafile) {
            Ok(file) if index.outs.iter().any(|out| out.path == place.out) => file,
            _ => DvcFile::new(&place.metafile, &place.name),
        };
        file.set_state(0, &state)?;
        file.write().map(drop)
    };
    let mut report = ImportReport::default();
    Landing {
        session: &session,
        place: &place,
        is_ignored: !is_sent,
        is_checked_out: !is_sent,
        force: options.force,
        wait: options.wait,
    }
    .land(write, &mut report)?;
    Ok(report)
}
