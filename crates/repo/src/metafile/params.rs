//! The parameters that a stage of a pipeline depends on, and which of them changed.
//!
//! Source: <https://dvc.org/doc/user-guide/project-structure/dvcyaml-files#parameters>.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::template::context::ReadFiles;
use super::template::params::{ParamsError, load};
use super::template::value::{Dict, Value};
use super::yaml::Node;
use crate::paths::normalize;

/// The file that parameters without one stand in.
const DEFAULT_FILE: &str = "params.yaml";

/// Parameters of one file.
#[derive(Debug, Clone)]
pub(crate) struct Params {
    /// The file as written.
    pub(crate) def_path: String,
    /// The file, absolute.
    pub(crate) path: PathBuf,
    /// The names of the parameters, with `.` between levels; none means all of the file.
    names: Vec<String>,
    /// The values that `dvc.lock` has.
    recorded: Option<Arc<Dict>>,
}

/// How a parameter differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParamChange {
    New,
    Modified,
    Deleted,
}

/// How a file of parameters differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParamsChange {
    /// The file is not there.
    FileDeleted,
    /// Nothing of it is recorded.
    FileNew,
    /// Single parameters.
    Values(Vec<(String, ParamChange)>),
}

impl Params {
    /// Reads the section `params` of a stage, with what the lock has for it.
    pub(crate) fn read(section: &Node, locked: Option<&Node>, wdir: &Path) -> Vec<Self> {
        let mut files: Vec<Self> = Vec::new();
        let mut add = |def_path: &str, names: Vec<String>, is_whole: bool| {
            if let Some(known) = files.iter_mut().find(|file| file.def_path == def_path) {
                known.names.extend(names);
                return;
            }
            debug_assert!(is_whole || !names.is_empty());
            let recorded = locked.and_then(|locked| locked.get(def_path)).map(|node| {
                let source: Arc<str> = def_path.into();
                match Value::of_node(node, &source) {
                    Value::Dict(dict) => Arc::new(dict),
                    _ => Arc::new(Dict::new()),
                }
            });
            let path = normalize(&wdir.join(def_path));
            files.push(Self { def_path: def_path.to_owned(), path, names, recorded });
        };
        for item in section.items() {
            if let Some(name) = item.as_str() {
                add(DEFAULT_FILE, vec![name.to_owned()], false);
            }
            for entry in item.entries() {
                let Some(def_path) = entry.key.as_str() else { continue };
                let names: Vec<String> =
                    entry.value.items().iter().filter_map(Node::as_str).map(str::to_owned).collect();
                let is_whole = names.is_empty();
                add(def_path, names, is_whole);
            }
        }
        files
    }

    /// Compares the file with what the lock has; `None` if nothing differs.
    ///
    /// # Errors
    ///
    /// A sentence of DVC's if the file cannot be read as parameters.
    pub(crate) fn change(&self, files: &dyn ReadFiles) -> Result<Option<ParamsChange>, String> {
        if !self.path.exists() {
            return Ok(Some(ParamsChange::FileDeleted));
        }
        let Some(recorded) = &self.recorded else { return Ok(Some(ParamsChange::FileNew)) };
        let shown = files.shown(&self.path);
        let current = load(files, &self.path).map_err(|error| match error {
            ParamsError::Sentence(sentence) if sentence.ends_with("is a directory") => {
                format!("{sentence}, expected a parameters file")
            }
            ParamsError::Sentence(reason) | ParamsError::Unreadable(reason) => {
                format!("Unable to read parameters from '{shown}': {reason}")
            }
        })?;
        let names = if self.names.is_empty() {
            let gone = recorded.keys().filter(|name| !current.contains_key(*name));
            current.keys().chain(gone).cloned().collect()
        } else {
            self.names.clone()
        };
        let mut changes = Vec::new();
        for name in names {
            // The names of a whole file are its own keys, in which a `.` is no level.
            let value = if self.names.is_empty() {
                current.get(&name).map(|member| &member.value)
            } else {
                look_up(&current, &name)
            };
            let change = match (value, recorded.get(&name).map(|member| &member.value)) {
                (None, _) => ParamChange::Deleted,
                (Some(_), None) => ParamChange::New,
                (Some(value), Some(recorded)) if !is_equal(value, recorded) => ParamChange::Modified,
                _ => continue,
            };
            if !changes.iter().any(|(known, _)| *known == name) {
                changes.push((name, change));
            }
        }
        Ok((!changes.is_empty()).then_some(ParamsChange::Values(changes)))
    }
}

/// Returns the value at a path of keys and of positions in lists.
fn look_up<'dict>(dict: &'dict Dict, name: &str) -> Option<&'dict Value> {
    let mut keys = name.split('.');
    let mut value = &dict.get(keys.next()?)?.value;
    for key in keys {
        value = match value {
            Value::Dict(dict) => &dict.get(key)?.value,
            Value::List(items) => items.get(key.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(value)
}

/// Whether Python takes two values for equal: numbers by their value, `True` for 1, dictionaries in any order.
fn is_equal(left: &Value, right: &Value) -> bool {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return left.total_cmp(&right).is_eq() || (left - right).abs() == 0.0;
    }
    match (left, right) {
        // The lock has a tuple as a list.
        (Value::List(left) | Value::Tuple(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_equal(left, right))
        }
        (Value::Dict(left), Value::Dict(right)) => {
            let has_same = |(key, member): (&String, &super::template::value::Member)| {
                right.get(key).is_some_and(|other| is_equal(&member.value, &other.value))
            };
            left.len() == right.len() && left.iter().all(has_same)
        }
        (left, right) => left == right,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Python compares the two exactly; so large a parameter is none"
)]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        _ => None,
    }
}
