//! What can be wrong with a configuration.
//!
//! Rules: `Display` is DVC's own wording wherever DVC has one (scripts look for it), never repeats a source and
//! never shows a secret; [`Error::places`] says where the values stand; [`Error::hint`] says what to type.

use std::io;
use std::path::PathBuf;

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
    #[error("{message} @ data{}", bracketed(path))]
    Schema {
        /// What is wrong, in DVC's words.
        message: String,
        /// The path of the value in the merged configuration.
        path: Vec<String>,
        /// Where it was set.
        origin: Origin,
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
    /// No remote was named and there is no default.
    #[error("no remote specified")]
    NoDefaultRemote {
        /// The remotes there are.
        available: Vec<String>,
    },
    /// The level has no file, because we are not in a repository.
    #[error("Not inside a DVC repo")]
    NotInRepository {
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

impl Error {
    /// Returns the values that take part, each with the place it was set.
    pub fn places(&self) -> Vec<Place> {
        unimplemented!()
    }

    /// Returns what the user can type to repair it.
    pub fn hint(&self) -> Option<String> {
        unimplemented!()
    }

    /// Tells whether DVC puts `config file error: ` before the message.
    pub fn is_config_file_error(&self) -> bool {
        !matches!(self, Self::KeyName { .. } | Self::Io { .. } | Self::Unquotable { .. })
    }
}

/// Writes a path as Python does: `['remote']['origin']`.
fn bracketed(path: &[String]) -> String {
    path.iter().map(|part| format!("['{part}']")).collect()
}
