//! The credential chain beside botocore's: the same environments, files and replies of services for both.
//!
//! `tests/parity/credentials/cases.py` makes the cases, `oracle.py` beside it answers them with botocore, the program
//! `credential-answers` of the harness with haul. Equal must be: source, keys (by a fingerprint), region, endpoint,
//! the requests that would be sent, what the caches of the AWS CLI hold afterwards; and, where there is no answer, who
//! refuses and what is named. In a second round each finds the caches that the other one left.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::flags;
use crate::project::{Profile, Project};
use crate::tools::Venv;

/// What `--filter` knows these cases by.
pub(super) const NAME: &str = "credentials";

const SIDES: [&str; 2] = ["a", "b"];

/// Answers cases from stdin.
type Answerer<'a> = &'a dyn Fn() -> Command;

pub(super) fn run(project: &Project, options: &flags::Parity) -> Result<()> {
    let haul = project.build("haul-tests", "credential-answers", Profile::Dev)?;
    let python = Venv::clients(project)?.program("python");
    let scripts = project.root.join("tests/parity/credentials");
    let folder = project.scratch_dir("credentials")?;
    let (seed, count) = (options.seed.unwrap_or(1), options.cases.unwrap_or(700));
    let made = Command::new(&python)
        .arg(scripts.join("cases.py"))
        .args([seed.to_string(), count.to_string()])
        .arg(&folder)
        .output()?;
    ensure!(made.status.success(), "cannot make cases: {}", String::from_utf8_lossy(&made.stderr));

    let botocore = || {
        let mut command = Command::new(&python);
        command.arg(scripts.join("oracle.py"));
        command
    };
    let haul = || Command::new(&haul);
    let cases = read(&folder.join("a.jsonl"), &folder, "a")?;
    let [left, right] = ask(&folder, "first", [&botocore, &haul], SIDES, &cases)?;
    let mut failures = Vec::new();
    let mut n_deviations = 0;
    for (case, (left, right)) in cases.iter().zip(left.iter().zip(&right)) {
        let result = match case.get("differs") {
            None => compare(left, right),
            Some(differs) => {
                n_deviations += 1;
                check_deviation(differs, left, right)
            }
        };
        if let Err(error) = result {
            failures.push(format!("{}: {error:#}", name(case)));
        }
    }

    // In the second round each side finds what the other one left.
    let is_shared = |index: &usize| {
        right[*index]["left"].as_object().is_some_and(|left| !left.is_empty())
            && right[*index]["requests"].to_string().contains(RENEWALS[0])
            || right[*index]["requests"].to_string().contains(RENEWALS[1])
    };
    let shared: Vec<usize> = (0..cases.len())
        .filter(|index| cases[*index].get("differs").is_none() && right[*index].get("refusal").is_none())
        .filter(is_shared)
        .collect();
    let again: Vec<Value> = shared.iter().map(|index| cases[*index].clone()).collect();
    let answers = ask(&folder, "second", [&botocore, &haul], [SIDES[1], SIDES[0]], &again)?;
    for (tool, answers) in ["botocore", "haul"].into_iter().zip(&answers) {
        for (index, answer) in shared.iter().zip(answers) {
            if let Err(error) = check_shared(&right[*index], answer) {
                failures
                    .push(format!("{}: {tool} with the other one's caches: {error:#}", name(&cases[*index])));
            }
        }
    }
    ensure!(shared.len() > 5, "hardly any case leaves a session behind");

    for failure in &failures {
        println!("FAILED  {NAME}: {failure}\n");
    }
    println!(
        "{NAME}: {} cases ({} with seed {seed}), {n_deviations} of them deviations; {} sessions shared both ways; {} failed",
        cases.len(),
        String::from_utf8_lossy(&made.stdout).trim(),
        shared.len(),
        failures.len()
    );
    if !failures.is_empty() {
        bail!("{} cases of {NAME} differ from botocore; they are in {}", failures.len(), folder.display());
    }
    Ok(())
}

/// Requests that a session which is kept saves: a role with an MFA code, a renewed SSO token.
const RENEWALS: [&str; 2] = ["SerialNumber", "refresh_token"];

/// Lets both sides answer at the same time, in the folders of these sides.
fn ask(
    folder: &Path,
    round: &str,
    tools: [Answerer<'_>; 2],
    sides: [&str; 2],
    cases: &[Value],
) -> Result<[Vec<Value>; 2]> {
    let start = |index: usize| {
        let questions = folder.join(format!("{round}-{index}.questions"));
        let lines: Vec<String> =
            cases.iter().map(|case| place(&case.to_string(), folder, sides[index])).collect();
        std::fs::write(&questions, lines.join("\n") + "\n")?;
        let answers = folder.join(format!("{round}-{index}.answers"));
        let child = tools[index]()
            .stdin(File::open(questions)?)
            .stdout(File::create(&answers)?)
            .stderr(Stdio::inherit())
            .spawn()?;
        Ok::<_, anyhow::Error>((child, answers))
    };
    let children = [start(0)?, start(1)?];
    let mut all = Vec::new();
    for ((mut child, answers), side) in children.into_iter().zip(sides) {
        ensure!(child.wait()?.success(), "the answers of {} are not complete", answers.display());
        let answers = read(&answers, folder, side)?;
        ensure!(answers.len() == cases.len(), "{} answers to {} cases", answers.len(), cases.len());
        all.push(answers);
    }
    let all: [Vec<Value>; 2] = all.try_into().map_err(|_| anyhow::anyhow!("there are two sides"))?;
    Ok(all)
}

/// Reads lines of JSON; the folder of the side becomes `{dir}`, so that both sides are alike.
fn read(path: &Path, folder: &Path, side: &str) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let text = text.replace(&folder.join(side).display().to_string(), "{dir}");
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn place(text: &str, folder: &Path, side: &str) -> String {
    text.replace("{dir}", &folder.join(side).display().to_string())
}

fn name(case: &Value) -> &str {
    case["name"].as_str().unwrap_or_default()
}

fn compare(botocore: &Value, haul: &Value) -> Result<()> {
    match (botocore.get("refusal"), haul.get("refusal")) {
        (Some(left), Some(right)) => {
            // Mistakes that botocore finds outside of its sources, and haul in the settings.
            let is_general = left["by"].is_null() || right["by"] == "value";
            ensure!(
                is_general || left["by"] == right["by"],
                "refused by different sources\n  {left}\n  {right}"
            );
            let names = left["names"].as_str().filter(|_| !is_general).unwrap_or_default();
            let message = right["message"].as_str().unwrap_or_default();
            ensure!(message.contains(names), "haul does not name `{names}`\n  {left}\n  {right}");
        }
        (None, None) => {
            ensure!(botocore.get("source").is_some(), "botocore broke down: {botocore}");
            for key in ["source", "fingerprint", "region", "endpoint"] {
                let (left, right) = (&botocore[key], &haul[key]);
                ensure!(left == right, "the {key} differs: {left} and {right}");
            }
        }
        (left, right) => bail!("one of them refuses\n  {left:?}\n  {right:?}"),
    }
    let (left, right) = (without_repeats(&botocore["requests"]), without_repeats(&haul["requests"]));
    ensure!(left == right, "the requests differ\n  {left:?}\n  {right:?}");
    compare_caches(&botocore["left"], &haul["left"])
}

/// Attempts are repeated at different times.
fn without_repeats(requests: &Value) -> Vec<&Value> {
    let mut requests: Vec<_> = requests.as_array().into_iter().flatten().collect();
    requests.dedup();
    requests
}

/// Compares the files that haul wrote with those of the same name. The AWS CLI keeps more of them (every role, not
/// only those that needed an MFA code) and more in them (the HTTP status of the reply).
fn compare_caches(botocore: &Value, haul: &Value) -> Result<()> {
    for (file, right) in haul.as_object().into_iter().flatten() {
        let left = &botocore[file];
        for (key, left) in left.as_object().into_iter().flatten() {
            let right = &right[key];
            let equal = match key.as_str() {
                "ResponseMetadata" => true,
                // It is counted from now.
                "expiresAt" => shape(left) == shape(right),
                _ => left == right,
            };
            ensure!(equal, "`{key}` in {file} differs: {left} and {right}");
        }
        ensure!(left.is_object() == right.is_object(), "{file} differs: {left} and {right}");
    }
    Ok(())
}

fn shape(time: &Value) -> String {
    time.to_string().replace(|letter: char| letter.is_ascii_digit(), "9")
}

/// Checks that both say what the case says they do, and that it is not the same.
fn check_deviation(differs: &Value, botocore: &Value, haul: &Value) -> Result<()> {
    for (tool, answer) in [("botocore", botocore), ("haul", haul)] {
        let (expected, found) = (differs[tool].as_str().unwrap_or_default(), summary(answer));
        ensure!(expected == found, "{tool} says {found}, not {expected} (deviation: {})", differs["why"]);
    }
    ensure!(compare(botocore, haul).is_err(), "there is no deviation any more: {}", differs["why"]);
    Ok(())
}

fn summary(answer: &Value) -> String {
    match (answer.get("refusal"), answer["source"].as_str()) {
        (Some(_), _) => "refused".to_owned(),
        (None, Some(source)) => format!("{source}@{}", answer["region"].as_str().unwrap_or_default()),
        (None, None) => "none".to_owned(),
    }
}

fn check_shared(first: &Value, second: &Value) -> Result<()> {
    for key in ["source", "fingerprint"] {
        ensure!(first[key] == second[key], "the {key} differs: {} and {second}", first[key]);
    }
    let requests = second["requests"].to_string();
    let renewed = RENEWALS.iter().find(|word| requests.contains(**word));
    ensure!(renewed.is_none(), "asked again: {requests}");
    Ok(())
}
