//! The page of errors: the tables of the product, and the errors that are declared one by one, from the sources.

use std::fmt::Write as _;

use super::NOTE;
use crate::project::Project;
use anyhow::Result;

/// An error as a source declares it.
#[derive(Debug, PartialEq, Eq)]
struct Declared {
    words: String,
    cause: String,
    next: Option<String>,
}

/// Makes the page; `tables` is what the program prints of its own tables.
pub(super) fn page(project: &Project, tables: &str) -> Result<String> {
    let mut page = super::with_note(tables.trim_end());
    let _ = write!(
        page,
        "\n\n## Errors\n\nBeside these, a message names the key, the file and its line, or the bucket; what stands in braces is filled \
         in. ({NOTE})\n"
    );
    for name in super::product_sources(project)? {
        let Ok(text) = std::fs::read_to_string(project.root.join(&name)) else { continue };
        let declared = declared(&text);
        if declared.is_empty() {
            continue;
        }
        let _ = write!(page, "\n### [{name}](../{name})\n\n| Words | Cause | Next step |\n|---|---|---|\n");
        for Declared { words, cause, next } in declared {
            let next = next.unwrap_or_else(|| "-".to_owned());
            let _ = writeln!(page, "| {} | {} | {} |", cell(&words), cell(&cause), cell(&next));
        }
    }
    page.push_str("\n## Next steps of single places\n\nThose that are made where the error arises.\n");
    for name in super::product_sources(project)? {
        let Ok(text) = std::fs::read_to_string(project.root.join(&name)) else { continue };
        let steps = steps(&text);
        if steps.is_empty() {
            continue;
        }
        let _ = write!(page, "\n[{name}](../{name})\n\n");
        for step in steps {
            let _ = writeln!(page, "- {step}");
        }
    }
    Ok(page)
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Returns the product's part of a source, with the lines of string literals joined.
fn product(source: &str) -> String {
    let product = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut text = String::new();
    let mut continues = false;
    for line in product.lines() {
        text.push_str(if continues { line.trim_start() } else { line });
        continues = text.ends_with('\\');
        if continues {
            text.pop();
        } else {
            text.push('\n');
        }
    }
    text
}

/// Finds the errors that `thiserror` declares, each with the doc above it and the text of its arm in `hint`.
fn declared(source: &str) -> Vec<Declared> {
    let text = product(source);
    let hints = text.split_once("fn hint(").map_or("", |(_, hints)| hints);
    let hints = hints.split("\n    }\n").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut doc: Vec<&str> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix("///") {
            doc.push(comment.trim());
            continue;
        }
        let Some(start) = line.strip_prefix("#[error(") else {
            if !line.starts_with("#[") {
                doc.clear();
            }
            continue;
        };
        let cause = doc.join(" ");
        let cause = cause.split("  ").next().unwrap_or_default().to_owned();
        let mut attribute = start.to_owned();
        while !attribute.trim_end().ends_with(")]") {
            let Some(next) = lines.next() else { break };
            attribute.push_str(next.trim());
        }
        let variant = lines.next().unwrap_or_default().trim();
        let variant: String = variant.chars().take_while(|letter| letter.is_alphanumeric()).collect();
        doc.clear();
        let Some(words) = literal(&attribute) else { continue };
        if words.starts_with("{0}") || words.starts_with("{message}") && words.len() < 14 {
            // The message is made where it arises, and is DVC's sentence most often.
            continue;
        }
        let arm = hints.split(&format!("Self::{variant}")).nth(1);
        let arm = arm.filter(|_| !variant.is_empty()).and_then(|arm| {
            let arm = arm.split("\n            Self::").next().unwrap_or(arm);
            literal(arm.split_once("=>")?.1)
        });
        found.push(Declared { words, cause, next: arm });
    }
    found
}

/// Finds the texts that are given as hints.
fn steps(source: &str) -> Vec<String> {
    let text = product(source);
    let mut found: Vec<String> = Vec::new();
    for start in ["with_hint(", "let hint = ", ".fix = Some(", ".fix =\n"] {
        for (at, _) in text.match_indices(start) {
            let rest = &text[at + start.len()..];
            // The literal itself, or the format of one.
            let head: String = rest.chars().take(60).collect();
            let Some(quote) = head.find('"') else { continue };
            let before = &head[..quote];
            let is_text = before.trim().is_empty()
                || before.contains("format!(")
                || before.contains("Some(")
                || before.contains("String::from(");
            if is_text
                && !before.contains(';')
                && let Some(words) = literal(rest)
                && words.contains(' ')
            {
                found.push(words);
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Returns the first string literal of a text.
fn literal(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('"')?;
    let mut words = String::new();
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return Some(words),
            '\\' => match letters.next()? {
                'n' => words.push(' '),
                other => words.push(other),
            },
            other => words.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_with_their_docs_and_hints() {
        let source = "enum Error {\n    /// It is away.\n    #[error(\"no `{name}`\")]\n    Gone {\n        name: String,\n    },\n    #[error(transparent)]\n    \
            Other(X),\n}\nimpl Error {\n    pub fn hint(&self) -> Option<String> {\n        match self {\n            Self::Gone { .. } => \
            Some(\"type `haul \\\n             pull`\".to_owned()),\n            _ => None,\n        }\n    }\n}\n";
        let expected = Declared {
            words: "no `{name}`".to_owned(),
            cause: "It is away.".to_owned(),
            next: Some("type `haul pull`".to_owned()),
        };
        assert_eq!(declared(source), [expected]);
        let source = "    error.with_hint(format!(\"type {x} now\"))\n    let hint = match x {};\n#[cfg(test)]\nwith_hint(\"a test\")";
        assert_eq!(steps(source), ["type {x} now"]);
    }
}
