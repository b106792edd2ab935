//! The commands: one file per verb, one folder per noun.

pub(crate) mod add;
pub(crate) mod cache;
pub(crate) mod check_ignore;
pub(crate) mod checkout;
pub(crate) mod commit;
pub(crate) mod completion;
pub(crate) mod config;
mod confirm;
mod context;
pub(crate) mod data;
pub(crate) mod destroy;
pub(crate) mod diff;
pub(crate) mod disk_usage;
mod documents;
mod external;
pub(crate) mod freeze;
mod fs_config;
pub(crate) mod gc;
pub(crate) mod generate;
pub(crate) mod get;
pub(crate) mod get_url;
mod git_hint;
pub(crate) mod git_hook;
pub(crate) mod import;
pub(crate) mod import_url;
pub(crate) mod init;
pub(crate) mod install;
mod level;
pub(crate) mod list;
pub(crate) mod list_url;
pub(crate) mod relocate;
pub(crate) mod remote;
pub(crate) mod remove;
pub(crate) mod root;
mod secret_hint;
mod secret_value;
mod select;
pub(crate) mod status;
pub(crate) mod transfer;
pub(crate) mod unprotect;
pub(crate) mod update;
pub(crate) mod version;

use std::ffi::OsString;
use std::path::Path;

use clap::FromArgMatches;
use haul_config::Env;
use haul_repo::ops::Failure;

use crate::args::{Cli, Command};
use crate::command_error::{CommandError, Verb};
use crate::examples::command_tree;
use crate::exit::ExitStatus;
use crate::hand_over::{Foreign, HandOver};
use crate::ui::{OutputFormat, Printer};
use crate::{log, usage};

pub(crate) use context::Context;

/// Lines of single objects and files that are printed.
const MAX_LINES: usize = 50;

/// The result of a command: how it ended, or why it failed.
pub(crate) type CommandResult = Result<ExitStatus, CommandError>;

/// Parses the command line and runs the command.
pub(crate) fn run(
    args: &[OsString],
    env: &Env,
    mut printer: Printer,
    columns: Option<usize>,
    foreign: Foreign,
) -> ExitStatus {
    if asks_for_version(args) {
        let version = format!("{}\n", shown_version(args));
        return finish(&printer, args, printer.out_always(&version).map(|()| ExitStatus::Success));
    }
    printer.set_format(OutputFormat::from_flag(usage::asks_for_json(args)));
    let parsed = command_tree().try_get_matches_from(args);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            if let Some(hand_over) = HandOver::of(args) {
                return finish(&printer, args, hand_over.carry_out(env, foreign));
            }
            let usage::Usage { help, error } = usage::explain(&error, args, columns);
            let result = if let Some(error) = error {
                refuse(&printer, &help, error)
            } else {
                // Help is text, whatever else was asked for.
                printer.set_format(OutputFormat::Text);
                printer.out_always(&help).map(|()| ExitStatus::Success)
            };
            return finish(&printer, args, result);
        }
    };
    printer.set_format(OutputFormat::from_flag(cli.global.json));
    let Some(verbosity) = cli.global.verbosity() else {
        let error = CommandError::usage("argument -v/--verbose: not allowed with argument -q/--quiet");
        let refused = refuse(&printer, &usage::help_for(args, columns), error);
        return finish(&printer, args, refused);
    };
    printer.set_verbosity(verbosity);
    printer.set_display(cli.global.progress, cli.global.color);
    if let Err(reason) = log::init(verbosity, env, printer.stderr_colours()) {
        printer.warning(&reason);
    }
    // Never the arguments: they may hold secrets.
    tracing::debug!(version = env!("CARGO_PKG_VERSION"), os = std::env::consts::OS, "haul starts");
    let context = Context::new(&cli.global, env.clone(), printer, is_called_dvc(args.first()));
    let result = context.enter(&cli.global).and_then(|context| dispatch(cli.command, &context));
    finish(
        context.printer(),
        args,
        result.map_err(|error| error.interrupted_by(context.interrupted_status())),
    )
}

fn dispatch(command: Command, context: &Context) -> CommandResult {
    match command {
        Command::Init(args) => args.run(context),
        Command::Add(args) => args.run(context),
        Command::Push(args) => args.run(context),
        Command::Fetch(args) => args.run(context),
        Command::Pull(args) => args.run(context),
        Command::Checkout(args) => args.run(context),
        Command::Status(args) => args.run(context),
        Command::Remote(args) => args.run(context),
        Command::Config(args) => args.run(context),
        Command::Cache(args) => args.run(context),
        Command::Commit(args) => args.run(context),
        Command::Destroy(args) => args.run(context),
        Command::Freeze(args) => args.run(context),
        Command::GitHook(args) => args.run(context),
        Command::Install(args) => args.run(context),
        Command::Unfreeze(args) => args.run(context),
        Command::Update(args) => args.run(context),
        Command::ImportUrl(args) => args.run(context),
        Command::GetUrl(args) => args.run(context),
        Command::ListUrl(args) => args.run(context),
        Command::Move(args) => args.run(context),
        Command::Remove(args) => args.run(context),
        Command::Unprotect(args) => args.run(context),
        Command::Gc(args) => args.run(context),
        Command::List(args) => args.run(context),
        Command::Diff(args) => args.run(context),
        Command::Data(args) => args.run(context),
        Command::Import(args) => args.run(context),
        Command::Get(args) => args.run(context),
        Command::Du(args) => args.run(context),
        Command::CheckIgnore(args) => args.run(context),
        Command::Root(args) => args.run(context),
        Command::Version(args) => args.run(context),
        Command::Completion(args) => args.run(context),
        Command::Util(args) => args.run(context),
    }
}

/// Ends a command with the failures of single targets, if there are any: one line each.
fn fail(verb: Verb, mut failed: Vec<Failure>) -> CommandResult {
    let Some(last) = failed.pop() else { return Ok(ExitStatus::Success) };
    let (subject, last) = (last.subject, verb.error(last.error));
    Err(failed.into_iter().fold(last.about(subject), |made, failure| {
        made.with_detail(verb.error(failure.error).about(failure.subject))
    }))
}

/// Says of each `dvc.lock` what DVC says when it writes one.
fn locks_written(repo: &haul_repo::Repo, locks: &[(std::path::PathBuf, bool)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (lock, is_new) in locks {
        let lock = repo.display_path(lock);
        if *is_new {
            lines.push(format!("Generating lock file '{lock}'"));
        }
        lines.push(format!("Updating lock file '{lock}'"));
    }
    lines
}

/// Tells whether `-V` stands before the command, where it wins over anything that follows.
fn asks_for_version(args: &[OsString]) -> bool {
    args.iter()
        .skip(1)
        .take_while(|word| word.to_str().is_some_and(|word| word.starts_with('-')))
        .any(|word| word == "-V" || word == "--version")
}

/// Returns the version that `--version` says: DVC's where the program is called by DVC's name, for tools that look for a
/// version of DVC they know.
fn shown_version(args: &[OsString]) -> &'static str {
    if is_called_dvc(args.first()) { crate::DVC_VERSION } else { env!("CARGO_PKG_VERSION") }
}

/// Whether the program was called as `dvc`, as by a link of that name.
pub(crate) fn is_called_dvc(program: Option<&OsString>) -> bool {
    program.is_some_and(|program| Path::new(program).file_stem() == Some("dvc".as_ref()))
}

/// Refuses a command line; the help of the command stands before the error, as DVC shows it, unless stdout is for JSON.
fn refuse(printer: &Printer, help: &str, error: CommandError) -> CommandResult {
    if printer.format() == OutputFormat::Text {
        printer.out_always(help)?;
    }
    Err(error)
}

/// Prints what is left to be printed and returns how the run ended.
fn finish(printer: &Printer, args: &[OsString], result: CommandResult) -> ExitStatus {
    let concluded = match &result {
        Err(error) if error.is_silent() => Ok(()),
        result => printer.conclude(usage::command_name(args), result.as_ref().err()),
    };
    let flushed = result.and_then(|status| concluded.and_then(|()| printer.flush()).map(|()| status));
    flushed.unwrap_or_else(|error| {
        printer.error(&error);
        error.status()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_tree_is_consistent() {
        command_tree().debug_assert();
    }
}
