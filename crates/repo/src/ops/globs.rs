//! Shell patterns on the command line, as Python's `glob` with `recursive=True` reads them.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::{Error, Repo, Result};

/// Replaces patterns by what they match in the workspace, in the order of names.
///
/// # Errors
///
/// Nothing matches any pattern, in DVC's words.
pub(super) fn expand(repo: &Repo, patterns: &[String]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for pattern in patterns {
        let start = if pattern.starts_with('/') { "/" } else { "" };
        let components: Vec<&str> = pattern.split('/').filter(|component| !component.is_empty()).collect();
        walk(repo, start.to_owned(), &components, &mut names)?;
    }
    if names.is_empty() {
        let patterns = patterns.iter().map(|pattern| format!("'{pattern}'")).collect::<Vec<_>>().join(", ");
        return Err(Error::BadOut(format!("Glob [{patterns}] has no matches.")));
    }
    Ok(names)
}

fn walk(repo: &Repo, prefix: String, components: &[&str], names: &mut Vec<String>) -> Result<()> {
    let Some((&first, rest)) = components.split_first() else {
        names.push(prefix);
        return Ok(());
    };
    let join = |name: &str| match prefix.as_str() {
        "" => name.to_owned(),
        "/" => format!("/{name}"),
        prefix => format!("{prefix}/{name}"),
    };
    if first == "**" {
        if !rest.is_empty() {
            walk(repo, prefix.clone(), rest, names)?;
        }
        for (name, is_dir) in entries(&repo.absolute(&prefix)) {
            if is_hidden(&name) {
                continue;
            }
            if is_dir {
                if rest.is_empty() {
                    names.push(join(&name));
                }
                walk(repo, join(&name), components, names)?;
            } else if rest.is_empty() {
                names.push(join(&name));
            }
        }
    } else if first.contains(['*', '?', '[']) {
        let matcher = matcher(first)?;
        for (name, is_dir) in entries(&repo.absolute(&prefix)) {
            let is_match = matcher.is_match(&name) && (!is_hidden(&name) || first.starts_with('.'));
            if is_match && (rest.is_empty() || is_dir) {
                walk(repo, join(&name), rest, names)?;
            }
        }
    } else if fs_err::symlink_metadata(repo.absolute(join(first))).is_ok() {
        walk(repo, join(first), rest, names)?;
    }
    Ok(())
}

/// Returns the entries of a folder by name, and whether they are folders; links are followed for that.
fn entries(folder: &Path) -> Vec<(String, bool)> {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return Vec::new();
    };
    let path_of = |name: &str| -> PathBuf { folder.join(name) };
    let mut entries: Vec<(String, bool)> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .map(|name| {
            let is_dir = path_of(&name).is_dir();
            (name, is_dir)
        })
        .collect();
    entries.sort();
    entries
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

fn matcher(pattern: &str) -> Result<GlobMatcher> {
    // Python's patterns know neither `{a,b}` nor a backslash that quotes.
    let pattern: String = pattern
        .chars()
        .map(|character| match character {
            '{' => "[{]".to_owned(),
            '}' => "[}]".to_owned(),
            other => other.to_string(),
        })
        .collect();
    GlobBuilder::new(&pattern)
        .literal_separator(true)
        .backslash_escape(false)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| Error::BadOut(format!("`{pattern}` is not a pattern: {}", error.kind())))
}
