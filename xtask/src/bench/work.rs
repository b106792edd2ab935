//! Prepares the state that each run starts from, and does the run.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::item::{Data, Item, Verb};
use super::measure::{self, Figures};
use super::programs::{Programs, peer_env};
use crate::dataset;
use crate::server::Server;

pub(super) struct Bench {
    pub(super) dir: PathBuf,
    pub(super) programs: Programs,
    pub(super) server: Server,
    /// The proxy that adds latency to the server, if an item needs it.
    pub(super) proxy: Option<PathBuf>,
    /// Counts moved trees and new directories, for their names.
    pub(super) count: Cell<u32>,
}

impl Bench {
    /// Brings the data of `tool` into the start state of the item, and measures the item once.
    pub(super) fn measure(&self, item: &Item, tool: &str, run: u32) -> Result<Figures> {
        let far = match (item.round_trip_ms, &self.proxy) {
            (0, _) | (_, None) => None,
            (round_trip_ms, Some(proxy)) => Some(self.server.far(proxy, round_trip_ms)?),
        };
        let server = far.as_ref().unwrap_or(&self.server);
        let repo = self.repository(item.data, tool)?;
        let prefix = match item.verb {
            // Every push goes to an empty prefix.
            Verb::Push => format!("{}/{tool}/{run}", item.name),
            _ => format!("{}/{tool}", item.name),
        };
        let is_dvc_like = matches!(tool, "haul" | "dvc");
        if is_dvc_like {
            set_remote(&repo, server, &prefix)?;
        }
        fs::write(
            repo.join("curl.conf"),
            format!(
                "aws-sigv4 = \"aws:amz:us-east-1:s3\"\nuser = \"{}:{}\"\n",
                server.access_key, server.secret_key
            ),
        )?;
        match item.verb {
            Verb::Add if is_dvc_like => {
                self.put_away(item.data, &repo.join(".dvc/cache"))?;
                self.put_away(item.data, &repo.join(".dvc/tmp"))?;
                self.put_away(item.data, &repo.join("data.dvc"))?;
                self.put_away(item.data, &self.dir.join(format!("site-{tool}")))?;
                fs::create_dir(repo.join(".dvc/tmp"))?;
                fs::write(repo.join(".dvc/tmp/btime"), "")?;
            }
            Verb::Status => self.run(&repo, tool, &["status"]).map(drop)?,
            Verb::Checkout if is_dvc_like => self.put_away(item.data, &repo.join("data"))?,
            Verb::PushNothing | Verb::Fetch => {
                if run == 0 {
                    // The initial objects are not sent through the proxy.
                    if is_dvc_like {
                        set_remote(&repo, &self.server, &prefix)?;
                    }
                    let push = self.push(tool, &self.server, &repo, &prefix)?;
                    self.command(&self.server, &repo, tool, &push)?;
                    if is_dvc_like {
                        set_remote(&repo, server, &prefix)?;
                    }
                }
                if item.verb == Verb::Fetch && is_dvc_like {
                    self.put_away(item.data, &repo.join(".dvc/cache"))?;
                }
            }
            Verb::RemoteList | Verb::Push | Verb::Add | Verb::Checkout => {}
        }
        let fresh = self.dir.join(format!("fresh-{}", self.next()));
        let command = match (item.verb, tool) {
            (Verb::RemoteList, _) => self.programs.dvc_like(tool, &["remote", "list"]),
            (Verb::Status, _) => self.programs.dvc_like(tool, &["status"]),
            (Verb::Add | Verb::Checkout, "cp") => {
                ["cp", "-r", "data", &fresh.display().to_string()].map(str::to_owned).to_vec()
            }
            (Verb::Add, _) => self.programs.dvc_like(tool, &["add", "data"]),
            (Verb::Checkout, _) => self.programs.dvc_like(tool, &["checkout"]),
            (Verb::Push | Verb::PushNothing, _) => self.push(tool, server, &repo, &prefix)?,
            (Verb::Fetch, "haul") => self.programs.dvc_like(tool, &["fetch", "--json"]),
            (Verb::Fetch, "dvc") => self.programs.dvc_like(tool, &["fetch"]),
            (Verb::Fetch, _) => {
                fs::create_dir(&fresh)?;
                self.programs.download(tool, server, &prefix, &fresh)
            }
        };
        // The data of earlier runs must not be written back to the disk during this one.
        Command::new("sync").status()?;
        let figures = self.command(server, &repo, tool, &command)?;
        if item.data.is_bulky() {
            if fresh.exists() {
                fs::remove_dir_all(&fresh)?;
            }
            if item.verb == Verb::Push {
                let delete = self.programs.delete(&self.server, &prefix);
                self.command(&self.server, &repo, tool, &delete)?;
            }
        }
        Ok(figures)
    }

    /// Deletes the data that the items of a data set left, which is no longer needed.
    pub(super) fn clean(&self, data: Data) -> Result<()> {
        for tool in ["haul", "dvc"] {
            let repo = self.dir.join(format!("{}-{tool}", data.name()));
            if repo.exists() {
                fs::remove_dir_all(repo)?;
            }
        }
        Ok(())
    }

    /// Returns a repository with the added data, which is made once for each data set, for haul and for DVC. The other tools
    /// copy haul's files.
    fn repository(&self, data: Data, tool: &str) -> Result<PathBuf> {
        let maker = if tool == "dvc" { "dvc" } else { "haul" };
        let repo = self.dir.join(format!("{}-{maker}", data.name()));
        if repo.exists() {
            return Ok(repo);
        }
        fs::create_dir_all(&repo)?;
        self.run(&repo, maker, &["init", "--no-scm", "--quiet"])?;
        let (n_files, size_bytes) = data.files();
        dataset::uniform(&repo.join("data"), n_files, size_bytes)?;
        self.run(&repo, maker, &["add", "--quiet", "data"])?;
        Ok(repo)
    }

    fn push(&self, tool: &str, server: &Server, repo: &Path, prefix: &str) -> Result<Vec<String>> {
        let cache = repo.join(".dvc/cache/files/md5");
        Ok(match tool {
            "haul" => self.programs.dvc_like(tool, &["push", "--json"]),
            "dvc" => self.programs.dvc_like(tool, &["push"]),
            _ => self.programs.upload(tool, server, &cache, &largest_below(&cache)?, prefix),
        })
    }

    /// Moves a file or tree away, if it exists.
    ///
    /// Many files are not deleted before a measurement: ext4 does not reuse the inodes of files that were deleted in the
    /// last seconds, and searches for others one by one, which would slow down the next tool that creates files.
    fn put_away(&self, data: Data, path: &Path) -> Result<()> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        if data.is_bulky() && path.is_dir() {
            return fs::remove_dir_all(path).with_context(|| format!("cannot delete {}", path.display()));
        }
        let attic = self.dir.join("attic");
        fs::create_dir_all(&attic)?;
        fs::rename(path, attic.join(self.next().to_string()))
            .with_context(|| format!("cannot put {} away", path.display()))
    }

    fn next(&self) -> u32 {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }

    fn run(&self, repo: &Path, tool: &str, arguments: &[&str]) -> Result<Figures> {
        self.command(&self.server, repo, tool, &self.programs.dvc_like(tool, arguments))
    }

    fn command(&self, server: &Server, repo: &Path, tool: &str, command: &[String]) -> Result<Figures> {
        let mut env = server.client_env();
        env.extend(peer_env(server));
        env.push(("DVC_NO_ANALYTICS".to_owned(), "1".to_owned()));
        env.push((
            "DVC_SITE_CACHE_DIR".to_owned(),
            self.dir.join(format!("site-{tool}")).display().to_string(),
        ));
        measure::run(&self.programs.python, repo, command, &env)
    }
}

/// The files are written directly, because running DVC's commands would take longer than the measurements.
fn set_remote(repo: &Path, server: &Server, prefix: &str) -> Result<()> {
    let config = format!(
        "[core]\n    no_scm = True\n    remote = bench\n['remote \"bench\"']\n    url = s3://{}/{prefix}\n    endpointurl = {}\n",
        server.bucket, server.endpoint
    );
    fs::write(repo.join(".dvc/config"), config).context("cannot configure a repository")
}

/// Returns the largest file below a directory of directories.
fn largest_below(folder: &Path) -> Result<PathBuf> {
    let mut largest = (0, PathBuf::new());
    for folder in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        for file in fs::read_dir(folder?.path())? {
            let file = file?;
            largest = largest.max((file.metadata()?.len(), file.path()));
        }
    }
    Ok(largest.1)
}
