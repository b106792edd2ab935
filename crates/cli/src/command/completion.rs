//! `haul completion`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{CommandResult, Context};
use crate::args::Cli;
use crate::exit::ExitStatus;

/// Print a script that completes commands and flags in a shell
///
/// For bash: haul completion -s bash > ~/.local/share/bash-completion/completions/haul
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(short, long, default_value = "bash")]
    shell: Shell,
}

impl CompletionArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "haul", &mut script);
        context.printer().out_always(&String::from_utf8_lossy(&script))?;
        Ok(ExitStatus::Success)
    }
}
