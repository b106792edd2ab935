//! The errors of this crate.
//!
//! Rules: a kind says what the caller can do, not where the error occurred; every error names its subject (the
//! operation, the bucket and key or the file); `Display` never repeats the source, which the command line
//! prints as a chain; secrets and presigned URLs never enter an error.

use std::error::Error as StdError;
use std::fmt;

use haul_config::Exhausted;

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The object does not exist.
    NotFound,
    /// The bucket does not exist.
    NoSuchBucket,
    /// The credentials are valid but do not allow this (403).
    Denied,
    /// There are no credentials, or the server does not accept them.
    Unauthenticated,
    /// The server throttled the requests until the time budget ran out.
    Throttled,
    /// The received data is wrong: wrong digest, wrong size, or a malformed or hostile reply.
    Corrupt,
    /// The server could not be reached, stalled or cut the connection.
    Network,
    /// The server replied with another error (5xx, or one that has no kind here).
    Server,
    /// The server does not know the operation or option.
    Unsupported,
    /// A condition of the request did not hold, such as `If-Match`.
    Precondition,
    /// Options contradict each other or have invalid values.
    Config,
    /// A local file could not be read or written.
    Io,
    /// No local file can be written or opened any more, for example because the disk is full ([`Exhausted`]). It ends the
    /// whole run.
    Unwritable,
    /// The user asked to stop.
    Interrupted,
}

/// The error reply of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerReply {
    /// HTTP status.
    pub status: u16,
    /// S3 error code, such as `NoSuchKey`.
    pub code: Option<String>,
    /// S3 error message; if the reply is not an S3 error, its first words.
    pub message: Option<String>,
    /// Request id, for the server's operator.
    pub request_id: Option<String>,
    /// The region the bucket is in, if the reply names it.
    pub region: Option<String>,
}

/// An error of this crate.
pub struct Error {
    kind: ErrorKind,
    /// What failed and on what, such as ``cannot get `s3://bucket/key` ``.
    message: String,
    reply: Option<Box<ServerReply>>,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error; `message` says what failed, on what, and why, unless the source says why.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), reply: None, hint: None, source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds the server's reply.
    #[must_use]
    pub fn with_reply(mut self, reply: ServerReply) -> Self {
        self.reply = Some(Box::new(reply));
        self
    }

    /// Adds what the user can do, as a sentence or a command.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Makes an error of a failed file operation; `source` names the file (fs_err). Its kind is
    /// [`ErrorKind::Unwritable`] if other files would fail as well.
    pub fn io(message: impl Into<String>, source: std::io::Error) -> Self {
        match Exhausted::of(&source) {
            // On a read, a device error may be a single bad block.
            None | Some(Exhausted::Device) => Self::new(ErrorKind::Io, message).with_source(source),
            Some(exhausted) => {
                Self::new(ErrorKind::Unwritable, message).with_source(source).with_hint(exhausted.hint())
            }
        }
    }

    /// Marks an error as that of a write: if the device failed, writes of other files will fail too.
    #[must_use]
    pub(crate) fn while_writing(self) -> Self {
        let source = self.source.as_ref().and_then(|source| source.downcast_ref::<std::io::Error>());
        match source.and_then(Exhausted::of) {
            Some(exhausted) if self.kind == ErrorKind::Io => {
                Self { kind: ErrorKind::Unwritable, ..self }.with_hint(exhausted.hint())
            }
            _ => self,
        }
    }

    /// Returns what the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the server's reply, if there was one.
    pub fn reply(&self) -> Option<&ServerReply> {
        self.reply.as_deref()
    }

    /// Returns what the user can do.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::Throttled | ErrorKind::Network | ErrorKind::Server)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        if let Some(reply) = &self.reply {
            match (&reply.code, &reply.message) {
                (Some(code), Some(message)) => {
                    write!(formatter, ": {message} ({code}, HTTP {})", reply.status)?;
                }
                (Some(code), None) => write!(formatter, ": {code} (HTTP {})", reply.status)?,
                (None, Some(message)) => write!(formatter, ": {message} (HTTP {})", reply.status)?,
                (None, None) => write!(formatter, ": HTTP {}", reply.status)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Error")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("reply", &self.reply)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
