//! What a command has to say, as one struct with two faces.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// A result that can be shown: `Serialize` gives the JSON, [`Message::text`] the words.
pub(crate) trait Message: Serialize + Send + 'static {
    /// Whether the JSON has DVC's shape and is printed as it is, unless the command fails.
    const IS_DVC_SHAPE: bool = false;

    /// Writes the text for people (and for scripts that were written for DVC).
    fn text(&self, page: &mut Page);
}

/// The form a result is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OutputFormat {
    #[default]
    Text,
    Json,
}

impl OutputFormat {
    /// Returns the form that a `--json` flag asks for.
    pub(crate) fn from_flag(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// The colours in use; never the only carrier of a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Red,
    Green,
    Yellow,
    Blue,
    Cyan,
}

impl Colour {
    fn code(self) -> u8 {
        match self {
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Blue => 34,
            Self::Cyan => 36,
        }
    }
}

/// Stands for the escape character of our own colours until the text is written. It is no character of any text.
const MARK: char = '\u{fdd0}';

/// Returns a text as it is written to a stream: with our own colours, and for a terminal without what would steer it. Names
/// of files come from others, too.
///
/// Deviation: on a terminal, haul shows control characters in names as `\x1b`; DVC sends them to the terminal as they are.
pub(super) fn as_written(text: &str, is_terminal: bool) -> Cow<'_, str> {
    let steers = |character: char| is_terminal && character.is_control() && !matches!(character, '\n' | '\t');
    if !text.contains(|character| character == MARK || steers(character)) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        if character == MARK {
            written.push('\x1b');
        } else if steers(character) {
            use fmt::Write as _;
            write!(written, "\\x{:02x}", u32::from(character)).expect("writing to a string cannot fail");
        } else {
            written.push(character);
        }
    }
    Cow::Owned(written)
}

/// Text under construction.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    colours: bool,
}

impl Page {
    /// Starts an empty page; without `colours`, [`Page::coloured`] returns its text as it is.
    pub(crate) fn new(colours: bool) -> Self {
        Self { text: String::new(), colours }
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: impl fmt::Display) {
        use fmt::Write as _;
        writeln!(self.text, "{line}").expect("writing to a string cannot fail");
    }

    /// Returns `text` wrapped in the codes of a colour, if this page has colours.
    pub(crate) fn coloured(&self, colour: Colour, text: impl fmt::Display) -> String {
        if self.colours { format!("{MARK}[{}m{text}{MARK}[39m", colour.code()) } else { text.to_string() }
    }

    /// Returns what was written.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_steer_a_terminal_and_colours_do() {
        let page = Page::new(true);
        let line = format!("{}\n", page.coloured(Colour::Red, "a\x1b[2J\rb\u{9b}1mé\tc"));
        assert_eq!(as_written(&line, true), "\x1b[31ma\\x1b[2J\\x0db\\x9b1mé\tc\x1b[39m\n");
        // A script gets what DVC writes.
        assert_eq!(as_written(&line, false), "\x1b[31ma\x1b[2J\rb\u{9b}1mé\tc\x1b[39m\n");
        assert!(matches!(as_written("plain\n", true), Cow::Borrowed(_)));
    }
}
