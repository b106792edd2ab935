//! JSON as Python's `json` module writes it, which is what scripts made for DVC have seen so far.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// Serialises `value` on one line, with `, ` and `: ` between things and ASCII only; `indented` spreads it
/// over lines for people, as DVC does on a terminal.
pub(super) fn to_string(value: &impl Serialize, indented: bool) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    if indented {
        value.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::new()))?;
    } else {
        value.serialize(&mut Serializer::with_formatter(&mut bytes, OneLine))?;
    }
    Ok(ascii(&String::from_utf8_lossy(&bytes)))
}

struct OneLine;

impl OneLine {
    fn separate<W: ?Sized + io::Write>(writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }
}

impl Formatter for OneLine {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        Self::separate(writer, first)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        Self::separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// Escapes what is not printable ASCII: in JSON such characters stand only inside of strings.
fn ascii(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if matches!(character, ' '..='~' | '\n') {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("writing to a string cannot fail");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_line_is_what_python_writes() {
        let value = json!({"d/é😀": "modified", "list": ["a\tb", 1, null], "empty": {}});
        assert_eq!(
            to_string(&value, false).unwrap(),
            r#"{"d/\u00e9\ud83d\ude00": "modified", "empty": {}, "list": ["a\tb", 1, null]}"#
        );
    }

    #[test]
    fn indented_uses_two_blanks() {
        assert_eq!(to_string(&json!({"a": ["é"]}), true).unwrap(), "{\n  \"a\": [\n    \"\\u00e9\"\n  ]\n}");
    }
}
