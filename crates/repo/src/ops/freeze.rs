//! `freeze` and `unfreeze`: whether a stage follows its dependencies.

use std::path::{Path, PathBuf};

use crate::metafile::dvc_file::DvcFile;
use crate::metafile::dvc_yaml::DvcYaml;
use crate::ops::Failure;
use crate::{Error, LockWait, Repo, Result, Selection};

/// Which stages to freeze or to unfreeze.
#[derive(Debug, Clone, Default)]
pub struct FreezeOptions {
    /// `.dvc` files and stages as typed, relative to the working directory.
    pub targets: Vec<String>,
    /// How long to wait for the lock.
    pub wait: LockWait,
}

/// What was frozen or unfrozen.
#[derive(Debug, Default)]
pub struct FreezeReport {
    /// The stages, in the order of the command.
    pub stages: Vec<FrozenStage>,
    /// Targets that could not be changed.
    pub failed: Vec<Failure>,
}

/// A stage that was frozen or unfrozen, be it so before or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenStage {
    /// Its metafile; absolute.
    pub metafile: PathBuf,
    /// Its name in a `dvc.yaml`.
    pub name: Option<String>,
}

/// Marks stages as frozen: `repro` and `update` leave them alone, and `status` does not look at their dependencies.
///
/// Each metafile is written once for each target, by a rename; a target that fails does not stop the others.
pub fn freeze(repo: &Repo, options: &FreezeOptions) -> Result<FreezeReport> {
    set_all(repo, options, true)
}

/// Takes the marks of [`freeze`] away.
pub fn unfreeze(repo: &Repo, options: &FreezeOptions) -> Result<FreezeReport> {
    set_all(repo, options, false)
}

fn set_all(repo: &Repo, options: &FreezeOptions, is_frozen: bool) -> Result<FreezeReport> {
    let _lock = repo.lock(options.wait)?;
    let mut report = FreezeReport::default();
    for target in &options.targets {
        match set(repo, target, is_frozen) {
            Ok(stage) => report.stages.push(stage),
            Err(error) => report.failed.push(Failure { subject: target.clone(), path: None, error }),
        }
    }
    Ok(report)
}

fn set(repo: &Repo, target: &str, is_frozen: bool) -> Result<FrozenStage> {
    let is_file = Path::new(target).file_name() == Some("dvc.yaml".as_ref());
    if is_file && repo.target_path(target).is_file() {
        return Err(Error::BadOut(format!(
            "Stage name not provided.Please specify the name as: `{}:stage_name`",
            repo.display_path(&repo.target_path(target))
        )));
    }
    let selection = Selection::stages_of(repo, target)?;
    let Some(stage) = selection.stages.first().map(|(number, _)| &selection.index.stages[*number]) else {
        let message = format!("'{target}' holds no stage");
        return Err(Error::no_target(target.to_owned(), message));
    };
    match &stage.name {
        None => {
            let mut file = DvcFile::read(&stage.metafile)?;
            file.set_frozen(is_frozen)?;
            file.write()?;
        }
        Some(name) => {
            let mut file = DvcYaml::read(&stage.metafile)?;
            file.refuse_parametrized(name, &stage.shown(repo.current_dir()), "dump")?;
            file.set_frozen(name, is_frozen)?;
            file.write()?;
        }
    }
    Ok(FrozenStage { metafile: stage.metafile.clone(), name: stage.name.clone() })
}
