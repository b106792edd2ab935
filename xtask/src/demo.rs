//! `cargo xtask demo`: the main workflow, from `haul init` to a verified `haul pull`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::dataset::{self, Amount};
use crate::project::{Profile, Project};
use crate::server::Server;
use crate::{flags, tools};

pub(crate) fn run(project: &Project, options: &flags::Demo) -> Result<()> {
    let profile = if options.release { Profile::Release } else { Profile::Dev };
    let haul = project.build("haul", "haul", profile)?;
    play(project, options, &haul, profile)
}

/// Runs a small demo with a binary that was built elsewhere.
pub(crate) fn with_binary(project: &Project, haul: &Path) -> Result<()> {
    let small =
        flags::Demo { server: None, files: Some(400), large_mib: Some(40), keep: false, release: false };
    play(project, &small, haul, Profile::Dev)
}

fn play(project: &Project, options: &flags::Demo, haul: &Path, profile: Profile) -> Result<()> {
    let server =
        Server::start(project, options.server.as_deref().unwrap_or("embedded"), &["haul-demo"], profile)?;
    let dir = project.scratch_dir("demo")?;
    let (author, colleague) = (dir.join("author"), dir.join("colleague"));
    fs::create_dir_all(author.join("data"))?;
    let data = dataset::realistic(
        &author.join("data"),
        options.files.unwrap_or(4000),
        options.large_mib.unwrap_or(300),
    )?;
    println!("server      {} at {}, bucket {}", server.name, server.endpoint, server.bucket);
    println!("data set    {} files, {}", data.n_files, bytes(data.total_bytes));
    println!("folder      {}\n", dir.display());

    let has_git = tools::find_on_path("git").is_some();
    // Each run has its own prefix, so that an endpoint of the user can be used repeatedly.
    let prefix = format!("demo-{}", std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs());
    let url = format!("s3://{}/{prefix}", server.bucket);
    let mut author_shell = Session::new(haul, &server, &author);
    if has_git {
        author_shell.git(&["init", "--quiet"])?;
        author_shell.haul(&["init", "--quiet"], None)?;
    } else {
        author_shell.haul(&["init", "--quiet", "--no-scm"], None)?;
    }
    author_shell.haul(&["remote", "add", "-d", "storage", &url], None)?;
    author_shell.haul(&["remote", "modify", "storage", "endpointurl", &server.endpoint], None)?;
    author_shell.haul(&["add", "data"], Some(data))?;
    author_shell.haul(&["push"], Some(data))?;
    author_shell.haul(&["push"], None)?;
    author_shell.haul(&["status", "-c"], None)?;

    println!("--- a colleague, elsewhere ---\n");
    if has_git {
        author_shell.git(&["add", "--all"])?;
        author_shell.git(&["commit", "--quiet", "--message", "Track the data"])?;
        let (from, to) = (author.display().to_string(), colleague.display().to_string());
        author_shell.git(&["clone", "--quiet", &from, &to])?;
    } else {
        copy_metafiles(&author, &colleague)?;
    }
    let mut colleague_shell = Session::new(haul, &server, &colleague);
    colleague_shell.haul(&["pull"], Some(data))?;
    colleague_shell.haul(&["status"], None)?;

    let compared = dataset::compare(&author.join("data"), &colleague.join("data"))?;
    if compared != data {
        bail!("compared {compared:?}, expected {data:?}");
    }
    println!("compared    {} files, {}: every byte is equal", compared.n_files, bytes(compared.total_bytes));
    if options.keep {
        println!("\nThe server and {} stay until you press Enter. To play with it:", dir.display());
        println!("  cd {}", colleague.display());
        for (name, value) in server.client_env() {
            println!("  export {name}={value}");
        }
        println!("  {} status -c", haul.display());
        std::io::stdin().read_line(&mut String::new())?;
    }
    Ok(())
}

/// The terminal of one user.
struct Session<'a> {
    haul: &'a Path,
    env: Vec<(String, String)>,
    dir: PathBuf,
}

impl<'a> Session<'a> {
    fn new(haul: &'a Path, server: &Server, dir: &Path) -> Self {
        let mut env = server.client_env();
        for (name, value) in [
            ("GIT_AUTHOR_NAME", "demo"),
            ("GIT_AUTHOR_EMAIL", "demo@example.com"),
            ("GIT_COMMITTER_NAME", "demo"),
            ("GIT_COMMITTER_EMAIL", "demo@example.com"),
        ] {
            env.push((name.to_owned(), value.to_owned()));
        }
        Self { haul, env, dir: dir.to_owned() }
    }

    /// Runs haul and prints the command, its output, its time and, if it moved `data`, the rate.
    fn haul(&mut self, arguments: &[&str], data: Option<Amount>) -> Result<()> {
        let time = self.run(self.haul, "haul", arguments)?;
        print!("  [{:.2} s", time.as_secs_f64());
        if let Some(data) = data {
            #[expect(clippy::cast_precision_loss, reason = "rates are rounded for people anyway")]
            let (files, mib) = (data.n_files as f64, data.total_bytes as f64 / f64::from(1 << 20));
            print!("; {:.0} files/s, {:.0} MiB/s", files / time.as_secs_f64(), mib / time.as_secs_f64());
        }
        println!("]\n");
        Ok(())
    }

    fn git(&mut self, arguments: &[&str]) -> Result<()> {
        self.run(Path::new("git"), "git", arguments)?;
        println!();
        Ok(())
    }

    fn run(&mut self, program: &Path, name: &str, arguments: &[&str]) -> Result<Duration> {
        println!("$ {name} {}", arguments.join(" "));
        let start = Instant::now();
        let status = Command::new(program)
            .args(arguments)
            .current_dir(&self.dir)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .status()
            .with_context(|| format!("cannot run {}", program.display()))?;
        if !status.success() {
            bail!("`{name} {}` failed: {status}", arguments.join(" "));
        }
        Ok(start.elapsed())
    }
}

/// Copies the files of DVC that `git clone` would copy.
fn copy_metafiles(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.join(".dvc"))?;
    for name in [".dvc/config", ".dvcignore", "data.dvc"] {
        fs::copy(from.join(name), to.join(name)).with_context(|| format!("cannot copy {name}"))?;
    }
    Ok(())
}

fn bytes(amount: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "rounded for people anyway")]
    let mib = amount as f64 / f64::from(1 << 20);
    format!("{mib:.1} MiB")
}
