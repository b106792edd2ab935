//! Writes values as ruamel.yaml writes them into a new file: block style, sequences at the column of their key, mappings
//! indented by two.

use super::scalar::{Place, is_simple_key, write_text};

/// A value to write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Null, which DVC writes as nothing after the key.
    Null,
    Bool(bool),
    Int(i128),
    /// The text of a float.
    Float(String),
    Text(String),
    Sequence(Vec<Self>),
    Mapping(Vec<(String, Self)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Writes a whole document.
pub(crate) fn write_document(entries: &[(String, Value)]) -> String {
    let mut out = String::new();
    write_entries(&mut out, entries, 0);
    out.push('\n');
    out
}

/// Writes a scalar after a key or a dash, without the blank in front of it.
pub(crate) fn write_scalar(value: &Value, place: Place) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::Null => Some(String::new()),
        Value::Float(text) => Some(text.clone()),
        Value::Text(text) => Some(write_text(text, place)),
        Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

/// Writes a key.
pub(crate) fn write_key(key: &str, column: usize, indent: usize, is_flow: bool) -> String {
    write_text(key, Place { column, indent, is_flow, is_key: true })
}

/// Writes a member of a mapping at `indent`, without the blanks in front of its first line.
pub(crate) fn write_member(key: &str, value: &Value, indent: usize) -> String {
    let mut out = " ".repeat(indent);
    out.push_str(&write_key(key, indent, indent + 2, false));
    out.push(':');
    write_value(&mut out, value, indent);
    out.split_off(indent)
}

/// Writes the value after the colon of a key at `indent`; `column` is the position of the cursor.
pub(crate) fn write_behind_key(value: &Value, indent: usize, column: usize) -> String {
    let mut out = " ".repeat(column);
    write_value(&mut out, value, indent);
    out.split_off(column)
}

/// Writes an item of a sequence with its dash at `indent`, without the blanks in front of its first line.
pub(crate) fn write_item(item: &Value, indent: usize) -> String {
    let mut out = " ".repeat(indent);
    write_items(&mut out, std::slice::from_ref(item), indent);
    out.split_off(indent)
}

/// Writes a value in braces and brackets.
pub(crate) fn write_flow(value: &Value) -> String {
    let text = |text: &str| write_text(text, Place { column: 0, indent: 0, is_flow: true, is_key: true });
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Null => "null".to_owned(),
        Value::Float(text) => text.clone(),
        Value::Text(value) => text(value),
        Value::Sequence(items) => {
            format!("[{}]", items.iter().map(write_flow).collect::<Vec<_>>().join(", "))
        }
        Value::Mapping(entries) => {
            let member = |(key, value): &(String, Value)| format!("{}: {}", text(key), write_flow(value));
            format!("{{{}}}", entries.iter().map(member).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Writes the members of a mapping; the cursor is at `indent`, where the first key starts.
fn write_entries(out: &mut String, entries: &[(String, Value)], indent: usize) {
    for (position, (key, value)) in entries.iter().enumerate() {
        if position > 0 {
            new_line(out, indent);
        }
        if is_simple_key(key) {
            out.push_str(&write_key(key, indent, indent + 2, false));
            out.push(':');
        } else {
            let place = Place { column: indent + 2, indent: indent + 2, is_flow: false, is_key: false };
            out.push_str("? ");
            out.push_str(&write_text(key, place));
            new_line(out, indent);
            out.push(':');
        }
        write_value(out, value, indent);
    }
}

/// Writes the value after the colon of a key at `indent`.
fn write_value(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Mapping(entries) if !entries.is_empty() => {
            new_line(out, indent + 2);
            write_entries(out, entries, indent + 2);
        }
        Value::Sequence(items) if !items.is_empty() => {
            new_line(out, indent);
            write_items(out, items, indent);
        }
        _ => write_flat(out, value, indent),
    }
}

/// Writes the items of a sequence; the cursor is at `indent`, where the first dash is written.
fn write_items(out: &mut String, items: &[Value], indent: usize) {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            new_line(out, indent);
        }
        out.push('-');
        match item {
            Value::Mapping(entries) if !entries.is_empty() => {
                out.push(' ');
                write_entries(out, entries, indent + 2);
            }
            Value::Sequence(items) if !items.is_empty() => {
                out.push(' ');
                write_items(out, items, indent + 2);
            }
            // As DVC does: a dash keeps its blank where a key has none.
            Value::Null => out.push(' '),
            _ => write_flat(out, item, indent),
        }
    }
}

/// Writes a value that fits on the line of its key or dash.
fn write_flat(out: &mut String, value: &Value, indent: usize) {
    if *value == Value::Null {
        return;
    }
    out.push(' ');
    let line = out.rfind('\n').map_or(0, |end| end + 1);
    let column = out[line..].chars().count();
    let place = Place { column, indent: indent + 2, is_flow: false, is_key: false };
    match value {
        Value::Sequence(_) => out.push_str("[]"),
        Value::Mapping(_) => out.push_str("{}"),
        scalar => out.push_str(&write_scalar(scalar, place).unwrap_or_default()),
    }
}

fn new_line(out: &mut String, indent: usize) {
    out.push('\n');
    out.push_str(&" ".repeat(indent));
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;
    use crate::metafile::yaml::{Node, parse};

    #[test]
    fn text_is_written_as_by_dvc() {
        let cases: Vec<Json> =
            serde_json::from_str(include_str!("../../../tests/fixtures/scalars.json")).unwrap();
        assert!(cases.len() > 2000);
        let mut wrong = Vec::new();
        let mut n_lossy = 0;
        for case in &cases {
            let text = case["value"].as_str().unwrap();
            let out = [
                ("md5".to_owned(), Value::Text("0".repeat(32))),
                ("path".to_owned(), Value::Text(text.to_owned())),
            ];
            let written =
                write_document(&[("outs".to_owned(), Value::Sequence(vec![Value::Mapping(out.into())]))]);
            // If DVC's output is read back as another text, haul writes a different output, which is read back correctly.
            let root = parse(case["text"].as_str().unwrap()).unwrap().unwrap();
            let read = root.get("outs").and_then(|outs| outs.items()[0].get("path")).and_then(Node::as_str);
            let is_lossy = read != Some(text);
            n_lossy += usize::from(is_lossy);
            if written != case["text"].as_str().unwrap() && !is_lossy {
                wrong.push(format!(
                    "{text:?}\n   wrote {written:?}\nexpected {:?}",
                    case["text"].as_str().unwrap()
                ));
            }
        }
        assert!(n_lossy < cases.len() / 10, "{n_lossy}");
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong[..wrong.len().min(12)].join("\n"));
    }

    #[test]
    fn text_written_is_read_back() {
        let cases: Vec<Json> =
            serde_json::from_str(include_str!("../../../tests/fixtures/scalars.json")).unwrap();
        // The parser follows YAML 1.1, in which NEL and similar characters are line breaks; ruamel.yaml writes them unescaped.
        for case in cases
            .iter()
            .filter(|case| !case["text"].as_str().unwrap().contains(['\u{85}', '\u{2028}', '\u{2029}']))
        {
            let text = case["value"].as_str().unwrap();
            let written = write_document(&[("path".to_owned(), text.into())]);
            let root = parse(&written).unwrap().unwrap();
            assert_eq!(root.get("path").unwrap().as_str(), Some(text), "{written:?}");
        }
    }

    #[test]
    fn nested_values_are_written_as_by_dvc() {
        // The output of `dumps_yaml` of DVC 3.67.1 for the same values.
        let nested = Value::Sequence(vec![
            Value::Sequence(vec![Value::Int(1), Value::Sequence(vec![])]),
            Value::Mapping(vec![
                ("m".into(), Value::Sequence(vec!["n".into()])),
                ("o".into(), Value::Mapping(vec![])),
            ]),
        ]);
        assert_eq!(
            write_document(&[("l".into(), nested), ("k".into(), Value::Bool(true))]),
            "l:\n- - 1\n  - []\n- m:\n  - n\n  o: {}\nk: true\n"
        );
    }
}
