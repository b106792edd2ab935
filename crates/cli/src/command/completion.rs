//! `haul completion`.

use clap::Args;
use clap_complete::Shell;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandResult, Context};
use crate::examples::command_tree;
use crate::exit::ExitStatus;
use crate::ui::OutputFormat;

/// Print a script that completes commands and flags in a shell
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(short, long, default_value = "bash")]
    shell: Shell,
}

impl CompletionArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command_tree(), "haul", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        if context.format() == OutputFormat::Text {
            context.printer().out_always(&script)?;
        }
        context.printer().record(Script { shell: self.shell.to_string(), script });
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
