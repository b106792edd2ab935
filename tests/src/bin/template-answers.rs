//! Answers with haul what the stages of templates are, for `cargo xtask parity`, which asks DVC's own resolver the same.
//!
//! Reads one case a line from stdin (`tests/parity/templates/cases.py` makes them, and the repository of each) and writes one
//! answer a line: the stages that could be worked out, and whether there are others.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::Result;
use haul_config::Env;
use haul_repo::{Index, OutKind, Repo, Stage};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
struct Case {
    dir: PathBuf,
}

fn main() -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let case: Case = serde_json::from_str(&line?)?;
        let told = match answer(&case) {
            Ok(told) => told,
            Err(error) => json!({ "refusal": format!("{error:#}") }),
        };
        writeln!(stdout, "{told}")?;
    }
    Ok(())
}

fn answer(case: &Case) -> Result<Value> {
    let env = Env::new(&case.dir, &BTreeMap::<String, String>::new());
    let repo = Repo::open(&case.dir, &env)?;
    let index = Index::read(&repo, &case.dir.join("dvc.yaml"))?;
    let stages: BTreeMap<&str, Value> = index
        .stages
        .iter()
        .map(|stage| (stage.name.as_deref().unwrap_or_default(), shown(&index, stage)))
        .collect();
    let refusal = Index::collect(&repo).err().map(|error| format!("{error:#}"));
    Ok(json!({ "stages": stages, "refuses_some": refusal }))
}

fn shown(index: &Index, stage: &Stage) -> Value {
    let mut outs: Vec<Value> = index.outs[stage.outs.clone()]
        .iter()
        .map(|out| {
            json!({
                "path": out.def_path,
                "cache": out.use_cache,
                "push": out.can_push,
                "persist": out.persist,
                "remote": out.remote,
                "kind": match out.kind {
                    OutKind::Data => "data",
                    OutKind::Metric => "metric",
                    OutKind::Plot => "plot",
                },
            })
        })
        .collect();
    outs.sort_by(|left, right| left["path"].as_str().cmp(&right["path"].as_str()));
    let mut deps: Vec<&str> = stage.deps.iter().map(|dep| dep.def_path.as_str()).collect();
    deps.sort_unstable();
    json!({
        "cmd": stage.command,
        "wdir": stage.wdir,
        "deps": deps,
        "outs": outs,
        "frozen": stage.is_frozen,
        "always_changed": stage.always_changed,
    })
}
