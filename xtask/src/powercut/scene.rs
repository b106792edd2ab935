//! The start state of a command, and its expected result.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::image::{FileSystem, Image};
use super::{BUCKET, Lab, check};
use crate::dataset;

const IMAGE_MIB: u64 = 1024;
/// The tracked directories.
pub(super) const OUTS: [&str; 2] = ["data", "big"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Fetch,
    Pull,
    Checkout,
    Commit,
    /// A push to a remote that keeps versions, whose ids are recorded in the metafiles.
    Push,
    /// To a remote that is a directory of the same file system.
    Store,
}

impl Verb {
    pub(super) const ALL: &'static [Self] =
        &[Self::Add, Self::Fetch, Self::Pull, Self::Checkout, Self::Commit, Self::Push, Self::Store];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Fetch => "fetch",
            Self::Pull => "pull",
            Self::Checkout => "checkout",
            Self::Commit => "commit",
            Self::Push => "push",
            Self::Store => "store",
        }
    }

    pub(super) fn arguments(self) -> Vec<&'static str> {
        match self {
            Self::Add => vec!["add", "data", "big"],
            Self::Fetch => vec!["fetch"],
            Self::Pull => vec!["pull"],
            Self::Checkout => vec!["checkout"],
            Self::Commit => vec!["commit", "-f"],
            Self::Push => vec!["push", "-r", "versions", "data"],
            Self::Store => vec!["push", "-r", "store"],
        }
    }
}

/// The versions of the data, in which every file has different bytes.
#[derive(Clone, Copy)]
enum Version {
    Old,
    New,
}

/// A prepared file system, and the result of its command without a power failure.
pub(super) struct Scene {
    pub(super) file_system: FileSystem,
    pub(super) verb: Verb,
    pub(super) base: Image,
    /// How long the command takes.
    pub(super) duration: Duration,
    /// The objects in the cache after the command.
    pub(super) objects: BTreeSet<PathBuf>,
    /// A copy of the new data outside of the file system.
    pub(super) golden: PathBuf,
}

impl Scene {
    pub(super) fn prepare(lab: &Lab, file_system: FileSystem, verb: Verb) -> Result<Self> {
        let golden = lab.dir.join("golden");
        if !golden.exists() {
            write(&golden, Version::New)?;
        }
        let base = lab.dir.join(format!("{}-{}.img", file_system.name(), verb.name()));
        let image = Image::make(&base, file_system, IMAGE_MIB)?;
        let mounted = image.mount(&lab.dir.join("mnt"))?;
        let repo = mounted.path().join("repo");
        make_repository(lab, &repo)?;
        arrange(lab, &repo, verb)?;
        // The state of the previous files is removed.
        remove(&repo.join(".dvc/tmp"))?;
        fs::create_dir(repo.join(".dvc/tmp"))?;
        fs::write(repo.join(".dvc/tmp/btime"), "")?;
        mounted.unmount()?;

        let trial = Image::copy(&image, &lab.dir.join("cut.img"), file_system)?;
        let mounted = trial.mount(&lab.dir.join("mnt"))?;
        let repo = mounted.path().join("repo");
        let started = Instant::now();
        lab.run(&lab.client, &repo, &verb.arguments())?;
        let duration = started.elapsed();
        let objects = check::objects(&check::cache_of(&repo))?.into_iter().map(|(path, _)| path).collect();
        mounted.unmount()?;
        Ok(Self { file_system, verb, base: image, duration, objects, golden })
    }
}

fn make_repository(lab: &Lab, repo: &Path) -> Result<()> {
    fs::create_dir_all(repo)?;
    lab.run(Path::new("git"), repo, &["init", "--quiet"])?;
    let endpoint = &lab.server.endpoint;
    let (plain, versions) = (format!("s3://{BUCKET}/plain"), format!("s3://{BUCKET}/versions"));
    let store = repo.with_file_name("store").display().to_string();
    for arguments in [
        &["init", "--quiet"][..],
        &["remote", "add", "--default", "plain", &plain],
        &["remote", "modify", "plain", "endpointurl", endpoint],
        &["remote", "add", "versions", &versions],
        &["remote", "modify", "versions", "endpointurl", endpoint],
        &["remote", "modify", "versions", "version_aware", "true"],
        &["remote", "add", "store", &store],
    ] {
        lab.run(&lab.haul, repo, arguments)?;
    }
    Ok(())
}

/// Brings a repository into the start state.
fn arrange(lab: &Lab, repo: &Path, verb: Verb) -> Result<()> {
    let add = || lab.run(&lab.haul, repo, &Verb::Add.arguments());
    match verb {
        Verb::Add => write(repo, Version::New)?,
        Verb::Fetch | Verb::Pull => {
            write(repo, Version::New)?;
            add()?;
            lab.run(&lab.haul, repo, &["push"])?;
            remove(&repo.join(".dvc/cache"))?;
            OUTS.iter().try_for_each(|out| remove(&repo.join(out)))?;
        }
        Verb::Checkout => {
            write(repo, Version::New)?;
            add()?;
            let metafiles = metafiles(repo)?;
            write(repo, Version::Old)?;
            add()?;
            for (path, text) in metafiles {
                fs::write(path, text)?;
            }
        }
        Verb::Commit => {
            write(repo, Version::Old)?;
            add()?;
            write(repo, Version::New)?;
        }
        Verb::Push | Verb::Store => {
            write(repo, Version::New)?;
            add()?;
        }
    }
    Ok(())
}

fn metafiles(repo: &Path) -> Result<Vec<(PathBuf, String)>> {
    OUTS.iter()
        .map(|out| {
            let path = repo.join(format!("{out}.dvc"));
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok((path, text))
        })
        .collect()
}

/// Writes a version of the data.
fn write(to: &Path, version: Version) -> Result<()> {
    OUTS.iter().try_for_each(|out| remove(&to.join(out)))?;
    let more = match version {
        Version::Old => 0,
        Version::New => 1000,
    };
    dataset::uniform(&to.join("data"), 300, 4096 + more)?;
    dataset::uniform(&to.join("data/medium"), 3, (1 << 20) + more)?;
    // This file is large enough to be downloaded in ranges, into a file that has its full size from the start.
    dataset::uniform(&to.join("big"), 1, (72 << 20) + more)?;
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
