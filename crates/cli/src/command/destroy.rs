//! `haul destroy`.

use clap::Args;
use haul_repo::ops::{self, DestroyOptions};
use schemars::JsonSchema;
use serde::Serialize;

use super::confirm::confirm;
use super::context::shown_paths;
use super::{CommandResult, Context};
use crate::command_error::Verb;
use crate::exit::ExitStatus;

const STATEMENT: &str = "This will destroy all information about your pipelines, all data files, as well as cache in \
                         .dvc/cache.\nAre you sure you want to continue?";
const OPERATION: &str = "failed to destroy DVC";

/// Delete all metafiles, the configuration and the cache of the repository; the data in the workspace stays
#[derive(Debug, Args)]
pub(crate) struct DestroyArgs {
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

impl DestroyArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        if !self.force && !confirm(context, STATEMENT)? {
            let message = "cannot destroy without a confirmation from the user. Use `-f` to force.";
            return Err(Verb::DESTROY.failure(message).while_trying(OPERATION));
        }
        let options = DestroyOptions { wait: context.lock_wait(), cancel: context.cancellation() };
        let report = context
            .observe(|observer| ops::destroy(&repo, &options, observer))
            .map_err(|error| Verb::DESTROY.error(error).while_trying(OPERATION))?;
        context.printer().record(Destroyed { paths: shown_paths(&report.removed) });
        Ok(ExitStatus::Success)
    }
}

/// What was deleted.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Destroyed {
    /// The metafiles that were deleted.
    paths: Vec<String>,
}
