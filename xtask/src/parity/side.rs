//! One of the twins: a folder, a tool, and a bucket.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::scenario::{Action, Output, Step};
use super::snapshot::{self, Snapshot};
use super::web::WebServer;
use crate::dataset::Noise;
use crate::server::Server;

/// The programs that take part.
#[derive(Debug)]
pub(super) struct Programs {
    /// Real DVC, kept warm.
    pub(super) dvc: PathBuf,
    pub(super) haul: PathBuf,
    pub(super) web: WebServer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    Dvc,
    Haul,
}

pub(super) struct Side<'a> {
    root: PathBuf,
    /// The repository that the steps run in.
    repo: PathBuf,
    tool: Tool,
    pub(super) programs: &'a Programs,
    pub(super) server: &'a Server,
    bucket: &'a str,
    pub(super) prefix: String,
    /// Tells that the remote is in the side's bucket with versions.
    is_versioned: bool,
    n_swaps: u32,
}

/// Returns the name of a side's bucket that keeps versions.
pub(super) fn versioned_bucket(bucket: &str) -> String {
    format!("{bucket}-versions")
}

impl<'a> Side<'a> {
    pub(super) fn new(
        root: PathBuf,
        tool: Tool,
        programs: &'a Programs,
        server: &'a Server,
        bucket: &'a str,
        prefix: &str,
    ) -> Result<Self> {
        let repo = root.join("repo");
        for dir in [&repo, &root.join("home"), &root.join("site")] {
            fs::create_dir_all(dir)?;
        }
        Ok(Self {
            root,
            repo,
            tool,
            programs,
            server,
            bucket,
            prefix: prefix.to_owned(),
            is_versioned: false,
            n_swaps: 0,
        })
    }

    /// Carries out one step.
    pub(super) fn step(&mut self, step: &Step) -> Result<Output> {
        match &step.action {
            Action::Repo => {
                self.shell("git init --quiet")?;
                self.tool_must("init --quiet")?;
            }
            Action::Remote | Action::Versioned => {
                self.is_versioned = step.action == Action::Versioned;
                let (url, endpoint) = (self.url(), self.server.endpoint.clone());
                self.tool_must(&format!("remote add --quiet -d storage {url}"))?;
                self.tool_must(&format!("remote modify storage endpointurl {endpoint}"))?;
                if self.is_versioned {
                    self.tool_must("remote modify storage version_aware true")?;
                }
            }
            Action::Write { path, bytes } => self.write(path, bytes)?,
            Action::Fill { path, size } => {
                let mut bytes = vec![0; usize::try_from(*size)?];
                Noise::new(*size).fill(&mut bytes);
                self.write(path, &bytes)?;
            }
            Action::Serve { path, bytes } => {
                let path = self.programs.web.root.join(&self.prefix).join(path);
                fs::create_dir_all(path.parent().context("a file without a folder")?)?;
                fs::write(&path, bytes)?;
            }
            Action::Put { key, bytes } => super::remote::put(self, key, bytes)?,
            Action::Shell(command) => self.shell(&self.substitute(command))?,
            Action::Tool { arguments, .. } => return self.tool(&self.substitute(arguments)),
            Action::Swap => self.swap()?,
        }
        Ok(Output::default())
    }

    /// Returns everything that the steps left behind, but the remote.
    pub(super) fn snapshot(&self) -> Result<Snapshot> {
        let words = [(self.root.display().to_string(), "<root>"), (self.bucket.to_owned(), "<bucket>")];
        snapshot::take(&self.root, &words)
    }

    /// Returns the bucket of the remote.
    pub(super) fn remote_bucket(&self) -> String {
        if self.is_versioned { versioned_bucket(self.bucket) } else { self.bucket.to_owned() }
    }

    fn url(&self) -> String {
        format!("s3://{}/{}", self.remote_bucket(), self.prefix)
    }

    fn substitute(&self, text: &str) -> String {
        text.replace("{url}", &self.url())
            .replace("{endpoint}", &self.server.endpoint)
            .replace("{root}", &self.root.display().to_string())
            .replace("{web}", &format!("{}/{}", self.programs.web.url, self.prefix))
            .replace("{served}", &self.programs.web.root.join(&self.prefix).display().to_string())
            .replace("{dvc}", &self.programs.dvc.display().to_string())
    }

    /// Makes words equal that differ only because the twins live in different places.
    fn normalise(&self, bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes)
            .replace(&self.root.display().to_string(), "<root>")
            .replace(self.bucket, "<bucket>")
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let path = self.repo.join(path);
        fs::create_dir_all(path.parent().context("a file without a folder")?)?;
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    fn swap(&mut self) -> Result<()> {
        self.n_swaps += 1;
        let clone = format!("../clone{}", self.n_swaps);
        self.shell(&format!(
            "git add --all && git commit --quiet --message step && git clone --quiet . {clone}"
        ))?;
        self.repo = self.root.join(format!("clone{}", self.n_swaps));
        self.tool = match self.tool {
            Tool::Dvc => Tool::Haul,
            Tool::Haul => Tool::Dvc,
        };
        Ok(())
    }

    fn tool_must(&self, arguments: &str) -> Result<()> {
        let output = self.tool(arguments)?;
        if output.code != 0 {
            bail!(
                "{:?} {arguments} exits with {}\n{}{}",
                self.tool,
                output.code,
                output.stdout,
                output.stderr
            );
        }
        Ok(())
    }

    fn tool(&self, arguments: &str) -> Result<Output> {
        let program = match self.tool {
            Tool::Dvc => &self.programs.dvc,
            Tool::Haul => &self.programs.haul,
        };
        // The shell splits the words, as a user would quote them.
        self.run(&format!("'{}' {arguments}", program.display()))
    }

    fn shell(&self, command: &str) -> Result<()> {
        let output = self.run(command)?;
        if output.code != 0 {
            bail!("`{command}` exits with {}\n{}{}", output.code, output.stdout, output.stderr);
        }
        Ok(())
    }

    fn run(&self, command: &str) -> Result<Output> {
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(&self.repo)
            .env_clear()
            .envs(self.environment())
            .output()
            .with_context(|| format!("cannot run {command}"))?;
        Ok(Output {
            code: output.status.code().unwrap_or(-1),
            stdout: self.normalise(&output.stdout),
            stderr: self.normalise(&output.stderr),
        })
    }

    fn environment(&self) -> Vec<(String, String)> {
        let home = self.root.join("home");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut variables = self.server.client_env();
        for (name, value) in [
            ("PATH", path.as_str()),
            ("HOME", &home.display().to_string()),
            ("XDG_CONFIG_DIRS", &self.root.join("etc").display().to_string()),
            ("DVC_SITE_CACHE_DIR", &self.root.join("site").display().to_string()),
            ("DVC_NO_ANALYTICS", "1"),
            // Commands that haul does not have are real DVC's on both sides.
            ("HAUL_DVC", &self.programs.dvc.display().to_string()),
            ("LC_ALL", "C.UTF-8"),
            ("GIT_AUTHOR_NAME", "parity"),
            ("GIT_AUTHOR_EMAIL", "parity@example.com"),
            ("GIT_COMMITTER_NAME", "parity"),
            ("GIT_COMMITTER_EMAIL", "parity@example.com"),
            // Commits of both sides have the same ids, which imports record.
            ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"),
            ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"),
        ] {
            variables.push((name.to_owned(), value.to_owned()));
        }
        variables
    }

    /// Returns the folder of this side, for helpers that write there.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}
