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
    // Where each `[` run could stop: after the first bracket, after the second, …
    let mut starts = Vec::new();
    let mut position = skip_spaces(line, 0);
    while line[position..].starts_with('[') {
        position = skip_spaces(line, position + 1);
        starts.push(position);
    }
    let deepest = starts.len();
    for (index, &start) in starts.iter().enumerate().rev() {
        let opened = index + 1;
        let quote = line[start..].chars().next().filter(|&first| first == '"' || first == '\'');
        let found = match quote {
            Some(_) if opened < deepest => None,
            Some(quote) => quoted_name(line, start, quote),
            None => plain_name(line, start),
        };
        if let Some((name_end, (closed, end))) = found {
            return Some(Header { opened, closed, name: unquote(&line[start..name_end]), end });
        }
    }
    None
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

/// Decides which commas separate items: `_valueexp`, with every dead end remembered.
struct Splitter<'a> {
    text: &'a str,
    /// For each offset, what can follow there; filled from the end.
    steps: Vec<Option<Step>>,
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
        Self { text, steps: Vec::new() }
    }

    /// Returns where the items that end in a comma stop, and the last item.
    fn split(mut self) -> Option<(usize, LastItem)> {
        if !self.text.contains(',') {
            return self.last(0).map(|last| (0, last));
        }
        self.steps = vec![None; self.text.len() + 1];
        for position in (0..=self.text.len()).rev() {
            if self.text.is_char_boundary(position) {
                self.steps[position] = self.step(position);
            }
        }
        let mut position = 0;
        loop {
            match self.steps[position]? {
                Step::Item(next) => position = next,
                Step::Last(last) => return Some((position, last)),
            }
        }
    }

    fn step(&self, position: usize) -> Option<Step> {
        let rest = &self.text[position..];
        let next = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => rest[1..]
                .match_indices(quote)
                .map(|(offset, _)| skip_spaces(self.text, position + 1 + offset + 1))
                .filter(|&comma| self.text[comma..].starts_with(','))
                .find_map(|comma| self.after_comma(comma)),
            Some(',' | '#') | None => None,
            Some(_) => rest
                .find([',', '#'])
                .map(|offset| position + offset)
                .filter(|&stop| self.text[stop..].starts_with(','))
                .and_then(|comma| self.after_comma(comma)),
        };
        next.map(Step::Item).or_else(|| self.last(position).map(Step::Last))
    }

    /// Returns where to go on behind a comma: behind the blanks if that leads anywhere, else among them.
    fn after_comma(&self, comma: usize) -> Option<usize> {
        (comma + 1..=skip_spaces(self.text, comma + 1))
            .rev()
            .find(|&position| self.text.is_char_boundary(position) && self.steps[position].is_some())
    }

    /// Matches the last item (or none) and the comment; the outer `None` means that neither fits.
    fn last(&self, position: usize) -> Option<LastItem> {
        let rest = &self.text[position..];
        let end = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => rest[1..]
                .match_indices(quote)
                .map(|(offset, _)| position + 1 + offset + 1)
                .find(|&end| is_tail(self.text, end)),
            Some(first) if first != ',' && first != '#' && !is_space(first) => {
                let after_first = first.len_utf8();
                let stop = rest[after_first..].find('#').map_or(rest.len(), |offset| after_first + offset);
                let found = !rest[after_first..stop].contains(',');
                let length = after_first + rest[after_first..stop].trim_end_matches(is_space).len();
                found.then_some(position + length)
            }
            _ => None,
        };
        if let Some(end) = end {
            return Some(Some((position, end)));
        }
        if !is_tail(self.text, position) {
            return None;
        }
        let after_comma = self.text[..position].ends_with(',');
        Some((!after_comma).then_some((position, position)))
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
