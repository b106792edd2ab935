//! Checks for outs that overlap.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Index, Out};
use crate::{Error, Repo, Result};

/// Refuses two outs at one path, an out inside another, and a metafile inside an out.
///
/// # Errors
///
/// [`Error::OverlappingOuts`] in DVC's words.
pub(super) fn check(index: &Index, repo: &Repo) -> Result<()> {
    let current_dir = repo.current_dir();
    let mut paths: BTreeMap<&Path, usize> = BTreeMap::new();
    let is_local = |out: &&Out| !out.def_path.contains("://");
    // An out whose path leads through a link into another out overlaps with it.
    let identities: Vec<PathBuf> =
        index.outs.iter().filter(is_local).map(|out| index.identity_of(repo, out)).collect();
    let local = || index.outs.iter().enumerate().filter(|(_, out)| is_local(out)).zip(&identities);
    for ((number, out), path) in local() {
        if let Some(other) = paths.insert(path, number) {
            return Err(duplicate(index, &index.outs[other], out, current_dir));
        }
    }
    let around = |path: &Path| path.ancestors().skip(1).find_map(|folder| paths.get(folder).copied());
    for ((_, out), path) in local() {
        if let Some(parent) = around(path) {
            return Err(overlap(index, &index.outs[parent], out, current_dir));
        }
    }
    for stage in &index.stages {
        if let Some(out) = around(&stage.metafile) {
            let out = shown(&index.outs[out], current_dir);
            return Err(Error::OverlappingOuts(format!(
                "{} is within an output '{out}' of another stage",
                stage.shown(current_dir)
            )));
        }
    }
    Ok(())
}

fn duplicate(index: &Index, first: &Out, second: &Out, current_dir: &Path) -> Error {
    let path = shown(first, current_dir);
    let (one, other) = (index.stage_of(first), index.stage_of(second));
    if first.stage == second.stage {
        let (stage, addressing) = (one.shown(current_dir), one.addressing(current_dir));
        return Error::OverlappingOuts(format!(
            "output '{path}' is already specified in {stage}.\nUse `dvc remove {addressing}` to stop tracking the \
             overlapping output."
        ));
    }
    Error::OverlappingOuts(format!(
        "output '{path}' is specified in:\n\t- {}\n\t- {}\nUse `dvc remove` with any of the above targets to stop \
         tracking the overlapping output.",
        one.addressing(current_dir),
        other.addressing(current_dir)
    ))
}

fn overlap(index: &Index, parent: &Out, child: &Out, current_dir: &Path) -> Error {
    Error::OverlappingOuts(format!(
        "The output paths:\n'{}'('{}')\n'{}'('{}')\noverlap and are thus in the same tracked directory.\nTo keep \
         reproducibility, outputs should be in separate tracked directories or tracked individually.",
        shown(parent, current_dir),
        index.stage_of(parent).addressing(current_dir),
        shown(child, current_dir),
        index.stage_of(child).addressing(current_dir)
    ))
}

fn shown(out: &Out, current_dir: &Path) -> String {
    crate::paths::relative(&out.path, current_dir).display().to_string()
}
