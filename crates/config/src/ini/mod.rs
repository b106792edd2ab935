//! The dialect of ConfigObj that DVC writes its configuration in.

use std::fmt;

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Plain text.
    Text(String),
    /// A list (`a, b`).
    List(Vec<String>),
}

/// Shows a list as Python does, `['a', 'b']`, because `dvc config` prints it so.
impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::List(_) => unimplemented!(),
        }
    }
}
