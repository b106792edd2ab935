//! What the outside world told us: DVC configuration files, the environment, secrets.
//!
//! This crate knows no network, no credentials chain and no DVC data files.
//!
//! # Precedence
//!
//! | level | file | who reads it |
//! |---|---|---|
//! | [`Level::Local`] | `.dvc/config.local` | this checkout; ignored by Git |
//! | [`Level::Repo`] | `.dvc/config` | everyone who clones the repository |
//! | [`Level::Global`] | `~/.config/dvc/config` | this user |
//! | [`Level::System`] | `/etc/xdg/dvc/config` | this machine |
//!
//! A level overrides the ones below it, option by option.
//!
//! # Map
//!
//! - [`ini`]: one file as text - read and edited losslessly;
//! - [`ConfigPaths`], [`ConfigStack`]: the four files - get, list, edit;
//! - [`keys`]: every section and option as data;
//! - [`Config`], [`Remote`], [`S3Remote`]: the validated result, every value [`Located`];
//! - [`atomic`]: files that are replaced as a whole or not at all;
//! - [`Exhausted`]: failures of the machine that concern every file, as a full disk;
//! - [`mask_urls`]: what may be shown of a URL that a user wrote.
//!
//! # Known differences from DVC
//!
//! Each is marked `Deviation:` where it is made: edits keep comments and are atomic ([`ConfigStack`]); a byte order mark is
//! accepted ([`ini`]); a remote that a higher level completes is not removed ([`ConfigStack::remove_remote`]); those of
//! single options stand in [`keys`].

#![warn(missing_docs)]

pub mod atomic;
mod env;
mod error;
mod exhausted;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod ini;
mod key;
pub mod keys;
mod mask;
mod origin;
mod paths;
mod remote;
mod schema;
mod secret;
mod stack;
pub mod variables;

pub use env::{Env, HAUL_DURABILITY, HAUL_DVC, HAUL_HANDED_OVER};
pub use error::{Error, Place, Result, level_flag};
pub use exhausted::Exhausted;
pub use ini::python_repr;
pub use key::{KeyPath, SectionName};
pub use mask::mask_urls;
pub use origin::{Level, Located, Origin};
pub use paths::ConfigPaths;
pub use remote::{
    EndpointProblem, HttpAuth, HttpRemote, LocalRemote, Remote, RemoteKind, S3Remote, ServerSideEncryption,
    SslVerify, is_host_label, is_region, parse_endpoint,
};
pub use schema::{CacheConfig, Config, CoreConfig, LinkType, ParsingConfig};
pub use secret::Secret;
pub use stack::{AddRemote, ConfigStack, Edited, Listed, ListedRemote, Notice};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
