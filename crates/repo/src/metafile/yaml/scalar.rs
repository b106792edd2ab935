//! Writes scalars as ruamel.yaml does: the same quotes, escapes and folds of long texts.
//!
//! The rules are those of its emitter with default settings: YAML 1.2, lines of 80 columns, Unicode unescaped.
//! Everything is counted in code points, as Python counts. Fixture: `tests/fixtures/scalars.json`.

use super::resolve::is_ambiguous;

/// The column at which lines are folded.
const WIDTH: usize = 80;

/// The position of a scalar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The column of its first character, counted from 0.
    pub(crate) column: usize,
    /// The indentation of continuation lines.
    pub(crate) indent: usize,
    /// Whether it is in braces or brackets.
    pub(crate) is_flow: bool,
    /// Whether it is a key before a colon, which is never folded.
    pub(crate) is_key: bool,
}

/// Writes a text.
pub(crate) fn write_text(text: &str, place: Place) -> String {
    let traits = Traits::of(text);
    let mut writer = Writer { out: String::new(), column: place.column, place };
    let characters: Vec<char> = text.chars().collect();
    // Only a text of one line may be plain.
    let allow_plain = if place.is_flow { traits.allow_flow_plain } else { traits.allow_block_plain };
    if allow_plain && !is_ambiguous(text) {
        writer.plain(&characters);
        if !writer.out.contains("  \n") {
            return writer.out;
        }
        // Deviation: haul does not fold a plain YAML text after two blanks. ruamel.yaml does, and one of the blanks is lost
        // when the file is read, so that a metafile that DVC writes for such a path names another path.
        writer = Writer { out: String::new(), column: place.column, place };
    }
    if text.contains(['\'', '\n']) || !traits.allow_single_quoted || (place.is_key && traits.is_multiline) {
        writer.double_quoted(&characters);
    } else {
        writer.single_quoted(&characters);
    }
    writer.out
}

/// Returns whether a key can be written before a colon on one line.
pub(crate) fn is_simple_key(text: &str) -> bool {
    text.chars().count() < 128 && !text.contains(is_break)
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_white(character: char) -> bool {
    is_break(character) || matches!(character, '\0' | ' ' | '\t' | '\r')
}

/// The styles in which a text can be written.
struct Traits {
    is_multiline: bool,
    allow_flow_plain: bool,
    allow_block_plain: bool,
    allow_single_quoted: bool,
}

impl Traits {
    fn of(text: &str) -> Self {
        let characters: Vec<char> = text.chars().collect();
        if characters.is_empty() {
            return Self {
                is_multiline: false,
                allow_flow_plain: false,
                allow_block_plain: true,
                allow_single_quoted: true,
            };
        }
        let is_document_mark = text.starts_with("---") || text.starts_with("...");
        let (mut block_indicator, mut flow_indicator) = (is_document_mark, is_document_mark);
        let (mut is_multiline, mut is_special) = (false, false);
        let (mut space_after_break, mut break_after_space) = (false, false);
        let (mut was_space, mut was_break, mut was_white) = (false, false, true);
        for (position, &character) in characters.iter().enumerate() {
            let before_white = characters.get(position + 1).is_none_or(|&next| is_white(next));
            if position == 0 {
                match character {
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
                    | '@' | '`' => {
                        (flow_indicator, block_indicator) = (true, true);
                    }
                    '?' | ':' => {
                        flow_indicator |= characters.len() == 1;
                        block_indicator |= before_white;
                    }
                    '-' if before_white => (flow_indicator, block_indicator) = (true, true),
                    _ => {}
                }
            } else {
                match character {
                    ',' | '[' | ']' | '{' | '}' => flow_indicator = true,
                    ':' if before_white => (flow_indicator, block_indicator) = (true, true),
                    '#' if was_white => (flow_indicator, block_indicator) = (true, true),
                    _ => {}
                }
            }
            is_multiline |= is_break(character);
            is_special |= !is_printable(character);
            if character == ' ' {
                space_after_break |= was_break;
                (was_space, was_break) = (true, false);
            } else if is_break(character) {
                break_after_space |= was_space;
                (was_space, was_break) = (false, true);
            } else {
                (was_space, was_break) = (false, false);
            }
            was_white = is_white(character);
        }
        let is_edge = |character: &char| *character == ' ' || is_break(*character);
        let has_bad_edge = characters.first().is_some_and(is_edge) || characters.last().is_some_and(is_edge);
        let is_plain_text =
            !has_bad_edge && !space_after_break && !is_special && !break_after_space && !is_multiline;
        Self {
            is_multiline,
            allow_flow_plain: is_plain_text && !flow_indicator,
            allow_block_plain: is_plain_text && !block_indicator,
            allow_single_quoted: !space_after_break && !is_special && !break_after_space,
        }
    }
}

fn is_printable(character: char) -> bool {
    match character {
        '\u{feff}' => false,
        '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' => true,
        _ => character >= '\u{10000}',
    }
}

struct Writer {
    out: String,
    column: usize,
    place: Place,
}

impl Writer {
    fn put(&mut self, characters: &[char]) {
        self.out.extend(characters);
        self.column += characters.len();
    }

    fn new_line(&mut self) {
        self.out.push('\n');
        self.out.push_str(&" ".repeat(self.place.indent));
        self.column = self.place.indent;
    }

    fn plain(&mut self, text: &[char]) {
        let (mut start, mut in_spaces) = (0, false);
        for end in 0..=text.len() {
            let character = text.get(end).copied();
            if in_spaces {
                if character != Some(' ') {
                    if start + 1 == end && self.column >= WIDTH && !self.place.is_key {
                        self.new_line();
                    } else {
                        self.put(&text[start..end]);
                    }
                    start = end;
                }
            } else if character.is_none_or(|character| character == ' ') {
                // A word that does not fit starts a new line; the line break replaces the blank before it.
                if end - start + self.column > WIDTH && self.column > self.place.indent {
                    self.new_line();
                }
                self.put(&text[start..end]);
                start = end;
            }
            in_spaces = character == Some(' ');
        }
    }

    fn single_quoted(&mut self, text: &[char]) {
        self.put(&['\'']);
        let (mut start, mut in_spaces, mut in_breaks) = (0, false, false);
        for end in 0..=text.len() {
            let character = text.get(end).copied();
            if in_spaces {
                if character != Some(' ') {
                    let is_inside = start != 0 && end != text.len();
                    if start + 1 == end && self.column > WIDTH && !self.place.is_key && is_inside {
                        self.new_line();
                    } else {
                        self.put(&text[start..end]);
                    }
                    start = end;
                }
            } else if in_breaks {
                if character.is_none_or(|character| !is_break(character)) {
                    self.breaks(&text[start..end]);
                    start = end;
                }
            } else if character.is_none_or(|character| character == ' ' || is_break(character)) && start < end
            {
                self.put(&text[start..end]);
                start = end;
            }
            in_spaces = character == Some(' ');
            in_breaks = character.is_some_and(is_break);
        }
        self.put(&['\'']);
    }

    fn breaks(&mut self, breaks: &[char]) {
        if breaks.first() == Some(&'\n') {
            self.out.push('\n');
        }
        self.out.extend(breaks);
        self.out.push_str(&" ".repeat(self.place.indent));
        self.column = self.place.indent;
    }

    fn double_quoted(&mut self, text: &[char]) {
        self.put(&['"']);
        let mut start = 0;
        for end in 0..=text.len() {
            let character = text.get(end).copied();
            if character.is_none_or(needs_escape) {
                if start < end {
                    self.put(&text[start..end]);
                    start = end;
                }
                if let Some(character) = character {
                    let escaped: Vec<char> = escape(character).chars().collect();
                    self.put(&escaped);
                    start = end + 1;
                }
            }
            let may_fold = end > 0 && end + 1 < text.len() && (character == Some(' ') || start >= end);
            // After an escape, `start` is one greater than `end`.
            if may_fold && self.column + end > WIDTH + start && !self.place.is_key {
                // Deviation: haul does not fold a YAML text between an escaped character and the next one. ruamel.yaml
                // does, and the line break is read back as a blank that the text does not have.
                let is_blank_next = text.get(start.max(end)) == Some(&' ');
                let is_escaped = !is_blank_next || fold_needs_backslash(text, start, end);
                if start < end {
                    self.put(&text[start..end]);
                    start = end;
                }
                if is_escaped {
                    self.out.push('\\');
                }
                self.new_line();
                if text[start] == ' ' {
                    if is_escaped {
                        self.put(&['\\']);
                    } else {
                        // The line break is read back as this blank.
                        start += 1;
                    }
                }
            }
        }
        self.put(&['"']);
    }
}

/// Returns whether a line break at `end` would add a blank to the text, or remove one from it, when it is read back.
fn fold_needs_backslash(text: &[char], start: usize, end: usize) -> bool {
    let Some(space) = text[end..].iter().position(|&character| character == ' ').map(|offset| end + offset)
    else {
        return true;
    };
    let stop =
        text[end..space].iter().position(|&character| character == '\n').map_or(space, |offset| end + offset);
    let Some(&next) = text.get(stop + 1) else { return true };
    if text[stop] == '\n' && next != ' ' {
        return true;
    }
    let has_quote = text[end..stop].iter().any(|character| matches!(character, '"' | '\''));
    let is_double_space = end > 0 && text[end - 1..].starts_with(&[' ', ' ']);
    has_quote || matches!(next, ' ' | '\n') || is_double_space || start == end
}

fn needs_escape(character: char) -> bool {
    match character {
        '"' | '\\' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => true,
        ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' => false,
        _ => character < '\u{10000}',
    }
}

fn escape(character: char) -> String {
    let short = match character {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            let code = u32::from(character);
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}
