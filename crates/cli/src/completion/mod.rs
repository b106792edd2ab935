//! Completion: what may follow on a command line, for the shells, which ask by running the program.
//!
//! A script that [`script`] makes sets `COMPLETE` to the name of the shell and passes the line so far behind `--`. The answer is
//! made of the tree of commands by the engine of clap_complete, with the names of remotes, tracked data, options and revisions
//! that `values` and `paths` find. It never touches the network, never writes and never says what went wrong: a
//! question that cannot be answered has no candidates.
//!
//! | Question | Module |
//! |---|---|
//! | Which words were typed, and where does the last one break? | `line` |
//! | What does an argument take? | `wanted` |
//! | Which remotes, options, values and revisions are there? | `values` |
//! | Which targets and paths are there? | `paths` |
//! | How do shells ask, and how are they answered? | `shells` |

mod line;
mod paths;
mod shells;
mod values;
mod wanted;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use clap::{Arg, Command};
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use haul_config::Env;

use crate::examples::command_tree;
use crate::hand_over::{foreign_tree, takes_value};
use line::Line;
use wanted::Wanted;

pub(crate) use shells::script;

/// Names the shell that asks for completion; set by the scripts.
const COMPLETE: &str = "COMPLETE";

/// Answers a shell that asks what may follow, or for the script that makes it ask; `None` if the process was not started for
/// that.
pub(crate) fn answer(args: &[OsString], env: &Env) -> Option<String> {
    let shell = shells::by_name(env.var(COMPLETE)?)?;
    let program = if crate::command::is_called_dvc(args.first()) { "dvc" } else { "haul" };
    match args.get(1..) {
        None | Some([]) => Some(script(shell, program)),
        Some([escape, words @ ..]) if escape == "--" => {
            let words = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            let line = if shell == Shell::Bash { Line::from_bash(words) } else { Line::new(words) };
            Some(shells::answer(shell, &line, candidates(&line, env)))
        }
        // The variable is set for some other purpose.
        Some(_) => None,
    }
}

/// A word that may stand where the cursor is.
struct Candidate {
    value: String,
    about: Option<String>,
}

/// Finds what may stand for the last word of the line.
fn candidates(line: &Line, env: &Env) -> Vec<Candidate> {
    let place = Arc::new(Place::new(line, env));
    let mut tree = command_tree().subcommands(foreign_tree());
    tree = with_completers(tree, "", &place);
    let words = without_leading_values(&line.words);
    let position = words.len().saturating_sub(1);
    let found = clap_complete::engine::complete(&mut tree, words, position, Some(place.env.current_dir()));
    let found = found.unwrap_or_default().into_iter();
    let mut found: Vec<Candidate> = found.filter_map(|found| Candidate::from_clap(&found)).collect();
    // Flags are many, and asked for by a dash.
    if line.last().is_empty() {
        found.retain(|candidate| !candidate.value.starts_with('-'));
    }
    found
}

/// Leaves out the values of flags before the command: the engine takes one that is called like a command for the command.
fn without_leading_values(words: &[String]) -> Vec<OsString> {
    let Some((program, mut rest)) = words.split_first() else { return Vec::new() };
    while let [flag, _value, behind @ ..] = rest
        && flag.starts_with('-')
        && !behind.is_empty()
    {
        rest = if takes_value(flag) { behind } else { &rest[1..] };
    }
    [program].into_iter().chain(rest).map(OsString::from).collect()
}

impl Candidate {
    fn from_clap(candidate: &CompletionCandidate) -> Option<Self> {
        let value = candidate.get_value().to_str()?.to_owned();
        let about = candidate.get_help().map(ToString::to_string);
        // Answers are lines.
        (!value.contains(['\n', '\r'])).then_some(Self { value, about })
    }
}

/// What is known where a word is completed.
struct Place {
    /// The environment, in the directory that the command works in.
    env: Env,
    /// The words before the one that is completed.
    before: Vec<String>,
}

impl Place {
    fn new(line: &Line, env: &Env) -> Self {
        let before = line.words.split_last().map(|(_, before)| before.to_vec()).unwrap_or_default();
        let mut words = before.iter().skip(1);
        let mut env = env.clone();
        while let Some(word) = words.next().filter(|word| word.starts_with('-')) {
            let directory = match word.strip_prefix("--cd=") {
                Some(directory) => Some(directory),
                None if word == "--cd" => words.next().map(String::as_str),
                None => None,
            };
            if let Some(directory) = directory {
                let directory = env.absolute(directory);
                env = env.with_current_dir(directory);
            }
        }
        Self { env, before }
    }

    /// Returns what was typed for an argument of the command.
    fn argument(&self, name: &str) -> Option<String> {
        let tree = command_tree().ignore_errors(true);
        let matches = tree.try_get_matches_from(&self.before).ok()?;
        let mut innermost = &matches;
        while let Some((_, inner)) = innermost.subcommand() {
            innermost = inner;
        }
        let mut values = innermost.try_get_raw(name).ok()??;
        values.next_back().map(|value| value.to_string_lossy().into_owned())
    }

    /// Finds the values of an argument.
    fn values(&self, wanted: Wanted, typed: &str) -> Vec<CompletionCandidate> {
        match wanted {
            Wanted::Target => paths::targets(self, typed, false),
            Wanted::Stage => paths::targets(self, typed, true),
            Wanted::RepositoryPath => paths::of_repository(self, typed),
            Wanted::Path => paths::any(self, typed, false),
            Wanted::Directory => paths::any(self, typed, true),
            Wanted::DataUrl => values::data_urls(self, typed),
            Wanted::Remote => values::remotes(self, typed, ""),
            Wanted::RemoteOption => values::remote_options(self, typed),
            Wanted::RemoteValue => values::remote_value(self, typed),
            Wanted::UrlOption => values::url_options(self, typed),
            Wanted::Key => values::keys(self, typed),
            Wanted::KeyValue => values::key_value(self, typed),
            Wanted::Revision => values::revisions(self, typed),
        }
    }
}

/// Tells each argument of a command and of all below it where its values come from.
fn with_completers(command: Command, path: &str, place: &Arc<Place>) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    let command = names.iter().fold(command, |command, name| {
        let path = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command.mut_subcommand(name, |inner| with_completers(inner, &path, place))
    });
    command.mut_args(|argument: Arg| {
        let Some(wanted) = wanted::of(path, argument.get_id().as_str()) else { return argument };
        let place = Arc::clone(place);
        let completer = move |typed: &std::ffi::OsStr| match typed.to_str() {
            Some(typed) => place.values(wanted, typed),
            None => Vec::new(),
        };
        argument.add(ArgValueCompleter::new(completer))
    })
}

/// Makes a candidate, with what it is.
fn candidate(value: impl Into<String>, about: &str) -> CompletionCandidate {
    let about = (!about.is_empty()).then(|| about.to_owned().into());
    CompletionCandidate::new(value.into()).help(about)
}

/// Splits what was typed of a path into the directory, as typed, and the beginning of a name.
fn split_path(typed: &str) -> (&str, &str) {
    let at = typed.rfind(['/', if cfg!(windows) { '\\' } else { '/' }]).map_or(0, |at| at + 1);
    typed.split_at(at)
}

/// Returns the directory that a part of a path means, which may start with `~`.
fn directory_of(place: &Place, typed: &str) -> std::path::PathBuf {
    place.env.absolute(Path::new(typed))
}
