//! `haul cache migrate`.

use clap::Args;
use haul_repo::ops::{self, MigrateOptions, MigrateReport};
use schemars::JsonSchema;
use serde::Serialize;

use crate::command::git_hint::git_hint;
use crate::command::{CommandResult, Context, locks_written};
use crate::command_error::Verb;
use crate::exit::ExitStatus;
use crate::ui::{Message, Page};

/// Carry the objects of DVC 2 over to where DVC 3 keeps them; nothing is deleted
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Migrate the entries of all .dvc files and dvc.lock, too
    #[arg(long)]
    dvc_files: bool,
    /// Only show what would be done
    #[arg(long, alias = "dry-run")]
    dry: bool,
}

/// What was migrated, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::command) struct Migrated {
    /// Number of objects.
    n_objects: u64,
    /// The `.dvc` files and stages whose entries were migrated; null without `--dvc-files`.
    paths: Option<Vec<String>>,
    /// Whether nothing was changed.
    is_dry_run: bool,
    #[serde(skip)]
    locks: Vec<String>,
    #[serde(skip)]
    hint: String,
}

impl MigrateArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let options = MigrateOptions {
            dvc_files: self.dvc_files,
            dry_run: self.dry,
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let report = context
            .observe(|observer| ops::migrate(&repo, &options, observer))
            .map_err(|error| Verb::MIGRATE.error(error))?;
        let MigrateReport { n_objects, metafiles, files_to_track, locks, unstaged, warnings } = report;
        for warning in &warnings {
            context.printer().warning(warning);
        }
        let hint = git_hint(&repo, &files_to_track);
        let locks = locks_written(&repo, &locks);
        let migrated = Migrated { n_objects, paths: metafiles, is_dry_run: self.dry, locks, hint };
        context.printer().show(migrated)?;
        unstaged.map_or(Ok(ExitStatus::Success), |error| Err(Verb::MIGRATE.error(error)))
    }
}

impl Message for Migrated {
    fn text(&self, page: &mut Page) {
        page.line(if self.is_dry_run {
            format!("{} files will be re-hashed and migrated to the DVC 3.0 cache location.", self.n_objects)
        } else {
            format!("Migrated {} files to DVC 3.0 cache location.", self.n_objects)
        });
        let Some(files) = &self.paths else { return };
        if files.is_empty() {
            page.line("No DVC files in the repo to migrate to the 3.0 format.");
        } else if self.is_dry_run {
            page.line("Entries in following DVC files will be migrated to the 3.0 format:");
            for file in files {
                page.line(format_args!("\t{file}"));
            }
        } else {
            // A pipeline stage is not named: its `dvc.lock` is what changes.
            for file in files.iter().filter(|file| !file.ends_with(')')) {
                page.line(format_args!("Updating DVC file '{file}'"));
            }
            for line in &self.locks {
                page.line(line);
            }
        }
        if !self.hint.is_empty() {
            page.line(&self.hint);
        }
    }
}
