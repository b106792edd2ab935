//! `destroy`: make a directory a plain directory again.

use std::path::{Path, PathBuf};

use haul_storage::CancellationToken;
use haul_storage::progress::Observer;

use super::session::Stores;
use super::unprotect::unprotect_path;
use crate::ignore::DVCIGNORE;
use crate::{Error, LockWait, Repo, Result, SelectOptions, Selection};

/// How to destroy.
#[derive(Debug, Clone, Default)]
pub struct DestroyOptions {
    /// How long to wait for the lock.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// What is gone.
#[derive(Debug, Default)]
pub struct DestroyReport {
    /// The metafiles that were deleted; absolute.
    pub removed: Vec<PathBuf>,
}

/// Deletes all metafiles, `.dvcignore` and `.dvc`, the cache in it included. The data in the workspace stays, with bytes
/// of its own; a cache elsewhere stays, too, and so do the entries in `.gitignore`, as in DVC.
///
/// In this order: all data becomes the user's own, then the metafiles go, then `.dvc`. Killed at any moment, no data is a
/// link to something that is gone, and the same command goes on.
///
/// # Errors
///
/// Whatever cannot be read, made the user's own or deleted ends the operation; until all data is the user's own, nothing
/// is deleted.
pub fn destroy(repo: &Repo, options: &DestroyOptions, observer: &dyn Observer) -> Result<DestroyReport> {
    let lock = repo.lock(options.wait)?;
    let stores = Stores::of(repo);
    let session = stores.session(repo, observer, &options.cancel);
    let index = Selection::resolve(repo, &SelectOptions::default())?.index;
    for out in index.outs.iter().filter(|out| out.use_cache && !out.is_external && out.path.exists()) {
        session.check_cancelled()?;
        unprotect_path(&session, &out.path)?;
    }
    let mut report = DestroyReport::default();
    for stage in &index.stages {
        if report.removed.contains(&stage.metafile) {
            continue;
        }
        if stage.name.is_some() {
            delete(&stage.metafile.with_extension("lock"))?;
        }
        delete(&stage.metafile)?;
        report.removed.push(stage.metafile.clone());
    }
    delete(&repo.root().join(DVCIGNORE))?;
    drop(lock);
    delete(repo.dvc_dir())?;
    Ok(report)
}

/// Deletes a file, a link or a directory with all that is in it; one that is not there is fine.
fn delete(path: &Path) -> Result<()> {
    let cannot = |error| Error::io("cannot delete what belongs to DVC", error);
    match fs_err::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs_err::remove_dir_all(path).map_err(cannot),
        Ok(_) => fs_err::remove_file(path).map_err(cannot),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(cannot(error)),
    }
}
