//! Parameters in a Python file: the literals that its module, its classes and their `__init__` assign.
//!
//! DVC parses the file with Python and takes values that `ast.literal_eval` accepts. Here the file is split into logical
//! lines, and those that assign a literal to a name are parameters.
//!
//! Deviation: haul takes the parameters that it can read from a Python file even if other lines of it are not valid
//! Python; DVC reports an error for the whole file.
//!
//! Source: <https://dvc.org/doc/command-reference/params>, and Python's language reference for literals.

use std::sync::Arc;

use super::value::{Dict, Member, Value};

/// Returns the parameters of a Python file.
pub(crate) fn assignments(text: &str, source: &Arc<str>) -> Dict {
    let lines = logical_lines(text);
    let mut position = 0;
    block(&lines, &mut position, Names::Plain, source, 0)
}

/// The maximum nesting depth; what is nested deeper is skipped, so that no file can exhaust the stack. Python allows 100
/// levels of blocks, and 200 of brackets.
const MAX_DEPTH: usize = 100;

/// A statement with its indentation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    indent: usize,
    text: String,
}

/// Which assignments of a block are parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// `name = …`, and `self.name = …`, as in DVC.
    Plain,
    /// Only `self.name = …`.
    OfSelf,
}

fn block(lines: &[Line], position: &mut usize, names: Names, source: &Arc<str>, depth: usize) -> Dict {
    let mut dict = Dict::new();
    let Some(indent) = lines.get(*position).map(|line| line.indent) else { return dict };
    while let Some(line) = lines.get(*position) {
        if line.indent < indent {
            break;
        }
        *position += 1;
        if line.indent > indent {
            // The line is in the body of a statement that is skipped.
            continue;
        }
        let begins_block = depth < MAX_DEPTH && lines.get(*position).is_some_and(|next| next.indent > indent);
        if let Some(name) = definition(&line.text, "class").filter(|_| begins_block) {
            let inner = block(lines, position, Names::Plain, source, depth + 1);
            dict.insert(name.to_owned(), Member::new(Value::Dict(inner), source));
        } else if begins_block && definition(&line.text, "def") == Some("__init__") {
            dict.extend(block(lines, position, Names::OfSelf, source, depth + 1));
        } else if let Some((name, value)) = assignment(&line.text, names, source) {
            dict.insert(name, Member::new(value, source));
        }
    }
    dict
}

fn definition<'line>(line: &'line str, keyword: &str) -> Option<&'line str> {
    let rest = line.strip_prefix(keyword)?.strip_prefix(char::is_whitespace)?.trim_start();
    let end = rest.find(|character: char| !is_name(character)).unwrap_or(rest.len());
    (end > 0).then_some(&rest[..end])
}

fn is_name(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// Reads `name = literal` or `name: annotation = literal`.
fn assignment(line: &str, names: Names, source: &Arc<str>) -> Option<(String, Value)> {
    let (is_of_self, rest) = match line.strip_prefix("self.") {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let end = rest.find(|character: char| !is_name(character)).unwrap_or(rest.len());
    let name = &rest[..end];
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if names == Names::OfSelf && !is_of_self {
        return None;
    }
    let rest = rest[end..].trim_start();
    let literal = match rest.strip_prefix(':') {
        Some(annotated) => &annotated[equals_sign(annotated)? + 1..],
        None => rest.strip_prefix('=')?,
    };
    let mut reader = Reader { text: literal, depth: 0, source };
    let value = reader.value()?;
    reader.blanks();
    reader.text.is_empty().then(|| (name.to_owned(), value))
}

/// Finds the `=` after an annotation, outside of its brackets and texts.
fn equals_sign(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut quote = None;
    for (position, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) => quote = (character != open).then_some(open),
            (None, '"' | '\'') => quote = Some(character),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '=') if depth == 0 => return Some(position),
            _ => {}
        }
    }
    None
}

/// Splits a file into statements: comments and blank lines are dropped, open brackets and backslashes join lines, and
/// `;` separates statements.
fn logical_lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while !rest.is_empty() {
        let body = rest.trim_start_matches([' ', '\t', '\u{c}']);
        let indent = indentation(&rest[..rest.len() - body.len()]);
        let (statements, after) = logical_line(body);
        let statements = statements.into_iter().filter(|text| !text.is_empty());
        lines.extend(statements.map(|text| Line { indent, text }));
        rest = after;
    }
    lines
}

fn indentation(blanks: &str) -> usize {
    blanks.chars().fold(0, |column, blank| match blank {
        '\t' => (column / 8 + 1) * 8,
        '\u{c}' => 0,
        _ => column + 1,
    })
}

fn logical_line(text: &str) -> (Vec<String>, &str) {
    let mut statements = vec![String::new()];
    let mut depth = 0_u32;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let current = statements.last_mut().expect("there is always a statement");
        match character {
            '\n' if depth == 0 => {
                rest = &rest[1..];
                break;
            }
            '#' => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
                continue;
            }
            '\\' if rest[1..].starts_with('\n') || rest[1..].starts_with("\r\n") => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len() - 1) + 1..];
                current.push(' ');
                continue;
            }
            '"' | '\'' => {
                let length = text_length(rest);
                current.push_str(&rest[..length]);
                rest = &rest[length..];
                continue;
            }
            ';' if depth == 0 => statements.push(String::new()),
            '(' | '[' | '{' => {
                depth += 1;
                current.push(character);
            }
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                current.push(character);
            }
            '\n' | '\r' => current.push(' '),
            _ => current.push(character),
        }
        rest = &rest[character.len_utf8()..];
    }
    (statements.into_iter().map(|text| text.trim().to_owned()).collect(), rest)
}

/// Returns the length of a text with its quotes, in bytes; a text that is not closed extends to the end of the file.
fn text_length(text: &str) -> usize {
    let quote = &text[..1];
    let triple = quote.repeat(3);
    let (open, is_triple) = if text.starts_with(&triple) { (triple.as_str(), true) } else { (quote, false) };
    let mut at = open.len();
    while at < text.len() {
        let rest = &text[at..];
        if let Some(escaped) = rest.strip_prefix('\\') {
            at += 1 + escaped.chars().next().map_or(0, char::len_utf8);
        } else if rest.starts_with(open) {
            return at + open.len();
        } else if rest.starts_with('\n') && !is_triple {
            return at;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Reads literals, as `ast.literal_eval` does.
struct Reader<'text> {
    text: &'text str,
    /// The number of open brackets.
    depth: usize,
    source: &'text Arc<str>,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        self.text = self.text.trim_start();
    }

    fn eat(&mut self, token: char) -> bool {
        self.blanks();
        let rest = self.text.strip_prefix(token);
        self.text = rest.unwrap_or(self.text);
        rest.is_some()
    }

    fn value(&mut self) -> Option<Value> {
        self.depth += 1;
        let value = if self.depth > MAX_DEPTH { None } else { self.value_here() };
        self.depth -= 1;
        value
    }

    fn value_here(&mut self) -> Option<Value> {
        self.blanks();
        match self.text.chars().next()? {
            '[' => {
                self.eat('[');
                self.items(']').map(|(items, _)| Value::List(items))
            }
            '(' => {
                self.eat('(');
                let (mut items, has_comma) = self.items(')')?;
                // A single value in brackets without a comma is not a tuple.
                if items.len() == 1 && !has_comma { items.pop() } else { Some(Value::Tuple(items)) }
            }
            '{' => {
                self.eat('{');
                self.dict_or_set()
            }
            _ if self.is_text() => self.texts(),
            _ => self.word(),
        }
    }

    fn items(&mut self, close: char) -> Option<(Vec<Value>, bool)> {
        let mut items = Vec::new();
        let mut has_comma = false;
        loop {
            if self.eat(close) {
                return Some((items, has_comma));
            }
            items.push(self.value()?);
            if self.eat(',') {
                has_comma = true;
            } else if !self.eat(close) {
                return None;
            } else {
                return Some((items, has_comma));
            }
        }
    }

    fn dict_or_set(&mut self) -> Option<Value> {
        let mut dict = Dict::new();
        let mut is_set = false;
        loop {
            if self.eat('}') {
                return Some(if is_set { Value::Other("set") } else { Value::Dict(dict) });
            }
            let key = self.value()?;
            if self.eat(':') {
                let value = self.value()?;
                if let Value::Text(key) = key {
                    dict.insert(key, Member::new(value, self.source));
                }
            } else {
                is_set = true;
            }
            if !self.eat(',') {
                return self.eat('}').then_some(if is_set { Value::Other("set") } else { Value::Dict(dict) });
            }
        }
    }

    fn is_text(&self) -> bool {
        let prefix = self.text.trim_start_matches(|first: char| "rRuUbB".contains(first));
        self.text.len() - prefix.len() <= 2 && prefix.starts_with(['"', '\''])
    }

    /// Reads adjacent texts, which Python joins.
    fn texts(&mut self) -> Option<Value> {
        let mut joined = String::new();
        let mut is_bytes = false;
        while self.is_text() {
            let body = self.text.trim_start_matches(|first: char| first.is_ascii_alphabetic());
            let prefix = self.text[..self.text.len() - body.len()].to_ascii_lowercase();
            let length = text_length(body);
            let quoted = &body[..length];
            let quotes = if quoted.starts_with("\"\"\"") || quoted.starts_with("'''") { 3 } else { 1 };
            let inner = quoted.get(quotes..length.checked_sub(quotes)?)?;
            is_bytes |= prefix.contains('b');
            if prefix.contains('r') {
                joined.push_str(inner);
            } else {
                unescape(inner, &mut joined)?;
            }
            self.text = &body[length..];
            self.blanks();
        }
        Some(if is_bytes { Value::Other("bytes") } else { Value::Text(joined) })
    }

    /// Reads a number, `True`, `False` or `None`.
    fn word(&mut self) -> Option<Value> {
        let is_part = |(position, character): (usize, char)| {
            is_name(character)
                || character == '.'
                || (matches!(character, '+' | '-') && (position == 0 || is_exponent(&self.text[..position])))
        };
        let end = self.text.char_indices().find(|part| !is_part(*part)).map_or(self.text.len(), |(at, _)| at);
        let (word, rest) = self.text.split_at(end);
        self.text = rest;
        match word {
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            "None" => Some(Value::Null),
            _ => number(word),
        }
    }
}

/// Returns whether a sign after this text belongs to the same number.
fn is_exponent(number: &str) -> bool {
    let digits = number.trim_start_matches(['+', '-']);
    digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && !digits.to_ascii_lowercase().starts_with("0x")
        && digits.ends_with(['e', 'E'])
}

fn number(word: &str) -> Option<Value> {
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        || digits.ends_with('_')
        || digits.contains("__")
    {
        return None;
    }
    let plain = digits.replace('_', "").to_ascii_lowercase();
    let magnitude = match plain.get(..2) {
        Some("0x") => i128::from_str_radix(&plain[2..], 16).ok(),
        Some("0o") => i128::from_str_radix(&plain[2..], 8).ok(),
        Some("0b") => i128::from_str_radix(&plain[2..], 2).ok(),
        _ => plain.parse().ok(),
    };
    let is_negative = word.starts_with('-');
    match magnitude {
        Some(value) => Some(Value::Int(if is_negative { -value } else { value })),
        None if plain.ends_with('j') => Some(Value::Other("complex")),
        None => {
            let value: f64 = plain.parse().ok()?;
            Some(Value::Float(if is_negative { -value } else { value }))
        }
    }
}

/// Appends a text with its escapes replaced; `None` if Python refuses an escape.
fn unescape(text: &str, into: &mut String) -> Option<()> {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        into.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        let character = escape.chars().next()?;
        let mut length = character.len_utf8();
        let code = |digits: usize, radix: u32, from: usize| {
            let digits = escape.get(from..from + digits)?;
            char::from_u32(u32::from_str_radix(digits, radix).ok()?)
        };
        match character {
            '\n' => {}
            '\\' | '\'' | '"' => into.push(character),
            'a' => into.push('\u{7}'),
            'b' => into.push('\u{8}'),
            'f' => into.push('\u{c}'),
            'n' => into.push('\n'),
            'r' => into.push('\r'),
            't' => into.push('\t'),
            'v' => into.push('\u{b}'),
            'x' | 'u' | 'U' => {
                let digits = match character {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                into.push(code(digits, 16, 1)?);
                length += digits;
            }
            '0'..='7' => {
                let digits = escape.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                into.push(code(digits, 8, 0)?);
                length = digits;
            }
            // Python keeps the backslash of an unknown escape.
            other => {
                into.push('\\');
                into.push(other);
            }
        }
        rest = &escape[length..];
    }
    into.push_str(rest);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_module_class_and_init_count() {
        let text = r#"
"""A docstring
x = 1
"""
import os
BOOL: bool = True
INT = 5  # a comment
NEG = -5
FLOAT = 1e-3; SECOND = .5
TEXT = 'a' "b\n" r'\d'
LIST = [1, 2,
        "x#y",  # inside
        None]
DICT = {"a": 1, 'b': {"c": [True]}, 3: 4}
TUPLE = (1, 2)
PAREN = (7)
CALL = int("5")
SUM = 1 + 2
a = b = 3
A.b = 4
if INT:
    HIDDEN = 1
class Train:
    LR = 0.1
    def __init__(self):
        local = 1
        self.epochs = 10
    def other(self):
        self.hidden = 1
    class Inner:
        X = 0x1F
END = 1_000
"#;
        let source: Arc<str> = "params.py".into();
        let dict = assignments(text, &source);
        let text = |key: &str| format!("{:?}", dict[key].value);
        assert_eq!(text("BOOL"), "Bool(true)");
        assert_eq!(text("INT"), "Int(5)");
        assert_eq!(text("NEG"), "Int(-5)");
        assert_eq!(text("FLOAT"), "Float(0.001)");
        assert_eq!(text("SECOND"), "Float(0.5)");
        assert_eq!(text("TEXT"), format!("{:?}", Value::Text("ab\n\\d".into())));
        assert_eq!(text("LIST"), "List([Int(1), Int(2), Text(\"x#y\"), Null])");
        assert_eq!(text("TUPLE"), "Tuple([Int(1), Int(2)])");
        assert_eq!(text("PAREN"), "Int(7)");
        assert_eq!(text("END"), "Int(1000)");
        for absent in ["CALL", "SUM", "a", "b", "HIDDEN", "x", "os"] {
            assert!(!dict.contains_key(absent), "{absent}");
        }
        let Value::Dict(train) = &dict["Train"].value else { panic!("no class") };
        assert_eq!(train["LR"].value, Value::Float(0.1));
        assert_eq!(train["epochs"].value, Value::Int(10));
        assert_eq!(train.len(), 3, "{train:?}");
        let Value::Dict(inner) = &dict["DICT"].value else { panic!("no dictionary") };
        assert_eq!(inner.keys().collect::<Vec<_>>(), ["a", "b"]);
    }
}
