//! The values of templates, and their text.

use std::fmt::Write as _;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::metafile::yaml::{Kind, Node, Scalar};

/// A value of a parameters file, of `vars` or of a `foreach` or `matrix` section.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Dict(Dict),
    /// A tuple of Python, which a template cannot use.
    Tuple(Vec<Self>),
    /// Something that a template cannot use, such as a date; the name of its type.
    Other(&'static str),
}

/// A dictionary in the order of its file. Only keys that are texts can be named in a template; others are left out, as
/// in DVC.
pub(crate) type Dict = IndexMap<String, Member>;

/// A member of a dictionary, and the file or section that defines it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) value: Value,
    pub(crate) source: Arc<str>,
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Member {
    /// Makes a member that the file or section `source` defines.
    pub(crate) fn new(value: Value, source: &Arc<str>) -> Self {
        Self { value, source: Arc::clone(source) }
    }
}

impl Value {
    /// Returns the approximate memory of a copy, in bytes.
    pub(crate) fn n_bytes(&self) -> usize {
        let inner = match self {
            Self::Text(text) => text.len(),
            Self::List(items) | Self::Tuple(items) => items.iter().map(Self::n_bytes).sum(),
            Self::Dict(dict) => dict.iter().map(|(key, member)| key.len() + member.value.n_bytes()).sum(),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Other(_) => 0,
        };
        size_of::<Self>() + inner
    }

    /// Returns the value of a YAML node.
    pub(crate) fn of_node(node: &Node, source: &Arc<str>) -> Self {
        match &*node.kind {
            Kind::Scalar(scalar) => match scalar {
                Scalar::Null => Self::Null,
                Scalar::Bool(value) => Self::Bool(*value),
                Scalar::Int(value) => Self::Int(*value),
                Scalar::Float(text) => parse_float(text).map_or(Self::Other("float"), Self::Float),
                Scalar::Text(text) => Self::Text(text.clone()),
                Scalar::Merge => Self::Text("<<".to_owned()),
                Scalar::Other => Self::Other("date or number out of range"),
            },
            Kind::Sequence(items) => {
                Self::List(items.iter().map(|item| Self::of_node(item, source)).collect())
            }
            Kind::Mapping(entries) => {
                let member = |value: &Node| Member::new(Self::of_node(value, source), source);
                let entries = entries
                    .iter()
                    .filter_map(|entry| Some((entry.key.as_str()?.to_owned(), member(&entry.value))));
                Self::Dict(entries.collect())
            }
        }
    }

    /// Returns the value as a YAML node at the position of `place`.
    pub(crate) fn to_node(&self, place: &Node) -> Node {
        let kind = match self {
            Self::Null => Kind::Scalar(Scalar::Null),
            Self::Bool(value) => Kind::Scalar(Scalar::Bool(*value)),
            Self::Int(value) => Kind::Scalar(Scalar::Int(*value)),
            Self::Float(value) => Kind::Scalar(Scalar::Float(float_text(*value))),
            Self::Text(text) => Kind::Scalar(Scalar::Text(text.clone())),
            Self::Tuple(_) | Self::Other(_) => Kind::Scalar(Scalar::Other),
            Self::List(items) => Kind::Sequence(items.iter().map(|item| item.to_node(place)).collect()),
            Self::Dict(dict) => Kind::Mapping(
                dict.iter()
                    .map(|(key, member)| crate::metafile::yaml::Entry {
                        key: Self::Text(key.clone()).to_node(place),
                        value: member.value.to_node(place),
                        is_merged: false,
                    })
                    .collect(),
            ),
        };
        Node { kind: Arc::new(kind), ..place.clone() }
    }

    /// Returns Python's name of the type, for DVC's messages.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::List(_) => "list",
            Self::Dict(_) => "dict",
            Self::Tuple(_) => "tuple",
            Self::Other(name) => name,
        }
    }

    /// Returns whether the value is false in Python.
    pub(crate) fn is_falsy(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) | Self::Int(0) => true,
            Self::Float(value) => *value == 0.0,
            Self::Text(text) => text.is_empty(),
            Self::List(items) | Self::Tuple(items) => items.is_empty(),
            Self::Dict(dict) => dict.is_empty(),
            Self::Bool(true) | Self::Int(_) | Self::Other(_) => false,
        }
    }

    /// Returns whether the value is a list or a dictionary.
    pub(crate) fn is_composite(&self) -> bool {
        matches!(self, Self::List(_) | Self::Dict(_))
    }

    /// Returns the text of a scalar inside a text: `true`, `1e-05`, `None`.
    ///
    /// Lists and dictionaries have no such text; see [`to_options`] for dictionaries in commands.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            other => other.to_python(),
        }
    }

    /// Returns a scalar as Python prints it: as [`Value::to_text`], but `True` and `False`.
    pub(crate) fn to_python(&self) -> String {
        match self {
            Self::Null => "None".to_owned(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => float_text(*value),
            Self::Text(text) => text.clone(),
            Self::List(_) | Self::Tuple(_) | Self::Dict(_) | Self::Other(_) => String::new(),
        }
    }
}

/// The format of dictionaries as options of a command: the section `parsing` of DVC's configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OptionStyle {
    /// `parsing.bool = boolean_optional`: a false value becomes `--no-NAME`; otherwise it is left out.
    pub(crate) negates_booleans: bool,
    /// `parsing.list = append`: the option's name is before each item; otherwise only before the first.
    pub(crate) repeats_lists: bool,
}

/// Returns a dictionary as options of a command: `--lr 0.1 --layers 1 2`. The error is the name of a member whose value
/// cannot be an option.
pub(crate) fn to_options(dict: &Dict, style: OptionStyle) -> Result<String, String> {
    let mut options = String::new();
    for (name, value) in flatten(dict) {
        match value {
            Value::Bool(true) => write!(options, "--{name} "),
            Value::Bool(false) if style.negates_booleans => write!(options, "--no-{name} "),
            // `flatten` leaves no dictionary.
            Value::Bool(false) | Value::Dict(_) => Ok(()),
            Value::Text(text) => write!(options, "--{name} {} ", quote(text)),
            Value::List(items) => {
                for (position, item) in items.iter().enumerate() {
                    let item = match item {
                        Value::Text(text) => quote(text),
                        Value::List(_) | Value::Dict(_) => return Err(name),
                        scalar => scalar.to_python(),
                    };
                    if style.repeats_lists || position == 0 {
                        options.push_str("--");
                        options.push_str(&name);
                        options.push(' ');
                    }
                    options.push_str(&item);
                    options.push(' ');
                }
                Ok(())
            }
            scalar => write!(options, "--{name} {} ", scalar.to_python()),
        }
        .expect("writing to a string never fails");
    }
    Ok(options.trim_end().to_owned())
}

/// Returns the members of nested dictionaries, their keys joined by dots.
fn flatten(dict: &Dict) -> Vec<(String, &Value)> {
    let mut flat = Vec::new();
    for (key, member) in dict {
        match &member.value {
            // An empty dictionary has no members and so no options.
            Value::Dict(inner) => {
                flat.extend(flatten(inner).into_iter().map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            value => flat.push((key.clone(), value)),
        }
    }
    flat
}

/// Quotes a text for a POSIX shell, as Python's `shlex.quote` does.
fn quote(text: &str) -> String {
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "_@%+=:,./-".contains(character);
    if !text.is_empty() && text.chars().all(is_safe) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\"'\"'"))
    }
}

/// Parses a float in YAML's format.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let text = text.replace('_', "").to_ascii_lowercase();
    match text.trim_start_matches(['+', '-']) {
        ".inf" => Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        ".nan" => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}

/// Returns the shortest text that reads back as the same float, in Python's form: `1e-05`, `1e+16`, `0.1`, `3.0`.
pub(crate) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').expect("a float in scientific form has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent of a float is a small integer");
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = value.to_string();
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_reads_as_in_python() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (3.0, "3.0"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e100, "1.25e+100"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float_text(value), expected);
        }
    }

    #[test]
    fn dictionary_becomes_options_as_in_dvc() {
        let source: Arc<str> = "params.yaml".into();
        let text = "lr: 0.1\nname: a b\nflag: true\noff: false\nlayers: [1, two words]\nnested: {a: {b: x}, e: {}}\nnone: null\n";
        let node = crate::metafile::yaml::parse(text).unwrap().unwrap();
        let Value::Dict(dict) = Value::of_node(&node, &source) else { panic!("not a dictionary") };
        assert_eq!(
            to_options(&dict, OptionStyle::default()).unwrap(),
            "--lr 0.1 --name 'a b' --flag --layers 1 'two words' --nested.a.b x --none None"
        );
        let style = OptionStyle { negates_booleans: true, repeats_lists: true };
        assert_eq!(
            to_options(&dict, style).unwrap(),
            "--lr 0.1 --name 'a b' --flag --no-off --layers 1 --layers 'two words' --nested.a.b x --none None"
        );
    }
}
