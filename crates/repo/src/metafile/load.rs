//! Parses and validates a metafile, with DVC's words for errors.

use std::path::Path;

use super::MetafileError;
use super::schema::{self, Schema};
use super::yaml::{Node, parse};

/// The kind of a metafile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetafileKind {
    /// `NAME.dvc`
    Single,
    /// `dvc.yaml`
    Pipeline,
    /// `dvc.lock`
    Lock,
}

impl MetafileKind {
    fn schema(self) -> &'static Schema {
        match self {
            Self::Single => &schema::DVC_FILE,
            Self::Pipeline => &schema::DVC_YAML,
            Self::Lock => &schema::DVC_LOCK,
        }
    }
}

/// Parses and validates `text`; `None` for an empty file.
///
/// `shown` is the path for messages, relative to the working directory.
pub(crate) fn load(
    kind: MetafileKind,
    path: &Path,
    shown: &str,
    text: &[u8],
) -> Result<Option<Node>, MetafileError> {
    let prefix = if shown.starts_with("..") { "" } else { "./" };
    let error =
        |line, column, message| MetafileError { path: path.to_owned(), line, column, message, hint: None };
    let Ok(text) = str::from_utf8(text) else {
        return Err(error(None, None, format!("'{shown}' is not valid utf-8")));
    };
    let root = parse(text).map_err(|syntax| {
        let conflict = conflict_line(text);
        let possibly = if conflict.is_some() { " (possible merge conflicts)" } else { "" };
        let message = format!("'{prefix}{shown}' is invalid{possibly}.\n\n{}", syntax.message);
        let hint = conflict.map(|line| {
            format!(
                "resolve the conflict that begins on line {line}, or take one side: `git checkout --ours {shown}` or \
                 `git checkout --theirs {shown}`"
            )
        });
        MetafileError { hint, ..error(Some(syntax.line), Some(syntax.column), message) }
    })?;
    let root = root.filter(|root| !root.is_falsy());
    // DVC reads an empty file as an empty mapping, which is valid unless a key is required.
    let violations = match &root {
        Some(root) => schema::check(kind.schema(), root),
        None => schema::check_empty(kind.schema()),
    };
    let Some(first) = violations.first() else { return Ok(root) };
    let count = if violations.len() > 1 { format!(": {} errors", violations.len()) } else { String::new() };
    if root.as_ref().is_some_and(|root| !root.is_mapping()) {
        let message = format!("'{prefix}{shown}' validation failed: {}.", first.message);
        return Err(error(None, None, message));
    }
    let place =
        |violation: &schema::Violation| root.as_ref().and_then(|root| schema::locate(root, &violation.path));
    let mut message = format!("'{prefix}{shown}' validation failed{count}.");
    for violation in &violations {
        message.push_str("\n\n");
        message.push_str(&violation.message);
        if !violation.path.is_empty() {
            message.push_str(", in ");
            message.push_str(&violation.path.join(" -> "));
        }
        if let Some((line, column)) = place(violation) {
            message = format!("{message}, line {line}, column {column}");
        }
    }
    let (line, column) = place(first).unzip();
    Err(error(line, column, message))
}

/// Returns the line, counted from 1, of Git's conflict marks, by which DVC also recognises a conflict.
fn conflict_line(text: &str) -> Option<usize> {
    let is_mark = |line: &str| {
        line.split_once(' ').is_some_and(|(mark, _)| {
            mark.len() == 7 && mark.chars().all(|character| matches!(character, '<' | '=' | '>'))
        })
    };
    text.lines().position(is_mark).map(|position| position + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflict_is_told_apart_from_other_bad_syntax() {
        let conflict = "outs:\n<<<<<<< HEAD\n- md5: a\n=======\n- md5: b\n>>>>>>> other\n  path: d\n";
        let found = load(MetafileKind::Single, Path::new("d.dvc"), "d.dvc", conflict.as_bytes()).unwrap_err();
        assert!(found.message.starts_with("'./d.dvc' is invalid (possible merge conflicts).\n\n"), "{found}");
        assert!(found.hint.is_some_and(|hint| hint.contains("line 2") && hint.contains("--theirs d.dvc")));
        let other = load(MetafileKind::Single, Path::new("d.dvc"), "d.dvc", b"outs: [\n").unwrap_err();
        assert!(other.message.starts_with("'./d.dvc' is invalid.\n\n"), "{other}");
        assert_eq!(other.hint, None);
    }

    /// Compares the errors for invalid files, and that there are none for valid ones, with DVC's (`fixtures/make.py`).
    #[test]
    fn wrong_file_is_reported_in_the_words_of_dvc() {
        let cases: Vec<serde_json::Value> =
            serde_json::from_str(include_str!("../../tests/fixtures/schema_errors.json")).unwrap();
        let mut wrong = Vec::new();
        for case in &cases {
            let (kind, name) = match case["kind"].as_str().unwrap() {
                "dvc" => (MetafileKind::Single, "bad.dvc"),
                "lock" => (MetafileKind::Lock, "dvc.lock"),
                _ => (MetafileKind::Pipeline, "dvc.yaml"),
            };
            let text = case["text"].as_str().unwrap();
            let found = load(kind, Path::new(name), name, text.as_bytes()).err().map(|error| error.message);
            let expected = case["error"].as_str().map(str::to_owned);
            let is_syntax = |message: &Option<String>| {
                message
                    .as_ref()
                    .is_some_and(|message| message.contains(" is invalid.") && !message.contains("duplicate"))
            };
            // The parsers word syntax errors differently, but report them for the same files.
            if found != expected && !(is_syntax(&found) && is_syntax(&expected)) {
                wrong.push(format!("{text:?}\n   found {found:?}\nexpected {expected:?}"));
            }
        }
        assert!(cases.len() > 100);
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}
