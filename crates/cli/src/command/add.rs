//! `haul add`.

use clap::Args;
use haul_repo::git::shell_quoted;
use haul_repo::ops::{self, AddFromOptions, AddOptions, AddReport, ImportDepth};
use schemars::JsonSchema;
use serde::Serialize;

use super::git_hint::git_hint;
use super::{CommandResult, Context, fail};
use crate::command_error::{CommandError, Verb};
use crate::ui::{Message, Page};

/// Track files and folders
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Record the hashes without storing the data
    #[arg(long)]
    no_commit: bool,
    /// Targets are shell patterns
    #[arg(long)]
    glob: bool,
    /// Copy the data to another path, and track it there
    #[arg(short, long, value_name = "path")]
    out: Option<String>,
    /// Send the data to a remote without storing it here
    #[arg(long)]
    to_remote: bool,
    /// The remote of --to-remote
    #[arg(short, long, value_name = "name")]
    remote: Option<String>,
    /// Number of transfers at once for --to-remote
    #[arg(long, value_name = "number")]
    remote_jobs: Option<usize>,
    /// Overwrite what --out names
    #[arg(short, long)]
    force: bool,
    /// Leave the files as they are, instead of linking them from the cache
    #[arg(long)]
    no_relink: bool,
    /// Files and folders
    #[arg(required = true)]
    targets: Vec<String>,
}

impl AddArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        self.check()?;
        let repo = context.open_repo()?;
        if self.to_remote || self.out.is_some() {
            return self.run_from(context, &repo);
        }
        let options = AddOptions {
            targets: self.targets,
            glob: self.glob,
            no_commit: self.no_commit,
            no_relink: self.no_relink,
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let report = context
            .observe(|observer| ops::add(&repo, &options, observer))
            .map_err(|error| Verb::ADD.error(error))?;
        for warning in &report.warnings {
            context.printer().warning(warning);
        }
        if !report.link_failures.is_empty() {
            context.printer().remark(&link_failure_text(&report, &repo));
        }
        let hint = git_hint(&repo, &report.files_to_track);
        context.printer().show(Outcome::new(&report, &repo, hint))?;
        fail(Verb::ADD, report.failed)
    }

    /// Tracks a copy of data that lies elsewhere.
    fn run_from(mut self, context: &Context, repo: &haul_repo::Repo) -> CommandResult {
        let depth = if self.to_remote { ImportDepth::Remote(self.remote) } else { ImportDepth::Workspace };
        let options = AddFromOptions {
            target: self.targets.swap_remove(0),
            out: self.out,
            depth,
            force: self.force,
            jobs: self.remote_jobs,
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let report = context
            .observe_async(async |observer| ops::add_from(repo, &options, observer).await)
            .map_err(|error| Verb::ADD.error(error))?;
        super::import_url::finish(context, repo, &report)
    }

    /// Refuses what DVC refuses.
    fn check(&self) -> Result<(), CommandError> {
        let invalid =
            |option: &str, with: &str| Err(Verb::ADD.failure(format!("{option} can't be used {with}")));
        if self.to_remote || self.out.is_some() {
            let with = if self.to_remote { "with --to-remote" } else { "with --out" };
            if self.targets.len() != 1 {
                return invalid("multiple targets", with);
            } else if self.glob {
                return invalid("--glob option", with);
            } else if self.no_commit {
                return invalid("--no-commit option", with);
            }
            return Ok(());
        }
        if self.remote.is_some() {
            return invalid("--remote", "without --to-remote");
        }
        if self.remote_jobs.is_some() {
            return invalid("--remote-jobs", "without --to-remote");
        }
        Ok(())
    }
}

/// What was added.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Outcome {
    /// The targets that were added.
    added: Vec<AddedLine>,
    /// Files that Git should know: `.dvc` files and `.gitignore`s that were written.
    files_to_track: Vec<String>,
    #[serde(skip)]
    git_hint: String,
}

/// A target that was added.
#[derive(Debug, Serialize, JsonSchema)]
struct AddedLine {
    /// The target as typed.
    target: String,
    /// The `.dvc` file that tracks it.
    path: String,
    /// The hash that is recorded now.
    oid: String,
    /// Size in bytes; null after a part of a directory was replaced.
    total_bytes: Option<u64>,
    /// Number of files.
    n_files: u64,
    /// Number of objects that were new to the cache.
    n_stored: u64,
    /// Whether the `.dvc` file changed.
    is_changed: bool,
}

impl Outcome {
    fn new(report: &AddReport, repo: &haul_repo::Repo, git_hint: String) -> Self {
        let added = report.added.iter().map(|added| AddedLine {
            target: added.target.clone(),
            path: repo.display_path(&added.metafile),
            oid: added.oid.to_string(),
            total_bytes: added.size_bytes,
            n_files: added.n_files,
            n_stored: added.n_stored,
            is_changed: added.is_changed,
        });
        let files_to_track = report.files_to_track.iter().map(|path| repo.display_path(path));
        Self { added: added.collect(), files_to_track: files_to_track.collect(), git_hint }
    }
}

impl Message for Outcome {
    fn text(&self, page: &mut Page) {
        if !self.git_hint.is_empty() {
            page.line(&self.git_hint);
        }
    }
}

fn link_failure_text(report: &AddReport, repo: &haul_repo::Repo) -> String {
    let files: Vec<String> =
        report.link_failures.iter().map(|path| shell_quoted(&repo.display_path(path))).collect();
    format!(
        "\nSome targets could not be linked from cache to workspace.\n\
         See <https://dvc.org/doc/user-guide/troubleshooting#cache-types> for more information.\n\
         To re-link these targets, reconfigure cache types and then run:\n\n\thaul checkout {}",
        files.join(" ")
    )
}
