//! `cargo xtask parity --fuzz N`: random sequences of commands through real DVC and haul, whose worlds are compared after each.
//!
//! A sequence is a scenario like those of `tests/parity`; a sequence that shows a difference is made smaller, and printed so
//! that it can be kept there.

mod excuse;
mod generate;
mod random;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};

use super::scenario::{Action, Output, Scenario};
use super::side::{Programs, Side, Tool};
use super::snapshot::Snapshot;
use super::{BUCKETS, remote, snapshot};
use crate::server::Server;

/// How a sequence ended.
enum Verdict {
    Same,
    /// At this step the tools differ as a `Deviation:` says, and the rest says nothing.
    Excused(&'static str),
    /// The number of steps that led there, and what differs.
    Differs(usize, String),
}

/// Runs so many sequences; those of one seed are the same every time.
pub(super) fn run(
    n_sequences: u64,
    seed: Option<u64>,
    programs: &Programs,
    server: &Server,
    scratch: &Path,
) -> Result<()> {
    let seed = match seed {
        Some(seed) => seed,
        None => u64::from(SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos()),
    };
    println!("fuzz: {n_sequences} sequences; repeat them with --fuzz {n_sequences} --seed {seed}");
    let next = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    let excuses = Mutex::new(BTreeMap::<&str, u32>::new());
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let (next, failures, excuses) = (&next, &failures, &excuses);
            scope.spawn(move || {
                let stage = Stage { programs, server, scratch, worker };
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= n_sequences {
                        break;
                    }
                    let seed = seed.wrapping_add(number);
                    match stage.sequence(seed) {
                        Ok(Verdict::Same) => {}
                        Ok(Verdict::Excused(why)) => {
                            *excuses
                                .lock()
                                .expect("no thread panics with the lock")
                                .entry(why)
                                .or_default() += 1;
                        }
                        Ok(Verdict::Differs(_, text)) => {
                            println!("{text}");
                            failures.lock().expect("no thread panics with the lock").push(seed);
                        }
                        Err(error) => {
                            println!("seed {seed}: {error:#}");
                            failures.lock().expect("no thread panics with the lock").push(seed);
                        }
                    }
                }
            });
        }
    });
    for (why, n) in excuses.into_inner().expect("no thread panics with the lock") {
        println!("{n} sequences ended early: {why}");
    }
    let failures = failures.into_inner().expect("no thread panics with the lock");
    println!("fuzz: {} of {n_sequences} sequences differ", failures.len());
    if !failures.is_empty() {
        bail!("differs from DVC: each with `--fuzz 1 --seed SEED`, of {failures:?}");
    }
    Ok(())
}

/// Where sequences are played.
struct Stage<'a> {
    programs: &'a Programs,
    server: &'a Server,
    scratch: &'a Path,
    worker: u32,
}

impl Stage<'_> {
    /// Plays one sequence, and makes it smaller if it shows a difference.
    fn sequence(&self, seed: u64) -> Result<Verdict> {
        let (before, mut lines) = generate::sequence(seed);
        let mut n_played = 0;
        let mut play = |lines: &[String]| {
            n_played += 1;
            let slug = format!("fuzz-{seed}-{n_played}");
            let all: Vec<&str> = before.iter().chain(lines).map(String::as_str).collect();
            self.play(&slug, &all)
        };
        let verdict = play(&lines)?;
        let Verdict::Differs(n_steps, mut what) = verdict else { return Ok(verdict) };
        let n_before = before.iter().filter(|line| !line.starts_with("except")).count();
        lines.truncate(n_steps.saturating_sub(n_before));
        let mut size = (lines.len() / 2).max(1);
        loop {
            let mut start = 0;
            while start < lines.len() {
                let end = (start + size).min(lines.len());
                let fewer: Vec<String> = lines[..start].iter().chain(&lines[end..]).cloned().collect();
                // What fails for another reason is a find, too.
                if let Verdict::Differs(n_steps, smaller) = play(&fewer)? {
                    what = smaller;
                    lines = fewer;
                    lines.truncate(n_steps.saturating_sub(n_before));
                } else {
                    start = end;
                }
            }
            if size == 1 {
                break;
            }
            size = size.div_ceil(2);
        }
        let scenario: Vec<&str> = before.iter().chain(&lines).map(String::as_str).collect();
        let text =
            format!("FAILED  seed {seed}\n{what}\n=== found by seed {seed}\n{}\n", scenario.join("\n"));
        Ok(Verdict::Differs(0, text))
    }

    fn play(&self, slug: &str, lines: &[&str]) -> Result<Verdict> {
        let dir = self.scratch.join(format!("worker{}", self.worker));
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
        }
        let text = format!("=== {slug}\n{}\n", lines.join("\n"));
        let scenario = Scenario::parse("fuzz", &text)?.pop().context("no scenario")?;
        let mut dvc = Side::new(dir.join("a"), Tool::Dvc, self.programs, self.server, BUCKETS[0], slug)?;
        let mut haul = Side::new(dir.join("b"), Tool::Haul, self.programs, self.server, BUCKETS[1], slug)?;
        for (index, step) in scenario.steps.iter().enumerate() {
            let outputs = match (dvc.step(step), haul.step(step)) {
                (Ok(left), Ok(right)) => [left, right],
                // What the shell cannot do on both sides leads nowhere, and the next step may be as good.
                (Err(_), Err(_)) => continue,
                (Err(error), _) => return Ok(differs(index, &step.text, &error.context("only with dvc"))),
                (_, Err(error)) => return Ok(differs(index, &step.text, &error.context("only with haul"))),
            };
            let [left, right] = &outputs;
            if has_crashed(right) {
                return Ok(Verdict::Differs(
                    index + 1,
                    format!("{}: haul crashes\n{}", step.text, right.stderr),
                ));
            }
            let compared = step.compare(left, right).and_then(|()| {
                let (mut left, mut right) = (dvc.snapshot()?, haul.snapshot()?);
                forget_manifests(&mut left, &mut right);
                snapshot::compare(&left, &right, &scenario.except)?;
                if scenario.uses_remote && may_change_remote(&step.action) {
                    snapshot::compare(&remote::list(&dvc)?, &remote::list(&haul)?, &scenario.except)
                        .context("on the remote")?;
                }
                Ok(())
            });
            if let Err(error) = compared {
                if let Some(why) = excuse::find(&step.text, left, right, &format!("{error:#}")) {
                    return Ok(Verdict::Excused(why));
                }
                let said = format!(
                    "--- dvc said ({})\n{}{}--- haul said ({})\n{}{}",
                    left.code, left.stdout, left.stderr, right.code, right.stdout, right.stderr
                );
                return Ok(differs(index, &step.text, &error.context(said)));
            }
        }
        Ok(Verdict::Same)
    }
}

/// Forgets lists of files that only one of the caches has: DVC leaves those of inner directories, and haul those of what was
/// imported from. They are made anew whenever they are needed.
fn forget_manifests(dvc: &mut Snapshot, haul: &mut Snapshot) {
    let is_manifest = |path: &str| path.contains("/.dvc/cache/") && path.strip_suffix(".dir").is_some();
    let only_in = |one: &Snapshot, other: &Snapshot| -> Vec<String> {
        one.keys().filter(|path| is_manifest(path) && !other.contains_key(*path)).cloned().collect()
    };
    let (of_dvc, of_haul) = (only_in(dvc, haul), only_in(haul, dvc));
    dvc.retain(|path, _| !of_dvc.contains(path));
    haul.retain(|path, _| !of_haul.contains(path));
}

fn differs(index: usize, step: &str, error: &anyhow::Error) -> Verdict {
    Verdict::Differs(index + 1, format!("{step}: {error:#}"))
}

/// Tells whether the program did not end by itself.
fn has_crashed(output: &Output) -> bool {
    output.code < 0 || output.code == 101 || output.stderr.contains("panicked")
}

fn may_change_remote(action: &Action) -> bool {
    let Action::Tool { arguments, .. } = action else { return false };
    ["push", "gc", "--to-remote"].iter().any(|word| arguments.contains(word))
}
