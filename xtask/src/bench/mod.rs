//! `cargo xtask bench`: compares haul with `dvc`, `s5cmd`, `rclone`, `curl` and `cp`, in one run on one machine.
//!
//! The tools take turns, each run starts from the same state, and the median counts. CPU seconds and peak memory are
//! those of the client process and its children, as reported by the kernel (`wait4`); the peak is at least about 10 MiB,
//! the size of the process that starts the tool. Requests are those that haul counts.
//!
//! On ext4 a tool that deletes many files (`dvc add` replaces the files of the workspace) slows down the next one that
//! creates files for minutes; `--tools haul` measures one tool alone.

mod item;
mod measure;
mod programs;
mod report;
mod work;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::flags;
use crate::project::{Profile, Project};
use crate::server::Server;
use item::{ITEMS, Item};
use measure::{Figures, median};
use programs::Programs;
use report::Line;
use work::Bench;

pub(crate) fn run(project: &Project, options: &flags::Bench) -> Result<()> {
    let items = wanted(options.only.as_deref())?;
    let programs = Programs::find(project)?;
    let name = options.server.as_deref().unwrap_or("minio");
    let server = Server::start(project, name, &["haul-bench"], Profile::Release)?;
    let is_far = items.iter().any(|item| item.round_trip_ms > 0);
    let proxy = is_far.then(|| project.build("haul-tests", "delay-proxy", Profile::Release)).transpose()?;
    let binary = fs::metadata(&programs.haul)?.len();
    let dir = project.scratch_dir("bench")?;
    let bench = Bench { dir, programs, server, proxy, count: std::cell::Cell::new(0) };

    println!(
        "server {} at {}; medians; haul binary {:.1} MiB\n",
        bench.server.name,
        bench.server.endpoint,
        mib(binary)
    );
    report::print_header();
    let mut lines: Vec<Line> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let is_wanted = |tool: &str| {
            let is_named = |tools: &str| tools.split(',').any(|name| name == tool);
            options.tools.as_deref().is_none_or(is_named) && bench.programs.has(tool)
        };
        let tools: Vec<&str> = item.tools.iter().copied().filter(|tool| is_wanted(tool)).collect();
        let runs = options.runs.map_or(item.runs, |runs| runs.min(item.runs));
        let measured = measure_item(&bench, item, &tools, runs)?;
        let base_seconds = measured.first().map_or(f64::NAN, |(_, figures)| figures.wall_seconds);
        for (tool, figures) in measured {
            let line = Line { work: item.name, tool, figures, base_seconds };
            line.print();
            lines.push(line);
        }
        if !items[at + 1..].iter().any(|later| later.data == item.data) {
            bench.clean(item.data)?;
        }
    }
    match &options.json {
        Some(path) => report::write_json(Path::new(path), &lines),
        None => Ok(()),
    }
}

fn wanted(only: Option<&str>) -> Result<Vec<&'static Item>> {
    let Some(only) = only else { return Ok(ITEMS.iter().collect()) };
    let names: Vec<&str> = only.split(',').collect();
    if let Some(unknown) = names.iter().find(|name| !ITEMS.iter().any(|item| item.name == **name)) {
        let known: Vec<_> = ITEMS.iter().map(|item| item.name).collect();
        bail!("unknown work item `{unknown}`: expected {}", known.join(", "));
    }
    Ok(ITEMS.iter().filter(|item| names.contains(&item.name)).collect())
}

fn measure_item<'tool>(
    bench: &Bench,
    item: &Item,
    tools: &[&'tool str],
    runs: u32,
) -> Result<Vec<(&'tool str, Figures)>> {
    let mut all: Vec<(&str, Vec<Figures>)> = tools.iter().map(|tool| (*tool, Vec::new())).collect();
    // If it makes a difference, a first round warms up caches and is not counted.
    let first = u32::from(!item.verb.needs_no_warming());
    for run in 0..runs + first {
        for (tool, figures) in &mut all {
            let measured = bench
                .measure(item, tool, run)
                .with_context(|| format!("{} with {tool}, run {run}", item.name))?;
            if run >= first {
                figures.push(measured);
            }
        }
    }
    Ok(all.into_iter().map(|(tool, figures)| (tool, median(&figures))).collect())
}

#[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
fn mib(n_bytes: u64) -> f64 {
    n_bytes as f64 / f64::from(1 << 20)
}
