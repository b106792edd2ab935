//! `haul update`.

use clap::Args;
use haul_repo::SelectOptions;
use haul_repo::git::shell_quoted;
use haul_repo::ops::{self, ImportDepth, UpdateOptions};

use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandResult, Context, checkout};
use crate::command_error::{CommandError, Verb};
use crate::exit::ExitStatus;

/// Take over the latest data of imports and worktree remotes
///
/// The targets are imports, whose sources are asked for what they have now, and outs that were pushed to a remote with
/// `worktree = true`. What is new goes into the cache, the metafile and the workspace.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// `.dvc` files or stages to update
    #[arg(required = true)]
    targets: Vec<String>,
    /// Version to update an import with versions to
    #[arg(long, value_name = "commit", num_args = 0..=1, default_missing_value = "")]
    rev: Option<String>,
    /// Update all stages in the named folders
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Record what the source of an import has without getting it
    #[arg(long)]
    no_download: bool,
    /// Send the data of an import to a remote without storing it here
    #[arg(long)]
    to_remote: bool,
    /// The remote of --to-remote
    #[arg(short, long, value_name = "name")]
    remote: Option<String>,
    /// Number of requests at once
    #[arg(short, long, value_name = "number")]
    jobs: Option<usize>,
}

impl UpdateArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        self.check()?;
        let targets = self.targets.clone();
        let error = |error| unsaved(error, &targets);
        let options = UpdateOptions {
            select: SelectOptions {
                targets: self.targets,
                recursive: self.recursive,
                ..SelectOptions::default()
            },
            revision: self.rev.filter(|revision| !revision.is_empty()),
            depth: match (self.to_remote, self.no_download) {
                (true, _) => ImportDepth::Remote(self.remote),
                (false, true) => ImportDepth::NoDownload,
                (false, false) => ImportDepth::Workspace,
            },
            jobs: self.jobs.filter(|jobs| *jobs > 0),
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let report = context
            .observe_async(async |observer| ops::update(&repo, &options, observer).await)
            .map_err(error)?;
        for announcement in &report.announcements {
            context.printer().out(&format!("{announcement}\n"))?;
        }
        for warning in report.warnings.iter().chain(&report.checkout.warnings) {
            context.printer().warning(warning);
        }
        let recorded = report.recorded.iter().map(|path| repo.display_path(path)).collect();
        let checkout = checkout::Changes::new(&report.checkout);
        context.printer().record(Updated { recorded, checkout });
        checkout::check(
            &report.checkout,
            Verb::UPDATE,
            "push the missing data from a copy that has it: haul push",
        )?;
        let mut failed = report.failed;
        let Some(last) = failed.pop() else { return Ok(ExitStatus::Success) };
        let last = error(last.error);
        Err(failed
            .into_iter()
            .fold(last, |made, failure| made.with_detail(error(failure.error).about(failure.subject))))
    }

    /// Refuses what contradicts itself, in DVC's words.
    fn check(&self) -> Result<(), CommandError> {
        if self.to_remote && self.no_download {
            return Err(Verb::UPDATE.failure("--to-remote can't be used with --no-download"));
        }
        if !self.to_remote && self.remote.is_some() {
            return Err(Verb::UPDATE.failure("--remote can't be used without --to-remote"));
        }
        Ok(())
    }
}

/// What was updated.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Updated {
    /// The metafiles that changed.
    recorded: Vec<String>,
    /// What changed in the workspace.
    checkout: checkout::Changes,
}

/// Translates an error, and says what to type where DVC's sentence names a flag that `update` does not have.
fn unsaved(error: haul_repo::Error, targets: &[String]) -> CommandError {
    let mut inner = &error;
    while let haul_repo::Error::Import { source, .. } = inner {
        inner = source;
    }
    let is_unsaved = matches!(inner, haul_repo::Error::UnsavedFiles(_));
    let made = Verb::UPDATE.error(error);
    if !is_unsaved {
        return made;
    }
    let targets: Vec<_> = targets.iter().map(|target| shell_quoted(target)).collect();
    made.with_hint(format!(
        "`haul update` has no `--force`: put the recorded data back with `haul checkout --force {}`, which drops what was \
         changed, or move those files elsewhere; then update again",
        targets.join(" ")
    ))
}
