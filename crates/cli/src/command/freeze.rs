//! `haul freeze` and `haul unfreeze`.

use std::path::Path;

use clap::Args;
use haul_repo::Repo;
use haul_repo::ops::{self, FreezeOptions, FreezeReport};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandResult, Context};
use crate::command_error::Verb;
use crate::exit::ExitStatus;

/// Keep stages and .dvc files from being run or updated, whatever they depend on
#[derive(Debug, Args)]
pub(crate) struct FreezeArgs {
    /// Stages or .dvc files to freeze
    #[arg(required = true)]
    targets: Vec<String>,
}

/// Take back `freeze`
#[derive(Debug, Args)]
pub(crate) struct UnfreezeArgs {
    /// Stages or .dvc files to unfreeze
    #[arg(required = true)]
    targets: Vec<String>,
}

impl FreezeArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        run(context, "freeze", self.targets, ops::freeze)
    }
}

impl UnfreezeArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        run(context, "unfreeze", self.targets, ops::unfreeze)
    }
}

fn run(
    context: &Context,
    name: &str,
    targets: Vec<String>,
    operation: fn(&Repo, &FreezeOptions) -> haul_repo::Result<FreezeReport>,
) -> CommandResult {
    let repo = context.open_repo()?;
    let options = FreezeOptions { targets, wait: context.lock_wait() };
    let trying = |target: &str| format!("failed to {name} '{target}'");
    // Without the lock, no target can be tried: the first one stands for all.
    let first = options.targets.first().map_or("", String::as_str);
    let report =
        operation(&repo, &options).map_err(|error| Verb::FREEZE.error(error).while_trying(&trying(first)))?;
    for stage in &report.stages {
        if let Some(name) = &stage.name {
            let file: &Path = &stage.metafile;
            context
                .printer()
                .line(format_args!("Modifying stage '{name}' in '{}'", repo.display_path(file)))?;
        }
    }
    let stages = report
        .stages
        .iter()
        .map(|stage| StageLine { path: repo.display_path(&stage.metafile), name: stage.name.clone() });
    context.printer().record(Frozen { stages: stages.collect() });
    let mut errors: Vec<_> = report
        .failed
        .into_iter()
        .map(|failure| {
            Verb::FREEZE.error(failure.error).while_trying(&trying(&failure.subject)).about(failure.subject)
        })
        .collect();
    let Some(last) = errors.pop() else { return Ok(ExitStatus::Success) };
    Err(errors.into_iter().fold(last, super::super::command_error::CommandError::with_detail))
}

/// What was frozen, or unfrozen.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Frozen {
    /// The stages, in the order of the command.
    stages: Vec<StageLine>,
}

/// A stage or a `.dvc` file.
#[derive(Debug, Serialize, JsonSchema)]
struct StageLine {
    /// The `.dvc` file or `dvc.yaml`.
    path: String,
    /// The name of the stage in a `dvc.yaml`.
    name: Option<String>,
}
