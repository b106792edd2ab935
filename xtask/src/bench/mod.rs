//! `cargo xtask bench`: haul beside `dvc` and `s5cmd`, in one run on one machine.
//!
//! The tools take turns, each run starts from the same state, and the median counts. CPU seconds and peak memory
//! are those of the client process and its children, as the kernel reports them (`wait4`); the peak has a floor of
//! about 10 MiB, the size of the process that starts the tool.
//!
//! On ext4 a tool that deletes many files (`dvc add` replaces the files of the workspace) slows the next one that creates files
//! down for minutes; `--tools haul` measures one tool alone.

mod measure;
mod work;

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::flags;
use crate::project::{Profile, Project};
use crate::server::Server;
use crate::tools::Venv;
use measure::{Figures, median};
use work::{Bench, ITEMS, Programs};

pub(crate) fn run(project: &Project, options: &flags::Bench) -> Result<()> {
    let haul = project.build("haul", "haul", Profile::Release)?;
    let venv = Venv::clients(project)?;
    let server = Server::start(
        project,
        options.server.as_deref().unwrap_or("minio"),
        &["haul-bench"],
        Profile::Release,
    )?;
    let scratch = project.scratch_dir("bench")?;
    let programs = Programs {
        haul: haul.clone(),
        dvc: venv.program("dvc"),
        s5cmd: venv.program("s5cmd"),
        python: venv.program("python"),
    };
    let bench = Bench { dir: scratch, programs, server, n_put_away: std::cell::Cell::new(0) };
    let runs = options.runs.unwrap_or(5);
    let only: Option<Vec<&str>> = options.only.as_deref().map(|list| list.split(',').collect());
    if let Some(unknown) = only.iter().flatten().find(|name| !ITEMS.iter().any(|item| item.name == **name)) {
        let names: Vec<_> = ITEMS.iter().map(|item| item.name).collect();
        bail!("unknown work item `{unknown}`: expected {}", names.join(", "));
    }

    println!("server {} at {}; {} runs each, medians", bench.server.name, bench.server.endpoint, runs);
    println!("haul binary: {:.1} MiB", mib(fs::metadata(&haul)?.len()));
    println!(
        "{:<16} {:<6} {:>9} {:>9} {:>10}   times haul's wall",
        "work", "tool", "wall s", "CPU s", "peak MiB"
    );
    let mut report = Vec::new();
    for item in ITEMS {
        if only.as_ref().is_some_and(|only| !only.contains(&item.name)) {
            continue;
        }
        // Slow work needs fewer runs for a steady median.
        let runs = runs.min(item.max_runs);
        let is_wanted = |tool: &str| {
            options.tools.as_deref().is_none_or(|tools| tools.split(',').any(|name| name == tool))
        };
        let tools = item.tools.iter().filter(|tool| is_wanted(tool));
        let mut all: Vec<(&str, Vec<Figures>)> = tools.map(|tool| (*tool, Vec::new())).collect();
        if all.is_empty() {
            continue;
        }
        for run in 0..=runs {
            for (tool, figures) in &mut all {
                let measured = bench
                    .measure(item, tool, run)
                    .with_context(|| format!("{} with {tool}, run {run}", item.name))?;
                // The first round warms caches up and does not count.
                if run > 0 {
                    figures.push(measured);
                }
            }
        }
        let base = median(&all[0].1).wall_seconds;
        for (tool, figures) in &all {
            let figures = median(figures);
            println!(
                "{:<16} {:<6} {:>9.3} {:>9.3} {:>10.1}   {:.2}",
                item.name,
                tool,
                figures.wall_seconds,
                figures.cpu_seconds,
                figures.peak_mib,
                figures.wall_seconds / base
            );
            report.push(serde_json::json!({
                "work": item.name, "tool": tool, "runs": runs,
                "wall_seconds": figures.wall_seconds, "cpu_seconds": figures.cpu_seconds, "peak_mib": figures.peak_mib,
            }));
        }
    }
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&report)?)
            .with_context(|| format!("cannot write {path}"))?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
fn mib(n_bytes: u64) -> f64 {
    n_bytes as f64 / f64::from(1 << 20)
}
