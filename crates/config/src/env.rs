//! The environment of the process, taken once and handed down.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Names the variable that says whether haul waits for the disk: `sync`, the default, or `none`.
///
/// With `none` nothing is lost when the program is killed, but a power failure within the next minute may leave objects
/// in the cache that are empty or full of zeros and count as intact, and take back what a command reported as done. It is
/// for machines whose disk is thrown away, as those of continuous integration. Metafiles and configuration are
/// waited for all the same.
pub const HAUL_DURABILITY: &str = "HAUL_DURABILITY";

/// Names the program that answers commands of DVC which haul does not have; else it is the `dvc` on PATH.
pub const HAUL_DVC: &str = "HAUL_DVC";

/// Counts how often in a row a command line was handed over to DVC; set by haul for DVC, against endless loops.
pub const HAUL_HANDED_OVER: &str = "HAUL_HANDED_OVER";

/// A snapshot of environment variables and of the working directory.
///
/// [`Env::from_process`] is the only reader of `std::env` in the workspace: libraries take an `Env`, so that
/// tests and programs that embed them decide what they see.
#[derive(Clone, Default)]
pub struct Env {
    variables: BTreeMap<OsString, OsString>,
    current_dir: PathBuf,
    program: Option<PathBuf>,
}

impl Env {
    /// Takes the environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the process environment")]
    pub fn from_process() -> std::io::Result<Self> {
        Ok(Self {
            variables: std::env::vars_os().collect(),
            current_dir: std::env::current_dir()?,
            program: std::env::current_exe().ok(),
        })
    }

    /// Builds an environment that holds just `variables`, for a program in `current_dir`.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(
        current_dir: impl Into<PathBuf>,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self {
            variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            current_dir: current_dir.into(),
            program: None,
        }
    }

    /// Returns the value of a variable that is set, not empty and valid UTF-8.
    ///
    /// Empty counts as unset, as for the AWS tools.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.var_os(name)?.to_str()
    }

    /// Returns the value of a variable that is set and not empty.
    pub fn var_os(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Returns all variables, for programs that are to be run in this environment.
    pub fn vars_os(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Tells whether the variable is set at all, be it to the empty string.
    pub fn is_set(&self, name: &str) -> bool {
        self.variables.contains_key(OsStr::new(name))
    }

    /// Returns whether to wait until the disk has what was written ([`HAUL_DURABILITY`]).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a value that means nothing.
    pub fn waits_for_disk(&self) -> Result<bool> {
        match self.var(HAUL_DURABILITY) {
            None | Some("sync") => Ok(true),
            Some("none") => Ok(false),
            Some(other) => Err(Error::Invalid {
                message: format!("`{other}` is no value of {HAUL_DURABILITY}"),
                places: Vec::new(),
                hint: format!("set {HAUL_DURABILITY} to `sync` (the default) or `none`"),
            }),
        }
    }

    /// Returns the home directory (`HOME`, on Windows `USERPROFILE`).
    pub fn home_dir(&self) -> Option<&Path> {
        let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        self.var_os(name).map(Path::new)
    }

    /// Returns the working directory.
    pub fn current_dir(&self) -> &Path {
        &self.current_dir
    }

    /// Returns the same environment in another working directory, for `--cd`.
    #[must_use]
    pub fn with_current_dir(mut self, current_dir: impl Into<PathBuf>) -> Self {
        self.current_dir = current_dir.into();
        self
    }

    /// Returns the file of the program that runs; `None` where the system does not say, and in an environment that was
    /// not taken from the process.
    pub fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    /// Returns the directories in which programs are looked for (`PATH`); relative ones start in the working directory.
    pub fn search_path(&self) -> Vec<PathBuf> {
        let path = self.var_os("PATH").unwrap_or_default();
        std::env::split_paths(path).map(|directory| self.current_dir.join(directory)).collect()
    }

    /// Makes `path` absolute: `~` is the home directory, relative paths start in the working directory.
    pub fn absolute(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        if let (Ok(rest), Some(home)) = (path.strip_prefix("~"), self.home_dir()) {
            return home.join(rest);
        }
        self.current_dir.join(path)
    }
}

/// Shows names only: values may be secrets.
impl std::fmt::Debug for Env {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.variables.keys().collect();
        formatter
            .debug_struct("Env")
            .field("variables", &names)
            .field("current_dir", &self.current_dir)
            .field("program", &self.program)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durability_is_sync_unless_it_is_none_and_nothing_else() {
        let waits = |value: &str| Env::new("/", [(HAUL_DURABILITY, value)]).waits_for_disk();
        assert!(Env::default().waits_for_disk().unwrap());
        assert!(waits("").unwrap() && waits("sync").unwrap());
        assert!(!waits("none").unwrap());
        let message = waits("None").unwrap_err().to_string();
        assert!(message.contains("`None`") && message.contains(HAUL_DURABILITY), "{message}");
    }
}
