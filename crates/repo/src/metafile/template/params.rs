//! Reads parameters files: YAML, JSON, TOML and Python, distinguished by their suffix as in DVC.

use std::path::Path;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::context::{FileContent, ReadFiles};
use super::python;
use super::value::{Dict, Member, Value};
use crate::metafile::yaml;

/// Why a parameters file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParamsError {
    /// It does not exist, or does not contain a dictionary; DVC's sentence.
    Sentence(String),
    /// It cannot be read or parsed.
    Unreadable(String),
}

/// Reads a parameters file by its absolute path.
pub(crate) fn load(files: &dyn ReadFiles, path: &Path) -> Result<Dict, ParamsError> {
    let shown = files.shown(path);
    let unreadable =
        |problem: String| ParamsError::Unreadable(format!("unable to read: '{shown}', {problem}"));
    let bytes = match files.read(path) {
        Ok(Some(FileContent::File(bytes))) => bytes,
        Ok(Some(FileContent::Directory)) => {
            return Err(ParamsError::Sentence(format!("'{shown}' is a directory")));
        }
        Ok(None) => return Err(ParamsError::Sentence(format!("'{shown}' does not exist"))),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let text = String::from_utf8(bytes).map_err(|_| unreadable("is not valid utf-8".to_owned()))?;
    let source: Arc<str> = shown.as_str().into();
    let suffix = path.extension().and_then(|suffix| suffix.to_str()).map(str::to_ascii_lowercase);
    let corrupted = |format: &str, problem: String| {
        unreadable(format!("{format} file structure is corrupted: {problem}"))
    };
    let value = match suffix.as_deref() {
        Some("json") => {
            let mut reader = serde_json::Deserializer::from_str(&text);
            let value = JsonValue(&source).deserialize(&mut reader);
            value
                .and_then(|value| reader.end().map(|()| value))
                .map(|value| if value.is_falsy() { Value::Null } else { value })
                .map_err(|error| corrupted("JSON", error.to_string()))?
        }
        Some("toml") => toml::from_str(&text)
            .map(|table| of_toml(toml::Value::Table(table), &source))
            .map_err(|error| {
                let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                corrupted("TOML", format!("{}, line {line}", error.message()))
            })?,
        Some("py") => Value::Dict(python::assignments(&text, &source)),
        _ => match yaml::parse(&text) {
            Ok(node) => node.map_or(Value::Null, |node| {
                if node.is_falsy() { Value::Null } else { Value::of_node(&node, &source) }
            }),
            Err(error) => {
                let problem = format!("line {}, column {}", error.line, error.column);
                return Err(corrupted("YAML", problem));
            }
        },
    };
    match value {
        Value::Dict(dict) => Ok(dict),
        Value::Null => Ok(Dict::new()),
        other => Err(ParamsError::Sentence(format!(
            "expected a dictionary, got '{}' in file '{shown}'",
            other.type_name()
        ))),
    }
}

/// Reads JSON in the order of the file, which `serde_json`'s own values do not keep.
struct JsonValue<'source>(&'source Arc<str>);

impl<'de> DeserializeSeed<'de> for JsonValue<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonValue<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(JsonValue(self.0))? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut dict = Dict::new();
        while let Some(key) = access.next_key()? {
            dict.insert(key, Member::new(access.next_value_seed(JsonValue(self.0))?, self.0));
        }
        Ok(Value::Dict(dict))
    }
}

fn of_toml(value: toml::Value, source: &Arc<str>) -> Value {
    match value {
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Integer(value) => Value::Int(value.into()),
        toml::Value::Float(value) => Value::Float(value),
        toml::Value::Boolean(value) => Value::Bool(value),
        toml::Value::Datetime(_) => Value::Other("date"),
        toml::Value::Array(items) => {
            Value::List(items.into_iter().map(|item| of_toml(item, source)).collect())
        }
        toml::Value::Table(table) => Value::Dict(
            table
                .into_iter()
                .map(|(key, value)| (key, Member::new(of_toml(value, source), source)))
                .collect(),
        ),
    }
}
