//! `cargo xtask tidy`: house rules that no compiler checks.

mod options;
mod paths;
mod unused;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::project::Project;

/// The packages of the workspace that each package may depend on, with the reason. The same table is in ARCHITECTURE.md.
const LAYERS: &[(&str, &[&str], &str)] = &[
    ("haul-config", &[], "config knows the outside world's words only: no network, no storage"),
    ("haul-auth", &["haul-config"], "auth knows AWS, not DVC repositories or buckets"),
    (
        "haul-storage",
        &["haul-config", "haul-auth"],
        "storage moves bytes under a hash: no YAML, no workspace, no terminal",
    ),
    ("haul-repo", &["haul-config", "haul-storage"], "repo reaches credentials only through storage"),
    (
        "haul",
        &["haul-config", "haul-auth", "haul-storage", "haul-repo"],
        "cli composes, all four are its parts",
    ),
    ("xtask", &[], "xtask runs built binaries; it must build before anything else does"),
    (
        "haul-tests",
        &["haul", "haul-config", "haul-auth", "haul-storage", "haul-repo"],
        "tests may use all of it",
    ),
    (
        "haul-fuzz",
        &["haul-config", "haul-auth", "haul-storage", "haul-repo"],
        "fuzz targets are the libraries' own",
    ),
];

/// Crates that only some packages may depend on directly.
const WRAPPED: &[(&str, &[&str], &str)] = &[
    ("clap", &["haul"], "only the command line parses arguments"),
    ("object_store", &["haul-storage"], "only storage knows how bytes are stored"),
    ("reqwest", &["haul-storage", "haul-tests"], "there is one HTTP stack, and it is storage's"),
    ("gix", &["haul-repo", "haul-tests"], "only repo knows Git"),
    ("tokio", &["haul-auth", "haul-storage", "haul-repo", "haul", "haul-tests"], "config is synchronous"),
];

/// The only file of the product that reads the environment of the process.
const ENVIRONMENT_READER: &str = "crates/config/src/env.rs";
const MAX_LINES: usize = 600;
const FORBIDDEN_MODULES: &[&str] = &["util", "utils", "common", "helpers", "misc", "types", "interface"];

pub(crate) fn run(project: &Project) -> Result<()> {
    let mut findings = Vec::new();
    check_layers(project, &mut findings)?;
    check_files(project, &mut findings)?;
    options::check(project, &mut findings)?;
    paths::check(project, &mut findings)?;
    if findings.is_empty() {
        println!("tidy: passed");
        return Ok(());
    }
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    bail!("tidy: {} findings", findings.len())
}

fn check_layers(project: &Project, findings: &mut Vec<String>) -> Result<()> {
    let metadata = cmd!(project.shell, "cargo metadata --format-version 1 --no-deps").quiet().read()?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    unused::check(project, &metadata, findings)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let layers: BTreeMap<&str, _> =
        LAYERS.iter().map(|(name, allowed, why)| (*name, (*allowed, *why))).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((allowed, why)) = layers.get(name) else {
            findings.push(format!(
                "package `{name}` is not in the table of layers (xtask/src/tidy.rs, ARCHITECTURE.md)"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let target = dependency["name"].as_str().unwrap_or_default();
            let is_dev = dependency["kind"] == "dev";
            if layers.contains_key(target) && target != name && !allowed.contains(&target) {
                findings.push(format!("`{name}` depends on `{target}`: {why}"));
            }
            let wrapped = WRAPPED.iter().find(|(wrapped, _, _)| *wrapped == target);
            if let Some((_, users, why)) = wrapped
                && !is_dev
                && !users.contains(&name)
            {
                findings.push(format!("`{name}` depends on `{target}`: {why}"));
            }
        }
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        if name.starts_with("haul") && name != "haul-tests" {
            let readme = manifest.with_file_name("README.md");
            if !readme.exists() {
                findings.push(format!("`{name}` has no README.md"));
            }
        }
    }
    Ok(())
}

fn check_files(project: &Project, findings: &mut Vec<String>) -> Result<()> {
    let files = cmd!(project.shell, "git ls-files --cached --others --exclude-standard").quiet().read()?;
    for name in files.lines() {
        let path = project.root.join(name);
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if !matches!(extension, "rs" | "md" | "toml" | "yml" | "yaml" | "sh") || name.contains("/fixtures/") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if extension == "rs" {
            check_rust(name, &text, findings);
        }
        for (number, line) in text.lines().enumerate() {
            if line.ends_with([' ', '\t']) {
                findings.push(format!("{name}:{}: trailing blank", number + 1));
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            findings.push(format!("{name}: no newline at the end"));
        }
    }
    let lines = std::fs::read_to_string(project.root.join("ARCHITECTURE.md"))?.lines().count();
    if lines > 250 {
        findings.push(format!("ARCHITECTURE.md has {lines} lines; at most 250 are read"));
    }
    Ok(())
}

fn check_rust(name: &str, text: &str, findings: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > MAX_LINES {
        findings.push(format!("{name} has {lines} lines; at most {MAX_LINES}, one job per file"));
    }
    let module = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if FORBIDDEN_MODULES.contains(&module) {
        findings.push(format!("{name}: `{module}` says nothing about what is inside"));
    }
    // clippy.toml bans the functions one by one; this check covers all of them, and code that allows the lint.
    let is_product = name.starts_with("crates/") && name.contains("/src/");
    if is_product && name != ENVIRONMENT_READER {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            // The command line may read arguments, and constants are not part of the environment.
            let is_allowed = code.contains("std::env::args") || code.contains("std::env::consts");
            if code.contains(concat!("std::", "env")) && !is_allowed {
                findings.push(format!(
                    "{name}:{}: only {ENVIRONMENT_READER} reads the environment of the process",
                    number + 1
                ));
            }
        }
    }
    // The text is written in two parts, so that it is not found in this file.
    for (pattern, why) in [
        (concat!("#[ign", "ore"), "assert what happens instead of ignoring the test"),
        (concat!("#[should_", "panic"), "check the error instead"),
        (concat!("todo", "!("), "finish it, or return an error that says what is not supported"),
        (concat!("unimplemented", "!("), "finish it, or return an error that says what is not supported"),
    ] {
        if let Some(at) = text.find(pattern) {
            let number = text[..at].matches('\n').count() + 1;
            findings.push(format!("{name}:{number}: `{pattern}`: {why}"));
        }
    }
}
