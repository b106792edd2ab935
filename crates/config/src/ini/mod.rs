//! One configuration file as text, in the dialect of ConfigObj: read as DVC reads it, edited losslessly.
//!
//! A [`Document`] keeps every byte: comments, blank lines, spacing, quotes, line ends. An edit touches the lines it
//! must; new lines look as DVC would write them. Parsing follows ConfigObj 5.0.9 with its default options, down to
//! which of two mistakes is reported: `#` starts a comment anywhere outside quotes, `a, b` is a list, `'''` spans
//! lines, `%(name)s` is replaced, nothing is escaped.
//!
//! `Deviation:` a byte order mark at the start of a file is accepted and kept, because editors on Windows write it;
//! DVC refuses the file.

mod edit;
mod grammar;
mod interpolate;
mod lines;
mod parse;
mod quote;

use std::fmt;
use std::ops::Range;

pub(crate) use edit::Unquotable;
pub use lines::python_repr;
#[cfg(feature = "fuzzing")]
pub(crate) use lines::split;
pub use parse::ParseError;

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Plain text.
    Text(String),
    /// A list (`a, b`).
    List(Vec<String>),
}

impl Value {
    /// Returns the text, unless it is a list.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::List(_) => None,
        }
    }
}

/// Shows a list as Python does, `['a', 'b']`, because `dvc config` prints it so.
impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(|item| python_repr(item)).collect();
                write!(formatter, "[{}]", items.join(", "))
            }
        }
    }
}

/// A configuration file, byte for byte.
///
/// ```
/// use haul_config::ini::Document;
///
/// let text = "# ours\n[core]\n    remote = storage  # in Paris\n";
/// assert_eq!(Document::parse(text).unwrap().to_string(), text);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Document {
    byte_order_mark: bool,
    items: Vec<Item>,
}

/// One or (for a value in triple quotes) several lines.
#[derive(Debug, Clone)]
struct Item {
    /// The lines with their ends.
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// A blank line or a comment.
    Trivia,
    Header {
        depth: usize,
        name: String,
    },
    Entry {
        key: String,
        value: Value,
        /// Where the value with its quotes stands in the text of the item.
        span: Range<usize>,
    },
}

/// The sections of a document; the first is the document itself.
pub(crate) type Outline = Vec<OutlineSection>;

/// A section and what stands in it, by item number.
#[derive(Debug, Clone)]
pub(crate) struct OutlineSection {
    pub(crate) name: String,
    /// The number of the section around it; the document is its own parent.
    parent: usize,
    /// The item that holds the header; `None` for the document.
    pub(crate) header: Option<usize>,
    /// The items that hold its entries, in order.
    pub(crate) entries: Vec<usize>,
    /// The numbers of the sections in it, in order.
    pub(crate) sections: Vec<usize>,
}

impl OutlineSection {
    /// Returns the number of the section around it; the document is its own parent.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn parent(&self) -> usize {
        self.parent
    }
}

impl Document {
    /// Returns the first line of each item, counted from 1.
    pub(crate) fn first_lines(&self) -> Vec<usize> {
        let starts = self.items.iter().scan(1, |next, item| {
            let start = *next;
            *next += lines::split(&item.text).len();
            Some(start)
        });
        starts.collect()
    }

    /// Returns the key of an entry.
    pub(crate) fn key(&self, item: usize) -> &str {
        match &self.items[item].kind {
            Kind::Entry { key, .. } => key,
            Kind::Header { .. } | Kind::Trivia => "",
        }
    }

    /// Returns the value of an entry, before interpolation.
    pub(crate) fn value(&self, item: usize) -> Option<&Value> {
        match &self.items[item].kind {
            Kind::Entry { value, .. } => Some(value),
            Kind::Header { .. } | Kind::Trivia => None,
        }
    }

    /// Sorts the items into sections.
    pub(crate) fn outline(&self) -> Outline {
        let document = OutlineSection {
            name: String::new(),
            parent: 0,
            header: None,
            entries: Vec::new(),
            sections: Vec::new(),
        };
        let mut outline = vec![document];
        // The sections we are in, from the document inwards.
        let mut open = vec![0];
        for (number, item) in self.items.iter().enumerate() {
            match &item.kind {
                Kind::Trivia => {}
                Kind::Entry { .. } => outline[open[open.len() - 1]].entries.push(number),
                Kind::Header { depth, name } => {
                    open.truncate(*depth);
                    let parent = open[open.len() - 1];
                    let section = outline.len();
                    outline.push(OutlineSection {
                        name: name.clone(),
                        parent,
                        header: Some(number),
                        entries: Vec::new(),
                        sections: Vec::new(),
                    });
                    outline[parent].sections.push(section);
                    open.push(section);
                }
            }
        }
        outline
    }
}

/// Writes the file.
impl fmt::Display for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.byte_order_mark {
            formatter.write_str("\u{feff}")?;
        }
        self.items.iter().try_for_each(|item| formatter.write_str(&item.text))
    }
}
