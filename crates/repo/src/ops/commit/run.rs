//! Keeping a committed stage as a run in the run cache, so that `dvc repro` takes its outs from there.

use crate::metafile::dvc_file::LockedStage;
use crate::metafile::run::{run_path, run_text};
use crate::ops::session::Session;
use crate::{Error, Index, Result, Stage};

/// Returns whether DVC keeps runs of a stage: it has a command, dependencies, and outs that are deleted before a run, and
/// all of it is in the file system.
pub(super) fn is_kept(index: &Index, stage: &Stage) -> bool {
    let outs = &index.outs[stage.outs.clone()];
    let has_no_inputs = stage.deps.is_empty() && stage.params.is_empty();
    if stage.always_changed || stage.command.is_empty() || has_no_inputs || outs.is_empty() {
        return false;
    }
    let is_here = stage.deps.iter().all(|dep| dep.path.is_some());
    is_here && !outs.iter().any(|out| out.persist || out.is_external)
}

/// Writes a run, unless it is there.
pub(super) fn save(session: &Session<'_>, locked: &LockedStage) -> Result<()> {
    if locked.params.iter().any(|(_, values)| values.is_empty()) {
        return Ok(());
    }
    let text = run_text(locked);
    // A value that cannot be hashed as Python does it.
    let Some(name) = run_path(&text) else { return Ok(()) };
    let path = session.cache.root().join(&name);
    // Runs of the same name are the same, but for sizes.
    if fs_err::read_to_string(&path).is_ok_and(|there| run_path(&there).as_ref() == Some(&name)) {
        return Ok(());
    }
    if let Some(directory) = path.parent() {
        fs_err::create_dir_all(directory)
            .map_err(|error| Error::io("cannot make a directory of the run cache", error))?;
    }
    crate::atomic::write(&path, text.as_bytes())
}
