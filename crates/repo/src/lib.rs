//! A DVC repository: metafiles, index, workspace and operations.
//!
//! This crate knows no command line, no terminal and no S3 requests.
//!
//! | Question | Module |
//! |---|---|
//! | Where is the repository, how is one made? | [`root`], [`init`] |
//! | What is in `.dvc`, `dvc.yaml`, `dvc.lock` and `.dir` objects? | [`metafile`] |
//! | Which files does DVC ignore? | [`ignore`] |
//! | What does Git say about a path? | [`git`] |
//! | Which file does a path mean? | `identity` |
//! | Which outs does a command work on? | [`index`] |
//! | Which files are in the workspace, or in a commit? | `tree` |
//! | Which data do paths lead to? | `data_tree` |
//! | How is another repository, or a commit, read? | [`project`] |
//! | What may a command line name in a directory? | [`nearby`] |
//! | What reads and changes the workspace: locks, hashes of files, links, checkout? | [`workspace`] |
//! | What can a user do? | [`ops`] |

#![warn(missing_docs)]

mod atomic;
mod data_tree;
mod error;
pub mod external;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod git;
mod identity;
pub mod ignore;
pub mod index;
pub mod init;
pub mod metafile;
pub mod nearby;
pub mod ops;
mod paths;
pub mod project;
pub mod root;
mod tree;
pub mod workspace;

pub use error::{Error, Result};
pub use git::Git;
pub use ignore::IgnoreRules;
pub use index::{Dep, Index, Out, OutKind, SelectOptions, Selected, Selection, Stage};
pub use metafile::dir_manifest::DirManifest;
pub use project::{ConfigOverrides, Project};
pub use root::Repo;
pub use workspace::lock::{LockWait, PathLocks, RepoLock, TransferLock};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
