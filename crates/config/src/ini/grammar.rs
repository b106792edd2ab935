//! The three patterns of a line: a section header, `key = `, and a value.
//!
//! ConfigObj describes them as regular expressions with backtracking
//! (`_sectionmarker`, `_keyword`, `_valueexp` of <https://pypi.org/project/configobj/> 5.0.9). The functions here
//! take the same decisions in the same order, but in bounded time and without a regular expression engine.

use super::Value;
use super::lines::is_space;

/// A section header.
pub(super) struct Header<'a> {
    /// How many `[` stand before the name.
    pub(super) opened: usize,
    /// How many `]` stand behind it.
    pub(super) closed: usize,
    /// The name without its quotes.
    pub(super) name: &'a str,
    /// Where the last `]` ends; blanks and a comment may follow.
    pub(super) end: usize,
}

/// The left side of `key = value`.
pub(super) struct Keyword<'a> {
    /// The key without its quotes.
    pub(super) key: &'a str,
    /// Where the value starts in the line.
    pub(super) value_start: usize,
}

/// A value, taken out of its quotes and away from its comment.
pub(super) struct Parsed {
    /// The value.
    pub(super) value: Value,
    /// Where its text ends; blanks and a comment may follow.
    pub(super) end: usize,
}

/// Returns the offset of the first character at or after `start` that is no blank.
fn skip_spaces(text: &str, start: usize) -> usize {
    text[start..].find(|character| !is_space(character)).map_or(text.len(), |offset| start + offset)
}

/// Tells whether only blanks and a comment follow.
fn is_tail(text: &str, start: usize) -> bool {
    let rest = &text[skip_spaces(text, start)..];
    rest.is_empty() || rest.starts_with('#')
}

/// Takes one pair of equal quotes away.
pub(super) fn unquote(text: &str) -> &str {
    let mut characters = text.chars();
    match (characters.next(), text.chars().next_back()) {
        (Some(first @ ('"' | '\'')), Some(last)) if first == last => {
            if text.len() == 1 {
                ""
            } else {
                &text[1..text.len() - 1]
            }
        }
        _ => text,
    }
}

/// Matches a section header.
pub(super) fn header(line: &str) -> Option<Header<'_>> {
    // Where the name starts if it comes behind the last bracket, and if that bracket is a part of it.
    let (mut start, mut start_before) = (skip_spaces(line, 0), None);
    let mut opened = 0;
    while line[start..].starts_with('[') {
        opened += 1;
        start_before = (opened > 1).then_some(start);
        start = skip_spaces(line, start + 1);
    }
    let whole = match line[start..].chars().next() {
        _ if opened == 0 => return None,
        Some(quote @ ('"' | '\'')) => quoted_name(line, start, quote),
        _ => plain_name(line, start),
    };
    let (start, opened, (name_end, (closed, end))) = match (whole, start_before) {
        (Some(found), _) => (start, opened, found),
        // Leaving more brackets to the name could not help: none that closes stands among them.
        (None, before) => (before?, opened - 1, plain_name(line, before?)?),
    };
    Some(Header { opened, closed, name: unquote(&line[start..name_end]), end })
}

/// Finds the shortest quoted name with something in it that closing brackets follow.
fn quoted_name(line: &str, start: usize, quote: char) -> Option<(usize, Closing)> {
    // The first character that is no blank belongs to the name, be it a quote.
    let first = skip_spaces(line, start + 1);
    let after_first = first + line[first..].chars().next()?.len_utf8();
    line[after_first..]
        .match_indices(quote)
        .map(|(offset, _)| after_first + offset + 1)
        .find_map(|end| closing_brackets(line, end).map(|closed| (end, closed)))
}

/// Finds the shortest bare name that closing brackets follow.
fn plain_name(line: &str, start: usize) -> Option<(usize, Closing)> {
    let after_first = start + line[start..].chars().next()?.len_utf8();
    // Closing brackets can only begin where a bracket stands, or in the blanks before it.
    line[after_first..].match_indices(']').map(|(offset, _)| after_first + offset).find_map(|bracket| {
        let closed = closing_brackets(line, bracket)?;
        let name = line[start..bracket].trim_end_matches(is_space);
        let end = if name.is_empty() { after_first } else { (start + name.len()).max(after_first) };
        Some((end, closed))
    })
}

/// How many brackets close a header, and where the last of them ends.
type Closing = (usize, usize);

/// Matches closing brackets that end the header; `None` if anything but a comment follows them.
fn closing_brackets(line: &str, start: usize) -> Option<Closing> {
    let mut closed = 0;
    let mut end = start;
    let mut position = skip_spaces(line, start);
    while line[position..].starts_with(']') {
        closed += 1;
        end = position + 1;
        position = skip_spaces(line, end);
    }
    (closed > 0 && is_tail(line, position)).then_some((closed, end))
}

/// Matches `key =`.
pub(super) fn keyword(line: &str) -> Option<Keyword<'_>> {
    let start = skip_spaces(line, 0);
    let first = line[start..].chars().next();
    let found = match first {
        Some(quote @ ('"' | '\'')) => line[start + 1..]
            .match_indices(quote)
            .map(|(offset, _)| start + 1 + offset + 1)
            .find(|&end| line[skip_spaces(line, end)..].starts_with('='))
            .map(|end| (start, end)),
        Some('=') | None => None,
        Some(_) => plain_key(line, start),
    };
    // What can't be a key by itself can be one together with the blank before it.
    let found = found.or_else(|| {
        let (blank, _) = line[..start].char_indices().next_back()?;
        plain_key(line, blank)
    });
    let (key_start, key_end) = found?;
    let equals = skip_spaces(line, key_end);
    Some(Keyword { key: unquote(&line[key_start..key_end]), value_start: skip_spaces(line, equals + 1) })
}

/// Finds the end of a bare key: before the blanks before the first `=`, but after its first character.
fn plain_key(line: &str, start: usize) -> Option<(usize, usize)> {
    let after_first = start + line[start..].chars().next()?.len_utf8();
    let equals = after_first + line[after_first..].find('=')?;
    let end = after_first + line[after_first..equals].trim_end_matches(is_space).len();
    Some((start, end))
}

/// Matches a value: text, or a list, with a comment behind it.
pub(super) fn value(text: &str) -> Option<Parsed> {
    if let Some((items_end, last)) = Splitter::new(text).split() {
        if items_end == 0 {
            let end = last.map_or(0, |(_, end)| end);
            let bare = last.map_or("", |(start, end)| &text[start..end]);
            return Some(Parsed { value: Value::Text(unquote(bare).to_owned()), end });
        }
        let mut items = list_items(&text[..items_end])?;
        let mut end = text[..items_end].trim_end_matches(is_space).len();
        if let Some((last_start, last_end)) = last.filter(|(start, end)| start < end) {
            items.push(unquote(&text[last_start..last_end]).to_owned());
            end = last_end;
        }
        return Some(Parsed { value: Value::List(items), end });
    }
    // A single comma is the empty list.
    (text.starts_with(',') && is_tail(text, 1)).then(|| Parsed { value: Value::List(Vec::new()), end: 1 })
}

/// Where the last item of a value stands, if there is one.
type LastItem = Option<(usize, usize)>;

/// Decides which commas separate items: `_valueexp`, from the end to the start, so that every offset is looked at once.
struct Splitter<'a> {
    text: &'a str,
    /// For each offset, what can follow there.
    steps: Vec<Option<Step>>,
    /// For each offset, that of the next character that is no blank.
    solid: Vec<usize>,
    /// The next `,` or `#`; the end if there is none.
    stop: usize,
    /// Where the last character before it that is no blank ends, if there is one.
    solid_end: Option<usize>,
    /// Where to go on behind the next comma, if that leads anywhere.
    behind_comma: Option<usize>,
    /// For `"` and `'`, what the next one can close.
    closing: [Closer; 2],
}

/// What a quote can close.
#[derive(Clone, Copy, Default)]
struct Closer {
    /// An item: go on at this offset.
    item: Option<usize>,
    /// The last item, which ends at this offset.
    last: Option<usize>,
}

#[derive(Clone, Copy)]
enum Step {
    /// An item and its comma; go on at this offset.
    Item(usize),
    /// The last item, or nothing.
    Last(LastItem),
}

impl<'a> Splitter<'a> {
    fn new(text: &'a str) -> Self {
        let end = text.len();
        Self {
            text,
            steps: vec![None; end + 1],
            solid: vec![end; end + 1],
            stop: end,
            solid_end: None,
            behind_comma: None,
            closing: [Closer::default(); 2],
        }
    }

    /// Returns where the items that end in a comma stop, and the last item.
    fn split(mut self) -> Option<(usize, LastItem)> {
        self.steps[self.text.len()] = self.step(self.text.len(), None);
        for (position, character) in self.text.char_indices().rev() {
            let after = position + character.len_utf8();
            self.solid[position] = if is_space(character) { self.solid[after] } else { position };
            self.steps[position] = self.step(position, Some(character));
            self.pass(position, character);
        }
        let mut position = 0;
        loop {
            match self.steps[position]? {
                Step::Item(next) => position = next,
                Step::Last(last) => return Some((position, last)),
            }
        }
    }

    fn step(&self, position: usize, character: Option<char>) -> Option<Step> {
        let is_at_comma = self.text[self.stop..].starts_with(',');
        let (item, last_end) = match character {
            Some(quote @ ('"' | '\'')) => {
                let closer = self.closing[usize::from(quote == '\'')];
                (closer.item, closer.last)
            }
            Some(',' | '#') | None => (None, None),
            Some(_) if is_at_comma => (self.behind_comma, None),
            Some(blank) if is_space(blank) => (None, None),
            Some(first) => (None, Some(self.solid_end.unwrap_or(position + first.len_utf8()))),
        };
        if let Some(next) = item {
            return Some(Step::Item(next));
        }
        if let Some(end) = last_end {
            return Some(Step::Last(Some((position, end))));
        }
        let after_comma = self.text[..position].ends_with(',');
        self.is_tail(position).then(|| Step::Last((!after_comma).then_some((position, position))))
    }

    /// Remembers what characters before this one need to know about it.
    fn pass(&mut self, position: usize, character: char) {
        let after = position + character.len_utf8();
        match character {
            ',' | '#' => {
                self.stop = position;
                self.solid_end = None;
                // Behind the blanks if that leads anywhere, else among them.
                self.behind_comma =
                    (after..=self.solid[after]).rev().find(|&behind| self.steps[behind].is_some());
            }
            _ if is_space(character) => {}
            _ => self.solid_end = self.solid_end.or(Some(after)),
        }
        if character == '"' || character == '\'' {
            let closer = usize::from(character == '\'');
            if self.text[self.solid[after]..].starts_with(',') {
                self.closing[closer].item = self.behind_comma.or(self.closing[closer].item);
            }
            if self.is_tail(after) {
                self.closing[closer].last = Some(after);
            }
        }
    }

    /// Tells whether only blanks and a comment follow.
    fn is_tail(&self, position: usize) -> bool {
        let solid = self.solid[position];
        solid == self.text.len() || self.text[solid..].starts_with('#')
    }
}

/// Takes the items out of a text in which each ends in a comma: `_listvalueexp`.
fn list_items(text: &str) -> Option<Vec<String>> {
    let mut items = Vec::new();
    let mut position = 0;
    while position < text.len() {
        let rest = &text[position..];
        let first = rest.chars().next()?;
        let before_comma = |end: usize| text[skip_spaces(text, end)..].starts_with(',');
        let quoted = matches!(first, '"' | '\'').then(|| {
            rest[1..]
                .match_indices(first)
                .map(|(offset, _)| position + 1 + offset + 1)
                .find(|&end| before_comma(end))
        });
        let end = quoted.flatten().or_else(|| {
            let skipped = if matches!(first, '"' | '\'' | ',' | '#') { 0 } else { first.len_utf8() };
            let comma = rest[skipped..].find(',')?;
            Some(position + skipped + rest[skipped..skipped + comma].trim_end_matches(is_space).len())
        });
        let Some(end) = end else { break };
        if end == position {
            return None;
        }
        items.push(unquote(&text[position..end]).to_owned());
        position = skip_spaces(text, skip_spaces(text, end) + 1);
    }
    Some(items)
}

/// A value that starts with a triple quote.
pub(super) enum Triple {
    /// It ends on its line.
    Whole(Parsed),
    /// It goes on, up to the next line with this quote.
    Open(&'static str),
    /// The quote comes again, but something follows it.
    Malformed,
}

/// Matches a value that starts with a triple quote.
pub(super) fn triple_quoted(text: &str) -> Option<Triple> {
    let quote = ["'''", "\"\"\""].into_iter().find(|quote| text.starts_with(quote))?;
    let inner = &text[3..];
    Some(match triple_end(inner, quote) {
        Some(end) => Triple::Whole(Parsed { value: Value::Text(inner[..end].to_owned()), end: 3 + end + 3 }),
        None if inner.contains(quote) => Triple::Malformed,
        None => Triple::Open(quote),
    })
}

/// Returns where the closing triple quote stands, with only a comment behind it.
pub(super) fn triple_end(text: &str, quote: &str) -> Option<usize> {
    let mut start = 0;
    while let Some(offset) = text.get(start..)?.find(quote) {
        let found = start + offset;
        if is_tail(text, found + 3) {
            return Some(found);
        }
        start = found + 1;
    }
    None
}
