//! Parses targets of the command line, before any file is read.

use std::path::{Path, PathBuf};

use super::collect::{DVC_YAML, is_stage_file};
use crate::{Error, Result};

/// A parsed target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target<'text> {
    /// A metafile, and the name of a stage in it if given: `a.dvc`, `dvc.yaml`, `sub/dvc.yaml:build`.
    File { file: &'text str, name: Option<&'text str> },
    /// The name of a stage in `dvc.yaml`, or the path of data.
    NameOrPath(&'text str),
}

/// Parses a target as DVC does.
///
/// # Errors
///
/// [`Error::TargetNotFound`] for a `dvc.lock`; it names the `dvc.yaml` that was probably meant.
pub(super) fn parse(target: &str) -> Result<Target<'_>> {
    // The name of a generated stage (`each@a:b`) may contain a colon, which otherwise separates file and name.
    let group_end = target.find('@').unwrap_or(target.len());
    let group = &target[..group_end];
    let colon = group.rfind(':').filter(|&colon| !group[colon + 1..].contains(['/', '\\']));
    let Some(colon) = colon else {
        let name = Path::new(group).file_name().and_then(|name| name.to_str()).unwrap_or(group);
        if name == "dvc.lock" {
            return Err(Error::no_target(
                target.to_owned(),
                format!("Did you mean: `{}`?", target.replacen(".lock", ".yaml", 1)),
            ));
        }
        let is_file = is_stage_file(target.rsplit('/').next().unwrap_or(target));
        return Ok(if is_file {
            Target::File { file: target, name: None }
        } else {
            Target::NameOrPath(target)
        });
    };
    let name = &target[colon + 1..];
    let file = if colon == 0 { DVC_YAML } else { &group[..colon] };
    Ok(Target::File { file, name: (!name.is_empty()).then_some(name) })
}

/// Expands shell patterns below `folder`: `*`, `?`, `[…]` in a name, and `**` for any directories. Names that start with
/// a dot only match patterns that start with a dot.
///
/// # Errors
///
/// [`Error::TargetNotFound`] in DVC's words if nothing matches at all.
pub fn expand_globs(folder: &Path, patterns: &[String]) -> Result<Vec<String>> {
    let mut expanded = Vec::new();
    for pattern in patterns {
        let mut found = Vec::new();
        let (start, rest) = match pattern.strip_prefix('/') {
            Some(rest) => (PathBuf::from("/"), rest),
            None => (PathBuf::new(), pattern.as_str()),
        };
        let segments: Vec<&str> = rest.split('/').filter(|segment| !segment.is_empty()).collect();
        expand(folder, &start, &segments, &mut found)?;
        found.sort();
        found.dedup();
        expanded.extend(found);
    }
    if expanded.is_empty() {
        let quoted: Vec<String> = patterns.iter().map(|pattern| format!("'{pattern}'")).collect();
        return Err(Error::no_target(
            patterns.join(" "),
            format!("Glob [{}] has no matches.", quoted.join(", ")),
        ));
    }
    Ok(expanded)
}

fn expand(base: &Path, path: &Path, segments: &[&str], found: &mut Vec<String>) -> Result<()> {
    let Some((segment, rest)) = segments.split_first() else {
        if !path.as_os_str().is_empty() && fs_err::symlink_metadata(base.join(path)).is_ok() {
            found.push(crate::paths::posix(path)?);
        }
        return Ok(());
    };
    if *segment == "**" {
        expand(base, path, rest, found)?;
        for (name, is_dir) in names(&base.join(path)) {
            if name.starts_with('.') {
                continue;
            }
            if is_dir {
                expand(base, &path.join(&name), segments, found)?;
            } else if rest.is_empty() {
                expand(base, &path.join(&name), rest, found)?;
            }
        }
        return Ok(());
    }
    if !segment.contains(['*', '?', '[']) {
        return expand(base, &path.join(segment), rest, found);
    }
    // Braces are literals in Python's glob.
    let pattern = segment.replace('{', "[{]").replace('}', "[}]");
    let Ok(glob) =
        globset::GlobBuilder::new(&pattern).literal_separator(true).backslash_escape(false).build()
    else {
        return Ok(());
    };
    let matcher = glob.compile_matcher();
    for (name, is_dir) in names(&base.join(path)) {
        let is_visible = !name.starts_with('.') || segment.starts_with('.');
        if is_visible && matcher.is_match(&name) && (is_dir || rest.is_empty()) {
            expand(base, &path.join(&name), rest, found)?;
        }
    }
    Ok(())
}

/// Returns the entries of a directory; none if it cannot be read.
fn names(folder: &Path) -> Vec<(String, bool)> {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path().is_dir()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_is_taken_apart_as_by_dvc() {
        for (text, expected) in [
            ("a.dvc", Target::File { file: "a.dvc", name: None }),
            ("sub/dvc.yaml", Target::File { file: "sub/dvc.yaml", name: None }),
            ("dvc.yaml:build", Target::File { file: "dvc.yaml", name: Some("build") }),
            ("s/dvc.yaml:each@a:b", Target::File { file: "s/dvc.yaml", name: Some("each@a:b") }),
            (":build", Target::File { file: "dvc.yaml", name: Some("build") }),
            ("build", Target::NameOrPath("build")),
            ("each@p", Target::NameOrPath("each@p")),
            ("data/f.txt", Target::NameOrPath("data/f.txt")),
            ("c:/x", Target::NameOrPath("c:/x")),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
        assert_eq!(parse("sub/dvc.lock").unwrap_err().to_string(), "Did you mean: `sub/dvc.yaml`?");
    }

    #[test]
    fn globs_expand_as_in_python() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["o1", "o2", ".o3", "d/o4", "d/e/o5", "{x}"] {
            let path = folder.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        let expand = |pattern: &str| expand_globs(folder.path(), &[pattern.to_owned()]);
        assert_eq!(expand("o*").unwrap(), ["o1", "o2"]);
        assert_eq!(expand("o1").unwrap(), ["o1"]);
        assert_eq!(expand("**/o*").unwrap(), ["d/e/o5", "d/o4", "o1", "o2"]);
        assert_eq!(expand("?/[m-p]?").unwrap(), ["d/o4"]);
        assert_eq!(expand("{*").unwrap(), ["{x}"]);
        assert_eq!(expand("q*").unwrap_err().to_string(), "Glob ['q*'] has no matches.");
    }
}
