//! The dialect of `~/.aws/config` and `~/.aws/credentials`: Python's `configparser` in its raw form, with one level
//! of nesting added by botocore.
//!
//! Source: <https://docs.python.org/3/library/configparser.html#supported-ini-file-structure>. What makes it
//! different from other INI dialects, and matters in practice: `:` separates like `=`; quotes mean nothing; `#` and
//! `;` start a comment only at the beginning of a line; a line that is indented deeper than its key continues the
//! value; a duplicate section or key is an error; keys of `[DEFAULT]` apply to every section.

use std::collections::BTreeMap;

/// What a file says: its sections in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ini {
    pub(crate) sections: Vec<Section>,
}

/// The keys of a section, lower-cased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) entries: BTreeMap<String, Entry>,
}

/// A value and its line, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) line: usize,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Text of one or several lines.
    Text(String),
    /// An indented block of `key = value` lines, as below `s3 =`; keys are kept as they are spelled.
    Block(BTreeMap<String, String>),
}

/// A syntax error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// The section whose keys apply to every other one.
const DEFAULT_SECTION: &str = "DEFAULT";

/// A value that the next line may continue.
struct Pending {
    lines: Vec<String>,
    line: usize,
}

#[derive(Default)]
struct Parser {
    names: Vec<String>,
    sections: BTreeMap<String, BTreeMap<String, Pending>>,
    section: Option<String>,
    key: Option<String>,
    indent: usize,
    bogus: Option<Malformed>,
}

/// Reads a file.
pub(crate) fn parse(text: &str) -> Result<Ini, Malformed> {
    let mut parser = Parser::default();
    for (index, line) in lines(text).enumerate() {
        parser.line(index + 1, line)?;
    }
    parser.finish()
}

/// Cuts at `\n`, `\r\n` and `\r`, as Python does when it reads text.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

impl Parser {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Malformed> {
        let text = line.trim();
        if text.starts_with(['#', ';']) {
            return Ok(());
        }
        if text.is_empty() {
            // An empty line is part of a value that continues below it; at the end of the value it is cut off.
            if let Some(pending) = self.pending() {
                pending.lines.push(String::new());
            }
            return Ok(());
        }
        let indent = line.chars().take_while(|character| character.is_whitespace()).count();
        if indent > self.indent
            && let Some(pending) = self.pending()
        {
            pending.lines.push(text.to_owned());
            return Ok(());
        }
        self.indent = indent;
        if let Some(name) = section_name(text) {
            return self.open(number, name);
        }
        let Some(section) = &self.section else {
            return Err(Malformed {
                line: number,
                message: "the key is before the first `[section]`".to_owned(),
            });
        };
        let Some((key, value)) = text.split_once(['=', ':']).filter(|(key, _)| !key.trim().is_empty()) else {
            let message = "expected `[section]`, `key = value` or a comment".to_owned();
            self.bogus.get_or_insert(Malformed { line: number, message });
            return Ok(());
        };
        let key = key.trim_end().to_lowercase();
        let entries = self.sections.entry(section.clone()).or_default();
        let pending = Pending { lines: vec![value.trim().to_owned()], line: number };
        if let Some(earlier) = entries.insert(key.clone(), pending) {
            let message = format!("`{key}` is already defined in `[{section}]`, on line {}", earlier.line);
            return Err(Malformed { line: number, message });
        }
        self.key = Some(key);
        Ok(())
    }

    /// Returns the value that the next line may continue.
    fn pending(&mut self) -> Option<&mut Pending> {
        self.sections.get_mut(self.section.as_ref()?)?.get_mut(self.key.as_ref()?)
    }

    fn open(&mut self, number: usize, name: &str) -> Result<(), Malformed> {
        let is_new = !self.sections.contains_key(name);
        if !is_new && name != DEFAULT_SECTION {
            let message = format!("the section `[{name}]` is defined twice");
            return Err(Malformed { line: number, message });
        }
        if is_new {
            self.names.push(name.to_owned());
            self.sections.insert(name.to_owned(), BTreeMap::new());
        }
        self.section = Some(name.to_owned());
        // A section cannot start with a continuation.
        self.key = None;
        Ok(())
    }

    fn finish(mut self) -> Result<Ini, Malformed> {
        if let Some(bogus) = self.bogus {
            return Err(bogus);
        }
        let defaults = entries(self.sections.remove(DEFAULT_SECTION).unwrap_or_default())?;
        let mut sections = Vec::new();
        for name in self.names {
            let Some(own) = self.sections.remove(&name) else { continue };
            let mut all = defaults.clone();
            all.extend(entries(own)?);
            sections.push(Section { name, entries: all });
        }
        Ok(Ini { sections })
    }
}

/// Returns the text between the first `[` and the last `]` of a line that starts with `[`.
fn section_name(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('[')?.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}

fn entries(pending: BTreeMap<String, Pending>) -> Result<BTreeMap<String, Entry>, Malformed> {
    let entry = |(key, Pending { lines, line }): (String, Pending)| {
        let text = lines.join("\n");
        let text = text.trim_end();
        let value = if text.starts_with('\n') { block(text, line)? } else { Value::Text(text.to_owned()) };
        Ok((key, Entry { value, line }))
    };
    pending.into_iter().map(entry).collect()
}

fn block(text: &str, line: usize) -> Result<Value, Malformed> {
    let mut values = BTreeMap::new();
    for text in text.lines().map(str::trim).filter(|text| !text.is_empty()) {
        let Some((key, value)) = text.split_once('=') else {
            let message = "expected `key = value` in every line of the indented block".to_owned();
            return Err(Malformed { line, message });
        };
        values.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(Value::Block(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ini: &Ini, section: &str, key: &str) -> Option<String> {
        let section = ini.sections.iter().find(|candidate| candidate.name == section)?;
        match &section.entries.get(key)?.value {
            Value::Text(text) => Some(text.clone()),
            Value::Block(block) => Some(format!("{block:?}")),
        }
    }

    #[test]
    fn odd_spacing_is_read_as_configparser_reads_it() {
        let ini = parse(
            "\n# c\n[ a b ] trailing\r\nKey=1\n  two : x = y ; no comment\n\nlast:  \"q\"  \n[default]\n   x = 1\n  y=2\n",
        )
        .unwrap();
        assert_eq!(text(&ini, " a b ", "key").unwrap(), "1\ntwo : x = y ; no comment");
        assert_eq!(text(&ini, " a b ", "last").unwrap(), "\"q\"");
        assert_eq!(text(&ini, "default", "x").unwrap(), "1");
        assert_eq!(text(&ini, "default", "y").unwrap(), "2");
        assert_eq!(ini.sections[1].entries["y"].line, 10);
    }

    #[test]
    fn nested_block_keeps_the_case_of_its_keys() {
        let ini =
            parse("[default]\ns3 =\n  # comment\n  Max = 8 MB\n\n  a=b=c\nregion = x\nempty =\n").unwrap();
        assert_eq!(text(&ini, "default", "s3").unwrap(), r#"{"Max": "8 MB", "a": "b=c"}"#);
        assert_eq!(text(&ini, "default", "region").unwrap(), "x");
        assert_eq!(text(&ini, "default", "empty").unwrap(), "");
    }

    #[test]
    fn default_section_applies_to_all_sections() {
        let ini = parse("[DEFAULT]\na = 1\nb = 2\n[x]\nb = 3\n[DEFAULT]\nc = 4\n").unwrap();
        assert_eq!(ini.sections.len(), 1);
        assert_eq!(["a", "b", "c"].map(|key| text(&ini, "x", key).unwrap()), ["1", "3", "4"]);
    }

    fn check_malformed(file: &str, line: usize) {
        assert_eq!(parse(file).unwrap_err().line, line, "{file:?}");
    }

    #[test]
    fn malformed_files_name_the_line() {
        check_malformed("a = 1\n", 1);
        check_malformed("[x]\na = 1\n[x]\n", 3);
        check_malformed("[x]\na = 1\nA : 2\n", 3);
        check_malformed("[x]\n\nnonsense\n", 3);
        check_malformed("[x]\n= 1\n", 2);
        check_malformed("[]\n", 1);
        check_malformed("[x]\ns3 =\n  nonsense\n", 2);
    }

    proptest::proptest! {
        /// Values in the plain layout are read back, whatever spaces and comments surround them.
        #[test]
        fn values_come_back(
            values in proptest::collection::vec(("[a-z_]{1,8}", "[!-~]([ -~]{0,10}[!-~])?"), 0..6),
            noise in "(\\n|# [ -~]{0,9}\\n|  ; x\\n){0,3}",
        ) {
            let mut file = format!("{noise}[profile x]\n");
            let mut expected = BTreeMap::new();
            for (key, value) in values {
                if expected.insert(key.clone(), value.clone()).is_none() {
                    file.extend([key.as_str(), " = ", &value, "\n", &noise]);
                } else {
                    // A duplicate key is an error: the first value counts here.
                    expected.insert(key.clone(), text(&parse(&file).unwrap(), "profile x", &key).unwrap());
                }
            }
            let ini = parse(&file).unwrap();
            for (key, value) in expected {
                proptest::prop_assert_eq!(text(&ini, "profile x", &key), Some(value));
            }
        }

        /// No text makes the parser panic, and an error names a line of the text.
        #[test]
        fn any_text_is_read_or_refused(file in "([\\[\\]=:#; \\t\\r\\na-c]|\\PC){0,60}") {
            if let Err(malformed) = parse(&file) {
                proptest::prop_assert!(malformed.line >= 1 && malformed.line <= lines(&file).count());
            }
        }
    }
}
