//! Paths that documents name: each has to be there.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::cmd;

use crate::project::Project;

/// How the paths begin that are looked for.
const ROOTS: &[&str] = &["crates/", "docs/", "fuzz/", "src/", "tests/", "xtask/", "examples/"];

/// Reports paths in Markdown files, in code spans and as targets of links, that do not exist.
pub(super) fn check(project: &Project, findings: &mut Vec<String>) -> Result<()> {
    let files = cmd!(project.shell, "git ls-files --cached --others --exclude-standard").quiet().read()?;
    let crates: Vec<PathBuf> = std::fs::read_dir(project.root.join("crates"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    let is_document = |name: &&str| Path::new(name).extension().is_some_and(|ending| ending == "md");
    for name in files.lines().filter(is_document) {
        let Ok(text) = std::fs::read_to_string(project.root.join(name)) else { continue };
        for (number, named) in paths_in(&text) {
            let beside = Path::new(name).parent().unwrap_or(Path::new(""));
            let is_there = |path: PathBuf| project.root.join(existing_part(&path)).exists();
            // A page about all crates may name a path as its crate does.
            let is_in_a_crate = || crates.iter().any(|directory| is_there(directory.join(&named)));
            if !is_there(beside.join(&named)) && !is_there(PathBuf::from(&named)) && !is_in_a_crate() {
                findings.push(format!("{name}:{number}: `{named}` does not exist"));
            }
        }
    }
    Ok(())
}

/// Lists the paths that a document names, each with its line.
fn paths_in(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (number, line) in text.lines().enumerate() {
        is_code ^= line.starts_with("```");
        if is_code {
            continue;
        }
        let spans = line.split('`').skip(1).step_by(2).filter(|span| is_path(span)).map(str::to_owned);
        let targets =
            line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        let targets = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '<']));
        let targets = targets.map(|target| target.split('#').next().unwrap_or_default().to_owned());
        found.extend(spans.chain(targets).map(|path| (number + 1, path)));
    }
    found
}

fn is_path(span: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    ROOTS.iter().any(|root| span.starts_with(root)) && span.chars().all(is_plain)
}

/// Returns a path up to the first part that stands for a name, as `VERB.rs` does.
fn existing_part(path: &Path) -> PathBuf {
    let stands_for_name = |part: &str| {
        let stem = part.split('.').next().unwrap_or_default();
        !stem.is_empty()
            && stem.chars().all(|character| character.is_ascii_uppercase())
            && part.split('.').nth(1) == Some("rs")
            || part == "NOUN"
    };
    path.iter().take_while(|part| part.to_str().is_none_or(|part| !stands_for_name(part))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_spans_and_links() {
        let text = "See `crates/config/src/keys.rs` and [docs](docs/x.md#part), not `a/b`, `tests/*.txt` or \
                    [this](https://example.com/x).\n```\n`src/none.rs`\n```\n`tests/it`\n";
        let expected = [(1, "crates/config/src/keys.rs"), (1, "docs/x.md"), (5, "tests/it")];
        assert_eq!(paths_in(text), expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn names_that_stand_for_others_are_left_out() {
        assert_eq!(existing_part(Path::new("crates/repo/src/ops/VERB.rs")), Path::new("crates/repo/src/ops"));
        assert_eq!(existing_part(Path::new("src/command/NOUN/VERB.rs")), Path::new("src/command"));
        assert_eq!(existing_part(Path::new("ARCHITECTURE.md")), Path::new("ARCHITECTURE.md"));
    }
}
