//! `haul remove`.

use clap::Args;
use haul_repo::ops::{self, RemoveOptions};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandResult, Context, fail};
use crate::command_error::Verb;

/// Stop tracking files and directories, or remove stages from dvc.yaml; the data stays in the cache
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Delete the data in the workspace, too
    #[arg(long)]
    outs: bool,
    /// .dvc files, or stages of dvc.yaml
    #[arg(required = true)]
    targets: Vec<String>,
}

impl RemoveArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let options = RemoveOptions {
            targets: self.targets,
            outs: self.outs,
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let report = context
            .observe(|observer| ops::remove(&repo, &options, observer))
            .map_err(|error| Verb::REMOVE.error(error))?;
        let paths = report.removed.iter().map(|path| repo.display_path(path)).collect();
        context.printer().record(Removed { paths });
        fail(Verb::REMOVE, report.failed)
    }
}

/// What is tracked no longer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Removed {
    /// The `.dvc` files that are gone, and each `dvc.yaml` once for each stage that is.
    paths: Vec<String>,
}
