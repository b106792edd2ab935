//! Every section and option as data: what DVC knows, what haul does with it.
//!
//! Validation, completion, `--help` and the reference page all come from these tables. They follow
//! `dvc/config_schema.py` of DVC 3.67.1.

mod reference;
mod remote;
mod sections;

use std::fmt;

use crate::{KeyPath, SectionName};

pub use reference::reference;
pub(crate) use remote::{CANNED_ACLS, ENCRYPTIONS};

/// What values an option takes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that is compared in lower case.
    LowerCase,
    /// A path; a relative one starts in the folder of the file.
    Path,
    /// `true` or `false`, in any case.
    Bool,
    /// `true`, `false`, or the path of a file with certificates.
    BoolOrPath,
    /// A whole number, at least and at most so much.
    Integer(Option<i64>, Option<i64>),
    /// A number, at least so much.
    Number(Option<f64>),
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// A list of `reflink`, `hardlink`, `symlink`, `copy`.
    LinkTypes,
    /// Something no text in a file is: DVC asks for a Python object here.
    Unsettable(&'static str),
}

/// What haul does with an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It takes effect.
    Effective,
    /// It is accepted because DVC accepts it; it concerns a part of DVC that haul has not.
    DvcOnly,
    /// It is accepted, and obsolete in DVC too.
    Obsolete,
    /// It is accepted, and there is nothing for it to change, for this reason.
    Idle(&'static str),
}

/// An option.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What holds if it is not set; empty if that depends.
    pub default: &'static str,
    /// Whether its value must be neither shown nor committed.
    pub is_secret: bool,
    /// What haul does with it.
    pub used: Use,
    /// What it is for, in one line.
    pub about: &'static str,
    /// Values it may well have, where its kind does not name them all.
    pub examples: &'static [&'static str],
    /// Where haul differs from DVC on purpose, and why.
    pub deviation: Option<&'static str>,
}

impl Key {
    pub(crate) const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self {
            name,
            kind,
            default: "",
            is_secret: false,
            used: Use::Effective,
            about,
            examples: &[],
            deviation: None,
        }
    }

    const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    const fn used(mut self, used: Use) -> Self {
        self.used = used;
        self
    }

    const fn examples(mut self, examples: &'static [&'static str]) -> Self {
        self.examples = examples;
        self
    }

    const fn deviation(mut self, deviation: &'static str) -> Self {
        self.deviation = Some(deviation);
        self
    }
}

/// A section of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Its name: `core`; of named sections the part before the name: `remote`.
    pub name: &'static str,
    /// Whether it is written `['remote "name"']`.
    pub is_named: bool,
    /// Its options; those of remotes depend on the URL, see [`remote_keys`].
    pub keys: &'static [Key],
    /// Where DVC describes it.
    pub documentation: &'static str,
}

/// All sections, in the order DVC writes them.
pub const SECTIONS: &[Section] = sections::SECTIONS;

/// The schemes of remote URLs, each with its options; the empty scheme is a local path.
pub const REMOTE_SCHEMES: &[(&str, &[&[Key]])] = remote::SCHEMES;

/// Returns a section by its name.
pub fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name)
}

/// Returns the options a remote of that scheme can have; `None` if DVC has no such scheme.
pub fn remote_keys(scheme: &str) -> Option<impl Iterator<Item = &'static Key> + Clone> {
    let (_, groups) = REMOTE_SCHEMES.iter().find(|(found, _)| *found == scheme)?;
    Some(groups.iter().flat_map(|keys| keys.iter()))
}

/// Tells whether the value of an option must not be shown or committed.
///
/// Of a remote, an option counts as secret if it is one for any kind of remote.
pub fn is_secret(key: &KeyPath) -> bool {
    let is_it = |found: &Key| found.is_secret && found.name == key.option;
    match &key.section {
        SectionName::Remote(_) => {
            REMOTE_SCHEMES.iter().any(|(_, groups)| groups.iter().any(|keys| keys.iter().any(is_it)))
        }
        SectionName::Plain(name) => section(name).is_some_and(|section| section.keys.iter().any(is_it)),
        SectionName::Machine(_) => section("machine").is_some_and(|section| section.keys.iter().any(is_it)),
        SectionName::Db(_) => section("db").is_some_and(|section| section.keys.iter().any(is_it)),
    }
}

/// Whether the value of an option may be shown: the option is known, and a secret in no section that has it.
///
/// `path` names the sections of the option and then the option. What is not known to be harmless counts as a secret:
/// a misspelt `secret_acces_key`, an option of another version of DVC, a section that is not written as it should be.
pub fn is_harmless(path: &[&str]) -> bool {
    let (keys, option): (Vec<&Key>, &&str) = match path {
        ["remote", _, option] => {
            let groups = REMOTE_SCHEMES.iter().flat_map(|(_, groups)| groups.iter());
            (groups.flat_map(|keys| keys.iter()).collect(), option)
        }
        [name @ ("machine" | "db"), _, option] | [name, option] => {
            (section(name).into_iter().flat_map(|section| section.keys).collect(), option)
        }
        _ => return false,
    };
    let mut found = keys.into_iter().filter(|key| key.name == *option).peekable();
    found.peek().is_some() && found.all(|key| !key.is_secret)
}

/// Returns the known name that a misspelt one most likely means.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Describes the values that are allowed.
impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text | Self::LowerCase => formatter.write_str("text"),
            Self::Path => formatter.write_str("path"),
            Self::Bool => formatter.write_str("`true` or `false`"),
            Self::BoolOrPath => formatter.write_str("`true`, `false` or path"),
            Self::Integer(None, _) => formatter.write_str("whole number"),
            Self::Integer(Some(least), None) => write!(formatter, "whole number, {least} or more"),
            Self::Integer(Some(least), Some(most)) => {
                write!(formatter, "whole number from {least} to {most}")
            }
            Self::Number(None) => formatter.write_str("number"),
            Self::Number(Some(least)) => write!(formatter, "number, {least} or more"),
            Self::Choice(words) => write!(formatter, "`{}`", words.join("`, `")),
            Self::LinkTypes => formatter.write_str("list of `reflink`, `hardlink`, `symlink`, `copy`"),
            Self::Unsettable(_) => formatter.write_str("can't be set in a file"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_misspelt_options_only() {
        let known = || remote_keys("s3").unwrap().map(|key| key.name);
        assert_eq!(nearest("regoin", known()), Some("region"));
        assert_eq!(nearest("endpoint_url", known()), Some("endpointurl"));
        assert_eq!(nearest("acces_key_id", known()), Some("access_key_id"));
        assert_eq!(nearest("colour", known()), None);
    }

    #[test]
    fn secrets_are_known_by_option() {
        assert!(is_secret(&KeyPath::remote("x", "secret_access_key")));
        assert!(is_secret(&KeyPath::remote("x", "sse_customer_key")));
        assert!(is_secret(&KeyPath::remote("x", "password")));
        assert!(is_secret(&KeyPath::parse("studio.token").unwrap()));
        assert!(!is_secret(&KeyPath::remote("x", "access_key_id")));
        assert!(!is_secret(&KeyPath::parse("core.remote").unwrap()));
    }

    #[test]
    fn only_what_is_known_and_no_secret_is_harmless() {
        for path in [
            &["remote", "my.store", "url"][..],
            &["remote", "x", "access_key_id"],
            &["core", "remote"],
            &["db", "a.b", "username"],
        ] {
            assert!(is_harmless(path), "{path:?}");
        }
        for path in [
            &["remote", "my.store", "secret_access_key"][..],
            &["remote", "x", "secret_acces_key"],
            &["remote", "x", "bearer_token_command"],
            &["remote.my.store", "secret_access_key"],
            &["remote", "secret_access_key"],
            &["remote", "x", "y", "url"],
            &["db", "a.b", "password"],
            &["db", "password"],
            &["machine", "m", "ssh_private"],
            &["studio", "token"],
            &["nothing", "known"],
            &["url"],
        ] {
            assert!(!is_harmless(path), "{path:?}");
        }
        // What warns of a secret must not be shown either.
        for (_, groups) in REMOTE_SCHEMES {
            for key in groups.iter().flat_map(|keys| keys.iter()) {
                assert_eq!(
                    is_secret(&KeyPath::remote("x", key.name)),
                    !is_harmless(&["remote", "x", key.name])
                );
            }
        }
    }
}
