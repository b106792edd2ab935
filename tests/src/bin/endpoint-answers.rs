//! Answers cases of endpoint resolution with haul, for `cargo xtask parity`, which gives the same cases to botocore.
//!
//! Reads one case per line from stdin (`tests/parity/endpoints/cases.py` makes them, and the directory of each) and writes
//! one answer per line: the URL of the object and the signing region, or the error. Nothing is sent.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::Result;
use haul_config::{ConfigPaths, ConfigStack, Env, RemoteKind};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
struct Case {
    dir: PathBuf,
    bucket: String,
    key: String,
    env: BTreeMap<String, String>,
    remote: BTreeMap<String, String>,
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

/// Works like the product: reads the remote from a configuration file, and the settings from the remote.
fn answer(case: &Case) -> Result<Value> {
    let dvc_dir = case.dir.join(".dvc");
    fs_err::create_dir_all(&dvc_dir)?;
    let mut config = vec!["['remote \"r\"']".to_owned(), format!("    url = s3://{}", case.bucket)];
    config.extend(case.remote.iter().map(|(option, value)| format!("    {option} = {value}")));
    fs_err::write(dvc_dir.join("config"), config.join("\n") + "\n")?;
    let env = Env::new(&case.dir, &case.env);
    let stack = ConfigStack::load(&ConfigPaths::new(&env, Some(&dvc_dir)), &env)?;
    let remote = stack.config()?.remote(Some("r"))?;
    let RemoteKind::S3(s3) = &remote.kind else { anyhow::bail!("not an S3 remote") };
    let store = haul_storage::connect_s3(&remote, s3, &env, &haul_storage::Contact::default())?.store;
    Ok(json!({ "url": store.url(&case.key)?, "region": store.region(), "service": "s3" }))
}
