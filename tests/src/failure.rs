//! Commands that failed, whose messages a test must check.

use std::time::Duration;

use crate::command::CommandOutput;

/// A command that failed properly, and whose expected message the test has not named yet.
///
/// A test that only expects a failure would also pass if a typo in its own command line caused the failure. So this type
/// shows nothing of the output until the test names words of the expected failure.
#[derive(Debug)]
#[must_use = "say which failure it has to be: `.stderr_has(&[…])`"]
pub struct FailedCommand(pub(crate) CommandOutput);

impl FailedCommand {
    /// Fails unless it ended with this exit code.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        Self(self.0.code(code))
    }

    /// Fails unless it ended within the time.
    ///
    /// # Panics
    /// If it was not.
    #[track_caller]
    pub fn within(self, limit: Duration) -> Self {
        Self(self.0.within(limit))
    }

    /// Fails unless stderr contains all these texts, of which there must be at least one.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn stderr_has(self, texts: &[&str]) -> CommandOutput {
        assert!(texts.iter().any(|text| !text.is_empty()), "name a word of the failure");
        self.0.stderr_has(texts)
    }

    /// Fails unless stdout and stderr together contain all these texts, of which there must be at least one: `remote check`
    /// prints on stdout what other commands print on stderr.
    ///
    /// # Panics
    /// If they do not.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> CommandOutput {
        assert!(texts.iter().any(|text| !text.is_empty()), "name a word of the failure");
        let both = format!("{}{}", self.0.stdout, self.0.stderr);
        for text in texts {
            assert!(both.contains(text), "{text:?} is not said\n{}", self.0);
        }
        self.0
    }

    /// Fails unless stdout contains all these texts, of which there must be at least one: `status -c`, and commands with
    /// `--json`, report failures there.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn stdout_has(self, texts: &[&str]) -> CommandOutput {
        assert!(texts.iter().any(|text| !text.is_empty()), "name a word of the failure");
        self.0.stdout_has(texts)
    }
}
