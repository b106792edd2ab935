//! One run of one command.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) wall_seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) peak_mib: f64,
    /// The requests that haul reports.
    pub(super) n_requests: Option<u64>,
}

/// Runs the command given as arguments and prints the kernel's figures of it. Python is installed anyway, for DVC, and
/// its `os.wait4` saves a dependency and unsafe code.
const WAIT4: &str = r"
import os, sys, time, json
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ, file_actions=[
    (os.POSIX_SPAWN_OPEN, 1, sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), (os.POSIX_SPAWN_DUP2, 1, 2)])
_, status, usage = os.wait4(pid, 0)
wall = time.perf_counter() - start
print(json.dumps([os.waitstatus_to_exitcode(status), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
";

/// Runs `command` in `dir` and measures it; a command that fails is an error that shows its output.
pub(super) fn run(
    python: &Path,
    dir: &Path,
    command: &[String],
    env: &[(String, String)],
) -> Result<Figures> {
    let log = dir.with_extension("log");
    let output = Command::new(python)
        .args(["-S", "-c", WAIT4])
        .arg(&log)
        .args(command)
        .current_dir(dir)
        .envs(env.iter().map(|(name, value)| (name, value)))
        .output()?;
    if !output.status.success() {
        bail!("cannot measure {command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let figures: [f64; 4] = serde_json::from_slice(&output.stdout).context("the figures are not JSON")?;
    let [code, wall_seconds, cpu_seconds, peak_mib] = figures;
    let output = std::fs::read_to_string(&log).unwrap_or_default();
    if code != 0.0 {
        bail!("{command:?} exits with {code}: {output}");
    }
    Ok(Figures { wall_seconds, cpu_seconds, peak_mib, n_requests: requests(&output) })
}

/// Reads the numbers of requests in the JSON of a transfer.
fn requests(output: &str) -> Option<u64> {
    let report: serde_json::Value = serde_json::from_str(output).ok()?;
    let counts = report["remotes"].as_array()?.iter().filter_map(|remote| remote["requests"].as_object());
    let is_number = |name: &str| !name.ends_with("_bytes");
    Some(counts.flatten().filter(|(name, _)| is_number(name)).filter_map(|(_, number)| number.as_u64()).sum())
}

/// Returns the median of each figure.
pub(super) fn median(figures: &[Figures]) -> Figures {
    let middle = |pick: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = figures.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Figures {
        wall_seconds: middle(|figures| figures.wall_seconds),
        cpu_seconds: middle(|figures| figures.cpu_seconds),
        peak_mib: middle(|figures| figures.peak_mib),
        n_requests: figures.iter().filter_map(|figures| figures.n_requests).max(),
    }
}
