//! From text to a [`Document`].

use std::collections::HashSet;

use super::grammar::{self, Triple};
use super::lines::{content, is_space, split};
use super::{Document, Item, Kind};

/// Why a text is not valid, in ConfigObj's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// The first line that is wrong, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl Document {
    /// Reads a file.
    ///
    /// Like ConfigObj, goes on after a mistake to tell one from several.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let unmarked = text.strip_prefix('\u{feff}');
        let mut parser = Parser {
            lines: split(unmarked.unwrap_or(text)),
            index: 0,
            items: Vec::new(),
            errors: Vec::new(),
            open: vec![Names::default()],
        };
        while parser.index < parser.lines.len() {
            parser.next_item();
        }
        let Parser { items, mut errors, .. } = parser;
        if errors.is_empty() {
            return Ok(Self { byte_order_mark: unmarked.is_some(), items });
        }
        let first = errors.swap_remove(0);
        if errors.is_empty() {
            return Err(first);
        }
        let message = format!("Parsing failed with several errors.\nFirst error at line {}.", first.line);
        Err(ParseError { line: first.line, message })
    }
}

/// The names taken in a section.
#[derive(Default)]
struct Names {
    entries: HashSet<String>,
    sections: HashSet<String>,
}

impl Names {
    fn contains(&self, name: &str) -> bool {
        self.entries.contains(name) || self.sections.contains(name)
    }
}

struct Parser<'a> {
    lines: Vec<&'a str>,
    index: usize,
    items: Vec<Item>,
    errors: Vec<ParseError>,
    /// The sections we are in, from the document inwards.
    open: Vec<Names>,
}

impl Parser<'_> {
    fn next_item(&mut self) {
        let start = self.index;
        let line = content(self.lines[start]);
        let stripped = line.trim_start_matches(is_space);
        let kind = if stripped.is_empty() || stripped.starts_with('#') {
            Ok(Kind::Trivia)
        } else if let Some(header) = grammar::header(line) {
            self.enter(&header)
        } else {
            self.entry(line)
        };
        match kind {
            Ok(kind) => {
                let text = self.lines[start..=self.index].concat();
                self.items.push(Item { text, kind });
            }
            Err(problem) => {
                let line = self.index + 1;
                self.errors.push(ParseError { line, message: format!("{problem} at line {line}.") });
            }
        }
        self.index += 1;
    }

    fn enter(&mut self, header: &grammar::Header<'_>) -> Result<Kind, String> {
        let depth = header.opened;
        if depth != header.closed {
            return Err("Cannot compute the section depth".to_owned());
        }
        if depth > self.open.len() {
            return Err("Section too nested".to_owned());
        }
        // A refused header leaves us in the section before it.
        if !self.open[depth - 1].contains(header.name) {
            self.open.truncate(depth);
            self.open[depth - 1].sections.insert(header.name.to_owned());
            self.open.push(Names::default());
            return Ok(Kind::Header { depth, name: header.name.to_owned() });
        }
        Err("Duplicate section name".to_owned())
    }

    fn entry(&mut self, line: &str) -> Result<Kind, String> {
        let Some(keyword) = grammar::keyword(line) else {
            // Deviation: DVC quotes the line, which may well hold a secret: a key that was pasted over two lines, or one
            // with `:` in front of it.
            return Err("Invalid line ('****') (matched as neither section nor keyword)".to_owned());
        };
        let start = keyword.value_start;
        let text = &line[start..];
        let (value, span) = match grammar::triple_quoted(text) {
            Some(Triple::Whole(parsed)) => (parsed.value, start..start + parsed.end),
            Some(Triple::Open(quote)) => {
                self.multi_line(start, quote).ok_or("Parse error in multiline value")?
            }
            Some(Triple::Malformed) => return Err("Parse error in multiline value".to_owned()),
            None => {
                let parsed = grammar::value(text).ok_or("Parse error in value")?;
                (parsed.value, start..start + parsed.end)
            }
        };
        let names = self.open.last_mut().ok_or("Cannot compute nesting level")?;
        if names.contains(keyword.key) {
            return Err("Duplicate keyword name".to_owned());
        }
        names.entries.insert(keyword.key.to_owned());
        Ok(Kind::Entry { key: keyword.key.to_owned(), value, span })
    }

    /// Reads on up to the line with the closing quote.
    ///
    /// Stays on the first line if there is none: the lines after it are then read as usual.
    fn multi_line(&mut self, start: usize, quote: &str) -> Option<(super::Value, std::ops::Range<usize>)> {
        let first = self.index;
        let last = (first + 1..self.lines.len()).find(|&index| content(self.lines[index]).contains(quote))?;
        let closing = content(self.lines[last]);
        let end = grammar::triple_end(closing, quote)?;
        let mut value = content(self.lines[first])[start + 3..].to_owned();
        for line in &self.lines[first + 1..last] {
            value.push('\n');
            value.push_str(content(line));
        }
        value.push('\n');
        value.push_str(&closing[..end]);
        let before: usize = self.lines[first..last].iter().map(|line| line.len()).sum();
        self.index = last;
        Some((super::Value::Text(value), start..before + end + 3))
    }
}
