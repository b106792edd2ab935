//! `haul completion`.

use clap::Args;
use clap_complete::Shell;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandResult, Context};
use crate::completion;
use crate::exit::ExitStatus;
use crate::ui::OutputFormat;

/// Print a script that lets a shell complete command lines
///
/// The shell asks haul what may follow: commands, flags, remotes, tracked data, options and their values, revisions. Called
/// by the name `dvc`, as by a link, the script is for that name.
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(short, long, value_name = "name", default_value = "bash")]
    shell: Shell,
    /// The shell, without -s
    #[arg(conflicts_with = "shell")]
    name: Option<Shell>,
}

impl CompletionArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let shell = self.name.unwrap_or(self.shell);
        let program = if context.is_called_dvc() { "dvc" } else { "haul" };
        let script = completion::script(shell, program);
        if context.format() == OutputFormat::Text {
            context.printer().out_always(&script)?;
        }
        context.printer().record(Script { shell: shell.to_string(), script });
        Ok(ExitStatus::Success)
    }
}

/// A script for a shell.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Script {
    /// The shell.
    shell: String,
    /// The text of the script.
    script: String,
}
