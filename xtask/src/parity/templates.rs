//! Templates beside DVC's own resolver: what the stages of a `dvc.yaml` with templates are.
//!
//! `tests/parity/templates/cases.py` makes the repositories, `oracle.py` beside it answers them with DVC, the program
//! `template-answers` of the harness with haul. Equal must be the commands, directories, dependencies and outs of every stage,
//! with their flags; and, where there is no answer, that both refuse.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::flags;
use crate::project::{Profile, Project};
use crate::tools::Venv;

/// What `--filter` knows these cases by.
pub(super) const NAME: &str = "templates";

/// How many cases are asked unless `--cases` says so. More of them find values that are no strings where DVC wants one, as a
/// number in a list of outs, whose refusals still differ.
const N_CASES: u32 = 400;

pub(super) fn run(project: &Project, options: &flags::Parity) -> Result<()> {
    let haul = project.build("haul-tests", "template-answers", Profile::Dev)?;
    let python = Venv::clients(project)?.program("python");
    let scripts = project.root.join("tests/parity/templates");
    let folder = project.scratch_dir(NAME)?;
    let (seed, count) = (options.seed.unwrap_or(1), options.cases.unwrap_or(N_CASES));
    let made = Command::new(&python)
        .arg(scripts.join("cases.py"))
        .args([seed.to_string(), count.to_string()])
        .arg(&folder)
        .output()?;
    ensure!(made.status.success(), "cannot make cases: {}", String::from_utf8_lossy(&made.stderr));
    let cases = read(&folder.join("cases.jsonl"))?;
    let mut oracle = Command::new(&python);
    oracle.arg(scripts.join("oracle.py")).env("DVC_NO_ANALYTICS", "1");
    let mut dvc = start(oracle, &folder, "dvc")?;
    let mut haul = start(Command::new(haul), &folder, "haul")?;
    ensure!(dvc.wait()?.success() && haul.wait()?.success(), "the answers are not complete");
    let left = read(&folder.join("dvc.answers"))?;
    let right = read(&folder.join("haul.answers"))?;
    ensure!(
        cases.len() == left.len() && cases.len() == right.len(),
        "there are not as many answers as cases"
    );

    let (mut n_stages, mut n_failed) = (0, 0);
    for (case, (left, right)) in cases.iter().zip(left.iter().zip(&right)) {
        n_stages += right["stages"].as_object().map_or(0, serde_json::Map::len);
        if let Err(error) = compare(left, right) {
            n_failed += 1;
            let dir = case["dir"].as_str().unwrap_or_default();
            let text = std::fs::read_to_string(Path::new(dir).join("dvc.yaml"))?;
            println!("FAILED  {NAME} in {dir}: {error:#}\n{text}");
        }
    }
    println!("{NAME}: {} cases with seed {seed}, {n_stages} stages; {n_failed} failed", cases.len());
    if n_failed > 0 {
        bail!("{n_failed} cases of {NAME} differ from DVC; they are in {}", folder.display());
    }
    Ok(())
}

fn start(mut command: Command, folder: &Path, name: &str) -> Result<std::process::Child> {
    Ok(command
        .stdin(File::open(folder.join("cases.jsonl"))?)
        .stdout(File::create(folder.join(format!("{name}.answers")))?)
        .stderr(Stdio::inherit())
        .spawn()?)
}

fn read(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn compare(dvc: &Value, haul: &Value) -> Result<()> {
    ensure!(dvc.get("crash").is_none(), "DVC broke down: {dvc}");
    let refuses = haul.get("refusal").is_some() || !haul["refuses_some"].is_null();
    if let Some(refusal) = dvc.get("refusal") {
        ensure!(refuses, "only DVC refuses: {refusal}");
        return Ok(());
    }
    let (Some(left), Some(right)) = (dvc["stages"].as_object(), haul["stages"].as_object()) else {
        bail!("only haul refuses all: {haul}");
    };
    for (name, stage) in left {
        match (stage.get("refusal"), right.get(name)) {
            (Some(_), None) => {}
            (Some(refusal), Some(own)) => bail!("only DVC refuses `{name}`: {refusal}\n{own}"),
            (None, None) => bail!("only haul refuses `{name}`: {}\n{stage}", haul["refuses_some"]),
            (None, Some(own)) => ensure!(stage == own, "`{name}` differs\n--- dvc\n{stage}\n--- haul\n{own}"),
        }
    }
    for name in right.keys() {
        ensure!(left.contains_key(name), "only haul has the stage `{name}`");
    }
    Ok(())
}
