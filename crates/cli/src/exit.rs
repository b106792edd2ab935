//! Exit codes: the only place where a number stands for an outcome.

use std::process::ExitCode;

/// How a run of the program ended; the numbers are DVC's.
///
/// Source: <https://dvc.org/doc/command-reference>, and DVC 3.67.1 observed.
///
/// Deviation: `-q` together with `-v` is [`ExitStatus::Usage`] like every other contradiction on the command
/// line; DVC answers 2 there, a number it uses nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// Everything that was asked for is done.
    Success,
    /// The work failed, in part or as a whole; or `status -q` found changes.
    Failure,
    /// The terminal went away (128 + SIGHUP).
    HungUp,
    /// The reader of the output is gone (128 + SIGPIPE).
    BrokenPipe,
    /// A signal asked the program to end (128 + SIGTERM).
    Terminated,
    /// A configuration file holds what cannot be used.
    Configuration,
    /// The user pressed Ctrl-C.
    Interrupted,
    /// There is no DVC repository here.
    NotARepository,
    /// The command line makes no sense.
    Usage,
    /// Anything else: the lock is held, the server cannot be reached, a file cannot be read.
    Unexpected,
}

impl ExitStatus {
    /// All outcomes, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Success,
        Self::Failure,
        Self::HungUp,
        Self::BrokenPipe,
        Self::Terminated,
        Self::Configuration,
        Self::Interrupted,
        Self::NotARepository,
        Self::Usage,
        Self::Unexpected,
    ];

    /// Returns the number the operating system gets.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::HungUp => 129,
            Self::BrokenPipe => 141,
            Self::Terminated => 143,
            Self::Configuration => 251,
            Self::Interrupted => 252,
            Self::NotARepository => 253,
            Self::Usage => 254,
            Self::Unexpected => 255,
        }
    }

    /// Returns what the number means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "the operation failed, in part or as a whole",
            Self::HungUp => "stopped by SIGHUP: the terminal went away",
            Self::BrokenPipe => "the reader of the output went away",
            Self::Terminated => "stopped by SIGTERM",
            Self::Configuration => "configuration error",
            Self::Interrupted => "interrupted by the user",
            Self::NotARepository => "not inside a DVC repository",
            Self::Usage => "usage error",
            Self::Unexpected => "any other error",
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_dvc() {
        let table: Vec<String> =
            ExitStatus::ALL.iter().map(|status| format!("{} {}", status.code(), status.meaning())).collect();
        assert_eq!(
            table,
            [
                "0 success",
                "1 the operation failed, in part or as a whole",
                "129 stopped by SIGHUP: the terminal went away",
                "141 the reader of the output went away",
                "143 stopped by SIGTERM",
                "251 configuration error",
                "252 interrupted by the user",
                "253 not inside a DVC repository",
                "254 usage error",
                "255 any other error",
            ]
        );
    }
}
