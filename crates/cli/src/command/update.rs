//! `haul update`.

use clap::Args;
use haul_repo::SelectOptions;
use haul_repo::ops::{self, UpdateOptions};

use super::{CommandResult, Context, checkout, fail};
use crate::command_error::{CommandError, Verb};

/// Take over the latest files of a worktree remote
///
/// The targets are outs that were pushed to a remote with `worktree = true`. What the bucket shows now goes into the
/// cache, the metafile and the workspace. Imports are updated by `dvc update`.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// `.dvc` files or stages to update
    #[arg(required = true)]
    targets: Vec<String>,
    /// Git revision to update an import to (not supported)
    #[arg(long, value_name = "commit", num_args = 0..=1, default_missing_value = "", hide = true)]
    rev: Option<String>,
    /// Update all stages in the named folders
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Update the metafile of an import only (not supported)
    #[arg(long, hide = true)]
    no_download: bool,
    /// Update an import on the remote only (not supported)
    #[arg(long, hide = true)]
    to_remote: bool,
    /// Remote to update an import on (not supported)
    #[arg(short, long, value_name = "name", hide = true)]
    remote: Option<String>,
    /// Number of requests at once
    #[arg(short, long, value_name = "number")]
    jobs: Option<usize>,
}

impl UpdateArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        self.check()?;
        let options = UpdateOptions {
            select: SelectOptions {
                targets: self.targets,
                recursive: self.recursive,
                ..SelectOptions::default()
            },
            jobs: self.jobs.filter(|jobs| *jobs > 0),
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let report = context
            .observe_async(async |observer| ops::update(&repo, &options, observer).await)
            .map_err(|error| Verb::UPDATE.error(error))?;
        for warning in report.warnings.iter().chain(&report.checkout.warnings) {
            context.printer().warning(warning);
        }
        checkout::check(
            &report.checkout,
            Verb::UPDATE,
            "push the missing data from a copy that has it: haul push",
        )?;
        fail(Verb::UPDATE, report.failed)
    }

    /// Refuses what is for imports only, in DVC's words.
    fn check(&self) -> Result<(), CommandError> {
        let refuse = |text: &str| {
            let hint = "haul has no imports: for one, run `dvc update` with the same arguments";
            Err(Verb::UPDATE.failure(text.to_owned()).with_hint(hint))
        };
        if self.to_remote && self.no_download {
            return refuse("--to-remote can't be used with --no-download");
        }
        if !self.to_remote && self.remote.is_some() {
            return refuse("--remote can't be used without --to-remote");
        }
        if self.rev.is_some() {
            return refuse("--rev can't be used with worktree update");
        }
        if self.no_download {
            return refuse("--no-download can't be used with worktree update");
        }
        if self.to_remote {
            return refuse("--to-remote can't be used with worktree update");
        }
        Ok(())
    }
}
