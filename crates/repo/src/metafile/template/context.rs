//! The variables of a stage: `params.yaml`, `vars` of the file and of the stage, and the `item` and
//! `key` of a group.
//!
//! Source: <https://dvc.org/doc/user-guide/project-structure/dvcyaml-files#templating>.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::expression;
use super::params::{self, ParamsError};
use super::value::{Dict, Member, Value};
use crate::metafile::yaml::Node;
use crate::paths::normalize;

/// Reads the files that templates name, from the workspace or a commit.
pub(crate) trait ReadFiles {
    /// Reads a file by its absolute path; `None` if it does not exist.
    fn read(&self, path: &Path) -> std::io::Result<Option<FileContent>>;

    /// Returns a path for messages.
    fn shown(&self, path: &Path) -> String;
}

/// What is at a path.
#[derive(Debug)]
pub(crate) enum FileContent {
    File(Vec<u8>),
    Directory,
}

/// Why a variable has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VariableError {
    /// A sentence that follows its place on the same line.
    Sentence(String),
    /// A sentence on a line of its own, as DVC shows errors of syntax and of conflicting definitions.
    Apart(String),
    /// A file or a key is named twice; shown as [`VariableError::Apart`].
    LoadedTwice(String),
    /// A sentence about a file of parameters, complete in itself.
    File(String),
}

/// Splits the text between the braces of an expression into keys.
pub(super) fn keys(inner: &str) -> Result<Vec<&str>, VariableError> {
    expression::keys(inner).map_err(|problem| VariableError::Apart(format!("${{{inner}}}: {problem}")))
}

/// The variables of a stage.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    members: Arc<Dict>,
    /// Files that were loaded, with the loaded keys; `None` for all keys.
    imports: HashMap<PathBuf, Option<Vec<String>>>,
    /// The variables of a group, which no `vars` may define.
    group: Vec<(&'static str, Value)>,
    /// The size of the text that the templates of the file produced so far, in bytes.
    made_bytes: Arc<AtomicUsize>,
}

/// The maximum size of the text that the templates of a file may produce, in bytes.
///
/// Deviation: haul refuses a `dvc.yaml` whose templates expand to more than 64 MiB, which is more than any pipeline has;
/// DVC expands them until it runs out of memory.
const MAX_MADE_BYTES: usize = 64 << 20;

impl Context {
    /// Returns the context of one member of a group.
    pub(crate) fn within_group(&self, variables: Vec<(&'static str, Value)>) -> Self {
        Self {
            members: Arc::clone(&self.members),
            imports: self.imports.clone(),
            group: variables,
            made_bytes: Arc::clone(&self.made_bytes),
        }
    }

    /// Counts memory that templates are about to use.
    ///
    /// # Errors
    ///
    /// If the templates of the file need too much.
    pub(super) fn reserve(&self, n_bytes: usize) -> Result<(), VariableError> {
        let before = self.made_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        if before.saturating_add(n_bytes) <= MAX_MADE_BYTES {
            return Ok(());
        }
        let message = format!("the templates of the file make more than {} MiB", MAX_MADE_BYTES >> 20);
        Err(VariableError::Sentence(message))
    }

    /// Loads `params.yaml`, if it exists.
    pub(crate) fn load_default(&mut self, files: &dyn ReadFiles, wdir: &Path) -> Result<(), VariableError> {
        let path = wdir.join("params.yaml");
        match files.read(&path) {
            Ok(None) => Ok(()),
            _ => self.load_file(files, "params.yaml", wdir),
        }
    }

    /// Loads the items of a `vars` section. `section` names it: `vars`, or `STAGE.vars`.
    pub(crate) fn load_vars(
        &mut self,
        files: &dyn ReadFiles,
        vars: &Node,
        wdir: &Path,
        section: &str,
    ) -> Result<(), VariableError> {
        for (position, item) in vars.items().iter().enumerate() {
            if let Some(item) = item.as_str() {
                self.load_file(files, item, wdir)?;
            } else if let Value::Dict(dict) = Value::of_node(item, &format!("{section}[{position}]").into()) {
                self.merge(dict).map_err(|conflict| conflict.error(None))?;
            }
        }
        Ok(())
    }

    /// Loads a file, or some keys of it: `FILE[:KEY,KEY…]`.
    fn load_file(&mut self, files: &dyn ReadFiles, item: &str, wdir: &Path) -> Result<(), VariableError> {
        let (path, keys) = item.split_once(':').unwrap_or((item, ""));
        let keys: Vec<String> = keys.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect();
        let keys = (!keys.is_empty()).then_some(keys);
        let path = normalize(&wdir.join(path));
        if let Some(imported) = self.imports.get(&path) {
            match (imported, &keys) {
                (None, None) => return Ok(()),
                (None, Some(_)) => {
                    let message = format!("cannot partially load '{item}' as it's already loaded.");
                    return Err(VariableError::LoadedTwice(message));
                }
                (Some(loaded), keys) => {
                    if keys.as_ref().is_none_or(|keys| keys.iter().any(|key| loaded.contains(key))) {
                        let message = format!("cannot load '{item}' as it's partially loaded already");
                        return Err(VariableError::LoadedTwice(message));
                    }
                }
            }
        }
        let shown = files.shown(&path);
        let mut dict = params::load(files, &path).map_err(|error| match error {
            ParamsError::Sentence(message) => VariableError::Sentence(message),
            ParamsError::Unreadable(message) => VariableError::File(message),
        })?;
        if let Some(keys) = &keys {
            let mut selected = Dict::with_capacity(keys.len());
            for key in keys {
                let member = dict.swap_remove(key.as_str());
                let missing = || VariableError::Sentence(format!("could not find '{key}' in '{shown}'"));
                selected.insert(key.clone(), member.ok_or_else(missing)?);
            }
            dict = selected;
        }
        self.merge(dict).map_err(|conflict| conflict.error(Some(item)))?;
        match (self.imports.entry(path).or_insert_with(|| keys.is_some().then(Vec::new)), keys) {
            (Some(loaded), Some(keys)) => loaded.extend(keys),
            (loaded, _) => *loaded = None,
        }
        Ok(())
    }

    fn merge(&mut self, update: Dict) -> Result<(), Conflict> {
        let reserved: Vec<&'static str> =
            self.group.iter().map(|(name, _)| *name).filter(|name| update.contains_key(*name)).collect();
        if !reserved.is_empty() {
            return Err(Conflict::Reserved(reserved));
        }
        merge(Arc::make_mut(&mut self.members), update, &mut Vec::new())
    }

    /// Returns the value that an expression names.
    pub(crate) fn select(&self, inner: &str) -> Result<&Value, VariableError> {
        let keys = keys(inner)?;
        let not_found = || {
            // DVC parses the expressions of a group only once, and shows their unchanged text.
            let name = if self.group.is_empty() { keys.join(".") } else { inner.to_owned() };
            VariableError::Sentence(format!("Could not find '{name}'"))
        };
        let (first, rest) = keys.split_first().ok_or_else(not_found)?;
        let first = first.trim();
        let of_group = self.group.iter().find(|(name, _)| *name == first).map(|(_, value)| value);
        let in_file = || self.members.get(first).map(|member| &member.value);
        let mut value = of_group.or_else(in_file).ok_or_else(not_found)?;
        for key in rest {
            let key = key.trim();
            value = match value {
                Value::Dict(dict) => dict.get(key).map(|member| &member.value),
                Value::List(items) => position(key, items.len()).map(|position| &items[position]),
                _ => None,
            }
            .ok_or_else(not_found)?;
        }
        Ok(value)
    }
}

/// Returns the index that a key names in a list: as in Python, negative numbers count from the end.
fn position(key: &str, length: usize) -> Option<usize> {
    let digits = key.strip_prefix(['+', '-']).unwrap_or(key);
    let number: usize = digits.replace('_', "").parse().ok()?;
    let position = if key.starts_with('-') { length.checked_sub(number)? } else { number };
    (position < length).then_some(position)
}

/// Two definitions of one variable.
#[derive(Debug)]
enum Conflict {
    Reserved(Vec<&'static str>),
    Redefined { path: String, new: Arc<str>, old: Arc<str> },
}

impl Conflict {
    fn error(self, item: Option<&str>) -> VariableError {
        match self {
            Self::Reserved(names) => {
                let plural = if names.len() > 1 { "s" } else { "" };
                let inside = item.map(|item| format!(" in '{item}'")).unwrap_or_default();
                let names = names.join(" and ");
                VariableError::Sentence(format!("attempted to modify reserved key{plural} {names}{inside}"))
            }
            Self::Redefined { path, new, old } => VariableError::Apart(format!(
                "cannot redefine '{path}' from '{new}' as it already exists in '{old}'"
            )),
        }
    }
}

fn merge(into: &mut Dict, update: Dict, above: &mut Vec<String>) -> Result<(), Conflict> {
    for (key, member) in update {
        match (into.get_mut(&key), member) {
            (Some(Member { value: Value::Dict(into), .. }), Member { value: Value::Dict(update), .. }) => {
                above.push(key);
                merge(into, update, above)?;
                above.pop();
            }
            (Some(old), new) => {
                above.push(key);
                let (new, old) = (new.source, Arc::clone(&old.source));
                return Err(Conflict::Redefined { path: above.join("."), new, old });
            }
            (None, member) => {
                into.insert(key, member);
            }
        }
    }
    Ok(())
}
