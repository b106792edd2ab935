//! The dotted names of options, as `core.remote` or `remote.origin.url`.

use std::fmt;

use crate::{Error, Result};

/// A section of a configuration file, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SectionName {
    /// `[core]` and the like.
    Plain(String),
    /// `['remote "name"']`.
    Remote(String),
    /// `['machine "name"']`.
    Machine(String),
    /// `['db "name"']`.
    Db(String),
}

impl SectionName {
    /// Reads the (unquoted) text between the brackets of a header.
    pub fn from_header(header: &str) -> Self {
        let header = header.to_lowercase();
        let trimmed = header.trim_start();
        for (kind, build) in [
            ("remote", Self::Remote as fn(String) -> Self),
            ("machine", Self::Machine as fn(String) -> Self),
            ("db", Self::Db as fn(String) -> Self),
        ] {
            let name =
                trimmed.strip_prefix(kind).map(str::trim_start).and_then(|rest| rest.strip_prefix('"'));
            if let Some(name) = name.map(str::trim_end).and_then(|rest| rest.strip_suffix('"')) {
                return build(name.to_owned());
            }
        }
        Self::Plain(header)
    }

    /// Returns the text between the brackets of a header, without quotes around it.
    pub fn header(&self) -> String {
        match self {
            Self::Plain(name) => name.clone(),
            Self::Remote(name) => format!("remote \"{name}\""),
            Self::Machine(name) => format!("machine \"{name}\""),
            Self::Db(name) => format!("db \"{name}\""),
        }
    }

    /// Returns the path of the section in the merged configuration: `["remote", "origin"]` or `["core"]`.
    pub fn path(&self) -> Vec<&str> {
        match self {
            Self::Plain(name) => vec![name],
            Self::Remote(name) => vec!["remote", name],
            Self::Machine(name) => vec!["machine", name],
            Self::Db(name) => vec!["db", name],
        }
    }
}

/// Shows the dotted form, as `remote.origin`.
impl fmt::Display for SectionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path().join("."))
    }
}

/// The dotted name of an option, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyPath {
    /// The section it is in.
    pub section: SectionName,
    /// The option.
    pub option: String,
}

impl KeyPath {
    /// Names an option of a section.
    pub fn new(section: SectionName, option: &str) -> Self {
        Self { section, option: option.to_lowercase() }
    }

    /// Names an option of a remote.
    pub fn remote(name: &str, option: &str) -> Self {
        Self::new(SectionName::Remote(name.to_lowercase()), option)
    }

    /// Reads `section.option`, `remote.name.option` or `db.name.option`.
    ///
    /// Anything else is [`Error::KeyName`], a mistake of usage. Follows the pattern of `dvc config`, so that a
    /// remote whose name holds a dot can't be named this way.
    pub fn parse(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        match parts.as_slice() {
            ["remote", name, option] => Ok(Self::remote(name, option)),
            ["db", name, option] => Ok(Self::new(SectionName::Db(name.to_lowercase()), option)),
            [section, option] => Ok(Self::new(SectionName::Plain(section.to_lowercase()), option)),
            _ => Err(Error::KeyName { name: text.to_owned() }),
        }
    }
}

/// Shows the dotted form.
impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.section, self.option)
    }
}
