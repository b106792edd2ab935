//! The command line: global flags, and the tree of commands.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::command;
use crate::ui::{ColourChoice, ProgressChoice, Verbosity};

/// Move the data of DVC repositories to and from S3, fast
///
/// Reads and writes the same repositories and remotes as DVC, byte for byte.
#[derive(Debug, Parser)]
#[command(
    name = "haul",
    bin_name = "haul",
    version,
    disable_version_flag = true,
    infer_long_args = true,
    // As in DVC, the last one counts.
    args_override_self = true,
    subcommand_required = true,
    arg_required_else_help = false,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Heads the flags that every command takes.
const GLOBAL: &str = "Options of all commands";

/// Flags that stand before the command; those that are `global` may stand after it, too.
#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Print nothing, errors included: the exit code is the answer
    #[arg(short, long, global = true, action = ArgAction::Count, display_order = 900, help_heading = GLOBAL)]
    quiet: u8,
    /// Print log lines on stderr; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count, display_order = 901, help_heading = GLOBAL)]
    verbose: u8,
    /// Print one JSON document on stdout, also when the command fails
    ///
    /// Its shapes are described in docs/json.md. `status`, `diff`, `list` and `data status` print what DVC prints.
    #[arg(long, global = true, display_order = 899, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// How to show progress on stderr: auto, plain (lines) or none
    ///
    /// With `auto`, there are bars on a terminal, and a line every 30 seconds elsewhere.
    #[arg(long, global = true, value_name = "how", default_value = "auto", hide_possible_values = true, display_order = 902, help_heading = GLOBAL)]
    pub(crate) progress: ProgressChoice,
    /// When to use colors: auto, always or never
    ///
    /// With `auto`, a terminal gets colors, unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "when", default_value = "auto", hide_possible_values = true, display_order = 903, help_heading = GLOBAL)]
    pub(crate) color: ColourChoice,
    /// Print the version
    #[arg(short = 'V', long, exclusive = true)]
    pub(crate) version: bool,
    /// Run as if started in this folder
    #[arg(long, value_name = "path")]
    pub(crate) cd: Option<PathBuf>,
    /// Wait for as long as another process holds the lock of the repository
    #[arg(long)]
    pub(crate) wait_for_lock: bool,
}

impl GlobalArgs {
    /// Returns how much is to be said; `None` if the flags contradict each other.
    pub(crate) fn verbosity(&self) -> Option<Verbosity> {
        match (self.quiet, self.verbose) {
            (0, 0) => Some(Verbosity::Normal),
            (0, n_times) => Some(Verbosity::Verbose(n_times)),
            (_, 0) => Some(Verbosity::Quiet),
            _ => None,
        }
    }
}

/// The commands, named as in DVC.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(command::init::InitArgs),
    Add(command::add::AddArgs),
    Push(command::transfer::PushArgs),
    Fetch(command::transfer::FetchArgs),
    Pull(command::transfer::PullArgs),
    Checkout(command::checkout::CheckoutArgs),
    Status(command::status::StatusArgs),
    Remote(command::remote::RemoteArgs),
    Config(command::config::ConfigArgs),
    Cache(command::cache::CacheArgs),
    Commit(command::commit::CommitArgs),
    Destroy(command::destroy::DestroyArgs),
    Freeze(command::freeze::FreezeArgs),
    Unfreeze(command::freeze::UnfreezeArgs),
    Install(command::install::InstallArgs),
    #[command(hide = true)]
    GitHook(command::git_hook::GitHookArgs),
    Update(command::update::UpdateArgs),
    ImportUrl(command::import_url::ImportUrlArgs),
    GetUrl(command::get_url::GetUrlArgs),
    #[command(alias = "ls-url")]
    ListUrl(command::list_url::ListUrlArgs),
    #[command(alias = "mv")]
    Move(command::relocate::MoveArgs),
    #[command(alias = "rm")]
    Remove(command::remove::RemoveArgs),
    Unprotect(command::unprotect::UnprotectArgs),
    Gc(command::gc::GcArgs),
    #[command(visible_alias = "ls")]
    List(command::list::ListArgs),
    Diff(command::diff::DiffArgs),
    Data(command::data::DataArgs),
    Import(command::import::ImportArgs),
    Get(command::get::GetArgs),
    Du(command::disk_usage::DiskUsageArgs),
    CheckIgnore(command::check_ignore::CheckIgnoreArgs),
    Root(command::root::RootArgs),
    #[command(alias = "doctor")]
    Version(command::version::VersionArgs),
    Completion(command::completion::CompletionArgs),
    #[command(hide = true)]
    Util(command::generate::UtilArgs),
}
