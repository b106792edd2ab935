//! Measures the cost of waiting for the disk.
//!
//! The runs are in pairs, each on a new copy of the same file system: the command without waiting followed by `sync -f`,
//! and the command with its default durability.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::image::{FileSystem, Image, run as run_program};
use super::{BUCKET, Lab};
use crate::dataset;

const IMAGE_MIB: u64 = 8192;
const PAIRS: usize = 5;
/// The name, number of files, and size of each in bytes, of the data sets.
const DATA: [(&str, u64, u64); 3] =
    [("10000 x 4 KiB", 10_000, 4096), ("20 x 50 MiB", 20, 50 << 20), ("1 x 1 GiB", 1, 1 << 30)];

pub(super) fn run(lab: &Lab, file_systems: &[FileSystem]) -> Result<()> {
    println!("| file system | work | without, then sync -f | with | ratio |\n|---|---|---|---|---|");
    for &file_system in file_systems {
        for (name, n_files, size_bytes) in DATA {
            for verb in ["add", "fetch", "pull"] {
                let base = prepare(lab, file_system, verb, n_files, size_bytes)?;
                let mut pairs: Vec<[Duration; 2]> = Vec::new();
                for round in 0..PAIRS {
                    // The two runs of a pair take turns in being first.
                    let mut pair = [Duration::ZERO; 2];
                    for waits in if round % 2 == 0 { [false, true] } else { [true, false] } {
                        pair[usize::from(waits)] = measure(lab, &base, file_system, verb, waits)?;
                    }
                    pairs.push(pair);
                }
                let median = |values: &mut Vec<f64>| {
                    values.sort_by(f64::total_cmp);
                    values[values.len() / 2]
                };
                let of =
                    |which: usize| pairs.iter().map(|pair| pair[which].as_secs_f64()).collect::<Vec<_>>();
                let mut ratios: Vec<f64> =
                    pairs.iter().map(|[without, with]| with.div_duration_f64(*without)).collect();
                println!(
                    "| {} | {verb} {name} | {:.2} s | {:.2} s | {:.2} |",
                    file_system.name(),
                    median(&mut of(0)),
                    median(&mut of(1)),
                    median(&mut ratios)
                );
            }
        }
    }
    Ok(())
}

fn prepare(lab: &Lab, file_system: FileSystem, verb: &str, n_files: u64, size_bytes: u64) -> Result<Image> {
    let image = Image::make(&lab.dir.join("cost-base.img"), file_system, IMAGE_MIB)?;
    let mounted = image.mount(&lab.dir.join("mnt"))?;
    let repo = mounted.path().join("repo");
    fs::create_dir(&repo)?;
    let url = format!("s3://{BUCKET}/cost");
    for arguments in [
        &["init", "--quiet", "--no-scm"][..],
        &["remote", "add", "--default", "plain", &url],
        &["remote", "modify", "plain", "endpointurl", &lab.server.endpoint],
    ] {
        lab.run(&lab.haul, &repo, arguments)?;
    }
    dataset::uniform(&repo.join("data"), n_files, size_bytes)?;
    if verb != "add" {
        lab.run(&lab.haul, &repo, &["add", "data"])?;
        lab.run(&lab.haul, &repo, &["push"])?;
        fs::remove_dir_all(repo.join(".dvc/cache"))?;
        fs::remove_dir_all(repo.join("data"))?;
    }
    mounted.unmount()?;
    Ok(image)
}

fn measure(lab: &Lab, base: &Image, file_system: FileSystem, verb: &str, waits: bool) -> Result<Duration> {
    let image = Image::copy(base, &lab.dir.join("cut.img"), file_system)?;
    let mounted = image.mount(&lab.dir.join("mnt"))?;
    let repo = mounted.path().join("repo");
    // The data of the copy is written to the disk before the measurement.
    run_program("sync", &[])?;
    let arguments: &[&str] = if verb == "add" { &[verb, "data"] } else { &[verb] };
    let mut command = lab.command(&lab.haul, &repo, arguments);
    command.env("HAUL_DURABILITY", if waits { "sync" } else { "none" });
    let started = Instant::now();
    let status = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status()?;
    if !waits {
        run_program("sync", &["-f", &mounted.path().display().to_string()])?;
    }
    let duration = started.elapsed();
    anyhow::ensure!(status.success(), "`{verb}` failed");
    mounted.unmount()?;
    Ok(duration)
}
