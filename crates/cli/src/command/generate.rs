//! `haul util`: files made from the command tree, for packagers.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandResult, Context};
use crate::command_error::CommandError;
use crate::examples::command_tree;
use crate::exit::ExitStatus;
use crate::hand_over::foreign_commands;
use crate::ui::OutputFormat;

/// Print the manual page or the reference of all commands
#[derive(Debug, Args)]
pub(crate) struct UtilArgs {
    #[command(subcommand)]
    command: UtilCommand,
}

#[derive(Debug, Subcommand)]
enum UtilCommand {
    /// Print the manual page, or write one of each command
    Man {
        /// The directory to write `haul.1`, `haul-push.1` and so on to
        directory: Option<PathBuf>,
    },
    /// Print the reference of all commands as Markdown
    Markdown,
    /// Print the table of all commands as Markdown, and what is left to DVC
    Commands,
    /// Print the reference of all configuration options as Markdown
    Options,
    /// Print the reference of all environment variables as Markdown
    Environment,
    /// Print the description of all JSON documents as Markdown
    Json,
    /// Print the reference of errors and next steps as Markdown
    Errors,
}

/// A page.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Generated {
    /// The text of the page.
    text: String,
}

impl UtilArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let text = match self.command {
            UtilCommand::Man { directory: Some(directory) } => {
                let directory = context.env().current_dir().join(directory);
                let cannot_write =
                    |error| CommandError::unexpected("cannot write the manual pages").caused_by(&error);
                fs_err::create_dir_all(&directory).map_err(cannot_write)?;
                let tree = command_tree().disable_help_subcommand(true);
                clap_mangen::generate_to(tree, &directory).map_err(cannot_write)?;
                String::new()
            }
            UtilCommand::Man { directory: None } => {
                let mut page = Vec::new();
                clap_mangen::Man::new(command_tree()).render(&mut page).map_err(|error| {
                    CommandError::unexpected("cannot write the manual page").caused_by(&error)
                })?;
                String::from_utf8_lossy(&page).into_owned()
            }
            UtilCommand::Markdown => reference(),
            UtilCommand::Commands => summary(),
            UtilCommand::Options => haul_config::keys::reference(),
            UtilCommand::Environment => haul_config::variables::reference(),
            UtilCommand::Json => super::documents::page(),
            UtilCommand::Errors => crate::command_error::reference(),
        };
        if context.format() == OutputFormat::Text {
            context.printer().out_always(&text)?;
        }
        context.printer().record(Generated { text });
        Ok(ExitStatus::Success)
    }
}

/// Lists every visible command with what it does, and the commands that are left to DVC.
fn summary() -> String {
    fn list(command: &clap::Command, path: &str, rows: &mut Vec<String>) {
        if !command.has_subcommands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            rows.push(format!("| `{path}` | {about} |"));
        }
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            list(inner, format!("{path} {}", inner.get_name()).trim(), rows);
        }
    }
    let mut rows = Vec::new();
    list(&command_tree(), "", &mut rows);
    let foreign: Vec<String> = foreign_commands().iter().map(|name| format!("`{name}`")).collect();
    format!(
        "| Command | What it does |\n|---|---|\n{}\n\nLeft to DVC, to which haul hands the command line over: {}.\n",
        rows.join("\n"),
        foreign.join(", "),
    )
}

/// Describes every visible command by its own help text.
fn reference() -> String {
    let mut root = command_tree().term_width(100);
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
    let is_shown = |inner: &&mut clap::Command| !inner.is_hide_set() && inner.get_name() != "help";
    for subcommand in command.get_subcommands_mut().filter(is_shown) {
        describe(subcommand, text);
    }
}
