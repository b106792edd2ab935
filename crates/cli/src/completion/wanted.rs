//! What each argument takes.

/// Where the values of an argument come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Outs and the files in them, `.dvc` files and stages.
    Target,
    /// `.dvc` files and stages.
    Stage,
    /// A path in the repository that `url` names.
    RepositoryPath,
    /// Any path.
    Path,
    /// A directory.
    Directory,
    /// Data outside of the repository: a path, or a path in a remote.
    DataUrl,
    /// The name of a remote.
    Remote,
    /// An option of the remote that was named before.
    RemoteOption,
    /// A value of that option.
    RemoteValue,
    /// An option and its value, with `=` between them.
    UrlOption,
    /// An option of the configuration.
    Key,
    /// A value of that option.
    KeyValue,
    /// A branch or tag.
    Revision,
}

/// Arguments that mean something else in one command than in most.
const SPECIAL: &[(&str, &str, Option<Wanted>)] = &[
    ("add", "targets", Some(Wanted::Path)),
    ("check-ignore", "targets", Some(Wanted::Path)),
    ("completion", "name", None),
    ("config", "name", Some(Wanted::Key)),
    ("config", "value", Some(Wanted::KeyValue)),
    ("cache dir", "value", Some(Wanted::Directory)),
    ("freeze", "targets", Some(Wanted::Stage)),
    ("unfreeze", "targets", Some(Wanted::Stage)),
    ("update", "targets", Some(Wanted::Stage)),
    ("remove", "targets", Some(Wanted::Stage)),
    ("remote add", "name", None),
    ("remote add", "url", Some(Wanted::Directory)),
    ("import-url", "url", Some(Wanted::DataUrl)),
    ("get-url", "url", Some(Wanted::DataUrl)),
    ("list-url", "url", Some(Wanted::DataUrl)),
    ("remote modify", "value", Some(Wanted::RemoteValue)),
    // The revisions are those of the source of an import.
    ("update", "rev", None),
];

/// What arguments mean in most commands, by their name.
const USUAL: &[(&str, Wanted)] = &[
    ("a_rev", Wanted::Revision),
    ("b_rev", Wanted::Revision),
    ("cd", Wanted::Directory),
    ("config", Wanted::Path),
    ("directory", Wanted::Directory),
    ("dst", Wanted::Path),
    ("fs_config", Wanted::UrlOption),
    ("name", Wanted::Remote),
    ("option", Wanted::RemoteOption),
    ("out", Wanted::Path),
    ("path", Wanted::RepositoryPath),
    ("projects", Wanted::Directory),
    ("remote", Wanted::Remote),
    ("remote_config", Wanted::UrlOption),
    ("rev", Wanted::Revision),
    ("src", Wanted::Target),
    ("targets", Wanted::Target),
    ("url", Wanted::Directory),
];

/// Returns what an argument of a command takes; `None` if that is known to the parser of the command line, or to the user.
pub(super) fn of(command: &str, argument: &str) -> Option<Wanted> {
    let special = SPECIAL.iter().find(|(known, name, _)| *known == command && *name == argument);
    match special {
        Some((_, _, wanted)) => *wanted,
        None => USUAL.iter().find(|(name, _)| *name == argument).map(|(_, wanted)| *wanted),
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;
    use crate::examples::command_tree;

    /// Arguments whose values a user has to know.
    const FREE: &[&str] =
        &["date", "jobs", "level", "max_size", "new", "num", "older_than", "paths", "remote_jobs"];

    fn check(command: &Command, path: &str) {
        for argument in command.get_arguments() {
            let takes_values = argument.get_num_args().is_none_or(|number| number.takes_values());
            let (name, is_flag) = (argument.get_id().as_str(), !argument.get_action().takes_values());
            let is_named = !argument.get_possible_values().is_empty();
            let is_special = SPECIAL.iter().any(|(known, id, _)| *known == path && *id == name);
            let is_known = is_flag || !takes_values || is_named || of(path, name).is_some();
            assert!(is_known || is_special || FREE.contains(&name), "`{path}`: what completes `{name}`?");
        }
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            let path = format!("{path} {}", inner.get_name());
            check(inner, path.trim());
        }
    }

    #[test]
    fn every_argument_is_completed_or_known_to_be_free() {
        check(&command_tree(), "");
    }

    #[test]
    fn every_entry_names_an_argument() {
        let tree = command_tree();
        for (command, name, _) in SPECIAL {
            let inner = command.split(' ').fold(&tree, |tree, word| tree.find_subcommand(word).unwrap());
            let is_there = inner.get_arguments().any(|argument| argument.get_id() == name);
            assert!(is_there, "`{command}` has no `{name}`");
        }
    }
}
