//! The four files together.

mod edit;
mod layer;
mod lock;
mod over;
mod refusal;
mod remotes;
pub(crate) mod resolve;
pub(crate) mod tree;
mod write;

use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;

use crate::ini::Value;
use crate::{
    Config, ConfigPaths, Env, Error, KeyPath, Level, Located, Place, Result, SectionName, keys, schema,
};
use layer::Layer;
use tree::{Leaf, Table};

/// The configuration files of all levels, loaded but not validated.
///
/// Every edit waits until no other one is at work, reads the file again, changes one copy, checks what would come out,
/// and then replaces the file as a whole: a failed or killed edit leaves it as it was, and of two edits at once none is
/// lost. An edit of several levels writes them in an order in which each step leaves a configuration that works, and
/// the same edit goes on from there.
#[derive(Debug, Clone)]
pub struct ConfigStack {
    paths: ConfigPaths,
    env: Env,
    /// The levels that have a place for a file, from the lowest to the highest.
    layers: Vec<Layer>,
}

/// An option of one level, as `config --list` shows it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The dotted name; sections nested deeper than DVC allows show all their names.
    pub key: String,
    /// The value; paths are absolute. It may be a secret unless `is_harmless`.
    pub value: Located<Value>,
    /// Whether the option is known, and no secret: only then may its value be shown (see [`crate::keys::is_harmless`]).
    pub is_harmless: bool,
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
    /// A secret now stands in a file. Whether others will see it there, Git knows.
    SecretWritten {
        /// The option.
        key: KeyPath,
        /// The file.
        path: PathBuf,
        /// The commands that move it to `config.local`, from the file that a repository shares; `<value>` stands for the
        /// secret.
        commands: Option<Vec<String>>,
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
    /// The value can be written and will hardly work.
    Doubtful {
        /// What is doubtful.
        message: String,
        /// What to type.
        hint: String,
    },
    /// `cache.type` changed; existing links stay as they are until `checkout --relink`.
    CacheTypeChanged,
}

impl ConfigStack {
    /// Reads the files that exist; a missing file is an empty one.
    pub fn load(paths: &ConfigPaths, env: &Env) -> Result<Self> {
        let files = Level::ALL.into_iter().filter_map(|level| Some((level, paths.path(level)?)));
        let layers = files.map(|(level, path)| Layer::load(level, path, env)).collect::<Result<_>>()?;
        Ok(Self { paths: paths.clone(), env: env.clone(), layers })
    }

    /// Returns the same files, but with `text` in the place of the one of the repository: the configuration that held
    /// in a commit. As in DVC, the other levels are those of now, and relative paths mean what they would mean now.
    ///
    /// Deviation: what other levels say of a remote that the commit does not have yet, such as its keys in `config.local`, is
    /// left out. For DVC the configuration of that commit is wrong, because the remote has no `url`.
    pub fn with_repo_text(&self, text: &[u8]) -> Result<Self> {
        let mut stack = self.clone();
        for layer in stack.layers.iter_mut().filter(|layer| layer.level == Level::Repo) {
            let path = layer.path.clone();
            *layer = Layer::parse(Level::Repo, &path, text.to_owned(), &self.env)?;
        }
        let merged = stack.merged(None);
        let has_url = |name: &&str| merged.leaf(&["remote", *name, "url"]).is_some();
        let unknown: Vec<&str> = schema::names(&merged).into_iter().filter(|name| !has_url(name)).collect();
        for layer in stack.layers.iter_mut().filter(|layer| layer.level != Level::Repo) {
            if layer.table.get("remote").is_some() {
                let remotes = layer.table.table_mut("remote");
                for name in &unknown {
                    remotes.remove(name);
                }
            }
        }
        Ok(stack)
    }

    /// Returns where the files are.
    pub fn paths(&self) -> &ConfigPaths {
        &self.paths
    }

    /// Merges and validates all levels.
    pub fn config(&self) -> Result<Config> {
        let root = self.paths().dvc_dir().and_then(|dvc_dir| dvc_dir.parent()).map(Path::to_owned);
        Ok(Config::new(self.merged(None), &self.env)?.with_root(root))
    }

    /// Returns an option: of one level, or of the highest level that sets it.
    ///
    /// With a level, a missing section or option is an error; without, it is `None`. Paths are absolute.
    pub fn get(&self, key: &KeyPath, level: Option<Level>) -> Result<Option<Located<Value>>> {
        let path = [key.section.path(), vec![key.option.as_str()]].concat();
        match level {
            Some(level) => {
                let layer = self.layer(level)?;
                let leaf = layer.table.leaf(&path).ok_or_else(|| not_found(&layer.table, key))?;
                Ok(Some(leaf.located()))
            }
            None => Ok(self.layers.iter().rev().find_map(|layer| layer.table.leaf(&path)).map(Leaf::located)),
        }
    }

    /// Lists the options of one level or of all, in DVC's order: levels from system to local, remotes first.
    pub fn list(&self, level: Option<Level>) -> Result<Vec<Listed>> {
        if let Some(level) = level {
            self.layer(level)?;
        }
        let mut listed: Vec<Listed> = Vec::new();
        let mut seen: HashSet<Vec<&str>> = HashSet::new();
        for layer in self.layers.iter().rev() {
            let options = layer.table.flatten();
            let shown = level.is_none_or(|level| level == layer.level);
            for (path, leaf) in options.iter().rev().filter(|_| shown) {
                listed.push(Listed {
                    key: path.join("."),
                    value: leaf.located(),
                    is_harmless: keys::is_harmless(path),
                    overridden: seen.contains(path),
                });
            }
            seen.extend(options.into_iter().map(|(path, _)| path));
        }
        listed.reverse();
        Ok(listed)
    }

    /// Lists the remotes of one level, or of all levels merged, in the order they were first seen.
    pub fn remotes(&self, level: Option<Level>) -> Result<Vec<ListedRemote>> {
        let default = self.default_remote(level)?.map(|default| default.value.to_lowercase());
        let table = self.table(level)?;
        let listed = schema::names(&table).into_iter().map(|name| ListedRemote {
            name: name.to_owned(),
            url: table
                .leaf(&["remote", name, "url"])
                .map(|leaf| leaf.located().map(|value| value.to_string())),
            is_default: default.as_deref() == Some(name),
        });
        Ok(listed.collect())
    }

    /// Returns the default remote of one level, or of all levels merged.
    pub fn default_remote(&self, level: Option<Level>) -> Result<Option<Located<String>>> {
        let table = self.table(level)?;
        Ok(table.leaf(&["core", "remote"]).map(|leaf| leaf.located().map(|value| value.to_string())))
    }

    fn layer(&self, level: Level) -> Result<&Layer> {
        let found = self.layers.iter().find(|layer| layer.level == level);
        found.ok_or(match level {
            Level::Global | Level::System => Error::NoHome { level },
            Level::Repo | Level::Local => Error::NotInRepository { level },
        })
    }

    /// Returns one level, or all merged.
    fn table(&self, level: Option<Level>) -> Result<Table> {
        match level {
            Some(level) => self.layer(level).map(|layer| layer.table.clone()),
            None => Ok(self.merged(None)),
        }
    }

    /// Merges the levels from system up to this one.
    fn merged(&self, up_to: Option<Level>) -> Table {
        let mut merged = Table::default();
        for layer in self.layers.iter().filter(|layer| up_to.is_none_or(|level| layer.level <= level)) {
            merged.merge(&layer.table);
            // DVC lists all sections it knows behind those of the first file; it decides which mistake is the first.
            for section in keys::SECTIONS {
                if merged.get(section.name).is_none() {
                    merged.table_mut(section.name);
                }
            }
        }
        merged
    }
}

/// Says whether the section or the option is missing, as `dvc config` does.
fn not_found(table: &Table, key: &KeyPath) -> Error {
    let (kind, name) = match &key.section {
        SectionName::Plain(name) => ("section", name),
        SectionName::Remote(name) => ("remote", name),
        SectionName::Machine(name) => ("machine", name),
        SectionName::Db(name) => ("db", name),
    };
    let path = key.section.path();
    let is_known = matches!(key.section, SectionName::Plain(_)) && keys::section(name).is_some();
    if is_known || table.table(&path).is_some() {
        return Error::OptionNotFound { option: key.option.clone(), kind, name: name.clone() };
    }
    Error::SectionNotFound { kind, name: name.clone() }
}
