//! Which code an error has in which command.

use haul_config::Error as ConfigError;
use haul_repo::Error as RepoError;
use haul_storage::ErrorKind;

use super::CommandError;
use crate::exit::ExitStatus;

/// How a command answers to errors of its operation. The table is DVC's, observed command by command:
/// it comes from what each command of DVC catches, and so follows no rule of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verb {
    /// What the message starts with, as `failed to push data to the cloud`.
    operation: Option<&'static str>,
    /// The code of errors of the repository: bad targets, bad metafiles, an unknown remote.
    handled: ExitStatus,
    /// The code if another process holds the lock.
    locked: ExitStatus,
    /// The code if the server cannot be reached or does not let us in.
    unreachable: ExitStatus,
    /// The code if options of the remote contradict each other, lack a partner or are malformed.
    misconfigured: ExitStatus,
}

impl Verb {
    pub(crate) const INIT: Self = Self::plain(ExitStatus::Failure);
    pub(crate) const ADD: Self = Self::plain(ExitStatus::Failure);
    pub(crate) const STATUS: Self =
        Self { locked: ExitStatus::Unexpected, ..Self::plain(ExitStatus::Failure) };
    pub(crate) const CHECKOUT: Self = Self::plain(ExitStatus::Unexpected);
    pub(crate) const COMMIT: Self = Self::plain(ExitStatus::Failure);
    pub(crate) const LIST: Self = Self::plain(ExitStatus::Failure);
    pub(crate) const DU: Self = Self::plain(ExitStatus::Unexpected);
    pub(crate) const MOVE: Self = Self::plain(ExitStatus::Failure);
    pub(crate) const REMOVE: Self = Self::plain(ExitStatus::Failure);
    pub(crate) const DESTROY: Self = Self::plain(ExitStatus::Failure);
    pub(crate) const FREEZE: Self = Self::plain(ExitStatus::Failure);
    pub(crate) const INSTALL: Self = Self::plain(ExitStatus::Failure);
    pub(crate) const MERGE_DRIVER: Self = Self::plain(ExitStatus::Unexpected);
    pub(crate) const MIGRATE: Self = Self::plain(ExitStatus::Unexpected);
    pub(crate) const UNPROTECT: Self = Self::plain(ExitStatus::Unexpected);
    pub(crate) const UPDATE: Self =
        Self { operation: Some("failed update data"), ..Self::plain(ExitStatus::Failure) };
    pub(crate) const PUSH: Self =
        Self { operation: Some("failed to push data to the cloud"), ..Self::plain(ExitStatus::Failure) };
    pub(crate) const FETCH: Self = Self {
        operation: Some("failed to fetch data from the cloud"),
        unreachable: ExitStatus::Failure,
        misconfigured: ExitStatus::Failure,
        ..Self::plain(ExitStatus::Failure)
    };
    pub(crate) const PULL: Self =
        Self { operation: Some("failed to pull data from the cloud"), ..Self::FETCH };

    pub(crate) const IMPORT_URL: Self =
        Self { misconfigured: ExitStatus::Failure, ..Self::plain(ExitStatus::Failure) };
    pub(crate) const GET_URL: Self = Self::IMPORT_URL;
    pub(crate) const LIST_URL: Self = Self::plain(ExitStatus::Unexpected);

    const fn plain(handled: ExitStatus) -> Self {
        Self {
            operation: None,
            handled,
            locked: handled,
            unreachable: ExitStatus::Unexpected,
            misconfigured: ExitStatus::Configuration,
        }
    }

    /// Translates an error of the operation.
    pub(crate) fn error(self, error: RepoError) -> CommandError {
        let status = match &error {
            _ if error.is_interrupted() => return CommandError::interrupted(),
            RepoError::NotARepository(_) | RepoError::Unstaged { .. } => return error.into(),
            RepoError::Config(ConfigError::Invalid { .. } | ConfigError::Incomplete { .. })
                if self.misconfigured == ExitStatus::Configuration =>
            {
                return error.into();
            }
            RepoError::Locked(_) => self.locked,
            RepoError::Storage(error) => match error.kind() {
                ErrorKind::Denied
                | ErrorKind::Unauthenticated
                | ErrorKind::Network
                | ErrorKind::Server
                | ErrorKind::Throttled => self.unreachable,
                _ => self.handled,
            },
            _ => self.handled,
        };
        self.started(CommandError::from(error).with_status(status))
    }

    /// Makes an error of the operation that no library reported as one.
    pub(crate) fn failure(self, message: impl Into<String>) -> CommandError {
        self.started(CommandError::new(self.handled, message))
    }

    fn started(self, error: CommandError) -> CommandError {
        match self.operation {
            Some(operation) => error.while_trying(operation),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(verb: Verb, error: RepoError) -> (u8, String) {
        let error = verb.error(error);
        (error.status().code(), error.text())
    }

    #[test]
    fn the_same_error_has_the_code_of_the_command() {
        let locked = || RepoError::Locked(String::from("busy"));
        assert_eq!(outcome(Verb::ADD, locked()), (1, String::from("busy")));
        assert_eq!(outcome(Verb::STATUS, locked()), (255, String::from("busy")));
        assert_eq!(outcome(Verb::CHECKOUT, locked()), (255, String::from("busy")));
        let pushing = String::from("failed to push data to the cloud - busy");
        assert_eq!(outcome(Verb::PUSH, locked()), (1, pushing));

        let no_remote = || {
            RepoError::Config(haul_config::Error::RemoteNotFound {
                name: String::from("nope"),
                nearest: None,
            })
        };
        let text = "failed to fetch data from the cloud - config file error: remote 'nope' doesn't exist";
        assert_eq!(outcome(Verb::FETCH, no_remote()), (1, String::from(text)));
        let text = "configuration error - config file error: remote 'nope' doesn't exist";
        let opening = CommandError::from(no_remote());
        assert_eq!((opening.status().code(), opening.text()), (251, String::from(text)));

        let contradiction = || {
            RepoError::Config(ConfigError::Invalid {
                message: String::from("`acl` and `grant_*` exclude each other"),
                places: Vec::new(),
                hint: String::new(),
            })
        };
        let text = "configuration error - `acl` and `grant_*` exclude each other";
        assert_eq!(outcome(Verb::PUSH, contradiction()), (251, String::from(text)));
        assert_eq!(outcome(Verb::STATUS, contradiction()).0, 251);
        assert_eq!(outcome(Verb::FETCH, contradiction()).0, 1);

        let network = || RepoError::Storage(haul_storage::Error::new(ErrorKind::Network, "no answer"));
        assert_eq!(outcome(Verb::PUSH, network()).0, 255);
        assert_eq!(outcome(Verb::PULL, network()).0, 1);
    }

    #[test]
    fn an_interruption_is_252_in_every_command() {
        for verb in [Verb::ADD, Verb::PUSH, Verb::CHECKOUT] {
            assert_eq!(outcome(verb, RepoError::Interrupted), (252, String::from("interrupted by the user")));
        }
    }
}
