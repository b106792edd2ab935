//! Where a value came from.

use std::fmt;
use std::path::{Path, PathBuf};

/// The four configuration files of DVC; a later one overrides an earlier one.
///
/// Source: <https://dvc.org/doc/user-guide/project-structure/configuration>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every user of the machine; has the lowest precedence.
    System,
    /// One user, all repositories.
    Global,
    /// The repository: `.dvc/config`, tracked by Git.
    Repo,
    /// The checkout: `.dvc/config.local`, ignored by Git; has the highest precedence.
    Local,
}

impl Level {
    /// All levels, from the lowest precedence to the highest.
    pub const ALL: [Self; 4] = [Self::System, Self::Global, Self::Repo, Self::Local];

    /// Returns the name DVC uses for this level in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Global => "global",
            Self::Repo => "repo",
            Self::Local => "local",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The place a value was read from.
///
/// An origin is more than decoration: relative paths in a configuration file are relative to that file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The value is not set: it is the built-in default.
    Default,
    /// A DVC configuration file.
    File {
        /// The level of the file.
        level: Level,
        /// The file.
        path: PathBuf,
        /// The line of the value, counted from 1.
        line: usize,
    },
    /// A file of the AWS tools (`~/.aws/config`, `~/.aws/credentials`).
    AwsFile {
        /// The file.
        path: PathBuf,
        /// The section, as `profile work` or `default`.
        section: String,
        /// The line of the value, counted from 1.
        line: usize,
    },
    /// An environment variable.
    Env {
        /// The name of the variable.
        name: String,
    },
    /// The command line.
    CommandLine,
}

impl Origin {
    /// Returns the configuration file the value stands in, if it stands in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } | Self::AwsFile { path, .. } => Some(path),
            Self::Default | Self::Env { .. } | Self::CommandLine => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line, .. } => write!(formatter, "{}:{line}", path.display()),
            Self::AwsFile { path, section, line } => {
                write!(formatter, "{}:{line} [{section}]", path.display())
            }
            Self::Env { name } => write!(formatter, "environment variable {name}"),
            Self::CommandLine => formatter.write_str("command line"),
        }
    }
}

/// A value together with the place it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was read.
    pub origin: Origin,
}

impl<T> Located<T> {
    /// Pairs `value` with its `origin`.
    pub fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }

    /// Wraps a built-in default.
    pub fn default_value(value: T) -> Self {
        Self::new(value, Origin::Default)
    }

    /// Changes the value and keeps the origin.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: change(self.value), origin: self.origin }
    }

    /// Borrows the value and copies the origin.
    pub fn as_ref(&self) -> Located<&T> {
        Located { value: &self.value, origin: self.origin.clone() }
    }
}
