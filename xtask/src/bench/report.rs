//! Prints the figures as a table and as JSON.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::measure::Figures;

/// The columns of the table.
const HEADER: &str = "| work | tool | wall s | CPU s | peak MiB | requests | wall / haul's |\n|---|---|---:|---:|---:|---:|---:|";

/// One line.
pub(super) struct Line {
    pub(super) work: &'static str,
    pub(super) tool: &'static str,
    pub(super) figures: Figures,
    /// Wall time of the first tool of the group.
    pub(super) base_seconds: f64,
}

pub(super) fn print_header() {
    println!("{HEADER}");
}

impl Line {
    pub(super) fn print(&self) {
        let Figures { wall_seconds, cpu_seconds, peak_mib, n_requests } = self.figures;
        let requests = n_requests.map(|number| number.to_string()).unwrap_or_default();
        println!(
            "| {} | {} | {wall_seconds:.3} | {cpu_seconds:.3} | {peak_mib:.0} | {requests} | {:.2} |",
            self.work,
            self.tool,
            wall_seconds / self.base_seconds
        );
    }

    fn to_json(&self) -> serde_json::Value {
        let Figures { wall_seconds, cpu_seconds, peak_mib, n_requests } = self.figures;
        serde_json::json!({
            "work": self.work, "tool": self.tool, "wall_seconds": wall_seconds, "cpu_seconds": cpu_seconds,
            "peak_mib": peak_mib, "requests": n_requests,
        })
    }
}

pub(super) fn write_json(path: &Path, lines: &[Line]) -> Result<()> {
    let lines: Vec<_> = lines.iter().map(Line::to_json).collect();
    std::fs::write(path, serde_json::to_string_pretty(&lines)?)
        .with_context(|| format!("cannot write {}", path.display()))
}
