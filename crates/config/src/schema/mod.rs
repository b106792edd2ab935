//! The validated configuration.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::{Located, Remote, Result};

/// The merged and validated configuration of all levels.
#[derive(Debug, Clone)]
pub struct Config {
    /// Section `core`.
    pub core: CoreConfig,
    /// Section `cache`.
    pub cache: CacheConfig,
}

impl Config {
    /// Returns the remote called `name`, or the default remote.
    ///
    /// The name is matched in lower case, references (`remote://other/path`) are followed, and the options are
    /// checked for what can't work: contradictions, incomplete sets, malformed values.
    pub fn remote(&self, name: Option<&str>) -> Result<Remote> {
        let _ = name;
        unimplemented!()
    }

    /// Returns the names of all remotes, in the order they were first seen.
    pub fn remote_names(&self) -> Vec<&str> {
        unimplemented!()
    }

    /// Returns what deserves a warning but stops nothing, such as unknown options of `feature`.
    pub fn warnings(&self) -> &[String] {
        unimplemented!()
    }
}

/// Section `core`.
#[derive(Debug, Clone)]
pub struct CoreConfig {
    /// The default remote, in lower case.
    pub remote: Option<Located<String>>,
    /// How many files may be hashed side by side.
    pub checksum_jobs: Option<Located<NonZeroUsize>>,
    /// Whether DVC asks questions when reproducing.
    pub interactive: Located<bool>,
    /// Whether DVC reports its usage; haul never does.
    pub analytics: Located<bool>,
    /// Whether the repository lock must work on file systems without `flock`.
    pub hardlink_lock: Located<bool>,
    /// Whether the repository is not under Git.
    pub no_scm: Located<bool>,
    /// Whether files that are written are also staged with Git.
    pub autostage: Located<bool>,
    /// Whether DVC looks for updates; haul never does.
    pub check_update: Located<bool>,
    /// Where state that is not the repository's own is kept.
    pub site_cache_dir: Option<Located<PathBuf>>,
}

/// Section `cache`.
#[derive(Debug, Clone)]
pub struct CacheConfig {
    /// The cache folder, absolute; unset means `.dvc/cache`.
    pub dir: Option<Located<PathBuf>>,
    /// How files are linked into the workspace, by preference; unset means reflink, copy.
    pub types: Option<Located<Vec<LinkType>>>,
    /// Whether cache files are writable for the group (`shared = group`).
    pub shared_group: Located<bool>,
    /// Whether a slow way of linking is worth a warning.
    pub slow_link_warning: Located<bool>,
    /// Whether cache files are hashed again before they are trusted.
    pub verify: Located<bool>,
}

/// The ways a cached file can appear in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// A copy that shares blocks until one side is written.
    Reflink,
    /// A second name of the cache file.
    Hardlink,
    /// A pointer to the cache file.
    Symlink,
    /// A copy.
    Copy,
}

impl LinkType {
    /// Returns the name used in configuration files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reflink => "reflink",
            Self::Hardlink => "hardlink",
            Self::Symlink => "symlink",
            Self::Copy => "copy",
        }
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
