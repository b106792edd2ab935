//! YAML as JSON, in the bytes of Python's `json.dumps` with sorted keys: what DVC hashes of a stage.

use super::dir_manifest::push_json_text;
use super::template::value::{float_text, parse_float};
use super::yaml::{Kind, Node, Scalar, display};

/// The longest JSON: aliases can make a short text say much.
const MAX_BYTES: usize = 256 << 20;

/// The JSON of a YAML node.
#[derive(Debug)]
pub(super) struct PythonJson<'a> {
    pub(super) bytes: Vec<u8>,
    /// Whether all values are such that Python could write them: no dates, no custom types; and nothing was cut.
    pub(super) is_exact: bool,
    /// Keys that are left out at every level.
    left_out: &'a [&'a str],
}

impl<'a> PythonJson<'a> {
    /// Starts with nothing.
    pub(super) fn without(left_out: &'a [&'a str]) -> Self {
        Self { bytes: Vec::new(), is_exact: true, left_out }
    }

    /// Writes a mapping without the members that `is_left_out` names.
    pub(super) fn push_mapping(&mut self, node: &Node, is_left_out: &dyn Fn(&str, &Node) -> bool) {
        let mut members: Vec<(Option<i128>, String, &Node)> = node
            .entries()
            .iter()
            .filter_map(|entry| {
                let key = entry.key.as_scalar()?;
                Some((entry.key.as_int(), display(key), &entry.value))
            })
            .filter(|(_, key, value)| {
                key != "<<" && !self.left_out.contains(&key.as_str()) && !is_left_out(key, value)
            })
            .collect();
        members.sort_by(|(left_number, left, _), (right_number, right, _)| {
            (left_number, left).cmp(&(right_number, right))
        });
        self.bytes.push(b'{');
        for (position, (_, key, value)) in members.into_iter().enumerate() {
            self.bytes.extend_from_slice(if position == 0 { b"" } else { b", " });
            self.push_text(&key);
            self.bytes.extend_from_slice(b": ");
            self.push(value);
        }
        self.bytes.push(b'}');
    }

    fn push(&mut self, node: &Node) {
        if self.bytes.len() > MAX_BYTES {
            self.is_exact = false;
            return;
        }
        match &*node.kind {
            Kind::Mapping(_) => self.push_mapping(node, &|_, _| false),
            Kind::Sequence(items) => {
                self.bytes.push(b'[');
                for (position, item) in items.iter().enumerate() {
                    self.bytes.extend_from_slice(if position == 0 { b"" } else { b", " });
                    self.push(item);
                }
                self.bytes.push(b']');
            }
            Kind::Scalar(Scalar::Text(text)) => self.push_text(text),
            Kind::Scalar(Scalar::Null) => self.bytes.extend_from_slice(b"null"),
            Kind::Scalar(Scalar::Bool(value)) => self.bytes.extend_from_slice(value.to_string().as_bytes()),
            Kind::Scalar(Scalar::Float(text)) => {
                let number = parse_float(text).map_or_else(|| text.clone(), json_float);
                self.bytes.extend_from_slice(number.as_bytes());
            }
            Kind::Scalar(scalar) => {
                self.is_exact &= matches!(scalar, Scalar::Int(_));
                self.bytes.extend_from_slice(display(scalar).as_bytes());
            }
        }
    }

    fn push_text(&mut self, text: &str) {
        self.bytes.push(b'"');
        push_json_text(&mut self.bytes, text);
        self.bytes.push(b'"');
    }
}

fn json_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    float_text(value)
}
