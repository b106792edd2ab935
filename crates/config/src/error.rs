//! What can be wrong with a configuration.
//!
//! Rules: `Display` is DVC's own wording wherever DVC has one (scripts look for it), never repeats a source and
//! never shows a secret; [`Error::places`] says where the values stand; [`Error::hint`] says what to type.

use std::io;
use std::path::{Path, PathBuf};

use crate::ini::python_repr;
use crate::{Level, Origin};

/// The result of reading, checking or editing a configuration.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A value that takes part in an error, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The option.
    pub key: String,
    /// Where it was set.
    pub origin: Origin,
}

/// Why a configuration can't be read, used or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is not valid in the dialect.
    #[error("{message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The (first) line that is wrong, counted from 1.
        line: Option<usize>,
        /// What is wrong, in DVC's words.
        message: String,
    },
    /// `%(name)s` names an option that does not exist, or itself.
    #[error("{message}")]
    Interpolation {
        /// The file.
        path: PathBuf,
        /// The line of the value.
        line: usize,
        /// What is wrong, in DVC's words.
        message: String,
    },
    /// A section, an option or a value is not allowed.
    #[error("{message}{}", bracketed(path))]
    Schema {
        /// What is wrong, in DVC's words.
        message: String,
        /// The path of the value in the merged configuration.
        path: Vec<String>,
        /// Where it was set.
        places: Vec<Place>,
        /// What to type instead.
        hint: Option<String>,
    },
    /// Options that exclude each other are set, or a value can never work.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// The options that take part.
        places: Vec<Place>,
        /// What to type.
        hint: String,
    },
    /// Options that only work together are not all set.
    #[error("{message}")]
    Incomplete {
        /// What is missing.
        message: String,
        /// The options that are set.
        places: Vec<Place>,
        /// What to type.
        hint: String,
    },
    /// A remote was named that does not exist.
    #[error("remote '{name}' doesn't exist")]
    RemoteNotFound {
        /// The name.
        name: String,
        /// The nearest name that does exist.
        nearest: Option<String>,
    },
    /// A command that edits remotes was given a name that does not exist.
    #[error("remote '{name}' doesn't exist.")]
    RemoteUnknown {
        /// The name.
        name: String,
        /// The nearest name that does exist.
        nearest: Option<String>,
        /// Where the remote stands, if it stands in a level that the command does not look at.
        elsewhere: Option<Origin>,
    },
    /// `remote add` of a name that is taken.
    #[error("remote '{name}' already exists. Use `-f|--force` to overwrite it.")]
    RemoteExists {
        /// The name.
        name: String,
        /// Where the existing one stands.
        origin: Origin,
    },
    /// `remote rename` to a name that is taken.
    #[error("Rename failed. Remote name '{name}' already exists.")]
    RenameTargetExists {
        /// The name.
        name: String,
        /// Where the existing one stands.
        origin: Origin,
    },
    /// The default remote would be one that does not exist.
    #[error("default remote must be present in remote list.")]
    DefaultNotInList {
        /// The name.
        name: String,
        /// The nearest name that does exist.
        nearest: Option<String>,
    },
    /// A remote can't go because a higher level holds options of it, which would be left without a URL.
    #[error("remote '{name}' has options in a higher level")]
    InUseAbove {
        /// The name.
        name: String,
        /// Where the options of the higher level stand.
        origin: Origin,
    },
    /// No remote was named and there is no default.
    #[error("no remote specified{}", how_to_specify(root.as_deref(), available))]
    NoDefaultRemote {
        /// The remotes there are.
        available: Vec<String>,
        /// The root of the repository, where it is known.
        root: Option<PathBuf>,
    },
    /// The level has no file, because we are not in a repository.
    #[error("Not inside a DVC repo")]
    NotInRepository {
        /// The level.
        level: Level,
    },
    /// The level has no file, because the home directory is unknown.
    #[error("the home directory is unknown")]
    NoHome {
        /// The level.
        level: Level,
    },
    /// `config` of a section that does not exist.
    #[error("{kind} '{name}' doesn't exist")]
    SectionNotFound {
        /// `section`, `remote` or `db`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// `config` of an option that is not set.
    #[error("option '{option}' doesn't exist in {kind} '{name}'")]
    OptionNotFound {
        /// The option.
        option: String,
        /// `section`, `remote` or `db`.
        kind: &'static str,
        /// The section.
        name: String,
    },
    /// The dotted name of an option has the wrong shape.
    #[error("name argument should look like remote.name.option or db.name.option or section.option")]
    KeyName {
        /// The text.
        name: String,
    },
    /// A value or name can't be written in the dialect.
    #[error("value of `{key}` cannot be safely quoted")]
    Unquotable {
        /// The option or section.
        key: String,
    },
    /// An edit would leave a file that can't be read any more: a section and an option of one name side by side.
    #[error("the edited configuration file could not be read: {message}")]
    NotReadable {
        /// The file.
        path: PathBuf,
        /// The line of the edited file that would be wrong, counted from 1.
        line: usize,
        /// What would be wrong with it, in DVC's words.
        message: String,
    },
    /// A file can't be read or written.
    #[error("failed to {action} configuration file `{}`", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// DVC's words for what to do where no remote is specified.
fn how_to_specify(root: Option<&Path>, available: &[String]) -> String {
    let Some(root) = root else { return String::new() };
    let what = if available.is_empty() {
        "Create a default remote with\n    haul remote add -d <remote name> <remote url>"
    } else {
        "Setup default remote with\n    haul remote default <remote name>"
    };
    format!(" in {}. {what}", root.display())
}

impl Error {
    /// Returns the values that take part, each with the place it was set.
    pub fn places(&self) -> Vec<Place> {
        let place = |key: String, origin: &Origin| vec![Place { key, origin: origin.clone() }];
        match self {
            Self::Schema { places, .. } | Self::Invalid { places, .. } | Self::Incomplete { places, .. } => {
                places.clone()
            }
            Self::RemoteExists { name, origin } | Self::RenameTargetExists { name, origin } => {
                place(format!("remote.{name}"), origin)
            }
            _ => Vec::new(),
        }
    }

    /// Returns the file, and the line if it is known, of a mistake that is not about one option.
    pub fn file(&self) -> Option<(&Path, Option<usize>)> {
        match self {
            Self::Parse { path, line, .. } => Some((path, *line)),
            Self::Interpolation { path, line, .. } => Some((path, Some(*line))),
            Self::Io { path, .. } => Some((path, None)),
            _ => None,
        }
    }

    /// Returns what the user can type to repair it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Schema { hint, .. } => hint.clone(),
            Self::Invalid { hint, .. } | Self::Incomplete { hint, .. } => Some(hint.clone()),
            Self::RemoteUnknown { elsewhere: Some(elsewhere), .. } => Some(stands_at(elsewhere)),
            Self::RemoteNotFound { nearest: Some(nearest), .. }
            | Self::RemoteUnknown { nearest: Some(nearest), .. }
            | Self::DefaultNotInList { nearest: Some(nearest), .. } => {
                Some(format!("did you mean `{nearest}`?"))
            }
            Self::RemoteNotFound { .. } | Self::RemoteUnknown { .. } | Self::DefaultNotInList { .. } => {
                Some("list the remotes there are with `haul remote list`".to_owned())
            }
            Self::NoDefaultRemote { available, root } if available.is_empty() => {
                root.is_none().then(|| "add one with `haul remote add -d <name> <url>`".to_owned())
            }
            Self::NoDefaultRemote { available, .. } => Some(format!(
                "name one with `--remote <name>`, or make it the default with `haul remote default <name>`; there are: {}",
                available.join(", ")
            )),
            Self::NotInRepository { .. } => {
                Some("use `--global` or `--system`, or change into a repository".to_owned())
            }
            Self::Io { source, .. } => {
                crate::Exhausted::of(source).map(|exhausted| exhausted.hint().to_owned())
            }
            Self::NoHome { .. } => Some("set `HOME`, or `DVC_GLOBAL_CONFIG_DIR` to a folder".to_owned()),
            Self::Unquotable { .. } => {
                Some("quotes of both kinds, and characters that end a line, can't stand there".to_owned())
            }
            Self::NotReadable { path, .. } => Some(format!(
                "nothing was written; a section and an option cannot have one name: look into `{}`",
                path.display()
            )),
            Self::InUseAbove { name, origin, .. } => {
                let flag = level_flag(origin);
                Some(format!("first type `haul remote remove{flag} {name}`"))
            }
            _ => None,
        }
    }

    /// Tells whether DVC puts `config file error: ` before the message.
    pub fn is_config_file_error(&self) -> bool {
        !matches!(
            self,
            Self::KeyName { .. }
                | Self::Io { .. }
                | Self::Unquotable { .. }
                | Self::Invalid { .. }
                | Self::Incomplete { .. }
        )
    }
}

/// Returns the flag that names the level of an option, with a blank before it; the repository's needs none.
pub fn level_flag(origin: &Origin) -> &'static str {
    match origin {
        Origin::File { level, .. } => flag_of(*level),
        _ => "",
    }
}

/// Returns the flag that names a level, with a blank before it; the repository's needs none.
pub(crate) fn flag_of(level: Level) -> &'static str {
    match level {
        Level::System => " --system",
        Level::Global => " --global",
        Level::Local => " --local",
        Level::Repo => "",
    }
}

/// Says which flag makes a command look where something stands.
pub(crate) fn stands_at(origin: &Origin) -> String {
    match level_flag(origin) {
        "" => format!("it stands at {origin}: add `--project`"),
        flag => format!("it stands at {origin}: add `{}`", flag.trim_start()),
    }
}

/// Writes a path as Python does: ` @ data['remote']['origin']`; the name of an exclusion group has no quotes.
fn bracketed(path: &[String]) -> String {
    if path.is_empty() {
        return String::new();
    }
    let show = |part: &String| if part == "<config_source>" { part.clone() } else { python_repr(part) };
    let shown: Vec<String> = path.iter().map(show).collect();
    format!(" @ data[{}]", shown.join("]["))
}
