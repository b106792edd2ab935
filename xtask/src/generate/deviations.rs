//! Makes the page of intended differences from the `Deviation:` marks of the sources.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::NOTE;
use crate::project::Project;
use anyhow::Result;

/// The mark, written in two parts, so that it is not found in this file.
const MARK: &str = concat!("Devia", "tion:");

/// Makes the page; the deviations of options are in `configuration`, the reference of options.
pub(super) fn page(project: &Project, configuration: &str, findings: &mut Vec<String>) -> Result<String> {
    let files = super::product_sources(project)?;
    let mut by_crate: BTreeMap<&str, Vec<(String, &str)>> = BTreeMap::new();
    // The documentation of a crate mentions the marks, but has no deviation itself.
    for name in files.iter().filter(|name| !name.ends_with("/lib.rs")) {
        let Ok(text) = std::fs::read_to_string(project.root.join(name)) else { continue };
        let package = name.split('/').nth(1).unwrap_or_default();
        for deviation in collect(&text) {
            if let Some(why) = needs_context(&deviation) {
                findings.push(format!("{name}: `{deviation}` {why}: say what differs, and from what"));
            }
            by_crate.entry(package).or_default().push((deviation, name));
        }
    }
    let mut page = format!(
        "# Deviations\n\n{NOTE}\n\nWhere haul differs from DVC, botocore or ruamel.yaml on purpose, as the sources have it at each \
         place.\n"
    );
    for (package, deviations) in by_crate {
        let _ = write!(page, "\n## {}\n\n", title(package));
        for (text, file) in deviations {
            let _ = writeln!(page, "- {text} ([{file}](../{file}))");
        }
    }
    page.push_str("\n## Options\n\n");
    for line in configuration.lines().filter(|line| line.starts_with("- `")) {
        page.push_str(line);
        page.push('\n');
    }
    Ok(page)
}

fn title(package: &str) -> &str {
    match package {
        "auth" => "Credentials and AWS settings",
        "cli" => "Command line",
        "config" => "Configuration files",
        "repo" => "Repository and workspace",
        "storage" => "Remotes and cache",
        package => package,
    }
}

/// Finds the marks in the comments of a source, each with the rest of its paragraph.
fn collect(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = source.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(comment) = comment(line) else { continue };
        let Some((_, start)) = comment.split_once(MARK) else { continue };
        // A sentence about the marks, as in the documentation of a crate, is not a deviation.
        if comment.contains(&format!("`{MARK}` where")) {
            continue;
        }
        let mut text = start.trim_start_matches('`').trim().to_owned();
        while let Some(next) = lines.peek().and_then(|line| self::comment(line)) {
            if next.is_empty() || next.starts_with('#') || next.contains(MARK) {
                break;
            }
            text.push(' ');
            text.push_str(next);
            lines.next();
        }
        found.push(sentence(&text));
    }
    found
}

/// Returns why a text cannot be understood by a reader who does not see the code below it.
fn needs_context(deviation: &str) -> Option<String> {
    const LEAST_WORDS: usize = 8;
    const POINTERS: [&str; 6] = ["this", "these", "such", "here", "them", "so"];
    let words: Vec<&str> = deviation.split_whitespace().collect();
    if words.len() < LEAST_WORDS {
        return Some(format!("has less than {LEAST_WORDS} words"));
    }
    // Such a word refers to an earlier word, and at the start of a text there is none.
    let pointer = words
        .iter()
        .take(6)
        .find(|word| POINTERS.contains(&word.trim_end_matches(',').to_lowercase().as_str()));
    pointer.map(|pointer| format!("points to something with `{pointer}`"))
}

/// Returns the text of a comment line.
fn comment(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("//")?;
    Some(rest.trim_start_matches(['/', '!']).trim())
}

/// Makes a text start with a capital and end with a period; links to items of the source become plain code.
fn sentence(text: &str) -> String {
    let plain = unlinked(text);
    let mut letters = plain.chars();
    // Names in lower case stay in lower case.
    let mut sentence: String = if ["botocore", "ruamel", "haul"].iter().any(|name| plain.starts_with(name)) {
        plain.clone()
    } else {
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
    };
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

/// Replaces ``[`Item`]`` and ``[`Item`](place)`` by `` `Item` ``.
fn unlinked(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((item, behind)) = after.split_once("`]") else { break };
        let _ = write!(plain, "{before}`{item}`");
        rest = behind;
        if let Some((_, behind)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            rest = behind;
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_with_their_paragraphs() {
        let mark = MARK;
        let source = format!(
            "//! Each is marked `{mark}` where it is made.\n\n/// Does it.\n///\n/// {mark} DVC does not, see [`Other`](x::Other),\n\
             /// and fails.\n///\n/// # Errors\nfn f() {{\n    // {mark} never twice\n    let x = 1;\n}}\n/// `{mark}` a last one."
        );
        assert_eq!(
            collect(&source),
            ["DVC does not, see `Other`, and fails.", "Never twice.", "A last one."]
        );
    }

    #[test]
    fn text_without_its_code_must_make_sense() {
        for text in
            ["DVC refuses to.", "DVC leaves stdout empty.", "DVC asks this also when the disk is full again."]
        {
            assert!(needs_context(text).is_some(), "{text}");
        }
        let text = "DVC compares with the unescaped name, and so never removes the entry of `f [x].txt`.";
        assert_eq!(needs_context(text), None);
    }
}
