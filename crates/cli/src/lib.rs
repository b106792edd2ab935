//! The command line of haul: words in, words out.
//!
//! This crate knows no algorithms, no HTTP status and no S3 code: it turns arguments into options of the
//! libraries, and their reports and errors into text, JSON and an exit code.
//!
//! | Question | Module |
//! |---|---|
//! | What may be typed? | `args`, and one file per command in `command` |
//! | What is answered to a bad command line? | `usage` |
//! | What are the examples at the end of each help text? | `examples` |
//! | What does a program get? | `--json`: `command::documents`, `ui::document` |
//! | What may follow on a command line that is being typed? | `completion` |
//! | What happens to commands that only DVC has? | `hand_over` |
//! | What is shown, and where? | `ui` |
//! | What is an error called, and what helps? | `command_error` |
//! | Which number ends the process? | [`ExitStatus`] |
//! | What happens at Ctrl-C? | `interrupt` |
//!
//! # Known differences from DVC
//!
//! - Log lines of `-v` go to stderr; DVC writes them to stdout, among the data.
//! - `-q` and `-v` count before the command as well; DVC forgets them there.
//! - `remote list` is never wrapped, and keeps its tabs where the output is not a terminal.
//! - `config --list` masks secrets; naming an option prints it.
//! - `remote add -d` names the new default remote when it has it, not before it has checked anything.
//! - `-q` with `-v` is a usage error like any other (254); DVC answers 2.
//! - A command with `--json` that fails prints a document with its errors; DVC leaves stdout empty.
//! - `fetch` and `pull` without any remote, and objects that exist nowhere, are errors.

#![warn(missing_docs)]

mod args;
mod command;
mod command_error;
mod completion;
mod examples;
mod exit;
mod hand_over;
mod interrupt;
mod log;
mod mfa;
mod ui;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use haul_config::Env;

use hand_over::Foreign;

pub use exit::ExitStatus;
pub use ui::{Captured, Stream, Ui};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The version of DVC whose behaviour this program reproduces.
pub const DVC_VERSION: &str = "3.67.1";

/// Runs the program with the arguments, environment and streams of this process; for a command that only DVC has, the
/// process becomes DVC.
pub fn main() -> ExitCode {
    let ui = Ui::from_process();
    match Env::from_process() {
        Ok(env) => run_with(std::env::args_os(), &env, ui, Foreign::Replace).into(),
        Err(error) => ui.cannot_start(&error).into(),
    }
}

/// Runs one command; `args` starts with the name of the program.
///
/// Nothing is read from the process but what comes in through the arguments, so that a test or a program can
/// run many commands side by side, each with an environment and a working directory of its own. What they
/// share is the log (`-v`), whose first user in the process decides. Commands that only DVC has are refused.
pub fn run(args: impl IntoIterator<Item = OsString>, env: &Env, ui: Ui) -> ExitStatus {
    run_with(args, env, ui, Foreign::Refuse)
}

fn run_with(args: impl IntoIterator<Item = OsString>, env: &Env, ui: Ui, foreign: Foreign) -> ExitStatus {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(answer) = completion::answer(&args, env) {
        return ui.answer(&answer);
    }
    // <https://no-color.org>: an empty value does not count.
    let forbids_colours = env.var("NO_COLOR").is_some_and(|value| !value.is_empty());
    let are_colours_forbidden = forbids_colours || env.var("TERM") == Some("dumb");
    let columns = ui.columns;
    let printer = ui::Printer::new(ui, are_colours_forbidden);
    command::run(&args, env, printer, columns, foreign)
}
