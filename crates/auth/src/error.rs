//! The errors of this crate.
//!
//! Rules: a source that is configured but broken is an error, one that is not configured is not; `Display` never
//! repeats the source, which the command line prints as a chain; secrets never enter an error.

use std::path::PathBuf;

use haul_config::Origin;

use crate::{SourceName, Trace};

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No source had credentials.
    #[error("no AWS credentials found")]
    NoCredentials {
        /// What every source said.
        trace: Trace,
    },
    /// A source is configured but cannot yield credentials.
    #[error("cannot get credentials from {name}: {message}")]
    Source {
        /// The source that stopped the chain.
        name: SourceName,
        /// Why.
        message: String,
        /// What to do about it.
        hint: Option<String>,
        /// Whether the same call may well succeed later.
        transient: bool,
        /// What every source asked so far said, this one last.
        trace: Trace,
        /// The cause.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A profile that is asked for is in neither file.
    #[error("the AWS profile `{profile}` ({origin}) is in neither `{}` nor `{}`", config_file.display(), credentials_file.display())]
    ProfileNotFound {
        /// The profile.
        profile: String,
        /// Who asks for it.
        origin: Origin,
        /// The AWS config file.
        config_file: PathBuf,
        /// The AWS credentials file.
        credentials_file: PathBuf,
        /// The profile of the files whose name is nearest.
        nearest: Option<String>,
    },
    /// An AWS file is not in the format of these files.
    #[error("`{}`{}: {message}", path.display(), line.map(|line| format!(" line {line}")).unwrap_or_default())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// An AWS file is there and cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A setting has a value that cannot be used.
    #[error("`{key}` ({origin}) is `{value}`; expected {expected}")]
    InvalidValue {
        /// The key or variable.
        key: String,
        /// Its value.
        value: String,
        /// Where it stands.
        origin: Origin,
        /// What it may be.
        expected: String,
    },
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
            Self::ProfileNotFound { nearest, .. } => {
                nearest.as_ref().map(|nearest| format!("did you mean the profile `{nearest}`?"))
            }
            Self::Parse { .. } | Self::Read { .. } | Self::InvalidValue { .. } => None,
        }
    }

    /// Returns what the sources said, where the chain was asked.
    pub fn trace(&self) -> Option<&Trace> {
        match self {
            Self::NoCredentials { trace } | Self::Source { trace, .. } => Some(trace),
            _ => None,
        }
    }

    /// Tells whether the same call may well succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Source { transient: true, .. })
    }
}
