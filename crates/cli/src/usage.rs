//! Answers to a command line that makes no sense, in the way of DVC: the help of the command on stdout, one
//! `ERROR:` line on stderr.

use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::command_error::CommandError;
use crate::examples::command_tree;

/// What to print for a command line that clap did not accept.
#[derive(Debug)]
pub(crate) struct Usage {
    /// Help for stdout.
    pub(crate) help: String,
    /// The error for stderr; `None` if help is what was asked for.
    pub(crate) error: Option<CommandError>,
}

/// Explains why `args` were not accepted.
pub(crate) fn explain(error: &clap::Error, args: &[OsString], columns: Option<usize>) -> Usage {
    let mut root = command_tree();
    if let Some(columns) = columns {
        root = root.term_width(columns);
    }
    root.build();
    let misplaced = misplaced(error, &root, args);
    let (command, is_root) = innermost(&mut root, args);
    if error.kind() == ErrorKind::DisplayHelp {
        return Usage { help: error.render().to_string(), error: None };
    }
    let message = describe(error, command, is_root);
    let mut explained = CommandError::usage(message);
    if let Some(suggestion) = misplaced.or_else(|| suggestion(error)) {
        explained = explained.with_hint(suggestion);
    }
    Usage { help: command.render_help().to_string(), error: Some(explained) }
}

/// Whether `args` ask for JSON, also where they make no sense otherwise.
pub(crate) fn asks_for_json(args: &[OsString]) -> bool {
    // Long flags may be cut short; `--js` is the shortest one that is not `--jobs`.
    let words = args.iter().skip(1).map_while(|word| word.to_str().filter(|word| *word != "--"));
    words.into_iter().any(|word| word.len() >= "--js".len() && "--json".starts_with(word))
}

/// Returns the name of the command that `args` name, as `remote add`; `None` if they name none.
pub(crate) fn command_name(args: &[OsString]) -> Option<String> {
    let mut root = command_tree();
    root.build();
    let (command, is_root) = innermost(&mut root, args);
    let name = command.get_bin_name().unwrap_or_default();
    (!is_root).then(|| name.strip_prefix("haul ").unwrap_or(name).to_owned())
}

/// Returns the help of the command that `args` name.
pub(crate) fn help_for(args: &[OsString], columns: Option<usize>) -> String {
    let mut root = command_tree();
    if let Some(columns) = columns {
        root = root.term_width(columns);
    }
    root.build();
    innermost(&mut root, args).0.render_help().to_string()
}

/// Finds the innermost command that `args` name.
fn innermost<'cli>(root: &'cli mut Command, args: &[OsString]) -> (&'cli mut Command, bool) {
    let mut command = root;
    let mut is_root = true;
    let mut words = args.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        if word.starts_with('-') {
            if is_root && takes_value(word) {
                words.next();
            }
            continue;
        }
        let is_known =
            |sub: &Command| sub.get_name() == word || sub.get_all_aliases().any(|alias| alias == word);
        let Some(name) =
            command.get_subcommands().find(|sub| is_known(sub)).map(|sub| sub.get_name().to_owned())
        else {
            break;
        };
        command = command.find_subcommand_mut(&name).expect("the name was just seen among the subcommands");
        is_root = false;
    }
    (command, is_root)
}

/// Whether a flag of haul before the command has its value in the next word.
pub(crate) fn takes_value(flag: &str) -> bool {
    ["--cd", "--progress", "--color"].contains(&flag)
}

/// Says in the words of DVC's parser what is wrong.
fn describe(error: &clap::Error, command: &Command, is_root: bool) -> String {
    let argument = context(error, ContextKind::InvalidArg).map(|name| dvc_name(command, &name));
    let value = context(error, ContextKind::InvalidValue);
    let placeholder = if is_root { "command" } else { "cmd" };
    match (error.kind(), argument, value) {
        (ErrorKind::UnknownArgument, ..) => {
            let argument = context(error, ContextKind::InvalidArg).unwrap_or_default();
            format!("unrecognized arguments: {argument}")
        }
        (ErrorKind::InvalidSubcommand, ..) => {
            let name = context(error, ContextKind::InvalidSubcommand).unwrap_or_default();
            let known: Vec<String> = command
                .get_subcommands()
                // In DVC's words, which has no such command.
                .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
                .map(|sub| format!("'{}'", sub.get_name()))
                .collect();
            format!("argument {placeholder}: invalid choice: '{name}' (choose from {})", known.join(", "))
        }
        (ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, ..) => {
            format!("the following arguments are required: {placeholder}")
        }
        (ErrorKind::MissingRequiredArgument, ..) => {
            let names: Vec<String> = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::Strings(names)) => {
                    names.iter().map(|name| dvc_name(command, name)).collect()
                }
                _ => Vec::new(),
            };
            format!("the following arguments are required: {}", names.join(", "))
        }
        (ErrorKind::InvalidValue, Some(argument), value) => match (value, error.get(ContextKind::ValidValue))
        {
            (Some(value), Some(ContextValue::Strings(valid))) if !value.is_empty() => {
                let valid: Vec<String> = valid.iter().map(|value| format!("'{value}'")).collect();
                format!("argument {argument}: invalid choice: '{value}' (choose from {})", valid.join(", "))
            }
            _ => format!("argument {argument}: expected one argument"),
        },
        (ErrorKind::ValueValidation, Some(argument), Some(value)) => {
            use std::error::Error as _;
            let reason = error.source().map_or_else(|| String::from("invalid value"), ToString::to_string);
            if reason.contains(&value) || argument == "name" {
                format!("argument {argument}: {reason}")
            } else {
                format!("argument {argument}: {reason}: '{value}'")
            }
        }
        (ErrorKind::ArgumentConflict, Some(argument), _) => {
            let other = match error.get(ContextKind::PriorArg) {
                Some(ContextValue::String(name)) => dvc_name(command, name),
                Some(ContextValue::Strings(names)) => {
                    names.iter().map(|name| dvc_name(command, name)).collect::<Vec<_>>().join(", ")
                }
                _ => String::from("another argument"),
            };
            // clap names them in the order of the command line, and Python's parser the later one first.
            format!("argument {other}: not allowed with argument {argument}")
        }
        _ => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    }
}

/// Turns clap's `--jobs <number>` or `<url>` into DVC's `-j/--jobs` or `url`.
fn dvc_name(command: &Command, shown: &str) -> String {
    let bare = shown.split([' ', '=']).next().unwrap_or(shown);
    if let Some(long) = bare.strip_prefix("--") {
        let argument = command.get_arguments().find(|argument| argument.get_long() == Some(long));
        return match argument.and_then(clap::Arg::get_short) {
            Some(short) => format!("-{short}/--{long}"),
            None => format!("--{long}"),
        };
    }
    bare.trim_matches(['<', '>', '[', ']', '.']).to_lowercase()
}

/// Says where a flag goes that stands behind the command and belongs before it.
fn misplaced(error: &clap::Error, root: &Command, args: &[OsString]) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let found = context(error, ContextKind::InvalidArg)?;
    let flag = found.split('=').next().unwrap_or_default();
    let argument = root.get_arguments().find(|argument| {
        argument.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long))
            && !argument.is_global_set()
    })?;
    // The words up to the flag are the command, its value would be part of what follows.
    let words: Vec<&str> = args.iter().skip(1).filter_map(|word| word.to_str()).collect();
    let command = words.iter().copied().find(|word| !word.starts_with('-'))?;
    let value = if argument.get_action().takes_values() { " <path>" } else { "" };
    Some(format!("`{flag}` stands before the command: `haul {flag}{value} {command} …`"))
}

fn suggestion(error: &clap::Error) -> Option<String> {
    let texts = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let similar = texts.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        // The nearest one comes last.
        ContextValue::Strings(texts) => texts.last().cloned(),
        ContextValue::StyledStr(text) => Some(text.to_string()),
        _ => None,
    });
    similar.map(|text| format!("did you mean `{text}`?"))
}
