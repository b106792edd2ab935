//! `haul import`.

use clap::Args;
use haul_config::mask_urls;
use haul_repo::ops::{Import, ImportDepth, ImportOptions};

use super::external::LocationArgs;
use super::import_url::finish;
use super::{CommandResult, Context};
use crate::command_error::Verb;

/// Copy a file or directory of another repository, and track it
///
/// The `.dvc` file remembers the repository and the commit: `haul update` takes over what is there later.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Path or URL of the repository
    url: String,
    /// Path in the repository
    path: String,
    /// Where to put it
    #[arg(short, long, value_name = "path", num_args = 0..=1, default_missing_value = "")]
    out: Option<String>,
    /// Overwrite what is there
    #[arg(short, long)]
    force: bool,
    /// Only write the `.dvc` file
    #[arg(long)]
    no_exec: bool,
    /// Record the commit without getting the data
    #[arg(long, conflicts_with = "no_exec")]
    no_download: bool,
    /// Number of transfers at once; 0 for the default (`jobs` of the remote, else 64)
    #[arg(short, long, value_name = "number", value_parser = super::select::jobs, allow_negative_numbers = true)]
    jobs: Option<usize>,
    #[command(flatten)]
    location: LocationArgs,
}

impl ImportArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let operation = format!("failed to import '{}' from '{}'.", self.path, mask_urls(&self.url));
        let depth = match (self.no_exec, self.no_download) {
            (true, _) => ImportDepth::NoExec,
            (_, true) => ImportDepth::NoDownload,
            _ => ImportDepth::Workspace,
        };
        let location = self.location.at(&self.url);
        let options = ImportOptions {
            location,
            path: self.path,
            out: self.out.filter(|out| !out.is_empty()),
            depth,
            force: self.force,
            jobs: self.jobs.filter(|jobs| *jobs > 0),
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let failed = |error: haul_repo::Error| match error {
            // What DVC meets in the file system of the repository, it does not catch.
            error @ haul_repo::Error::TargetNotFound { .. } => Verb::DU.error(error).while_trying(&operation),
            error => Verb::LIST.error(error).while_trying(&operation),
        };
        let import = Import::prepare(&repo, &options).map_err(failed)?;
        if let Some(announcement) = import.announcement() {
            context.printer().out(&format!("{announcement}\n"))?;
        }
        let report = context.observe_async(async |observer| import.run(observer).await).map_err(failed)?;
        finish(context, &repo, &report)
    }
}
