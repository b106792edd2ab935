//! Commands that failed, and have to say why.

use std::time::Duration;

use crate::command::CommandOutput;

/// A command that failed in an orderly way, of which the test has not yet said why it has to fail.
///
/// A test that only expects some failure passes when a typo in its own command line is what fails. So this type shows
/// nothing of the output until the test names the words of the failure that it means.
#[derive(Debug)]
#[must_use = "say which failure it has to be: `.stderr_has(&[…])`"]
pub struct FailedCommand(pub(crate) CommandOutput);

impl FailedCommand {
    /// Fails unless it ended with this exit code.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        Self(self.0.code(code))
    }

    /// Fails unless it was done within the time.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn within(self, limit: Duration) -> Self {
        Self(self.0.within(limit))
    }

    /// Fails unless stderr holds all these texts, of which there is at least one.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn stderr_has(self, texts: &[&str]) -> CommandOutput {
        assert!(texts.iter().any(|text| !text.is_empty()), "name a word of the failure");
        self.0.stderr_has(texts)
    }

    /// Fails unless stdout and stderr together hold all these texts, of which there is at least one: `remote check` says
    /// on stdout what other commands say on stderr.
    ///
    /// # Panics
    /// When they do not.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> CommandOutput {
        assert!(texts.iter().any(|text| !text.is_empty()), "name a word of the failure");
        let both = format!("{}{}", self.0.stdout, self.0.stderr);
        for text in texts {
            assert!(both.contains(text), "{text:?} is not said\n{}", self.0);
        }
        self.0
    }

    /// Fails unless stdout holds all these texts, of which there is at least one: what failed is said there by
    /// `status -c` and under `--json`.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn stdout_has(self, texts: &[&str]) -> CommandOutput {
        assert!(texts.iter().any(|text| !text.is_empty()), "name a word of the failure");
        self.0.stdout_has(texts)
    }
}
