//! `haul git-hook`: what the hooks of Git call, written by `haul install` or `dvc install`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use haul_repo::ops::{self, MergeOptions};

use super::{CommandResult, Context, dispatch};
use crate::args::Cli;
use crate::command_error::{CommandError, Verb};
use crate::exit::ExitStatus;

/// Run a hook of Git
#[derive(Debug, Args)]
pub(crate) struct GitHookArgs {
    #[command(subcommand)]
    command: GitHook,
}

#[derive(Debug, Subcommand)]
enum GitHook {
    /// Show what changed
    PreCommit(HookArgs),
    /// Check out the data of the commit that was checked out
    PostCheckout(HookArgs),
    /// Push the data
    PrePush(HookArgs),
    /// Merge .dvc files of directories
    MergeDriver(MergeDriverArgs),
}

/// What Git or the pre-commit tool passes.
#[derive(Debug, Args)]
struct HookArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

#[derive(Debug, Args)]
struct MergeDriverArgs {
    /// The version both sides come from
    #[arg(long)]
    ancestor: PathBuf,
    /// Our version, which gets the result
    #[arg(long)]
    our: PathBuf,
    /// Their version
    #[arg(long)]
    their: PathBuf,
}

impl GitHookArgs {
    /// Does nothing outside of a DVC repository: the hooks are there for all branches, and some have none.
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = match context.open_repo() {
            Ok(repo) => repo,
            Err(error) if error.status() == ExitStatus::NotARepository => return Ok(ExitStatus::Success),
            Err(error) => return Err(error),
        };
        match self.command {
            GitHook::PreCommit(_) => run_command(context, "status"),
            GitHook::PostCheckout(args) if is_of_commit(context, &args.args) => {
                run_command(context, "checkout")
            }
            GitHook::PostCheckout(_) => Ok(ExitStatus::Success),
            GitHook::PrePush(_) => run_command(context, "push"),
            GitHook::MergeDriver(MergeDriverArgs { ancestor, our, their }) => {
                let (wait, cancel) = (context.lock_wait(), context.cancellation());
                let options = MergeOptions { ancestor, our, their, wait, cancel };
                context
                    .observe(|observer| ops::merge(&repo, &options, observer))
                    .map_err(|error| Verb::MERGE_DRIVER.error(error))?;
                Ok(ExitStatus::Success)
            }
        }
    }
}

/// Whether a commit was checked out, rather than single files, and not in the middle of a rebase.
///
/// Source: <https://git-scm.com/docs/githooks#_post_checkout>; the pre-commit tool has a variable for its third argument.
fn is_of_commit(context: &Context, args: &[String]) -> bool {
    let env = context.env();
    let flag = match env.var("PRE_COMMIT_CHECKOUT_TYPE") {
        Some(flag) => Some(flag),
        None => args.get(2).map(String::as_str),
    };
    // Git runs hooks at the root of the work tree.
    flag == Some("1") && !env.current_dir().join(".git").join("rebase-merge").is_dir()
}

/// Runs a command as if it had been typed without flags.
fn run_command(context: &Context, name: &str) -> CommandResult {
    let cli = Cli::try_parse_from(["haul", name])
        .map_err(|error| CommandError::unexpected(format!("cannot run `{name}`")).caused_by(&error))?;
    dispatch(cli.command, context)
}
