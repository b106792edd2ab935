//! What kinds of failure programs can tell apart.

use haul_repo::Error as RepoError;
use haul_storage::ErrorKind;
use schemars::JsonSchema;
use serde::Serialize;

use crate::exit::ExitStatus;

/// What kind of failure an error is: what a program can act upon. There may come more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureKind {
    /// The work failed, in part or as a whole, in a way that has no kind of its own.
    Failed,
    /// The command line makes no sense, or asks for a part of DVC that haul does not have.
    Usage,
    /// The configuration cannot be used.
    Configuration,
    /// There is no DVC repository here.
    NotARepository,
    /// A target is not tracked, or is not there.
    TargetNotFound,
    /// A `.dvc` file, `dvc.yaml` or `dvc.lock` cannot be read as what it should be.
    Metafile,
    /// A path cannot be tracked, or a name cannot be written to the files of DVC.
    BadPath,
    /// Another process holds the lock, or works on the same files.
    Locked,
    /// Git could not be asked, or does not know the revision.
    Git,
    /// Files would be lost whose content is in no cache; `--force` allows it.
    UnsavedFiles,
    /// An object, a file or what a URL leads to is not there.
    NotFound,
    /// The bucket is not there.
    NoSuchBucket,
    /// The credentials are good and do not allow this.
    Denied,
    /// There are no credentials, or the server does not accept them.
    Unauthenticated,
    /// The server asked for patience until the time budget ran out.
    Throttled,
    /// Data is damaged: a wrong digest, a wrong size, a malformed reply.
    Corrupt,
    /// The server could not be reached, or cut the connection.
    Network,
    /// The server answered with an error of its own.
    Server,
    /// The server does not know the operation or option.
    Unsupported,
    /// A condition of the request did not hold.
    Precondition,
    /// A local file could not be read or written.
    Io,
    /// No local file can be written or opened any more, as on a full disk.
    Unwritable,
    /// The user, or a signal, asked to stop.
    Interrupted,
    /// Anything else.
    Unexpected,
}

impl FailureKind {
    /// Returns the kind of an error of which nothing but the exit code is known.
    pub(super) fn of(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Success | ExitStatus::Failure => Self::Failed,
            ExitStatus::HungUp | ExitStatus::Terminated | ExitStatus::Interrupted => Self::Interrupted,
            ExitStatus::Configuration => Self::Configuration,
            ExitStatus::NotARepository => Self::NotARepository,
            ExitStatus::Usage => Self::Usage,
            ExitStatus::BrokenPipe | ExitStatus::Unexpected => Self::Unexpected,
        }
    }

    /// Whether the kind says no more than that something failed.
    pub(super) fn is_vague(self) -> bool {
        matches!(self, Self::Failed | Self::Unexpected)
    }
}

impl From<ErrorKind> for FailureKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::NoSuchBucket => Self::NoSuchBucket,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::Unauthenticated => Self::Unauthenticated,
            ErrorKind::Throttled => Self::Throttled,
            ErrorKind::Corrupt => Self::Corrupt,
            ErrorKind::Network => Self::Network,
            ErrorKind::Server => Self::Server,
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::Precondition => Self::Precondition,
            ErrorKind::Config => Self::Configuration,
            ErrorKind::Io => Self::Io,
            ErrorKind::Unwritable => Self::Unwritable,
            ErrorKind::Interrupted => Self::Interrupted,
            _ => Self::Unexpected,
        }
    }
}

/// Returns the kind of an error of the repository, and what it is about.
pub(super) fn of_repository(error: &RepoError) -> (FailureKind, Option<String>) {
    let shown = |path: &std::path::Path| Some(path.display().to_string());
    match error {
        RepoError::NotARepository(_) => (FailureKind::NotARepository, None),
        RepoError::Metafile(error) | RepoError::UnresolvedStage(error) => {
            (FailureKind::Metafile, shown(&error.path))
        }
        RepoError::TargetNotFound { target, .. } => (FailureKind::TargetNotFound, Some(target.clone())),
        RepoError::OverlappingOuts(_) | RepoError::BadOut(_) => (FailureKind::BadPath, None),
        RepoError::NotUnicode(path) | RepoError::Untrackable { path, .. } => {
            (FailureKind::BadPath, shown(path))
        }
        RepoError::Workspace { path, .. } => (FailureKind::Io, shown(path)),
        // DVC says of a server that does not answer that it has nothing; a program must not take that for an answer.
        RepoError::NoSource { shown: what, source } | RepoError::NoUrl { url: what, source, .. } => {
            let kind = source.as_ref().map_or(FailureKind::NotFound, |source| source.kind().into());
            (kind, Some(what.clone()))
        }
        RepoError::Import { display, source, .. } => (of_repository(source).0, Some(display.clone())),
        RepoError::RevisionCollection { source, .. } | RepoError::Unstaged { source, .. } => {
            of_repository(source)
        }
        RepoError::Locked(_) | RepoError::Busy(_) => (FailureKind::Locked, None),
        RepoError::Git { .. }
        | RepoError::Clone { .. }
        | RepoError::PartialClone { .. }
        | RepoError::UnknownRevision(_)
        | RepoError::ShallowClone(_) => (FailureKind::Git, None),
        RepoError::Io { .. } | RepoError::Link(_) => (FailureKind::Io, None),
        RepoError::UnsavedFiles(paths) => {
            (FailureKind::UnsavedFiles, paths.first().and_then(|path| shown(path)))
        }
        RepoError::Interrupted => (FailureKind::Interrupted, None),
        RepoError::Config(_) => (FailureKind::Configuration, None),
        RepoError::Storage(error) => (error.kind().into(), None),
        _ => (FailureKind::Unexpected, None),
    }
}
