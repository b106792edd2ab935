//! The sources, one file each, named as botocore names them.
//!
//! A source answers with a [`Verdict`] or a [`Stop`]. To add one: a file here with a `load`, a name in
//! [`SourceName`](crate::SourceName), a line in the order of `chain.rs`.

pub(crate) mod assume_role;
pub(crate) mod config_file;
pub(crate) mod container;
pub(crate) mod env;
pub(crate) mod explicit;
pub(crate) mod instance;
pub(crate) mod login;
pub(crate) mod process;
pub(crate) mod shared_credentials;
pub(crate) mod sso;
pub(crate) mod web_identity;

mod keys;
mod metadata;
mod redact;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use haul_config::{Env, Located, mask_urls};

use crate::error::InvalidValue;
use crate::profile::{AwsFiles, Profile};
use crate::settings::Reader;
use crate::{Clock, CredentialRequest, Credentials, Error, HttpClient, PromptMfa};

/// The input of the chain.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) request: CredentialRequest,
    pub(crate) env: Env,
    pub(crate) http: Arc<dyn HttpClient>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) prompt: Option<Arc<dyn PromptMfa>>,
    /// How long a `credential_process` may take, if not the default time.
    pub(crate) process_timeout: Option<Duration>,
}

/// One walk along the chain: the chain's input, and the AWS files as they are now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk<'a> {
    pub(crate) context: &'a Context,
    pub(crate) files: &'a AwsFiles,
    /// The credentials of the previous walk, which the server called expired.
    pub(crate) refused: Option<&'a Credentials>,
}

impl<'a> Walk<'a> {
    pub(crate) fn env(&self) -> &'a Env {
        &self.context.env
    }

    pub(crate) fn http(&self) -> &'a dyn HttpClient {
        &*self.context.http
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.context.clock.now()
    }

    /// Returns a profile; an empty one if the files do not have it.
    pub(crate) fn profile(&self, name: &str) -> Profile {
        self.files.profile(name).cloned().unwrap_or_default()
    }

    pub(crate) fn reader(&self) -> Reader<'a> {
        Reader::new(&self.context.env, self.files)
    }
}

/// The answer of a source that is not broken.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The credentials, and a text that says where they come from.
    Found(Credentials, String),
    /// The source is not configured; the text says what is missing.
    Continue(String),
}

impl Verdict {
    #[expect(clippy::unnecessary_wraps, reason = "every caller returns it as it is")]
    pub(crate) fn next(why: impl Into<String>) -> Result<Self, Stop> {
        Ok(Self::Continue(why.into()))
    }
}

/// The answer of a source that is configured but broken: no other source is asked.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) transient: bool,
    pub(crate) source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Stop {
    /// Makes one with the reason; passwords of URLs in it are masked.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: mask_urls(&message.into()), hint: None, transient: false, source: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    pub(crate) fn transient(mut self) -> Self {
        self.transient = true;
        self
    }
}

impl From<InvalidValue> for Stop {
    fn from(error: InvalidValue) -> Self {
        Self::new(error.to_string())
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self { hint: error.hint(), ..Self::new(error.to_string()) }
    }
}

/// Returns the owned text of a key that must not be empty if it is there.
pub(crate) fn owned(value: Option<Located<&str>>) -> Option<String> {
    value.map(|value| value.value.to_owned())
}

/// Refuses expired credentials: signing with them would only move the error to S3.
pub(crate) fn not_expired(
    credentials: Credentials,
    now: SystemTime,
    whose: &dyn fmt::Display,
) -> Result<Credentials, Stop> {
    match credentials.expires_at {
        Some(end) if end <= now => {
            Err(Stop::new(format!("the keys {whose} expired at {}", crate::time::format(end))))
        }
        _ => Ok(credentials),
    }
}
