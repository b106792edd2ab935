//! The errors of this crate.
//!
//! Rules: a source that is configured but broken is an error, one that is not configured is not; `Display` never
//! repeats the source, which the command line prints as a chain; secrets never enter an error.

use std::path::PathBuf;
use std::sync::Arc;

use haul_config::Origin;

use crate::{SourceName, Trace};

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
///
/// It can be cloned because all callers that wait for the same credentials get the same error.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No source had credentials.
    #[error("no AWS credentials found")]
    NoCredentials {
        /// What every source answered.
        trace: Trace,
    },
    /// A source is configured but cannot yield credentials.
    #[error("cannot get credentials from {name}: {message}")]
    Source {
        /// The source that stopped the chain.
        name: SourceName,
        /// Why.
        message: String,
        /// What the user can do about it.
        hint: Option<String>,
        /// Whether the same call may succeed later.
        transient: bool,
        /// What every source asked so far answered, this one last.
        trace: Trace,
        /// The cause.
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
    /// A requested profile is in neither AWS file.
    #[error(transparent)]
    ProfileNotFound(Box<ProfileNotFound>),
    /// An AWS file has a syntax error.
    #[error("`{}`{}: {message}", path.display(), line.map(|line| format!(" line {line}")).unwrap_or_default())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// An AWS file exists and cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Arc<std::io::Error>,
    },
    /// A setting has an invalid value.
    #[error(transparent)]
    InvalidValue(Box<InvalidValue>),
}

/// A requested profile is in neither AWS file.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the AWS profile `{profile}` ({origin}) is in neither `{}` nor `{}`", config_file.display(), credentials_file.display())]
pub struct ProfileNotFound {
    /// The profile.
    pub profile: String,
    /// Where the profile was requested.
    pub origin: Origin,
    /// The AWS config file.
    pub config_file: PathBuf,
    /// The AWS credentials file.
    pub credentials_file: PathBuf,
    /// The existing profile with the most similar name.
    pub nearest: Option<String>,
    /// All profiles of the files.
    pub available: Vec<String>,
}

/// A setting has an invalid value.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{key}` ({origin}) is `{value}`; expected {expected}")]
pub struct InvalidValue {
    /// The key, or the environment variable.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Where it is set.
    pub origin: Origin,
    /// Which values are valid.
    pub expected: String,
}

impl ProfileNotFound {
    /// Profiles that are named: of more, the nearest alone is of use.
    const MAX_NAMED: usize = 12;

    fn hint(&self) -> String {
        let Some((first, _)) = self.available.split_first() else {
            return "there are no profiles at all: make one with `aws configure`".to_owned();
        };
        let named = self.available.get(..Self::MAX_NAMED).unwrap_or(&self.available).join("`, `");
        let rest = self.available.len().saturating_sub(Self::MAX_NAMED);
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        match &self.nearest {
            Some(nearest) if self.available.len() == 1 && nearest == first => {
                format!("did you mean the profile `{nearest}`?")
            }
            Some(nearest) => format!("did you mean the profile `{nearest}`? there are: `{named}`{rest}"),
            None => format!("there are: `{named}`{rest}"),
        }
    }
}

impl From<InvalidValue> for Error {
    fn from(error: InvalidValue) -> Self {
        Self::InvalidValue(Box::new(error))
    }
}

impl Error {
    /// Returns what the user can do, as a sentence or a command.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCredentials { .. } => Some(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws configure`, or type \
                 `haul remote modify --local REMOTE access_key_id KEY` (and secret_access_key)"
                    .to_owned(),
            ),
            Self::Source { hint, .. } => hint.clone(),
            Self::ProfileNotFound(error) => Some(error.hint()),
            Self::Parse { .. } | Self::Read { .. } | Self::InvalidValue(_) => None,
        }
    }

    /// Returns what the user can do, with the name of the remote in its commands.
    pub fn hint_for(&self, remote: &str) -> Option<String> {
        self.hint().map(|hint| hint.replace(" REMOTE ", &format!(" {remote} ")))
    }

    /// Returns what the sources answered, if the error comes from the chain.
    pub fn trace(&self) -> Option<&Trace> {
        match self {
            Self::NoCredentials { trace } | Self::Source { trace, .. } => Some(trace),
            _ => None,
        }
    }

    /// Returns whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Source { transient: true, .. })
    }
}
