//! `cargo xtask integration`: runs the end-to-end tests against real S3 servers.

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::matrix::{self, Matrix};
use crate::project::Project;
use crate::{flags, tools};

/// Every server of `tests/servers.toml`; with `-tls` it uses TLS with a private certificate authority.
const ALL: &[&str] = &[
    "minio",
    "minio-tls",
    "seaweedfs",
    "seaweedfs-tls",
    "moto",
    "ceph",
    "ceph-tls",
    "versitygw",
    "versitygw-tls",
    "embedded",
    "embedded-tls",
];

pub(crate) fn run(project: &Project, options: &flags::Integration) -> Result<()> {
    let servers = match options.servers.as_deref() {
        None => vec!["minio", "minio-tls"],
        Some("all") => ALL.to_vec(),
        Some(list) => list.split(',').map(str::trim).collect(),
    };
    let shell = &project.shell;
    let mut guards = Vec::new();
    for server in &servers {
        match server.trim_end_matches("-tls") {
            "minio" => {
                guards.push(shell.push_env("MINIO_BIN", tools::minio(project)?));
                guards.push(shell.push_env("MC_BIN", tools::mc(project)?));
            }
            "seaweedfs" => {
                guards.push(shell.push_env("WEED_BIN", tools::Venv::servers(project)?.program("weed")));
            }
            "moto" => {
                guards.push(
                    shell.push_env("MOTO_SERVER_BIN", tools::Venv::servers(project)?.program("moto_server")),
                );
            }
            "versitygw" => guards.push(shell.push_env("VERSITYGW_BIN", tools::versitygw(project)?)),
            "ceph" => tools::ceph(project)?,
            "embedded" => {}
            _ if server.starts_with("http") => {}
            _ => bail!(
                "unknown server `{server}`: expected {}, all, or the URL of an endpoint",
                ALL.join(", ")
            ),
        }
    }
    let list = servers.join(",");
    println!("integration: {list}");
    guards.push(shell.push_env("HAUL_TEST_SERVERS", &list));
    guards.push(shell.push_env("REQUIRE_INTEGRATION", "1"));
    // The tests of `oracle` run DVC itself.
    guards.push(shell.push_env("HAUL_DVC", tools::Venv::clients(project)?.program("dvc")));
    // Tests of features that a server lacks fail as expected; their backtraces would hide other output.
    guards.push(shell.push_env("RUST_BACKTRACE", "0"));
    let lines = project.scratch_dir("integration")?.join("results.jsonl");
    guards.push(shell.push_env("HAUL_MATRIX", &lines));
    let filters = options.filter.as_deref().map_or(vec!["integration::", "oracle::"], |filter| vec![filter]);
    // The tests mostly wait for servers.
    let threads = std::thread::available_parallelism().map_or(1, usize::from) * 3;
    let threads = threads.to_string();
    let outcome = cmd!(shell, "cargo test --workspace --test it --locked -- {filters...}")
        .args(["--nocapture", "--test-threads", &threads])
        .run()
        .with_context(|| format!("the integration tests failed on {list}"));
    let results = std::fs::read_to_string(&lines).unwrap_or_default();
    let matrix = Matrix::of_lines(&results, &servers, options.filter.is_none() && outcome.is_ok())?;
    println!("\n{}", matrix.to_text());
    matrix.write(&matrix::seen_path(project))?;
    outcome?;
    if options.record {
        matrix.record(project, ALL)?;
        println!("integration: recorded in tests/compatibility.json");
    }
    println!("integration: passed on {list}");
    Ok(())
}
