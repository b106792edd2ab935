//! `haul init`.

use std::path::PathBuf;

use clap::Args;
use haul_repo::Error;
use haul_repo::init::{InitOptions, init};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandResult, Context};
use crate::command_error::Verb;
use crate::exit::ExitStatus;

const WHAT_NEXT: &str = "\
What's next?
------------
- Track data: haul add <file or folder>
- Say where it is kept: haul remote add -d <name> s3://<bucket>/<path>
- See what else there is: haul --help; DVC's manual <https://dvc.org/doc> describes the same files and flags
";

/// Make a folder a DVC repository
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Do without Git
    #[arg(long)]
    no_scm: bool,
    /// Replace an existing .dvc folder, its cache included
    #[arg(short, long)]
    force: bool,
    /// Make the repository in a folder below the root of a Git repository
    #[arg(long)]
    subdir: bool,
    /// The folder; else the current one
    directory: Option<PathBuf>,
}

impl InitArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let directory = self.directory.unwrap_or_else(|| context.env().current_dir().to_owned());
        let options = InitOptions { no_scm: self.no_scm, subdir: self.subdir, force: self.force };
        let report = init(&directory, options, context.env()).map_err(|error| match error {
            Error::Init(_) => Verb::INIT.error(error),
            error => error.into(),
        })?;
        let commit = if report.staged { "You can now commit the changes to git.\n\n" } else { "" };
        context
            .printer()
            .record(Initialized { path: report.root.display().to_string(), is_staged: report.staged });
        context.printer().out(&format!("Initialized DVC repository.\n\n{commit}{WHAT_NEXT}"))?;
        Ok(ExitStatus::Success)
    }
}

/// A new repository.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Initialized {
    /// Its root.
    path: String,
    /// Whether the new files were staged in Git.
    is_staged: bool,
}
