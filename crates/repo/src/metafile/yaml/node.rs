//! The nodes of a YAML document, with their positions in the text.

use std::ops::Range;
use std::sync::Arc;

/// The value of a scalar.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Int(i128),
    /// The text of a float.
    Float(String),
    Text(String),
    /// The key `<<`.
    Merge,
    /// A value that DVC's files never contain: a time stamp, a huge number, a value with a custom tag.
    Other,
}

/// The content of a node.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A member of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Node,
    pub(crate) value: Node,
    /// Whether the member was merged in by `<<`: its position is elsewhere in the text.
    pub(crate) is_merged: bool,
}

/// A node. Clones share their content, so that aliases cost nothing.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Arc<Kind>,
    /// The bytes of the node in the text, from its first character (after anchor and tag) to its last. A block collection
    /// ends where its last member ends.
    pub(crate) span: Range<usize>,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The column, counted from 1.
    pub(crate) column: usize,
    /// Whether a collection is written in braces or brackets, or a scalar in quotes.
    pub(crate) is_flow: bool,
    /// Whether the node is an alias, or has an anchor or a tag.
    pub(crate) is_decorated: bool,
}

impl Node {
    /// Returns the members of a mapping; empty for other nodes.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &*self.kind {
            Kind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a sequence; empty for other nodes.
    pub(crate) fn items(&self) -> &[Self] {
        match &*self.kind {
            Kind::Sequence(items) => items,
            _ => &[],
        }
    }

    /// Returns the value of a member of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key.as_str() == Some(key)).map(|entry| &entry.value)
    }

    pub(crate) fn is_mapping(&self) -> bool {
        matches!(&*self.kind, Kind::Mapping(_))
    }

    pub(crate) fn is_sequence(&self) -> bool {
        matches!(&*self.kind, Kind::Sequence(_))
    }

    pub(crate) fn as_scalar(&self) -> Option<&Scalar> {
        match &*self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.as_scalar() == Some(&Scalar::Null)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self.as_scalar() {
            Some(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self.as_scalar() {
            Some(Scalar::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    /// Returns an integer; as in Python, a boolean is one too.
    pub(crate) fn as_int(&self) -> Option<i128> {
        match self.as_scalar() {
            Some(Scalar::Int(value)) => Some(*value),
            Some(Scalar::Bool(value)) => Some(i128::from(*value)),
            _ => None,
        }
    }

    /// Returns whether the value is false in Python: DVC reads such a document as an empty one.
    pub(crate) fn is_falsy(&self) -> bool {
        match &*self.kind {
            Kind::Scalar(Scalar::Null | Scalar::Bool(false) | Scalar::Int(0)) => true,
            Kind::Scalar(Scalar::Text(text)) => text.is_empty(),
            Kind::Scalar(Scalar::Float(text)) => text.parse() == Ok(0.0),
            Kind::Scalar(_) => false,
            Kind::Sequence(items) => items.is_empty(),
            Kind::Mapping(entries) => entries.is_empty(),
        }
    }
}
