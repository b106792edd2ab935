//! `cargo xtask fuzz`: tests the parsers with random inputs, guided by the code that they reach.
//!
//! libFuzzer runs the targets of the package `haul-fuzz`. The instrumentation by the compiler, counters and traces of
//! comparisons, is an LLVM pass that the stable toolchain has too; sanitizers, which need a nightly toolchain, would find
//! little in a workspace without `unsafe`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::flags;
use crate::project::Project;

/// The same flags as those of `cargo fuzz --sanitizer none`.
const COVERAGE: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

const DEFAULT_SECONDS: u64 = 60;
/// The maximum length of an input; longer ones are slower and find little more.
const MAX_INPUT_BYTES: u32 = 16 << 10;
/// The memory limit of the whole process; the targets themselves limit one input to far less.
const MAX_PROCESS_MIB: u32 = 1024;
/// The time limit of one input, which shows quadratic time.
const MAX_INPUT_SECONDS: u32 = 10;

pub(crate) fn run(project: &Project, options: &flags::Fuzz) -> Result<()> {
    let budget = match options.runs {
        Some(runs) => Budget::Runs(runs),
        None => Budget::Seconds(options.seconds.unwrap_or(DEFAULT_SECONDS)),
    };
    let corpora = project.root.join("fuzz/corpus");
    let mut names: Vec<String> = std::fs::read_dir(&corpora)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    if let Some(wanted) = &options.targets {
        if let Some(unknown) = wanted.split(',').find(|wanted| !names.iter().any(|name| name == wanted)) {
            bail!("unknown target `{unknown}`: expected {}", names.join(", "));
        }
        names.retain(|name| wanted.split(',').any(|wanted| wanted == name));
    }
    let program = build(project)?;
    let scratch = project.root.join("target/fuzz");
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let n_workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..n_workers {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let target =
                        Target { program: &program, name, corpus: corpora.join(name), scratch: &scratch };
                    let result = target.fuzz(budget, options.grow);
                    match result {
                        Ok(summary) => println!("ok      {name}: {summary}"),
                        Err(error) => {
                            println!("FAILED  {name}\n{error:#}\n");
                            failures.lock().expect("no thread panics with the lock").push(name.clone());
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no thread panics with the lock");
    if !failures.is_empty() {
        bail!("fuzz: {} failed", failures.join(", "));
    }
    println!("fuzz: {} targets, {budget} each", names.len());
    Ok(())
}

/// Builds the targets and all their dependencies with the counters of the fuzzer.
fn build(project: &Project) -> Result<PathBuf> {
    let shell = &project.shell;
    let host = cmd!(shell, "rustc --print host-tuple").quiet().read()?;
    let folder = project.root.join("target/fuzz");
    let _flags = shell.push_env("RUSTFLAGS", COVERAGE.join(" "));
    // With `--target`, the flags do not apply to build scripts and macros.
    cmd!(
        shell,
        "cargo build --locked --package haul-fuzz --bin fuzz --features engine --profile fuzz --target {host}"
    )
    .arg("--target-dir")
    .arg(&folder)
    .run()
    .context("the fuzz targets cannot be built; they need a C++ compiler")?;
    Ok(folder.join(host).join("fuzz/fuzz"))
}

/// The amount of inputs.
#[derive(Debug, Clone, Copy)]
enum Budget {
    Seconds(u64),
    /// A number of inputs, from a fixed seed and only the corpus of the repository, so that a failure is reproducible.
    Runs(u64),
}

impl std::fmt::Display for Budget {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Seconds(seconds) => write!(formatter, "{seconds} s"),
            Self::Runs(runs) => write!(formatter, "{runs} inputs"),
        }
    }
}

struct Target<'a> {
    program: &'a Path,
    name: &'a str,
    /// The inputs in the repository.
    corpus: PathBuf,
    scratch: &'a Path,
}

impl Target<'_> {
    /// Runs the target for a time; returns the counts of libFuzzer.
    fn fuzz(&self, budget: Budget, grow: bool) -> Result<String> {
        let found = self.scratch.join("found").join(self.name);
        let inputs = match budget {
            Budget::Seconds(_) => self.scratch.join("corpus").join(self.name),
            Budget::Runs(_) => self.scratch.join("once").join(self.name),
        };
        if matches!(budget, Budget::Runs(_)) && inputs.exists() {
            std::fs::remove_dir_all(&inputs)?;
        }
        let budget = match budget {
            Budget::Seconds(seconds) => vec![format!("-max_total_time={seconds}")],
            Budget::Runs(runs) => vec![format!("-runs={runs}"), "-seed=1".to_owned()],
        };
        for folder in [&found, &inputs] {
            std::fs::create_dir_all(folder)?;
        }
        let output = self
            .command()
            .args(budget)
            .arg(format!("-max_len={MAX_INPUT_BYTES}"))
            .arg(format!("-rss_limit_mb={MAX_PROCESS_MIB}"))
            .arg(format!("-timeout={MAX_INPUT_SECONDS}"))
            .arg(format!("-artifact_prefix={}/", found.display()))
            .arg("-print_final_stats=1")
            .args([&inputs, &self.corpus])
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            let lines: Vec<&str> = said.lines().collect();
            let end = lines[lines.len().saturating_sub(40)..].join("\n");
            bail!(
                "{end}\nagain: HAUL_FUZZ_TARGET={} {} FILE; mended, FILE goes to {}",
                self.name,
                self.program.display(),
                self.corpus.display()
            );
        }
        if grow {
            let merged = self.command().arg("-merge=1").args([&self.corpus, &inputs]).output()?;
            if !merged.status.success() {
                bail!("the corpus cannot be merged\n{}", String::from_utf8_lossy(&merged.stderr));
            }
        }
        let runs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let runs: u64 =
            runs.and_then(|runs| runs.trim().parse().ok()).context("libFuzzer counted no runs")?;
        let coverage = said.lines().rev().find_map(|line| line.split_once(" cov: ").map(|(_, rest)| rest));
        let coverage =
            coverage.and_then(|rest| rest.split_whitespace().next()).context("no code was reached")?;
        if coverage == "0" || runs < 100 {
            bail!("{runs} runs reached {coverage} places: the counters are not there\n{said}");
        }
        Ok(format!("{runs} inputs, {coverage} places in the code"))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.env("HAUL_FUZZ_TARGET", self.name).stdin(Stdio::null());
        command
    }
}
