//! `haul unprotect`.

use clap::Args;
use haul_repo::ops::{self, UnprotectOptions};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandResult, Context, fail};
use crate::command_error::Verb;

/// Replace links to the cache by files that may be edited
#[derive(Debug, Args)]
pub(crate) struct UnprotectArgs {
    /// Files and folders
    #[arg(required = true)]
    targets: Vec<String>,
}

impl UnprotectArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let options = UnprotectOptions {
            targets: self.targets,
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let report = context
            .observe(|_| ops::unprotect(&repo, &options))
            .map_err(|error| Verb::UNPROTECT.error(error))?;
        context.printer().record(Unprotected { n_copied: report.n_copied });
        // DVC does not expect that data is missing, or anything else that fails here.
        fail(Verb::UNPROTECT, report.failed).map_err(|error| error.while_trying("unexpected error"))
    }
}

/// What may be edited now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Unprotected {
    /// Number of links that were replaced by a copy.
    n_copied: u64,
}
