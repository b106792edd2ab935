//! Properties that hold for any file of the AWS tools: the fuzz target `aws` (feature `fuzzing`).

use crate::profile::ini::{Ini, Value, parse};

/// Parses a file, writes what it says in the plainest layout, and parses that again.
///
/// # Panics
///
/// If a property does not hold: an error names a line of the file; keys are in lower case; the plain layout gives the
/// same values.
pub fn aws_file(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let ini = match parse(text) {
        Ok(ini) => ini,
        Err(malformed) => {
            let n_lines = text.split(['\n', '\r']).count();
            assert!((1..=n_lines).contains(&malformed.line), "line {} of {n_lines}", malformed.line);
            assert!(!malformed.message.is_empty());
            return;
        }
    };
    for section in &ini.sections {
        drop(crate::shell_words::split(&section.name));
        for (key, entry) in &section.entries {
            assert_eq!(*key, key.to_lowercase());
            assert!(entry.line >= 1);
        }
    }
    let Some(written) = write(&ini) else { return };
    let again = parse(&written).unwrap_or_else(|malformed| panic!("{malformed:?} in {written:?}"));
    assert_eq!(shown(&again), shown(&ini), "{written:?}");
}

/// Returns the sections without line numbers.
fn shown(ini: &Ini) -> Vec<(String, Vec<(String, Value)>)> {
    let entries = |section: &crate::profile::ini::Section| {
        section.entries.iter().map(|(key, entry)| (key.clone(), entry.value.clone())).collect()
    };
    ini.sections.iter().map(|section| (section.name.clone(), entries(section))).collect()
}

/// Writes each value in the usual layout; `None` for names and values that only an unusual layout can express.
fn write(ini: &Ini) -> Option<String> {
    let is_odd =
        |text: &str| text.trim() != text || text.contains(['\n', '\r', '\x0b', '\x0c', '\u{85}', '\u{2028}']);
    let mut text = String::new();
    for section in &ini.sections {
        if is_odd(&section.name) {
            return None;
        }
        text.extend(["[", &section.name, "]\n"]);
        for (key, entry) in &section.entries {
            let starts_odd = key.starts_with(['#', ';', '[']) || key.contains(['=', ':']);
            if starts_odd || is_odd(key) || key.to_lowercase() != *key {
                return None;
            }
            match &entry.value {
                Value::Text(value) => {
                    if is_odd(value) {
                        return None;
                    }
                    text.extend([key.as_str(), " = ", value, "\n"]);
                }
                Value::Block(block) => {
                    text.extend([key.as_str(), " =\n"]);
                    for (inner, value) in block {
                        if is_odd(inner)
                            || is_odd(value)
                            || inner.starts_with(['#', ';'])
                            || inner.contains('=')
                        {
                            return None;
                        }
                        text.extend(["  ", inner, " = ", value, "\n"]);
                    }
                    if block.is_empty() {
                        return None;
                    }
                }
            }
        }
    }
    Some(text)
}
