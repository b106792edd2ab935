//! What every source of the chain answered.

use std::fmt;

/// The sources of credentials, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceName {
    /// Requests are not signed.
    Anonymous,
    /// The keys of the remote.
    Explicit,
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    Environment,
    /// `role_arn` of a profile, with `source_profile` or `credential_source`.
    AssumeRole,
    /// A token file and a role, from the environment or a profile.
    WebIdentity,
    /// IAM Identity Center, through the token cache of `aws sso login`.
    Sso,
    /// The shared credentials file.
    SharedCredentials,
    /// `aws login`.
    Login,
    /// `credential_process` of a profile.
    Process,
    /// The AWS config file.
    ConfigFile,
    /// ECS tasks and EKS pods.
    Container,
    /// The instance metadata service of EC2.
    InstanceMetadata,
}

impl SourceName {
    /// Returns the name botocore gives this source (`Credentials.method`).
    pub fn botocore_name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Explicit => "explicit",
            Self::Environment => "env",
            Self::AssumeRole => "assume-role",
            Self::WebIdentity => "assume-role-with-web-identity",
            Self::Sso => "sso",
            Self::SharedCredentials => "shared-credentials-file",
            Self::Login => "login",
            Self::Process => "custom-process",
            Self::ConfigFile => "config-file",
            Self::Container => "container-role",
            Self::InstanceMetadata => "iam-role",
        }
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Anonymous => "anonymous access",
            Self::Explicit => "keys of the remote",
            Self::Environment => "environment",
            Self::AssumeRole => "assume role",
            Self::WebIdentity => "web identity",
            Self::Sso => "SSO",
            Self::SharedCredentials => "shared credentials file",
            Self::Login => "login session",
            Self::Process => "credential process",
            Self::ConfigFile => "config file",
            Self::Container => "container",
            Self::InstanceMetadata => "instance metadata",
        })
    }
}

/// What a source answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// It has credentials; the text says where from.
    Found(String),
    /// It is not configured, and the next source is asked; the text says what is missing.
    Continue(String),
    /// It is configured but broken, and the chain stops here; the text says why.
    Stop(String),
}

impl Answer {
    /// Returns the explanation.
    pub fn text(&self) -> &str {
        match self {
            Self::Found(text) | Self::Continue(text) | Self::Stop(text) => text,
        }
    }
}

/// One line of a [`Trace`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEntry {
    /// The source that was asked.
    pub source: SourceName,
    /// What it answered; contains no secrets.
    pub answer: Answer,
}

/// What every source that was asked answered, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    entries: Vec<TraceEntry>,
}

impl Trace {
    /// Returns the answers so far.
    pub fn entries(&self) -> &[TraceEntry] {
        &self.entries
    }

    pub(crate) fn push(&mut self, source: SourceName, answer: Answer) {
        self.entries.push(TraceEntry { source, answer });
    }
}

/// One source per line.
impl fmt::Display for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            let mark = match entry.answer {
                Answer::Found(_) => "used",
                Answer::Continue(_) => "-",
                Answer::Stop(_) => "failed",
            };
            write!(formatter, "{:<24} {mark:<7} {}", entry.source.to_string(), entry.answer.text())?;
        }
        Ok(())
    }
}
