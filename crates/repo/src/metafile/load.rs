//! From the text of a metafile to checked nodes, with DVC's words for what is wrong.

use std::path::Path;

use super::MetafileError;
use super::schema::{self, Schema};
use super::yaml::{Node, parse};

/// Which metafile a text is.
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

/// Parses and checks `text`; `None` for a file that says nothing.
///
/// `shown` is the path for messages, relative to the working directory.
pub(crate) fn load(
    kind: MetafileKind,
    path: &Path,
    shown: &str,
    text: &[u8],
) -> Result<Option<Node>, MetafileError> {
    let prefix = if shown.starts_with("..") { "" } else { "./" };
    let error = |line, column, message| MetafileError { path: path.to_owned(), line, column, message };
    let Ok(text) = str::from_utf8(text) else {
        return Err(error(None, None, format!("'{shown}' is not valid utf-8")));
    };
    let root = parse(text).map_err(|syntax| {
        let message = format!("'{prefix}{shown}' is invalid.\n\n{}", syntax.message);
        error(Some(syntax.line), Some(syntax.column), message)
    })?;
    let root = root.filter(|root| !root.is_falsy());
    // An empty file is an empty mapping to DVC: fine, unless a key is required.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// DVC's words for files that are wrong, and its silence about those that are not (`fixtures/make.py`).
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
            // The parsers word syntax errors differently; that there is one, and in which file, is the same.
            if found != expected && !(is_syntax(&found) && is_syntax(&expected)) {
                wrong.push(format!("{text:?}\n   found {found:?}\nexpected {expected:?}"));
            }
        }
        assert!(cases.len() > 100);
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
}
