//! Parses text into nodes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::node::{Entry, Kind, Node, Scalar};
use super::resolve::resolve;

/// The maximum nesting depth; deeper documents are refused, so that none can exhaust the stack. DVC's own files have five
/// levels.
const MAX_DEPTH: usize = 128;

/// The aliases of a document may expand to this many bytes, or to a multiple of its text. Aliases of aliases share their
/// content here, but the stages made from a document do not: seven lines could expand to a million outs.
const MAX_ALIASED_BYTES: usize = 100_000;
const MAX_ALIASED_FACTOR: usize = 8;

/// A text that is not a valid YAML document for DVC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// DVC's message: one or two sentences with their positions.
    pub(crate) message: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The column, counted from 1.
    pub(crate) column: usize,
}

/// Parses the single document of `text`; `None` if there are only comments.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, Syntax> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        offsets: Offsets::new(text),
        text,
        anchors: HashMap::new(),
        aliased_bytes: 0,
    };
    let mut root = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if root.is_some() => {
                return Err(syntax("Expected a single document in the stream, but found another one", span));
            }
            Event::DocumentStart(_) => {
                let (event, span) = reader.next()?;
                root = Some(reader.node(event, span, 0)?);
            }
            Event::StreamEnd => return Ok(root),
            _ => return Err(syntax("Expected the start of a document", span)),
        }
    }
}

struct Reader<'text> {
    parser: Parser<'text, StrInput<'text>>,
    offsets: Offsets,
    text: &'text str,
    /// The anchors, each with the number of bytes that an alias of it expands to.
    anchors: HashMap<usize, (Node, usize)>,
    /// The number of bytes that the aliases so far expand to.
    aliased_bytes: usize,
}

impl<'text> Reader<'text> {
    fn next(&mut self) -> Result<(Event<'text>, Span), Syntax> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Syntax {
                message: place(&capitalize(error.info()), error.marker().line(), error.marker().col() + 1),
                line: error.marker().line(),
                column: error.marker().col() + 1,
            }),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'text>, span: Span, depth: usize) -> Result<Node, Syntax> {
        if depth > MAX_DEPTH {
            return Err(syntax("Found too many nested collections", span));
        }
        let mut node = Node {
            kind: Arc::new(Kind::Scalar(Scalar::Null)),
            span: self.offsets.range(&span),
            line: span.start.line(),
            column: span.start.col() + 1,
            is_flow: false,
            is_decorated: false,
        };
        let anchor;
        let aliased_before = self.aliased_bytes;
        match event {
            Event::Alias(id) => {
                let Some((target, n_bytes)) = self.anchors.get(&id) else {
                    return Err(syntax("Found undefined alias", span));
                };
                self.aliased_bytes = self.aliased_bytes.saturating_add(*n_bytes);
                if self.aliased_bytes > MAX_ALIASED_BYTES + MAX_ALIASED_FACTOR * self.text.len() {
                    return Err(syntax("Found too many aliases of large values", span));
                }
                return Ok(Node { kind: Arc::clone(&target.kind), is_decorated: true, ..node });
            }
            Event::Scalar(value, style, id, tag) => {
                anchor = id;
                node.is_flow = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
                node.is_decorated = tag.is_some();
                node.kind = Arc::new(Kind::Scalar(scalar(value, style, tag.as_deref())));
                match style {
                    ScalarStyle::Plain => self.trim(&mut node.span),
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                        self.end_at_quote(&mut node.span);
                    }
                    ScalarStyle::Literal | ScalarStyle::Folded => self.start_at_header(&mut node.span),
                }
            }
            Event::SequenceStart(id, tag) => {
                anchor = id;
                known_tag(tag.as_deref(), &["seq"], span)?;
                node.is_decorated = tag.is_some();
                node.is_flow = self.text[node.span.start..].starts_with('[');
                if !node.is_flow {
                    self.start_at_dash(&mut node);
                }
                let mut items = Vec::new();
                let end = loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break span;
                    }
                    items.push(self.node(event, span, depth + 1)?);
                };
                self.close(&mut node, &end, items.last().map(|item| item.span.end));
                node.kind = Arc::new(Kind::Sequence(items));
            }
            Event::MappingStart(id, tag) => {
                anchor = id;
                known_tag(tag.as_deref(), &["map"], span)?;
                node.is_decorated = tag.is_some();
                node.is_flow = self.text[node.span.start..].starts_with('{');
                let (entries, end) = self.entries(&node, depth)?;
                let last =
                    entries.iter().filter(|entry| !entry.is_merged).map(|entry| entry.value.span.end).max();
                self.close(&mut node, &end, last);
                node.kind = Arc::new(Kind::Mapping(entries));
            }
            _ => return Err(syntax("Expected the node content", span)),
        }
        if anchor > 0 {
            node.is_decorated = true;
            let n_bytes = node.span.len().max(1) + (self.aliased_bytes - aliased_before);
            self.anchors.insert(anchor, (node.clone(), n_bytes));
        }
        Ok(node)
    }

    fn entries(&mut self, mapping: &Node, depth: usize) -> Result<(Vec<Entry>, Span), Syntax> {
        let mut entries: Vec<Entry> = Vec::new();
        // The positions of the keys, so that finding a duplicate does not take a search through all keys.
        let mut places: HashMap<Option<Scalar>, usize> = HashMap::new();
        let mut merges = Vec::new();
        let end = loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break span;
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let mut value = self.node(event, span, depth + 1)?;
            if value.span.is_empty() && !value.is_decorated {
                // The parser reports the position of a missing value before the colon.
                let behind = &self.text[key.span.end..];
                let blanks = behind.len() - behind.trim_start_matches([' ', '\t']).len();
                if behind[blanks..].starts_with(':') {
                    let position = key.span.end + blanks + 1;
                    value.span = position..position;
                }
            }
            if key.as_scalar() == Some(&Scalar::Merge) {
                merges.push(value.clone());
            }
            let name = key.as_scalar();
            if let (Some(scalar), Some(first)) = (name, places.insert(name.cloned(), entries.len())) {
                return Err(duplicate(mapping, scalar, &key, &value, &entries[first].value));
            }
            entries.push(Entry { key, value, is_merged: false });
        };
        for merge in merges {
            let sources = if merge.is_sequence() { merge.items() } else { std::slice::from_ref(&merge) };
            for entry in sources.iter().flat_map(Node::entries) {
                if places.insert(entry.key.as_scalar().cloned(), entries.len()).is_none() {
                    entries.push(Entry { is_merged: true, ..entry.clone() });
                }
            }
        }
        Ok((entries, end))
    }

    /// Sets the end of a collection: after its bracket, or at the end of its last member.
    fn close(&self, node: &mut Node, end: &Span, last: Option<usize>) {
        node.span.end = if node.is_flow {
            self.offsets.range(end).start + 1
        } else {
            last.unwrap_or(node.span.start).max(node.span.start)
        };
    }

    /// Moves the start of a block sequence to its first dash: the parser reports the first item for a sequence
    /// that is not indented.
    fn start_at_dash(&self, node: &mut Node) {
        let is_dash = |&position: &usize| {
            let line = self.text[..position].rfind('\n').map_or(0, |end| end + 1);
            self.text[position + 1..].starts_with([' ', '\t', '\n', '\r'])
                && self.text[line..position].bytes().all(|byte| matches!(byte, b' ' | b'-' | b'?' | b':'))
        };
        let until = node.span.start + usize::from(self.text[node.span.start..].starts_with('-'));
        let mut before = self.text[..until].rmatch_indices('-').map(|(position, _)| position);
        if let Some(start) = before.find(is_dash) {
            let line = self.text[..start].rfind('\n').map_or(0, |end| end + 1);
            node.line -= self.text[start..node.span.start].matches('\n').count();
            node.column = self.text[line..start].chars().count() + 1;
            node.span.start = start;
        }
    }

    /// Moves the start of a block scalar to its `|` or `>`: the parser reports the first line of its text.
    fn start_at_header(&self, span: &mut Range<usize>) {
        let before = self.text[..span.start].trim_end_matches([' ', '\n', '\r']);
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        let header = before[line..].split(" #").next().unwrap_or_default();
        if let Some(position) = header.rfind(['|', '>']) {
            span.start = line + position;
        }
    }

    /// Removes blanks and comments after the closing quote from the range of a quoted scalar.
    fn end_at_quote(&self, span: &mut Range<usize>) {
        let slice = self.text[span.clone()].as_bytes();
        let mut position = 1;
        while position < slice.len() {
            match (slice[0], slice[position]) {
                (b'"', b'\\') => position += 2,
                (b'\'', b'\'') if slice.get(position + 1) == Some(&b'\'') => position += 2,
                (open, byte) if open == byte => break,
                _ => position += 1,
            }
        }
        span.end = span.start + (position + 1).min(slice.len());
    }

    /// Removes blanks at the end from the range of a plain scalar.
    fn trim(&self, span: &mut Range<usize>) {
        let trimmed = self.text[span.clone()].trim_end_matches([' ', '\t', '\n', '\r']);
        span.end = span.start + trimmed.len();
    }
}

fn scalar(value: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Scalar {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Scalar::Text(value.into_owned()),
        Some(tag) if tag.is_yaml_core_schema() => resolve(&value),
        // The tag `!` alone means that the scalar is a text.
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Scalar::Text(value.into_owned()),
        Some(_) => Scalar::Other,
        None if style == ScalarStyle::Plain => resolve(&value),
        None => Scalar::Text(value.into_owned()),
    }
}

fn known_tag(tag: Option<&Tag>, allowed: &[&str], span: Span) -> Result<(), Syntax> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && allowed.contains(&tag.suffix.as_str())) => Err(syntax(
            &format!("Could not determine a constructor for the tag '{}{}'", tag.handle, tag.suffix),
            span,
        )),
        _ => Ok(()),
    }
}

/// Makes the error for a duplicate key, in the words of ruamel.yaml.
fn duplicate(mapping: &Node, scalar: &Scalar, key: &Node, value: &Node, first: &Node) -> Syntax {
    let name = display(scalar);
    let shown = |node: &Node| node.as_scalar().map_or_else(|| "…".to_owned(), display);
    Syntax {
        message: format!(
            "{}\n\n{}",
            place("While constructing a mapping", mapping.line, mapping.column),
            place(
                &format!(
                    "Found duplicate key \"{name}\" with value \"{}\" (original value: \"{}\")",
                    shown(value),
                    shown(first)
                ),
                key.line,
                key.column
            )
        ),
        line: key.line,
        column: key.column,
    }
}

/// Returns the text of a scalar as Python's `str` does.
pub(crate) fn display(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Null => "None".to_owned(),
        Scalar::Bool(true) => "True".to_owned(),
        Scalar::Bool(false) => "False".to_owned(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Float(text) | Scalar::Text(text) => text.clone(),
        Scalar::Merge => "<<".to_owned(),
        Scalar::Other => "…".to_owned(),
    }
}

fn syntax(message: &str, span: Span) -> Syntax {
    let (line, column) = (span.start.line(), span.start.col() + 1);
    Syntax { message: place(message, line, column), line, column }
}

fn place(message: &str, line: usize, column: usize) -> String {
    format!("{message}, in line {line}, column {column}")
}

fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Converts the parser's positions, which count characters, to bytes.
enum Offsets {
    /// The text is ASCII, so that both are the same.
    Ascii { len: usize },
    /// The byte position of each character, and of the end.
    Table(Vec<usize>),
}

impl Offsets {
    fn new(text: &str) -> Self {
        if text.is_ascii() {
            return Self::Ascii { len: text.len() };
        }
        Self::Table(text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect())
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }

    fn byte(&self, index: usize) -> usize {
        match self {
            Self::Ascii { len } => index.min(*len),
            Self::Table(offsets) => offsets[index.min(offsets.len() - 1)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the shape of a node with the text in its range.
    fn shape(node: &Node, text: &str) -> String {
        let slice = &text[node.span.clone()];
        match &*node.kind {
            Kind::Scalar(scalar) => format!("{scalar:?}={slice:?}"),
            Kind::Sequence(items) => {
                format!(
                    "[{}]={slice:?}",
                    items.iter().map(|item| shape(item, text)).collect::<Vec<_>>().join(", ")
                )
            }
            Kind::Mapping(entries) => format!(
                "{{{}}}={slice:?}",
                entries
                    .iter()
                    .map(|entry| format!("{}: {}", &text[entry.key.span.clone()], shape(&entry.value, text)))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        }
    }

    fn check(text: &str, expected: &str) {
        let node = parse(text).unwrap().unwrap();
        assert_eq!(shape(&node, text), expected, "{text:?}");
    }

    #[test]
    fn nodes_know_where_they_stand() {
        check(
            "é: f # c\nb:   'x y'  # d\n",
            r#"{é: Text("f")="f", b: Text("x y")="'x y'"}="é: f # c\nb:   'x y'""#,
        );
        check(
            "a:\n- 1 # x\n- b: 2\n  c: [3,  4 ] # y\n# z\n",
            "{a: [Int(1)=\"1\", {b: Int(2)=\"2\", c: [Int(3)=\"3\", Int(4)=\"4\"]=\"[3,  4 ]\"}=\"b: 2\\n  c: [3,  4 ]\"]=\"- 1 # x\\n- b: 2\\n  c: [3,  4 ]\"}=\"a:\\n- 1 # x\\n- b: 2\\n  c: [3,  4 ]\"",
        );
        check("a: {b: c}\nd:\n", "{a: {b: Text(\"c\")=\"c\"}=\"{b: c}\", d: Null=\"\"}=\"a: {b: c}\\nd:\"");
        check(
            "a: x\n  y\nb: |\n  t\n  u\nc: 1\n",
            "{a: Text(\"x y\")=\"x\\n  y\", b: Text(\"t\\nu\\n\")=\"|\\n  t\\n  u\\n\", c: Int(1)=\"1\"}=\"a: x\\n  y\\nb: |\\n  t\\n  u\\nc: 1\"",
        );
    }

    #[test]
    fn merge_key_brings_members_in() {
        let text = "base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n";
        let node = parse(text).unwrap().unwrap();
        let used = node.get("use").unwrap();
        assert_eq!(used.get("x").unwrap().as_int(), Some(1));
        assert_eq!(used.get("y").unwrap().as_int(), Some(3));
    }

    #[test]
    fn hostile_document_is_refused_or_cheap() {
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&format!("{}1", "- ".repeat(100_000))).is_err());
        let mut bomb = String::from("a0: &a0 x\n");
        for level in 1..40 {
            let previous = level - 1;
            bomb = format!("{bomb}a{level}: &a{level} [*a{previous}, *a{previous}, *a{previous}]\n");
        }
        assert!(
            parse(&bomb).unwrap_err().message.starts_with("Found too many aliases of large values, in line")
        );
        // A legitimate file: a mapping that a thousand stages merge.
        let mut honest = String::from("base: &base {a: 1, b: 2, c: [3, 4], d: {e: f}}\n");
        for stage in 0..1000 {
            honest = format!("{honest}stage{stage}:\n  <<: *base\n  a: {stage}\n");
        }
        assert_eq!(parse(&honest).unwrap().unwrap().entries().len(), 1001);
    }
}
