//! `haul remote`.

pub(super) mod add;
pub(super) mod check;
pub(super) mod default;
pub(super) mod list;
pub(super) mod modify;
pub(super) mod remove;
pub(super) mod rename;
pub(super) mod show;

use clap::{Args, Subcommand};

use super::{CommandResult, Context};

pub(crate) use show::known_options;

/// Set up and manage remotes
#[derive(Debug, Args)]
pub(crate) struct RemoteArgs {
    #[command(subcommand)]
    command: RemoteCommand,
}

#[derive(Debug, Subcommand)]
enum RemoteCommand {
    Add(add::AddArgs),
    Default(default::DefaultArgs),
    Modify(modify::ModifyArgs),
    List(list::ListArgs),
    Remove(remove::RemoveArgs),
    Rename(rename::RenameArgs),
    Show(show::ShowArgs),
    Check(check::CheckArgs),
}

impl RemoteArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        match self.command {
            RemoteCommand::Add(args) => args.run(context),
            RemoteCommand::Default(args) => args.run(context),
            RemoteCommand::Modify(args) => args.run(context),
            RemoteCommand::List(args) => args.run(context),
            RemoteCommand::Remove(args) => args.run(context),
            RemoteCommand::Rename(args) => args.run(context),
            RemoteCommand::Show(args) => args.run(context),
            RemoteCommand::Check(args) => args.run(context),
        }
    }
}
