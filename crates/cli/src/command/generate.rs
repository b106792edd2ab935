//! `haul util`: files made from the command tree, for packagers.

use clap::{Args, CommandFactory, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandResult, Context};
use crate::args::Cli;
use crate::command_error::CommandError;
use crate::exit::ExitStatus;
use crate::ui::OutputFormat;

/// Print the manual page or the reference of all commands
#[derive(Debug, Args)]
pub(crate) struct UtilArgs {
    #[command(subcommand)]
    command: UtilCommand,
}

#[derive(Debug, Subcommand)]
enum UtilCommand {
    /// Print the manual page
    Man,
    /// Print the reference of all commands as Markdown
    Markdown,
    /// Print the reference of all configuration options as Markdown
    Options,
    /// Print the reference of all environment variables as Markdown
    Environment,
    /// Print the description of all JSON documents as Markdown
    Json,
}

/// A page.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Generated {
    /// The text of the page.
    text: String,
}

/// Ends the help of flags that are refused.
const NOT_SUPPORTED: &str = "(not supported)";

impl UtilArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let text = match self.command {
            UtilCommand::Man => {
                let mut page = Vec::new();
                clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(|error| {
                    CommandError::unexpected("cannot write the manual page").caused_by(&error)
                })?;
                String::from_utf8_lossy(&page).into_owned()
            }
            UtilCommand::Markdown => reference(),
            UtilCommand::Options => haul_config::keys::reference(),
            UtilCommand::Environment => haul_config::variables::reference(),
            UtilCommand::Json => super::documents::page(),
        };
        if context.format() == OutputFormat::Text {
            context.printer().out_always(&text)?;
        }
        context.printer().record(Generated { text });
        Ok(ExitStatus::Success)
    }
}

/// Describes every visible command by its own help text.
fn reference() -> String {
    let mut root = Cli::command().term_width(100);
    root.build();
    let mut text = String::from("# Commands of haul\n");
    describe(&mut root, &mut text);
    text
}

fn describe(command: &mut clap::Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or("haul").to_owned();
    let help = command.render_help().to_string();
    for part in ["\n## `", &name, "`\n\n```text\n", help.trim_end(), "\n```\n"] {
        text.push_str(part);
    }
    let refused = refused(command);
    if !refused.is_empty() {
        for part in ["\nFlags of DVC that are refused, with the `dvc` command to use: ", &refused, ".\n"] {
            text.push_str(part);
        }
    }
    for subcommand in command.get_subcommands_mut().filter(|subcommand| !subcommand.is_hide_set()) {
        describe(subcommand, text);
    }
}

/// Lists the flags that are known for the sake of a clear error only.
fn refused(command: &clap::Command) -> String {
    let is_refused = |argument: &&clap::Arg| {
        argument.get_help().is_some_and(|help| help.to_string().ends_with(NOT_SUPPORTED))
    };
    let flags = command.get_arguments().filter(is_refused).filter_map(clap::Arg::get_long);
    flags.map(|flag| format!("`--{flag}`")).collect::<Vec<_>>().join(", ")
}
