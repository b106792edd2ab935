//! The error of a command: what went wrong, why, what to type, and the exit code.
//!
//! This module and its child alone turn the errors of the libraries into words and codes. The same error can have
//! different codes in different commands, as in DVC: a bad configuration is 251 when the repository is
//! opened, and 1 inside of `push`.

mod from;
#[cfg(test)]
mod hints;
mod kind;
mod reference;
mod url_hint;
mod verb;

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use crate::exit::ExitStatus;

pub(crate) use kind::FailureKind;
pub(crate) use reference::reference;
pub(crate) use verb::Verb;

/// An error on its way to the user.
#[derive(Debug)]
pub(crate) struct CommandError {
    status: ExitStatus,
    message: String,
    causes: Vec<String>,
    kind: FailureKind,
    /// What the error is about: a path, a target, an option.
    path: Option<String>,
    /// Failures of single objects or files, printed before the message.
    details: Vec<Detail>,
    /// Facts that help to find the place, printed below the message.
    notes: Vec<String>,
    hints: Vec<String>,
    is_silent: bool,
}

/// The failure of a single object or file.
#[derive(Debug)]
pub(crate) struct Detail {
    pub(crate) kind: FailureKind,
    pub(crate) text: String,
    pub(crate) path: Option<String>,
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self { kind: FailureKind::Failed, text, path: None }
    }
}

/// Keeps the kind, the message and the path of the error. Its own details are listed separately.
impl From<CommandError> for Detail {
    fn from(error: CommandError) -> Self {
        Self { kind: error.kind, text: error.text(), path: error.path }
    }
}

impl Detail {
    /// Makes a detail about one object.
    pub(crate) fn of_object(path: &str, error: &haul_storage::Error, text: String) -> Self {
        Self { kind: error.kind().into(), text, path: Some(path.to_owned()) }
    }

    /// Makes a detail about one target.
    pub(crate) fn of_target(failure: &haul_repo::ops::Failure) -> Self {
        let (kind, _) = kind::of_repository(&failure.error);
        Self { kind, text: CommandError::chain(&failure.error), path: Some(failure.subject.clone()) }
    }
}

impl CommandError {
    /// Makes an error with a code of its own.
    pub(crate) fn new(status: ExitStatus, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: FailureKind::of(status),
            path: None,
            message: message.into(),
            causes: Vec::new(),
            details: Vec::new(),
            notes: Vec::new(),
            hints: Vec::new(),
            is_silent: false,
        }
    }

    /// The work failed (1).
    pub(crate) fn failure(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Failure, message)
    }

    /// The command line makes no sense (254).
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Usage, message)
    }

    /// The command line makes no sense, and DVC finds that out later, with another code.
    pub(crate) fn misuse(status: ExitStatus, message: impl Into<String>) -> Self {
        Self::new(status, message).with_kind(FailureKind::Usage)
    }

    /// A configuration error (251); DVC's prefix `configuration error - ` is added when it is printed.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Configuration, message)
    }

    /// Anything that has no code of its own (255).
    pub(crate) fn unexpected(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Unexpected, message)
    }

    /// The user pressed Ctrl-C (252).
    pub(crate) fn interrupted() -> Self {
        Self::new(ExitStatus::Interrupted, "interrupted by the user")
    }

    /// Gives an interruption the code and the words of the signal that asked for it.
    #[must_use]
    pub(crate) fn interrupted_by(mut self, signal: ExitStatus) -> Self {
        if self.status == ExitStatus::Interrupted && signal != ExitStatus::Interrupted {
            self.status = signal;
            signal.meaning().clone_into(&mut self.message);
        }
        self
    }

    /// Ends the command with a code and without a word: the output has said it all.
    pub(crate) fn silent(status: ExitStatus) -> Self {
        Self { is_silent: true, ..Self::new(status, "") }
    }

    /// A command of DVC that haul does not have.
    pub(crate) fn for_dvc(what: &str) -> Self {
        Self::usage(format!("haul has no `{what}`: run `dvc {what}`, which works in the same repository"))
    }

    /// Translates a failed write to stdout: a closed pipe is not worth a message.
    pub(crate) fn from_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::silent(ExitStatus::BrokenPipe)
        } else {
            Self::unexpected("cannot write the output").caused_by(error)
        }
    }

    /// Adds an error and all its sources to the causes.
    #[must_use]
    pub(crate) fn caused_by(mut self, error: &(dyn StdError + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Some foreign errors repeat their source; the same text twice does not help.
            let is_repeated = self.causes.last().unwrap_or(&self.message).ends_with(&text);
            if !is_repeated {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Joins an error and its causes as DVC does.
    pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
        Self::failure("").caused_by(error).text()
    }

    /// Puts a remark before the message.
    #[must_use]
    pub(crate) fn after(self, remark: &str) -> Self {
        let message =
            if self.message.is_empty() { remark.to_owned() } else { format!("{remark}: {}", self.message) };
        Self { message, ..self }
    }

    /// Adds a fact that helps to find the place, such as the file and line of a value.
    #[must_use]
    pub(crate) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds a sentence or command that helps.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(url_hint::typed_for_url(hint.into()));
        self
    }

    /// Puts a hint in the place of those there are, which do not fit the command.
    #[must_use]
    pub(crate) fn with_hint_instead(mut self, hint: impl Into<String>) -> Self {
        self.hints.clear();
        self.with_hint(hint)
    }

    /// Adds a hint if there is one.
    #[must_use]
    pub(crate) fn with_optional_hint(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.with_hint(hint),
            None => self,
        }
    }

    /// Says what kind of failure it is, where the code does not tell.
    #[must_use]
    pub(crate) fn with_kind(mut self, kind: FailureKind) -> Self {
        self.kind = kind;
        self
    }

    /// Names what the error is about, unless it is known more exactly.
    #[must_use]
    pub(crate) fn about(mut self, path: impl Into<String>) -> Self {
        self.path.get_or_insert_with(|| path.into());
        self
    }

    /// Names the file that the error is about.
    #[must_use]
    pub(crate) fn about_file(self, path: &Path) -> Self {
        self.about(path.display().to_string())
    }

    /// Adds the failure of a single object or file, printed on a line of its own before the error.
    #[must_use]
    pub(crate) fn with_detail(mut self, detail: impl Into<Detail>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// Gives the error another code: the one it has in the command at hand.
    #[must_use]
    pub(crate) fn with_status(mut self, status: ExitStatus) -> Self {
        if self.kind.is_vague() {
            self.kind = FailureKind::of(status);
        }
        self.status = status;
        self
    }

    /// Says which operation failed, as DVC does: `failed to push data to the cloud - …`.
    ///
    /// An interruption or a closed pipe stays what it is.
    #[must_use]
    pub(crate) fn while_trying(mut self, operation: &str) -> Self {
        if !self.is_silent && self.status != ExitStatus::Interrupted {
            let text = std::mem::take(&mut self.causes);
            self.message = format!("{operation} - {}", join(&self.message, &text));
        }
        self
    }

    /// Returns the exit code.
    pub(crate) fn status(&self) -> ExitStatus {
        self.status
    }

    /// Returns the message and its causes, joined as DVC joins them.
    pub(crate) fn text(&self) -> String {
        let text = join(&self.message, &self.causes);
        if self.status == ExitStatus::Configuration { format!("configuration error - {text}") } else { text }
    }

    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(crate) fn kind(&self) -> FailureKind {
        self.kind
    }

    pub(crate) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    pub(crate) fn details(&self) -> &[Detail] {
        &self.details
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.is_silent
    }
}

fn join(message: &str, causes: &[String]) -> String {
    let texts = std::iter::once(message).chain(causes.iter().map(String::as_str));
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn text_joins_causes_as_dvc_does() {
        let error = Outer(io::Error::other("inner"));
        let error = CommandError::failure("cannot push").caused_by(&error).while_trying("failed to push");
        assert_eq!(error.text(), "failed to push - cannot push: outer: inner");
    }

    #[test]
    fn repeated_cause_is_printed_once() {
        let error = CommandError::failure("").caused_by(&io::Error::other("outer"));
        let error = error.caused_by(&Outer(io::Error::other("inner")));
        assert_eq!(error.text(), "outer: inner");
    }

    #[test]
    fn closed_pipe_is_silent() {
        let error = CommandError::from_output(&io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(error.is_silent());
        assert_eq!(error.while_trying("failed to push").status(), ExitStatus::BrokenPipe);
    }
}
