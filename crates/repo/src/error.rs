//! The errors of this crate.
//!
//! Rules: a variant is named for what the caller can do about it and carries its subject; `Display` is lower
//! case unless it is DVC's own sentence, and never repeats the source; hints are separate.

use std::path::PathBuf;

use haul_config::Exhausted;

use crate::metafile::MetafileError;
use crate::workspace::link::LinkError;

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither the directory nor a parent has a `.dvc` directory; exit code 253.
    #[error("{0}")]
    NotARepository(String),
    /// A repository cannot be created in the directory.
    #[error("failed to initiate DVC - {0}")]
    Init(String),
    /// A metafile is invalid.
    #[error(transparent)]
    Metafile(#[from] MetafileError),
    /// The templates of a stage cannot be resolved; the rest of its `dvc.yaml` can be read.
    #[error(transparent)]
    UnresolvedStage(MetafileError),
    /// A target does not exist.
    #[error("{message}")]
    TargetNotFound {
        /// The target as typed.
        target: String,
        /// DVC's sentence.
        message: String,
        /// What the user may have meant.
        hint: Option<String>,
    },
    /// Two outs have the same path, or one is inside the other.
    #[error("{0}")]
    OverlappingOuts(String),
    /// A path cannot be an out.
    #[error("{0}")]
    BadOut(String),
    /// The source of an import does not exist; DVC's sentence.
    #[error("dependency '{shown}' does not exist")]
    NoSource {
        /// The source as DVC shows it.
        shown: String,
        /// Why, if more is known.
        #[source]
        source: Option<Box<haul_storage::Error>>,
    },
    /// The data of one import could not be fetched from its source.
    #[error("cannot fetch `{display}` from its source")]
    Import {
        /// The out as DVC shows it.
        display: String,
        /// The path in the other repository, if it is imported from one.
        path: Option<String>,
        /// Why.
        #[source]
        source: Box<Self>,
    },
    /// Another repository cannot be cloned; DVC's sentence.
    #[error("Failed to clone repo '{url}'")]
    Clone {
        /// Where it is, without secrets.
        url: String,
        /// What `git` said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A URL leads to nothing; DVC's sentence.
    #[error("The path '{url}' does not exist{}", .detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default())]
    NoUrl {
        /// The URL as typed, without secrets.
        url: String,
        /// What DVC adds: the path in its file system.
        detail: Option<String>,
        /// Why, if more is known.
        #[source]
        source: Option<Box<haul_storage::Error>>,
    },
    /// Another process holds the lock.
    #[error("{0}")]
    Locked(String),
    /// Another process works on the same files, or the table of the files that processes work on cannot be read.
    #[error("{0}")]
    Busy(String),
    /// An operation of Git failed.
    #[error("{message}")]
    Git {
        /// What failed.
        message: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An object of Git cannot be read, because the clone is partial.
    #[error("{message}: the clone is partial, and Git has not fetched it")]
    PartialClone {
        /// What cannot be read.
        message: String,
        /// The Git remote that has it.
        remote: String,
        /// The error of the object database.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Files were written but could not be staged in Git.
    #[error("the changed files are not staged in Git")]
    Unstaged {
        /// The command that stages them.
        command: String,
        /// Why.
        #[source]
        source: Box<Self>,
    },
    /// A revision that Git does not know; DVC's sentence.
    #[error("{0}")]
    UnknownRevision(String),
    /// The requested history is not in this clone.
    #[error("{0}")]
    ShallowClone(String),
    /// A revision cannot be read completely, so the data that it uses is not known; DVC's sentence.
    #[error("Failed to collect '{revision}'")]
    RevisionCollection {
        /// Its names, or `workspace`.
        revision: String,
        /// Why.
        #[source]
        source: Box<Self>,
    },
    /// A file could not be read or written; the source names it.
    #[error("{action}")]
    Io {
        /// What failed, such as `cannot read the repository lock`.
        action: String,
        /// The error, which names the file.
        #[source]
        source: std::io::Error,
    },
    /// Files whose content is not in the cache would be lost; DVC's sentence.
    #[error(
        "Can't remove the following unsaved files without confirmation. Use `--force` to force.\n{}",
        .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join("\n")
    )]
    UnsavedFiles(Vec<PathBuf>),
    /// A path is not of the expected kind.
    #[error("{message}")]
    Workspace {
        /// The path, absolute.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// An entry of the workspace cannot be data, such as a named pipe.
    #[error("cannot track `{}`: it is {what}", path.display())]
    Untrackable {
        /// The path, absolute.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Several things went wrong; each is reported.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Many(Vec<Self>),
    /// A file could not be written into the workspace.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A path is not valid UTF-8, which DVC's files cannot express.
    #[error("`{}` is not valid UTF-8 and cannot be written to DVC's files", .0.display())]
    NotUnicode(PathBuf),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] haul_config::Error),
    /// The object store failed.
    #[error(transparent)]
    Storage(#[from] haul_storage::Error),
}

impl Error {
    /// Makes an error of a failed file operation; `source` names the file (fs_err).
    pub fn io(action: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { action: action.into(), source }
    }

    /// Makes an error of a failed operation of Git.
    pub fn git(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Git { message: message.into(), source: source.into() }
    }

    /// Returns the text of the cause, for logs; empty without one.
    pub(crate) fn source_text(&self) -> String {
        std::error::Error::source(self).map(ToString::to_string).unwrap_or_default()
    }

    /// Returns whether the user asked to stop.
    pub fn is_interrupted(&self) -> bool {
        match self {
            Self::Interrupted => true,
            Self::Storage(error) => error.kind() == haul_storage::ErrorKind::Interrupted,
            Self::RevisionCollection { source, .. } => source.is_interrupted(),
            _ => false,
        }
    }

    /// Returns whether the machine is the cause, such as a full disk: then no other file can be written either.
    pub fn ends_run(&self) -> bool {
        match self {
            Self::Storage(error) => error.kind() == haul_storage::ErrorKind::Unwritable,
            Self::Many(errors) => errors.iter().any(Self::ends_run),
            // A device error may be a single bad block.
            _ => self.exhausted().is_some_and(|exhausted| exhausted != Exhausted::Device),
        }
    }

    /// Returns which resource of the machine is exhausted, if that is the cause.
    fn exhausted(&self) -> Option<Exhausted> {
        match self {
            Self::Io { source, .. }
            | Self::Link(LinkError::Io { source, .. })
            | Self::Config(haul_config::Error::Io { source, .. }) => Exhausted::of(source),
            Self::Git { source, .. } | Self::Clone { source, .. } => Exhausted::behind(source.as_ref()),
            _ => None,
        }
    }

    /// Makes the error of a target that does not exist, with DVC's sentence.
    pub(crate) fn no_target(target: impl Into<String>, message: impl Into<String>) -> Self {
        Self::TargetNotFound { target: target.into(), message: message.into(), hint: None }
    }

    /// Returns what the user can do, as a sentence or a command.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Storage(error) => error.hint().map(str::to_owned),
            Self::Config(error) => error.hint(),
            Self::TargetNotFound { hint, .. } => hint.clone(),
            Self::Metafile(error) | Self::UnresolvedStage(error) => error.hint.clone(),
            Self::PartialClone { remote, .. } => {
                let remote = crate::git::shell_quoted(remote);
                Some(format!("fetch what is missing with `git fetch --refetch --no-filter {remote}`"))
            }
            Self::ShallowClone(_) => {
                Some(String::from("get the rest with `git fetch --unshallow`, or name fewer revisions"))
            }
            Self::Untrackable { path, .. } => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                Some(format!("move `{name}` elsewhere or delete it, or put its name into a `.dvcignore`"))
            }
            Self::Link(error @ LinkError::NoType { .. }) => error.hint(),
            Self::Unstaged { command, .. } => Some(format!("stage it with `{command}`")),
            Self::NoSource { source: Some(source), .. } | Self::NoUrl { source: Some(source), .. } => {
                source.hint().map(str::to_owned)
            }
            Self::Clone { url, .. } => {
                Some(format!("see whether Git reaches it: `git ls-remote {}`", crate::git::shell_quoted(url)))
            }
            Self::Import { display, path: Some(path), source } if matches!(**source, Self::Clone { .. }) => {
                let [path, display] = [path, display].map(|word| crate::git::shell_quoted(word));
                Some(format!(
                    "{}; if the repository is elsewhere now, import from there: `haul import --force <url> {path} -o {display}`",
                    source.hint().unwrap_or_default()
                ))
            }
            Self::RevisionCollection { source, .. } | Self::Import { source, .. } => source.hint(),
            Self::Many(errors) => errors.iter().find_map(Self::hint),
            _ => self.exhausted().map(|exhausted| exhausted.hint().to_owned()),
        }
    }
}
