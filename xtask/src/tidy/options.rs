//! Checks that every option of the configuration that claims to have an effect is read.
//!
//! A row of the table without a `used` claims that the option takes effect. Then its value must be read outside of the
//! crate that parses it; otherwise the row must say why it is not read.

use std::path::Path;

use anyhow::Result;
use xshell::cmd;

use crate::project::Project;

/// The tables. Storages that haul does not support have another kind of rows.
const TABLES: [&str; 2] = ["crates/config/src/keys/sections.rs", "crates/config/src/keys/remote.rs"];
const ROW: &str = "Key::new(";
/// Options whose value is read by another name.
const RENAMED: [(&str, &str); 2] = [("type", "types"), ("shared", "shared_group")];
/// Options that a method answers for.
const ASKED: [(&str, &str); 1] = [("allow_anonymous_login", ".anonymous()")];

pub(super) fn check(project: &Project, findings: &mut Vec<String>) -> Result<()> {
    let files =
        cmd!(project.shell, "git ls-files --cached --others --exclude-standard crates").quiet().read()?;
    let is_reader = |name: &&str| {
        let is_source =
            name.contains("/src/") && Path::new(name).extension().is_some_and(|ending| ending == "rs");
        is_source && !name.starts_with("crates/config/") && !name.contains("/tests")
    };
    let mut readers = String::new();
    for name in files.lines().filter(is_reader) {
        let Ok(text) = std::fs::read_to_string(project.root.join(name)) else { continue };
        // Reads in tests do not count.
        readers.push_str(text.split("#[cfg(test)]").next().unwrap_or_default());
    }
    for table in TABLES {
        for name in effective(&std::fs::read_to_string(project.root.join(table))?) {
            let field =
                RENAMED.iter().find(|(option, _)| *option == name).map_or(name.as_str(), |(_, field)| field);
            let is_asked = ASKED.iter().any(|(option, call)| *option == name && readers.contains(call));
            if !is_asked && !is_read(&readers, field) {
                findings.push(format!(
                    "{table}: the option `{name}` is read nowhere: use it, or mark the row with `used`"
                ));
            }
        }
    }
    Ok(())
}

/// Returns the options of a table that claim to take effect.
fn effective(table: &str) -> Vec<String> {
    let rows = table.split(ROW).skip(1).filter(|row| !of_row(row).contains(".used("));
    // The definition of `new` itself, and a row that is made from a parameter, have no name.
    rows.filter_map(|row| row.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned)).collect()
}

/// Returns a whole row, with the calls that are chained to `new`.
fn of_row(row: &str) -> &str {
    let mut end = behind_bracket(row);
    loop {
        let blanks = row[end..].len() - row[end..].trim_start().len();
        let next = &row[end + blanks..];
        let Some(open) = next.find('(').filter(|_| next.starts_with('.')) else { return &row[..end] };
        end += blanks + open + 1;
        end += behind_bracket(&row[end..]);
    }
}

/// Returns the position of the end of the bracket that was opened before `text`.
fn behind_bracket(text: &str) -> usize {
    let (mut depth, mut is_text, mut is_escaped) = (1, false, false);
    for (at, character) in text.char_indices() {
        match character {
            '"' if !is_escaped => is_text = !is_text,
            '(' if !is_text => depth += 1,
            ')' if !is_text => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    text.len()
}

/// Returns whether a field of exactly this name is read, or the method that returns whether it is on.
fn is_read(readers: &str, field: &str) -> bool {
    if readers.contains(&format!(".is_{field}()")) {
        return true;
    }
    readers.match_indices(&format!(".{field}")).any(|(at, found)| {
        let next = readers[at + found.len()..].chars().next().unwrap_or(' ');
        !(next.is_alphanumeric() || next == '_' || next == '(')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_use_take_effect() {
        let table = "const A: Key = Key::new(\"a\", Bool, \"What (it) is, for \\\"b\\\".\")\n    .default(\"x\")\n    .used(Use::Idle(\"because, well\"));\n\
                     const B: &[Key] = &[\n    Key::new(\"b\", Integer(Some(1), None), \"Text.\"),\n    Key::new(\"c\", Text, \"Text.\")\n        \
                     .used(Use::Obsolete),\n    Key::new(\n        \"d\",\n    ),\n    Key::new(\"e\", Text, \"More\")\n        .secret(),\n];\n";
        assert_eq!(effective(table), ["b", "d", "e"]);
    }

    #[test]
    fn a_field_is_read_by_its_whole_name() {
        assert!(is_read("x = s3.region.clone()", "region"));
        assert!(is_read("s3.region", "region"));
        assert!(is_read("remote.is_worktree()", "worktree"));
        for text in ["s3.regions", "s3.region()", "region", "s3.region_name"] {
            assert!(!is_read(text, "region"), "{text}");
        }
    }
}
