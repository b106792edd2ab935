//! `cargo xtask generate`: makes pages from code and data, so that they cannot be out of date.

mod deviations;
mod errors;
mod variables;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::flags;
use crate::matrix::Matrix;
use crate::project::{Profile, Project};

const NOTE: &str = "Made by `cargo xtask generate`; do not edit.";

pub(crate) fn run(project: &Project, options: &flags::Generate) -> Result<()> {
    let mut findings = Vec::new();
    for (name, text) in pages(project, &mut findings)? {
        let path = project.root.join(name);
        let is_current = std::fs::read_to_string(&path).is_ok_and(|old| old == text);
        if is_current {
            continue;
        }
        if options.check {
            findings.push(format!("{name} is out of date: run `cargo xtask generate`"));
        } else {
            std::fs::create_dir_all(project.root.join("docs"))?;
            std::fs::write(&path, text)?;
            println!("generate: wrote {name}");
        }
    }
    if options.check
        && let Some(seen) = Matrix::seen(project)?
    {
        let differences = Matrix::tracked(project)?.differences(&seen);
        if !differences.is_empty() {
            findings.extend(differences);
            findings.push(
                "tests/compatibility.json is not what the last run of the integration tests saw: run \
                 `cargo xtask integration --servers all --record` and `cargo xtask generate`"
                    .to_owned(),
            );
        }
    }
    if findings.is_empty() {
        println!("generate: passed");
        return Ok(());
    }
    for finding in &findings {
        eprintln!("generate: {finding}");
    }
    bail!("generate: {} findings", findings.len())
}

/// Makes all pages: paths below the root, and texts.
fn pages(project: &Project, findings: &mut Vec<String>) -> Result<Vec<(&'static str, String)>> {
    let haul = project.build("haul", "haul", Profile::Dev)?;
    let print = |what: &str| -> Result<String> {
        let text = cmd!(project.shell, "{haul} util {what}").quiet().read()?;
        Ok(format!("{}\n", text.trim_end()))
    };
    let configuration = print("options")?;
    let environment = print("environment")?;
    variables::check(project, &environment, findings)?;
    let deviations = deviations::page(project, &configuration, findings)?;
    let errors = errors::page(project, &print("errors")?)?;
    Ok(vec![
        ("README.md", readme(project, &print("commands")?)?),
        ("docs/errors.md", errors),
        ("docs/json.md", with_note(&print("json")?)),
        ("docs/cli.md", with_note(&print("markdown")?)),
        ("docs/configuration.md", configuration),
        ("docs/environment.md", environment),
        ("docs/deviations.md", deviations),
        ("docs/compatibility.md", compatibility(project)?),
    ])
}

/// Puts the table of commands into the README, between two marks.
fn readme(project: &Project, commands: &str) -> Result<String> {
    let (begin, end) = ("<!-- commands: made by `cargo xtask generate` -->\n", "<!-- end of commands -->");
    let text = std::fs::read_to_string(project.root.join("README.md"))?;
    let parts = text.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) = parts.context("README.md has no marks around the table of commands")?;
    Ok(format!("{before}{begin}\n{commands}\n{end}{after}"))
}

/// Lists the Rust files of the product's crates.
fn product_sources(project: &Project) -> Result<Vec<String>> {
    let files =
        cmd!(project.shell, "git ls-files --cached --others --exclude-standard crates").quiet().read()?;
    let is_source = |name: &&str| {
        name.contains("/src/") && Path::new(name).extension().is_some_and(|ending| ending == "rs")
    };
    Ok(files.lines().filter(is_source).map(str::to_owned).collect())
}

/// Inserts the note that the page is generated under the title.
fn with_note(page: &str) -> String {
    let (title, rest) = page.split_once('\n').unwrap_or((page, ""));
    format!("{title}\n\n{NOTE}\n{rest}")
}

fn compatibility(project: &Project) -> Result<String> {
    let table = Matrix::tracked(project)?.to_markdown();
    Ok(format!(
        "# Compatibility\n\n{NOTE}\n\nWhat `cargo xtask integration --servers all` saw: each option and case on each server, \
         never judged by \"the push\nsucceeded\", but read back from the server: a cell that passed says what was\nread back there. *Not supported* is the server's limit: there \
         the test was run all the same,\nand had to fail. A dash: the case is about TLS, or about its absence. `embedded` is \
         the server of our own tests\n(`tests/src/embedded`).\n\n{table}"
    ))
}
