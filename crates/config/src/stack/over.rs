//! What a command line puts over the files of a repository that it looks into.

use std::path::{Path, PathBuf};

use super::ConfigStack;
use super::layer::Layer;
use super::tree::{Leaf, Node, Table};
use crate::ini::{Document, Value};
use crate::{Error, Level, Origin, Result};

impl ConfigStack {
    /// Returns the same files with another one over them, as `--config` of the commands that look into other repositories
    /// names it. Its paths are relative to where it lies.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read.
    pub fn with_file_over(&self, path: &Path) -> Result<Self> {
        let bytes = fs_err::read(path).map_err(|source| Error::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let mut stack = self.clone();
        stack.layers.push(Layer::parse(Level::Local, path, bytes, &self.env)?);
        Ok(stack)
    }

    /// Returns the same files with the default remote, and options of it, that a command line names (`--remote`,
    /// `--remote-config`) over them. Without a name, the options are those of the default remote.
    ///
    /// # Errors
    ///
    /// [`Error::NoDefaultRemote`] for options of a remote that is not known.
    pub fn with_remote_over(&self, name: Option<&str>, options: &[(String, String)]) -> Result<Self> {
        let default = self.default_remote(None)?.map(|default| default.value);
        let Some(name) = name.map(str::to_lowercase).or(default).filter(|name| !name.is_empty()) else {
            if options.is_empty() {
                return Ok(self.clone());
            }
            let available = self.remotes(None)?.into_iter().map(|remote| remote.name).collect();
            return Err(Error::NoDefaultRemote { available, root: None });
        };
        let leaf = |value: &str| {
            let value = Value::Text(value.to_owned());
            Node::Leaf(Leaf { raw: value.clone(), value, origin: Origin::CommandLine })
        };
        let mut table = Table::default();
        table.table_mut("core").insert("remote", leaf(&name));
        if !options.is_empty() {
            let remote = table.table_mut("remote").table_mut(&name);
            for (option, value) in options {
                remote.insert(&option.to_lowercase(), leaf(value));
            }
        }
        let mut stack = self.clone();
        stack.layers.push(Layer {
            level: Level::Local,
            path: PathBuf::new(),
            document: Document::default(),
            table,
            exists: false,
        });
        Ok(stack)
    }
}
