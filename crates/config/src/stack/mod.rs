//! The four files together.

use std::path::PathBuf;

use crate::ini::Value;
use crate::{Config, ConfigPaths, Env, KeyPath, Level, Located, Place, Result};

/// The configuration files of all levels, loaded but not validated.
///
/// Every edit reads the file again, changes one copy, checks what would come out, and then replaces the file as a
/// whole: a failed or killed edit leaves it as it was.
#[derive(Debug, Clone)]
pub struct ConfigStack {
    paths: ConfigPaths,
    env: Env,
}

/// An option of one level, as `config --list` shows it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The dotted name; sections nested deeper than DVC allows show all their names.
    pub key: String,
    /// The value; paths are absolute. May be a secret: ask [`crate::keys::is_secret`].
    pub value: Located<Value>,
    /// Whether a higher level sets the same option.
    pub overridden: bool,
}

/// A remote, as `remote list` shows it.
#[derive(Debug, Clone)]
pub struct ListedRemote {
    /// The name.
    pub name: String,
    /// The URL, paths absolute; unset if only other options are set.
    pub url: Option<Located<String>>,
    /// Whether `core.remote` names it.
    pub is_default: bool,
}

/// How `remote add` works.
#[derive(Debug, Clone, Copy, Default)]
pub struct AddRemote {
    /// Replace an existing section of that name, with all its options (`-f`).
    pub force: bool,
    /// Make it the default remote (`-d`).
    pub default: bool,
}

/// What an edit did.
#[derive(Debug, Clone, Default)]
pub struct Edited {
    /// The files that were written.
    pub files: Vec<PathBuf>,
    /// What the user should know.
    pub notices: Vec<Notice>,
}

/// What the user should know about an edit that succeeded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Notice {
    /// A secret now stands in a file that Git tracks.
    SecretInTrackedFile {
        /// The option.
        key: KeyPath,
        /// The file.
        path: PathBuf,
        /// The commands that move it to `config.local`; `<value>` stands for the secret.
        commands: Vec<String>,
    },
    /// The remote can't be used before more options are set.
    Incomplete {
        /// What is missing.
        message: String,
        /// The options that are set.
        places: Vec<Place>,
        /// What to type.
        hint: String,
    },
    /// `cache.type` changed; existing links stay as they are until `checkout --relink`.
    CacheTypeChanged,
}

impl ConfigStack {
    /// Reads the files that exist; a missing file is an empty one.
    pub fn load(paths: &ConfigPaths, env: &Env) -> Result<Self> {
        Ok(Self { paths: paths.clone(), env: env.clone() })
    }

    /// Returns where the files are.
    pub fn paths(&self) -> &ConfigPaths {
        &self.paths
    }

    /// Merges and validates all levels.
    pub fn config(&self) -> Result<Config> {
        unimplemented!()
    }

    /// Returns an option: of one level, or of the highest level that sets it.
    ///
    /// With a level, a missing section or option is an error; without, it is `None`. Paths are absolute.
    pub fn get(&self, key: &KeyPath, level: Option<Level>) -> Result<Option<Located<Value>>> {
        let _ = (key, level, &self.env);
        unimplemented!()
    }

    /// Lists the options of one level or of all, in DVC's order: levels from system to local, remotes first.
    pub fn list(&self, level: Option<Level>) -> Result<Vec<Listed>> {
        let _ = level;
        unimplemented!()
    }

    /// Lists the remotes of one level, or of all levels merged, in the order they were first seen.
    pub fn remotes(&self, level: Option<Level>) -> Result<Vec<ListedRemote>> {
        let _ = level;
        unimplemented!()
    }

    /// Returns the default remote of one level, or of all levels merged.
    pub fn default_remote(&self, level: Option<Level>) -> Result<Option<Located<String>>> {
        let _ = level;
        unimplemented!()
    }

    /// Sets an option (`config NAME VALUE`); creates its section if need be.
    pub fn set(&mut self, level: Level, key: &KeyPath, value: &str) -> Result<Edited> {
        let _ = (level, key, value);
        unimplemented!()
    }

    /// Removes an option (`config -u NAME`); a missing one is an error.
    pub fn unset(&mut self, level: Level, key: &KeyPath) -> Result<Edited> {
        let _ = (level, key);
        unimplemented!()
    }

    /// Adds a remote. A relative path in `url` is relative to the working directory.
    pub fn add_remote(&mut self, level: Level, name: &str, url: &str, how: AddRemote) -> Result<Edited> {
        let _ = (level, name, url, how);
        unimplemented!()
    }

    /// Sets an option of a remote that this or a lower level defines.
    pub fn modify_remote(&mut self, level: Level, name: &str, option: &str, value: &str) -> Result<Edited> {
        let _ = (level, name, option, value);
        unimplemented!()
    }

    /// Removes an option of a remote that this or a lower level defines; a missing option is fine.
    pub fn unset_remote_option(&mut self, level: Level, name: &str, option: &str) -> Result<Edited> {
        let _ = (level, name, option);
        unimplemented!()
    }

    /// Makes a remote that this or a lower level defines the default one.
    pub fn set_default_remote(&mut self, level: Level, name: &str) -> Result<Edited> {
        let _ = (level, name);
        unimplemented!()
    }

    /// Removes `core.remote` of the level, if set.
    pub fn unset_default_remote(&mut self, level: Level) -> Result<Edited> {
        let _ = level;
        unimplemented!()
    }

    /// Removes a remote of the level, and `core.remote` at this and the higher levels where it names the remote.
    pub fn remove_remote(&mut self, level: Level, name: &str) -> Result<Edited> {
        let _ = (level, name);
        unimplemented!()
    }

    /// Renames a remote of the level, and `core.remote` at this and the higher levels where it names the remote.
    pub fn rename_remote(&mut self, level: Level, old: &str, new: &str) -> Result<Edited> {
        let _ = (level, old, new);
        unimplemented!()
    }
}
