//! What a command has to say, as one struct with two faces.

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
        if self.colours { format!("\x1b[{}m{text}\x1b[39m", colour.code()) } else { text.to_string() }
    }

    /// Returns what was written.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}
