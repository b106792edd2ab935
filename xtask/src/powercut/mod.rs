//! `cargo xtask powercut`: tests haul on file systems whose power fails.
//!
//! A file system in an image is made to lose everything that it has not written yet (`FS_IOC_SHUTDOWN`, through `xfs_io`):
//! at a random moment of a command, or just after it has ended; with its journal written, which leaves names without
//! bytes, or not. Then it is mounted again, and haul's promises are checked:
//!
//! - no object of the cache has a trusted name and mode but other bytes;
//! - the results of a command that ended with exit code 0 are there;
//! - the same command succeeds without `-f` and completes the workspace; unsaved data of the user is unchanged;
//! - no metafile, configuration or `.gitignore` is empty.
//!
//! `--client` tests another program, such as DVC, which shows that the checks find damage.

mod check;
mod cost;
mod image;
mod scene;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::dataset::Noise;
use crate::flags;
use crate::project::{Profile, Project};
use crate::server::Server;
use crate::tools::find_on_path;
use image::{FileSystem, Image};
use scene::{Scene, Verb};

/// The bucket keeps versions, which only makes a difference for the versioned remote.
const BUCKET: &str = "powercut";
const CUTS: u32 = 200;
const SHORT_CUTS: u32 = 42;

/// The parameters of a run.
struct Lab {
    dir: PathBuf,
    client: PathBuf,
    /// Makes the start state of each command, also for another client.
    haul: PathBuf,
    server: Server,
}

pub(crate) fn run(project: &Project, options: &flags::Powercut) -> Result<()> {
    require_root_and_programs()?;
    let file_systems = chosen(FileSystem::ALL, options.fs.as_deref(), FileSystem::name)?;
    let verbs = chosen(Verb::ALL, options.verbs.as_deref(), Verb::name)?;
    let profile = if options.debug { Profile::Dev } else { Profile::Release };
    let haul = project.build("haul", "haul", profile)?;
    // A run that was killed leaves its file system mounted.
    image::unmount_left(&project.target.join("xtask/powercut/mnt"));
    let lab = Lab {
        client: options.client.clone().unwrap_or_else(|| haul.clone()),
        haul,
        server: Server::start_versioned(project, &[BUCKET], profile)?,
        dir: project.scratch_dir("powercut")?,
    };
    if options.cost {
        return cost::run(&lab, &file_systems);
    }
    let cuts = options.cuts.unwrap_or(if options.short { SHORT_CUTS } else { CUTS });
    let seed = options.seed.unwrap_or(1);
    println!("{} cuts of {}, seed {seed}", cuts, lab.client.display());
    let mut scenes = Vec::new();
    for &file_system in &file_systems {
        for &verb in &verbs {
            let name = || format!("cannot prepare {} on {}", verb.name(), file_system.name());
            scenes.push(Scene::prepare(&lab, file_system, verb).with_context(name)?);
        }
    }
    let mut noise = Noise::new(seed);
    let (mut n_done, mut n_damages) = (0, 0);
    let started = Instant::now();
    for number in 0..cuts {
        let scene = &scenes[number as usize % scenes.len()];
        // Each scene has all kinds of cuts: the moment changes with every round, the flush with every second one.
        let round = number as usize / scenes.len();
        let cut = Cut {
            after: (!round.is_multiple_of(3)).then(|| {
                let share = (noise.next() % 1100) as u32;
                scene.duration * share / 1000
            }),
            is_flushed: noise.next().is_multiple_of(2),
        };
        let (is_done, damages) =
            cut_once(&lab, scene, &cut).with_context(|| format!("cut {number}: {}", cut.describe(scene)))?;
        n_done += u32::from(is_done);
        n_damages += u32::from(!damages.is_empty());
        let verdict = if damages.is_empty() { "whole" } else { "DAMAGED" };
        println!("{number:4}  {verdict}  {}", cut.describe(scene));
        for damage in damages {
            println!("      {damage}");
        }
    }
    println!(
        "{cuts} cuts, {n_done} of them after exit code 0, in {:.0} s: {n_damages} with damage",
        started.elapsed().as_secs_f64()
    );
    if n_damages > 0 && options.client.is_none() {
        bail!("{n_damages} of {cuts} power cuts left damage (seed {seed})");
    }
    Ok(())
}

/// One failure of the power.
struct Cut {
    /// The time after the command has started; `None` is just after it has ended.
    after: Option<Duration>,
    /// Whether the journal is written, which includes names and sizes, but no bytes of files.
    is_flushed: bool,
}

impl Cut {
    fn describe(&self, scene: &Scene) -> String {
        let moment = match self.after {
            Some(after) => format!("after {:4.0} ms", after.as_secs_f64() * 1000.0),
            None => "right after exit".to_owned(),
        };
        let journal = if self.is_flushed { "journal flushed" } else { "journal not flushed" };
        format!("{:4} {:8} {moment}, {journal}", scene.file_system.name(), scene.verb.name())
    }
}

/// Runs the command of a scene, cuts the power, and returns whether the command had ended with exit code 0, and the
/// damages.
fn cut_once(lab: &Lab, scene: &Scene, cut: &Cut) -> Result<(bool, Vec<String>)> {
    let image = Image::copy(&scene.base, &lab.dir.join("cut.img"), scene.file_system)?;
    let mounted = image.mount(&lab.dir.join("mnt"))?;
    let repo = mounted.path().join("repo");
    let mut command = lab.command(&lab.client, &repo, &scene.verb.arguments());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    if let Some(after) = cut.after {
        std::thread::sleep(after);
    } else {
        child.wait()?;
    }
    mounted.shut_down(cut.is_flushed)?;
    let is_done = wait_or_kill(&mut child)?;
    mounted.unmount()?;
    let mounted = image.mount(&lab.dir.join("mnt"))?;
    let damages = check::damages(lab, scene, mounted.path(), is_done)?;
    mounted.unmount()?;
    Ok((is_done, damages))
}

/// Waits for a command whose file system has lost its power. Returns whether it ended with exit code 0.
fn wait_or_kill(child: &mut std::process::Child) -> Result<bool> {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill()?;
    child.wait()?;
    Ok(false)
}

impl Lab {
    /// Makes a command in a repository, without the configuration of the user.
    fn command(&self, program: &Path, repo: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(repo).stdin(Stdio::null());
        command.env_clear().envs(self.server.client_env());
        for (name, value) in [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", self.dir.display().to_string()),
            ("DVC_NO_ANALYTICS", "1".to_owned()),
            // DVC's own state is on the same file system, so that it is cut with the files.
            ("DVC_SITE_CACHE_DIR", repo.with_file_name("site").display().to_string()),
        ] {
            command.env(name, value);
        }
        command
    }

    /// Runs a command; it is an error if it fails.
    fn run(&self, program: &Path, repo: &Path, arguments: &[&str]) -> Result<()> {
        let (is_good, output) = self.ask(program, repo, arguments)?;
        if !is_good {
            bail!("`{} {}` failed: {output}", program.display(), arguments.join(" "));
        }
        Ok(())
    }

    /// Runs a command; returns whether it ended with exit code 0, and all its output.
    fn ask(&self, program: &Path, repo: &Path, arguments: &[&str]) -> Result<(bool, String)> {
        let output = self
            .command(program, repo, arguments)
            .output()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok((output.status.success(), text.concat().trim().to_owned()))
    }
}

fn require_root_and_programs() -> Result<()> {
    let user = Command::new("id").arg("-u").output().context("cannot run id")?;
    if user.stdout.trim_ascii() != b"0" {
        bail!("powercut mounts file systems and needs root: `sudo -E cargo xtask powercut`");
    }
    let packages = [("mkfs.ext4", "e2fsprogs"), ("mkfs.xfs", "xfsprogs"), ("xfs_io", "xfsprogs")];
    for (program, package) in packages.into_iter().chain([("mount", "mount"), ("md5sum", "coreutils")]) {
        if find_on_path(program).is_none() {
            bail!(
                "powercut needs `{program}`: install the package `{package}`, e.g. `apt-get install {package}`"
            );
        }
    }
    Ok(())
}

fn chosen<T: Copy>(all: &[T], names: Option<&str>, name_of: fn(T) -> &'static str) -> Result<Vec<T>> {
    let Some(names) = names else { return Ok(all.to_vec()) };
    names
        .split(',')
        .map(|name| {
            let known = || all.iter().map(|item| name_of(*item)).collect::<Vec<_>>().join(", ");
            let found = all.iter().copied().find(|item| name_of(*item) == name);
            found.with_context(|| format!("unknown `{name}`: expected {}", known()))
        })
        .collect()
}
