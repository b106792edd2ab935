//! From the errors of the libraries to words and codes.

use std::error::Error as _;

use haul_auth::Error as AuthError;
use haul_config::Error as ConfigError;
use haul_repo::Error as RepoError;
use haul_storage::{Error as StorageError, ErrorKind};

use super::{CommandError, FailureKind, kind};
use crate::exit::ExitStatus;

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        let prefix = if error.is_config_file_error() { "config file error: " } else { "" };
        let status = match error {
            ConfigError::KeyName { .. } => ExitStatus::Usage,
            ConfigError::Io { .. } | ConfigError::Unquotable { .. } => ExitStatus::Unexpected,
            _ => ExitStatus::Configuration,
        };
        let mut made = Self::new(status, format!("{prefix}{error}"));
        if let ConfigError::Io { .. } = error {
            made = made.with_kind(FailureKind::Io);
        }
        if let Some((path, _)) = error.file() {
            made = made.about_file(path);
        }
        if let Some(source) = error.source() {
            made = made.caused_by(source);
        }
        match error.file() {
            // The text of a failed read or write names its file itself.
            Some(_) if matches!(error, ConfigError::Io { .. }) => {}
            Some((path, Some(line))) => made = made.with_note(format!("at {}:{line}", path.display())),
            Some((path, None)) => made = made.with_note(format!("in {}", path.display())),
            None => {}
        }
        for place in error.places() {
            made = made.with_note(format!("`{}` is set at {}", place.key, place.origin)).about(place.key);
        }
        made.with_optional_hint(error.hint())
    }
}

/// The codes are those of an error while a repository is opened; a [`Verb`](super::Verb) knows others.
impl From<RepoError> for CommandError {
    fn from(error: RepoError) -> Self {
        match error {
            _ if error.is_interrupted() => Self::interrupted(),
            RepoError::Storage(error) => error.into(),
            RepoError::Config(error) => error.into(),
            RepoError::NotARepository(message) => Self::new(ExitStatus::NotARepository, message),
            RepoError::Many(mut errors) => {
                // All but one stand on lines of their own above the one that ends the command.
                let last = errors.pop().map_or_else(|| Self::unexpected(""), Self::from);
                errors.into_iter().fold(last, |made, error| made.with_detail(Self::from(error)))
            }
            error => {
                let (hint, (kind, path)) = (error.hint(), kind::of_repository(&error));
                let made = Self::unexpected("").caused_by(&error).with_optional_hint(hint).with_kind(kind);
                path.into_iter().fold(made, Self::about)
            }
        }
    }
}

impl From<StorageError> for CommandError {
    fn from(error: StorageError) -> Self {
        let status = match error.kind() {
            ErrorKind::Interrupted => return Self::interrupted(),
            ErrorKind::Config => ExitStatus::Configuration,
            _ => ExitStatus::Unexpected,
        };
        let made = Self::new(status, "").caused_by(&error).with_optional_hint(error.hint());
        let mut made = made.with_kind(error.kind().into());
        let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
        if let Some(cause) = causes.find_map(|cause| cause.downcast_ref::<AuthError>()) {
            made = made.explained_by(cause, error.hint().is_some());
        }
        made
    }
}

/// Shows what every source of credentials said: the reader knows best which one should have answered.
impl From<AuthError> for CommandError {
    fn from(error: AuthError) -> Self {
        Self::unexpected("").caused_by(&error).explained_by(&error, false)
    }
}

impl CommandError {
    fn explained_by(self, error: &AuthError, has_hint: bool) -> Self {
        let entries = error.trace().map(haul_auth::Trace::entries).unwrap_or_default();
        let explained = entries
            .iter()
            .fold(self, |made, entry| made.with_note(format!("{}: {}", entry.source, entry.answer.text())));
        if has_hint { explained } else { explained.with_optional_hint(error.hint()) }
    }
}
