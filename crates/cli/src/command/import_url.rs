//! `haul import-url`.

use clap::Args;
use haul_repo::ops::{ImportDepth, ImportReport, ImportUrl, ImportUrlOptions};
use schemars::JsonSchema;
use serde::Serialize;

use super::fs_config::FsConfigArgs;
use super::git_hint::git_hint;
use super::{CommandResult, Context, checkout};
use crate::command_error::{CommandError, Verb};
use crate::exit::ExitStatus;

/// Copy what lies under a URL, and track it
///
/// The URL is a path, or starts with http://, https://, s3:// or remote://NAME/. The `.dvc` file remembers where the
/// data came from: `haul update` takes over what is there later.
#[derive(Debug, Args)]
pub(crate) struct ImportUrlArgs {
    /// The URL, or a path
    url: String,
    /// Where to put it
    out: Option<String>,
    /// Send the data to a remote without storing it here
    #[arg(long)]
    to_remote: bool,
    /// The remote of --to-remote
    #[arg(short, long, value_name = "name")]
    remote: Option<String>,
    /// Only write the `.dvc` file
    #[arg(long)]
    no_exec: bool,
    /// Record what the URL has without getting it
    #[arg(long, conflicts_with = "no_exec")]
    no_download: bool,
    /// Number of files at once; 0 for the default (`jobs` of the remote, else 16)
    #[arg(short, long, value_name = "number", value_parser = super::select::jobs, allow_negative_numbers = true)]
    jobs: Option<usize>,
    /// Overwrite what is there
    #[arg(short, long)]
    force: bool,
    /// Record versions of the data, as a bucket keeps them; a URL with `?versionId=` does so by itself
    #[arg(long)]
    version_aware: bool,
    #[command(flatten)]
    fs_config: FsConfigArgs,
}

impl ImportUrlArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let operation = format!(
            "failed to import {}. You could also try downloading it manually, and adding it with `dvc add`.",
            haul_config::mask_urls(&self.url)
        );
        let options = self.options(context).map_err(|error| error.while_trying(&operation))?;
        let failed = |error| Verb::IMPORT_URL.error(error).while_trying(&operation);
        let import = ImportUrl::prepare(&repo, &options).map_err(failed)?;
        if let Some(announcement) = import.announcement() {
            context.printer().out(&format!("{announcement}\n"))?;
        }
        let report = context.observe_async(async |observer| import.run(observer).await).map_err(failed)?;
        finish(context, &repo, &report)
    }

    fn options(self, context: &Context) -> Result<ImportUrlOptions, CommandError> {
        let refuse = |text: &str| Err(Verb::IMPORT_URL.failure(text));
        if self.to_remote && (self.no_exec || self.no_download || self.version_aware) {
            return refuse("--no-exec/--no-download/--version-aware cannot be combined with --to-remote");
        }
        if !self.to_remote && self.remote.is_some() {
            return refuse("--remote can't be used without --to-remote");
        }
        let depth = match (self.to_remote, self.no_exec, self.no_download) {
            (true, ..) => ImportDepth::Remote(self.remote),
            (_, true, _) => ImportDepth::NoExec,
            (_, _, true) => ImportDepth::NoDownload,
            _ => ImportDepth::Workspace,
        };
        Ok(ImportUrlOptions {
            fs_config: self.fs_config.options()?,
            url: self.url,
            out: self.out,
            depth,
            force: self.force,
            version_aware: self.version_aware,
            jobs: self.jobs.filter(|jobs| *jobs > 0),
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        })
    }
}

/// What was imported.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Imported {
    /// Files that Git should know: the `.dvc` file and `.gitignore`s that were written.
    files_to_track: Vec<String>,
    /// What changed in the workspace.
    checkout: checkout::Changes,
}

/// Says what came of an import, and which files Git should know.
pub(super) fn finish(context: &Context, repo: &haul_repo::Repo, report: &ImportReport) -> CommandResult {
    for warning in report.warnings.iter().chain(&report.checkout.warnings) {
        context.printer().warning(warning);
    }
    let files_to_track = report.files_to_track.iter().map(|path| repo.display_path(path)).collect();
    let checkout = checkout::Changes::new(&report.checkout);
    context.printer().record(Imported { files_to_track, checkout });
    let hint = git_hint(repo, &report.files_to_track);
    if !hint.is_empty() {
        context.printer().out(&format!("{hint}\n"))?;
    }
    checkout::check(&report.checkout, Verb::IMPORT_URL, "check the data out again: haul checkout")?;
    Ok(ExitStatus::Success)
}
