//! `haul install`.

use clap::Args;
use haul_repo::ops::{self, InstallOptions};
use schemars::JsonSchema;
use serde::Serialize;

use super::context::shown_paths;
use super::{CommandResult, Context};
use crate::command_error::Verb;
use crate::exit::ExitStatus;

/// Make Git call this program: status before a commit, checkout after a checkout, push before a push
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// Write the hooks of DVC into .pre-commit-config.yaml instead, for the pre-commit tool
    #[arg(long)]
    use_pre_commit_tool: bool,
}

impl InstallArgs {
    /// Deviation: the hooks call the program by the name it was called with, `haul` or `dvc`; those of either name work
    /// with both programs.
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let options = InstallOptions {
            program: String::from(if context.is_called_dvc() { "dvc" } else { "haul" }),
            pre_commit_version: self.use_pre_commit_tool.then(|| String::from(crate::DVC_VERSION)),
        };
        let report = ops::install(&repo, &options)
            .map_err(|error| Verb::INSTALL.error(error).while_trying("failed to install DVC Git hooks"))?;
        context.printer().record(Installed { paths: shown_paths(&report.written) });
        if let Some(directory) = report.other_hooks_dir {
            let printer = context.printer();
            printer.warning(&format!("Git looks for hooks in `{}`, so these never run", directory.display()));
            printer.hint("move them there, or run `git config --unset core.hooksPath`");
        }
        Ok(ExitStatus::Success)
    }
}

/// What makes Git call this program.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Installed {
    /// The hooks and other files that were written.
    paths: Vec<String>,
}
