//! Dependencies that a package declares and no source file of it names.
//!
//! A reading of the text, in seconds and without a build: `crate_name::` or `use crate_name`. What only a macro or a build
//! script of another crate needs would have to be listed in [`NAMED_OTHERWISE`].

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use xshell::cmd;

use crate::project::Project;

/// Packages whose library has another name.
const NAMED_OTHERWISE: &[(&str, &str)] = &[("md-5", "md5")];

pub(super) fn check(project: &Project, metadata: &Value, findings: &mut Vec<String>) -> Result<()> {
    let files =
        cmd!(project.shell, "git ls-files --cached --others --exclude-standard -- *.rs").quiet().read()?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let folder = manifest.parent().context("a manifest is in a directory")?;
        let folder = folder.strip_prefix(&project.root).unwrap_or(folder);
        let (mut product, mut all) = (String::new(), String::new());
        for file in files.lines().filter(|file| Path::new(file).starts_with(folder)) {
            let Ok(text) = std::fs::read_to_string(project.root.join(file)) else { continue };
            if Path::new(file).starts_with(folder.join("src")) {
                product.push_str(&text);
            }
            all.push_str(&text);
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            let text = if dependency["kind"].is_null() { &product } else { &all };
            if on != name && !is_named(text, &library_of(on)) {
                findings.push(format!("`{name}` depends on `{on}` and does not use it"));
            }
        }
    }
    Ok(())
}

fn library_of(package: &str) -> String {
    let known = NAMED_OTHERWISE.iter().find(|(name, _)| *name == package);
    known.map_or_else(|| package.replace('-', "_"), |(_, library)| (*library).to_owned())
}

/// Whether a text has `library::` or `use library`.
fn is_named(text: &str, library: &str) -> bool {
    text.match_indices(library).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + library.len()..]);
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        !before.ends_with(is_word)
            && (after.starts_with("::") || (before.ends_with("use ") && !after.starts_with(is_word)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn library_is_named_by_a_path_or_a_use() {
        for text in ["let x = toml::from_str(y);", "use toml;", "use toml as t;", "#[derive(toml::T)]"] {
            assert!(is_named(text, "toml"), "{text}");
        }
        for text in ["let toml = 1;", "my_toml::x", "use tomlish;", "\"Cargo.toml\""] {
            assert!(!is_named(text, "toml"), "{text}");
        }
        assert_eq!(library_of("md-5"), "md5");
        assert_eq!(library_of("fs-err"), "fs_err");
    }
}
