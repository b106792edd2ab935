//! Commands of DVC that haul does not have are DVC's: the whole command line goes to the `dvc` of this machine.

mod dvc_commands;
mod program;

use std::ffi::{OsStr, OsString};
use std::process::Command;

use haul_config::Env;
use haul_config::HAUL_HANDED_OVER;

use crate::command::CommandResult;
use crate::command_error::CommandError;
use crate::examples::command_tree;
use crate::usage;
use dvc_commands::{DVC_COMMANDS, subcommands};

/// How often in a row a command line may be handed over: by a stage of a pipeline that calls haul, for example.
const MAX_DEPTH: u32 = 8;

/// What happens to a command line that is DVC's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// This process becomes DVC.
    Replace,
    /// The command is refused: the process belongs to the program that called the library.
    Refuse,
}

/// A command line that is DVC's.
#[derive(Debug)]
pub(crate) struct HandOver {
    /// What is said where there is no DVC.
    refusal: CommandError,
    /// What DVC is called with.
    args: Vec<OsString>,
}

impl HandOver {
    /// Looks for a command of DVC that haul has not in `args`, which start with the name of the program.
    pub(crate) fn of(args: &[OsString]) -> Option<Self> {
        let words = command_words(args);
        let (_, first) = words.first()?;
        let known = subcommands(first)?;
        // The second word is a subcommand only where DVC has it.
        let second = words.get(1).filter(|(_, word)| known.contains(&word.as_str()));
        let tree = command_tree();
        let (at, command) = match (tree.find_subcommand(first), second) {
            (None, None) => (words[0].0, first.clone()),
            (None, Some((at, word))) => (*at, format!("{first} {word}")),
            (Some(ours), Some((at, word))) if ours.find_subcommand(word).is_none() => {
                (*at, format!("{first} {word}"))
            }
            _ => return None,
        };
        Some(Self { refusal: CommandError::for_dvc(&command), args: for_dvc(args, at) })
    }

    /// Becomes DVC, which never returns; or says why that is impossible.
    pub(crate) fn carry_out(self, env: &Env, foreign: Foreign) -> CommandResult {
        if foreign == Foreign::Refuse {
            return Err(self.refusal);
        }
        let Some(program) = program::find(env)? else {
            return Err(self
                .refusal
                .with_hint("there is no `dvc` on PATH: install DVC, or set HAUL_DVC to its program"));
        };
        let depth = env.var(HAUL_HANDED_OVER).and_then(|depth| depth.parse().ok()).unwrap_or(0_u32);
        if depth >= MAX_DEPTH {
            let message = format!("`{}` leads back to haul", program.display());
            return Err(CommandError::usage(message).with_hint("set HAUL_DVC to the program of DVC itself"));
        }
        let mut command = Command::new(&program);
        command.args(&self.args).env(HAUL_HANDED_OVER, (depth + 1).to_string());
        become_program(command).map_err(|error| {
            CommandError::unexpected(format!("cannot run `{}`", program.display())).caused_by(&error)
        })
    }
}

/// Lists the commands of DVC that haul does not have.
pub(crate) fn foreign_commands() -> Vec<&'static str> {
    let tree = command_tree();
    // `find_subcommand` knows aliases, too.
    DVC_COMMANDS.iter().map(|(name, _)| *name).filter(|name| tree.find_subcommand(name).is_none()).collect()
}

/// Makes commands, for completion, of those that haul does not have; they show only when nothing else fits.
pub(crate) fn foreign_tree() -> Vec<clap::Command> {
    let targets = || clap::Arg::new("targets").num_args(0..);
    let inner = |name: &&'static str| clap::Command::new(*name).arg(targets());
    let tree = |name: &'static str| {
        let inner: Vec<clap::Command> = subcommands(name).unwrap_or_default().iter().map(inner).collect();
        let command = clap::Command::new(name).about("Left to DVC").hide(true);
        if inner.is_empty() { command.arg(targets()) } else { command.subcommands(inner) }
    };
    foreign_commands().into_iter().map(tree).collect()
}

/// Replaces this process, so that the exit code, signals and the terminal are DVC's.
#[cfg(unix)]
fn become_program(mut command: Command) -> Result<crate::ExitStatus, std::io::Error> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec())
}

/// Runs DVC and ends as it does, where a process cannot be replaced.
#[cfg(not(unix))]
#[expect(clippy::exit, reason = "the exit code is DVC's, which no outcome of haul has to have")]
fn become_program(mut command: Command) -> Result<crate::ExitStatus, std::io::Error> {
    std::process::exit(command.status()?.code().unwrap_or(255))
}

/// Returns the first words that are no flags, with their places: the command, and what follows it.
fn command_words(args: &[OsString]) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    let mut places = args.iter().enumerate().skip(1);
    while let Some((at, word)) = places.next() {
        let word = word.to_string_lossy();
        if word == "--" || words.len() == 2 {
            break;
        }
        if !word.starts_with('-') {
            words.push((at, word.into_owned()));
        } else if words.is_empty() && takes_value(&word) {
            places.next();
        }
    }
    words
}

/// Whether a flag before the command has its value in the next word.
pub(crate) fn takes_value(flag: &str) -> bool {
    usage::takes_value(flag) || ["--cprofile-dump", "--viztracer-depth"].contains(&flag)
}

/// Returns the arguments of DVC: those of haul, but `-q`, `-v` and `--json` follow the command at `at`, because DVC forgets
/// or refuses them before it; what DVC has no flag for stays away.
fn for_dvc(args: &[OsString], at: usize) -> Vec<OsString> {
    let (before, after) = args.split_at(at + 1);
    let (mut rest, mut flags) = (Vec::new(), Vec::new());
    let mut words = before.iter().skip(1);
    while let Some(word) = words.next() {
        if is_display(word) {
            let has_value_behind = word.to_str().is_some_and(usage::takes_value);
            words.by_ref().take(usize::from(has_value_behind)).for_each(drop);
        } else if follows_command(word) {
            flags.push(word.clone());
        } else {
            rest.push(word.clone());
        }
    }
    rest.into_iter().chain(flags).chain(after.iter().cloned()).collect()
}

/// Whether a word is a flag of the display, with its value or before it.
fn is_display(word: &OsStr) -> bool {
    let name = word.to_str().map(|word| word.split_once('=').map_or(word, |(name, _)| name));
    matches!(name, Some("--progress" | "--color"))
}

fn follows_command(word: &OsStr) -> bool {
    let Some(word) = word.to_str() else { return false };
    let repeats = |letter: char| word.len() > 1 && word[1..].chars().all(|other| other == letter);
    matches!(word, "--quiet" | "--verbose" | "--json")
        || word.starts_with('-') && (repeats('q') || repeats('v'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed_over(line: &str) -> Option<(String, String)> {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let HandOver { refusal, args } = HandOver::of(&args)?;
        let command = refusal.text().split('`').nth(1)?.to_owned();
        let args: Vec<String> = args.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Some((command, args.join(" ")))
    }

    #[test]
    fn commands_of_dvc_go_with_their_flags() {
        for (line, command, args) in [
            ("haul repro", "repro", "repro"),
            ("haul repro -f train", "repro", "repro -f train"),
            ("haul exp run -S a=1", "exp run", "exp run -S a=1"),
            ("haul exp", "exp", "exp"),
            ("haul metrics show --json", "metrics show", "metrics show --json"),
            ("haul --cd sub repro", "repro", "--cd sub repro"),
            ("haul --cd=sub --wait-for-lock repro", "repro", "--cd=sub --wait-for-lock repro"),
            ("haul --cd repro repro", "repro", "--cd repro repro"),
            ("haul -q repro a", "repro", "repro -q a"),
            ("haul -v exp -vv run -q x", "exp run", "exp run -v -vv -q x"),
            ("haul stage add -n x -- sh -q", "stage add", "stage add -n x -- sh -q"),
            ("haul --verbose dag --full", "dag", "dag --verbose --full"),
            ("haul --json metrics show", "metrics show", "metrics show --json"),
            ("haul --progress none --color=never -q repro", "repro", "repro -q"),
            ("haul --color always exp run --color never", "exp run", "exp run --color never"),
        ] {
            assert_eq!(handed_over(line), Some((command.to_owned(), args.to_owned())), "{line}");
        }
    }

    #[test]
    fn commands_of_haul_and_of_none_stay() {
        for line in
            ["haul", "haul push --nope", "haul nonsense", "haul remote check", "haul -q", "haul -- repro"]
        {
            assert_eq!(handed_over(line), None, "{line}");
        }
    }
}
