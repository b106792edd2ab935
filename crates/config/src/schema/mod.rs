//! The validated configuration.

pub(crate) mod url;
pub(crate) mod validate;
pub(crate) mod values;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::stack::tree::{Leaf, Node, Table};
use crate::{Env, Error, Located, Remote, Result, keys};

/// The merged and validated configuration of all levels.
#[derive(Debug, Clone)]
pub struct Config {
    /// Section `core`.
    pub core: CoreConfig,
    /// Section `cache`.
    pub cache: CacheConfig,
    /// Section `parsing`.
    pub parsing: ParsingConfig,
    warnings: Vec<String>,
    tree: Table,
    env: Env,
    root: Option<PathBuf>,
}

impl Config {
    /// Validates a merged tree.
    pub(crate) fn new(tree: Table, env: &Env) -> Result<Self> {
        let warnings = validate::validate(&tree)?;
        let core = Section { tree: &tree, name: "core" };
        let cache = Section { tree: &tree, name: "cache" };
        let parsing = Section { tree: &tree, name: "parsing" };
        Ok(Self {
            core: CoreConfig {
                remote: core.text("remote").map(|name| name.map(|name| name.to_lowercase())),
                checksum_jobs: core.leaf("checksum_jobs").map(positive),
                interactive: core.boolean("interactive", false),
                analytics: core.boolean("analytics", true),
                hardlink_lock: core.boolean("hardlink_lock", false),
                no_scm: core.boolean("no_scm", false),
                autostage: core.boolean("autostage", false),
                check_update: core.boolean("check_update", true),
            },
            cache: CacheConfig {
                dir: cache.text("dir").map(|path| path.map(PathBuf::from)),
                types: cache.leaf("type").map(|leaf| leaf.located().map(|value| values::link_types(&value))),
                shared_group: match cache.leaf("shared") {
                    Some(leaf) => Located::new(true, leaf.origin.clone()),
                    None => Located::default_value(false),
                },
            },
            parsing: ParsingConfig {
                negates_booleans: parsing.is_choice("bool", "boolean_optional"),
                repeats_lists: parsing.is_choice("list", "append"),
            },
            warnings,
            env: env.clone(),
            root: None,
            tree,
        })
    }

    /// Names the root of the repository, for messages.
    #[must_use]
    pub(crate) fn with_root(self, root: Option<PathBuf>) -> Self {
        Self { root, ..self }
    }

    /// Returns the remote called `name`, or the default remote.
    ///
    /// The name is matched in lower case, references (`remote://other/path`) are followed, and the options are
    /// checked for what can't work: contradictions, incomplete sets, malformed values.
    pub fn remote(&self, name: Option<&str>) -> Result<Remote> {
        let name = match name.filter(|name| !name.is_empty()) {
            Some(name) => name.to_lowercase(),
            None => match &self.core.remote {
                Some(default) if !default.value.is_empty() => default.value.clone(),
                _ => {
                    let available = self.remote_names().into_iter().map(str::to_owned).collect();
                    return Err(Error::NoDefaultRemote { available, root: self.root.clone() });
                }
            },
        };
        crate::remote::build(&self.tree, &name, &self.env)
    }

    /// Returns a URL as a remote without a name, with options for it alone (`--fs-config`); `remote://NAME/path` stands
    /// for a path on a remote of the configuration.
    pub fn external(&self, url: &str, options: &[(String, String)]) -> Result<Remote> {
        crate::remote::external(&self.tree, url, options, &self.env)
    }

    /// Tells whether another configuration gives the remote called `name` the same options, wherever they stand.
    pub fn has_same_remote(&self, other: &Self, name: &str) -> bool {
        let name = name.to_lowercase();
        let options = |config: &Self| {
            let table = crate::remote::dereference(&config.tree, &name).ok()?;
            let mut options: Vec<_> = table
                .flatten()
                .into_iter()
                .map(|(path, leaf)| (path.join("."), leaf.value.clone()))
                .collect();
            options.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
            Some(options)
        };
        options(self).is_some_and(|own| Some(own) == options(other))
    }

    /// Returns the names of all remotes, in the order they were first seen.
    pub fn remote_names(&self) -> Vec<&str> {
        names(&self.tree)
    }

    /// Returns what deserves a warning but stops nothing, such as unknown options of `feature`.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Returns the names of the remotes of a tree.
pub(crate) fn names(tree: &Table) -> Vec<&str> {
    let remotes = tree.table(&["remote"]).into_iter().flat_map(Table::iter);
    remotes.filter(|(_, node)| matches!(node, Node::Table(_))).map(|(name, _)| name).collect()
}

/// Says that there is no such remote, and which one may be meant.
pub(crate) fn remote_not_found(tree: &Table, name: &str) -> Error {
    let nearest = keys::nearest(name, names(tree)).map(str::to_owned);
    Error::RemoteNotFound { name: name.to_owned(), nearest }
}

/// Reads a number that has been checked to be positive.
pub(crate) fn positive(leaf: &Leaf) -> Located<NonZeroUsize> {
    leaf.located().map(|value| {
        let number = values::integer(&value).and_then(|number| usize::try_from(number).ok());
        number.and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN)
    })
}

/// The options of a section that has been checked.
pub(crate) struct Section<'a> {
    tree: &'a Table,
    name: &'static str,
}

impl<'a> Section<'a> {
    fn leaf(&self, option: &str) -> Option<&'a Leaf> {
        self.tree.leaf(&[self.name, option])
    }

    fn text(&self, option: &str) -> Option<Located<String>> {
        self.leaf(option).map(|leaf| leaf.located().map(|value| value.to_string()))
    }

    /// Returns whether an option has been set to this choice.
    fn is_choice(&self, key: &str, choice: &str) -> Located<bool> {
        match self.leaf(key) {
            Some(leaf) => leaf.located().map(|value| value.to_string() == choice),
            None => Located::default_value(false),
        }
    }

    fn boolean(&self, option: &str, default: bool) -> Located<bool> {
        match self.leaf(option) {
            Some(leaf) => leaf.located().map(|value| values::boolean(&value).unwrap_or(default)),
            None => Located::default_value(default),
        }
    }
}

/// Section `parsing`: how a dictionary in a command of `dvc.yaml` becomes options.
#[derive(Debug, Clone)]
pub struct ParsingConfig {
    /// `bool = boolean_optional`: a false value becomes `--no-NAME`; else it is left out.
    pub negates_booleans: Located<bool>,
    /// `list = append`: each item of a list has the name of the option before it; else only the first has.
    pub repeats_lists: Located<bool>,
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

    /// Reads the name used in configuration files.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Reflink, Self::Hardlink, Self::Symlink, Self::Copy]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
