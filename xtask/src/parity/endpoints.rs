//! Host building beside botocore's: where a bucket is, by the same options, variables and AWS files for both.
//!
//! `tests/parity/endpoints/cases.py` makes the cases, `oracle.py` beside it answers them with botocore, the program
//! `endpoint-answers` of the harness with haul. Equal must be: the URL of an object, the region and the service that the
//! request is signed for; and, where there is no answer, that both refuse.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::flags;
use crate::project::{Profile, Project};
use crate::tools::Venv;

/// What `--filter` knows these cases by.
pub(super) const NAME: &str = "endpoints";

/// How many cases are asked unless `--cases` says so.
const N_CASES: u32 = 2000;

pub(super) fn run(project: &Project, options: &flags::Parity) -> Result<()> {
    let haul = project.build("haul-tests", "endpoint-answers", Profile::Dev)?;
    let python = Venv::clients(project)?.program("python");
    let scripts = project.root.join("tests/parity/endpoints");
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
    oracle.arg(scripts.join("oracle.py"));
    let mut botocore = start(oracle, &folder, "botocore")?;
    let mut haul = start(Command::new(haul), &folder, "haul")?;
    ensure!(botocore.wait()?.success() && haul.wait()?.success(), "the answers are not complete");
    let left = read(&folder.join("botocore.answers"))?;
    let right = read(&folder.join("haul.answers"))?;
    ensure!(
        cases.len() == left.len() && cases.len() == right.len(),
        "there are not as many answers as cases"
    );

    let (mut n_urls, mut n_deviations, mut n_failed) = (0, 0, 0);
    // How many cases differ for each reason.
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (case, (left, right)) in cases.iter().zip(left.iter().zip(&right)) {
        n_urls += usize::from(right.get("url").is_some());
        let result = compare(left, right);
        if let Some(why) = case["differs"].as_str() {
            let differs = usize::from(result.is_err());
            *reasons.entry(why).or_default() += differs;
            n_deviations += differs;
        } else if let Err(error) = result {
            n_failed += 1;
            println!("FAILED  {NAME}: {error:#}\n  {case}\n");
        }
    }
    for (why, _) in reasons.iter().filter(|(_, n_cases)| **n_cases == 0) {
        n_failed += 1;
        println!("FAILED  {NAME}: there is no deviation any more: {why}\n");
    }
    println!(
        "{NAME}: {} cases ({} with seed {seed}), {n_urls} URLs, {n_deviations} deviations; {n_failed} failed",
        cases.len(),
        String::from_utf8_lossy(&made.stdout).trim(),
    );
    if n_failed > 0 {
        bail!("{n_failed} cases of {NAME} differ from botocore; they are in {}", folder.display());
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

fn compare(botocore: &Value, haul: &Value) -> Result<()> {
    ensure!(botocore.get("crash").is_none(), "botocore broke down: {botocore}");
    match (botocore.get("refusal"), haul.get("refusal")) {
        (Some(_), Some(_)) => Ok(()),
        (None, None) => {
            for key in ["url", "region", "service"] {
                ensure!(botocore[key] == haul[key], "the {key} differs: {} and {}", botocore[key], haul[key]);
            }
            Ok(())
        }
        _ => bail!("one of them refuses\n  {botocore}\n  {haul}"),
    }
}
