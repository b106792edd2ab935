//! The parameters that a stage of a pipeline depends on, and their changes.
//!
//! Source: <https://dvc.org/doc/user-guide/project-structure/dvcyaml-files#parameters>.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::template::context::ReadFiles;
use super::template::params::{ParamsError, load};
use super::template::value::{Dict, Value, float_text};
use super::yaml::{self, Node};
use crate::paths::normalize;

/// The file of parameters that are listed without a file.
const DEFAULT_FILE: &str = "params.yaml";

/// Parameters of one file.
#[derive(Debug, Clone)]
pub(crate) struct Params {
    /// The file as written.
    pub(crate) def_path: String,
    /// The file, absolute.
    pub(crate) path: PathBuf,
    /// The names of the parameters, with `.` between levels; empty means the whole file.
    names: Vec<String>,
    /// The values in `dvc.lock`.
    recorded: Option<Arc<Dict>>,
}

/// How a parameter changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParamChange {
    New,
    Modified,
    Deleted,
}

/// How a parameters file changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParamsChange {
    /// The file does not exist.
    FileDeleted,
    /// None of its parameters is recorded.
    FileNew,
    /// Single parameters.
    Values(Vec<(String, ParamChange)>),
}

impl Params {
    /// Reads the section `params` of a stage, and the recorded values in the lock.
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

    /// Compares the file with the recorded values; `None` if nothing changed.
    ///
    /// # Errors
    ///
    /// If the file is not a valid parameters file; the error is DVC's sentence.
    pub(crate) fn change(&self, files: &dyn ReadFiles) -> Result<Option<ParamsChange>, String> {
        if !self.path.exists() {
            return Ok(Some(ParamsChange::FileDeleted));
        }
        let Some(recorded) = &self.recorded else { return Ok(Some(ParamsChange::FileNew)) };
        let current = self.load(files)?;
        let names = if self.names.is_empty() {
            let gone = recorded.keys().filter(|name| !current.contains_key(*name));
            current.keys().chain(gone).cloned().collect()
        } else {
            self.names.clone()
        };
        let mut changes = Vec::new();
        for name in names {
            let change = match (self.find(&current, &name), recorded.get(&name).map(|member| &member.value)) {
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

    /// Returns the parameters with their current values, sorted by name, for the lock.
    ///
    /// # Errors
    ///
    /// If the file does not exist, is not a valid parameters file, or lacks a parameter; the error is DVC's sentence.
    pub(crate) fn current(&self, files: &dyn ReadFiles) -> Result<Vec<(String, yaml::Value)>, String> {
        let shown = files.shown(&self.path);
        if !self.path.exists() {
            return Err(format!("dependency '{shown}' does not exist"));
        }
        let current = self.load(files)?;
        let names: BTreeSet<&String> =
            if self.names.is_empty() { current.keys().collect() } else { self.names.iter().collect() };
        let mut values = Vec::with_capacity(names.len());
        let mut missing = Vec::new();
        for name in names {
            match self.find(&current, name) {
                Some(value) => values.push((name.clone(), lock_value(value, name)?)),
                None => missing.push(name.as_str()),
            }
        }
        if missing.is_empty() {
            return Ok(values);
        }
        Err(format!("Parameters '{}' are missing from '{shown}'.", missing.join(", ")))
    }

    /// Returns the recorded parameters, sorted by name; `None` if none of this file is recorded.
    pub(crate) fn recorded(&self) -> Result<Option<Vec<(String, yaml::Value)>>, String> {
        let Some(recorded) = &self.recorded else { return Ok(None) };
        let sorted: BTreeMap<&String, &Value> =
            recorded.iter().map(|(name, member)| (name, &member.value)).collect();
        let values = sorted.into_iter().map(|(name, value)| Ok((name.clone(), lock_value(value, name)?)));
        values.collect::<Result<_, _>>().map(Some)
    }

    fn load(&self, files: &dyn ReadFiles) -> Result<Dict, String> {
        let shown = files.shown(&self.path);
        load(files, &self.path).map_err(|error| match error {
            ParamsError::Sentence(sentence) if sentence.ends_with("is a directory") => {
                format!("{sentence}, expected a parameters file")
            }
            ParamsError::Sentence(reason) | ParamsError::Unreadable(reason) => {
                format!("Unable to read parameters from '{shown}': {reason}")
            }
        })
    }

    fn find<'dict>(&self, current: &'dict Dict, name: &str) -> Option<&'dict Value> {
        if self.names.is_empty() {
            // The names of a whole file are its own keys, which may contain a `.`.
            return current.get(name).map(|member| &member.value);
        }
        look_up(current, name)
    }
}

/// Returns whether a file is the default one, whose parameters come before those of other files.
pub(crate) fn is_default_file(def_path: &str) -> bool {
    def_path == DEFAULT_FILE
}

/// Returns the value for the lock.
fn lock_value(value: &Value, name: &str) -> Result<yaml::Value, String> {
    Ok(match value {
        Value::Null => yaml::Value::Null,
        Value::Bool(value) => yaml::Value::Bool(*value),
        Value::Int(value) => yaml::Value::Int(*value),
        Value::Float(value) if value.is_nan() => yaml::Value::Float(String::from(".nan")),
        Value::Float(value) if value.is_infinite() => {
            yaml::Value::Float(String::from(if *value > 0.0 { ".inf" } else { "-.inf" }))
        }
        Value::Float(value) => yaml::Value::Float(float_text(*value)),
        Value::Text(text) => yaml::Value::Text(text.clone()),
        Value::List(items) | Value::Tuple(items) => {
            yaml::Value::Sequence(items.iter().map(|item| lock_value(item, name)).collect::<Result<_, _>>()?)
        }
        Value::Dict(dict) => {
            let members =
                dict.iter().map(|(key, member)| Ok((key.clone(), lock_value(&member.value, name)?)));
            yaml::Value::Mapping(members.collect::<Result<_, String>>()?)
        }
        Value::Other(kind) => {
            return Err(format!("the parameter '{name}' is a {kind}; `dvc commit` records it"));
        }
    })
}

/// Returns the value at a path of keys and of indexes of lists.
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

/// Returns whether two values are equal in Python: numbers by their value, `True` equals 1, dictionaries in any order.
fn is_equal(left: &Value, right: &Value) -> bool {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return left.total_cmp(&right).is_eq() || (left - right).abs() == 0.0;
    }
    match (left, right) {
        // A tuple is recorded as a list.
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
    reason = "Python compares the two exactly, but parameters are not that large"
)]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        _ => None,
    }
}
