//! What is measured, and the state each run starts from.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::measure::{self, Figures};
use crate::dataset;
use crate::server::Server;

/// One line of the report.
pub(super) struct Item {
    pub(super) name: &'static str,
    pub(super) tools: &'static [&'static str],
    pub(super) max_runs: u32,
    data: Data,
    verb: Verb,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Data {
    /// 10 000 files of 4 KiB.
    Small,
    /// 1 file of 2 GiB.
    Large,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    RemoteList,
    Add,
    Status,
    Checkout,
    Push,
    PushNothing,
    Fetch,
}

const BOTH: &[&str] = &["haul", "dvc"];
const ALL: &[&str] = &["haul", "dvc", "s5cmd"];

pub(super) const ITEMS: &[Item] = &[
    Item { name: "remote-list", tools: BOTH, max_runs: 20, data: Data::Small, verb: Verb::RemoteList },
    Item { name: "a-add", tools: BOTH, max_runs: 5, data: Data::Small, verb: Verb::Add },
    Item { name: "a-status", tools: BOTH, max_runs: 10, data: Data::Small, verb: Verb::Status },
    Item { name: "a-checkout", tools: BOTH, max_runs: 5, data: Data::Small, verb: Verb::Checkout },
    Item { name: "a-push", tools: ALL, max_runs: 3, data: Data::Small, verb: Verb::Push },
    Item { name: "a-push-nothing", tools: BOTH, max_runs: 5, data: Data::Small, verb: Verb::PushNothing },
    Item { name: "a-fetch", tools: ALL, max_runs: 3, data: Data::Small, verb: Verb::Fetch },
    Item { name: "c-push", tools: ALL, max_runs: 3, data: Data::Large, verb: Verb::Push },
    Item { name: "c-fetch", tools: ALL, max_runs: 3, data: Data::Large, verb: Verb::Fetch },
];

pub(super) struct Programs {
    pub(super) haul: PathBuf,
    pub(super) dvc: PathBuf,
    pub(super) s5cmd: PathBuf,
    pub(super) python: PathBuf,
}

pub(super) struct Bench {
    pub(super) dir: PathBuf,
    pub(super) programs: Programs,
    pub(super) server: Server,
    /// Counts what was put away.
    pub(super) n_put_away: Cell<u32>,
}

impl Bench {
    /// Brings the repository of `tool` into the state the item starts from, and measures the item once.
    pub(super) fn measure(&self, item: &Item, tool: &str, run: u32) -> Result<Figures> {
        let repo = self.repository(item.data, tool)?;
        let prefix = match item.verb {
            // Every push goes to an empty place.
            Verb::Push => format!("{}/{tool}/{run}", item.name),
            _ => format!("{}/{tool}/shared", item.data.name()),
        };
        if tool != "s5cmd" {
            self.set_remote(&repo, tool, &prefix)?;
        }
        match item.verb {
            Verb::RemoteList | Verb::Push => {}
            Verb::Add => {
                self.put_away(&repo.join(".dvc/cache"))?;
                self.put_away(&repo.join(".dvc/tmp"))?;
                self.put_away(&repo.join("data.dvc"))?;
                self.put_away(&self.dir.join(format!("site-{tool}")))?;
                fs::create_dir(repo.join(".dvc/tmp"))?;
                fs::write(repo.join(".dvc/tmp/btime"), "")?;
            }
            Verb::Status => self.run(&repo, tool, &["status"]).map(drop)?,
            Verb::Checkout => self.put_away(&repo.join("data"))?,
            Verb::PushNothing | Verb::Fetch => {
                if run == 0 {
                    let push = self.push_command(tool, &repo, &prefix);
                    self.run_command(&repo, tool, &push)?;
                }
                if item.verb == Verb::Fetch {
                    self.put_away(&repo.join(".dvc/cache"))?;
                }
            }
        }
        // What earlier runs wrote must not be written back during this one.
        Command::new("sync").status()?;
        let command = match item.verb {
            Verb::RemoteList => self.command(tool, &["remote", "list"]),
            Verb::Add => self.command(tool, &["add", "data"]),
            Verb::Status => self.command(tool, &["status"]),
            Verb::Checkout => self.command(tool, &["checkout"]),
            Verb::Push | Verb::PushNothing => self.push_command(tool, &repo, &prefix),
            Verb::Fetch if tool == "s5cmd" => {
                let from = format!("s3://{}/{prefix}/*", self.server.bucket);
                let to = format!("{}/.dvc/cache/files/md5/", repo.display());
                self.s5cmd(&["cp", &from, &to])
            }
            Verb::Fetch => self.command(tool, &["fetch"]),
        };
        self.run_command(&repo, tool, &command)
    }

    /// Returns a repository with the data added, made once for each tool and data set.
    fn repository(&self, data: Data, tool: &str) -> Result<PathBuf> {
        let repo = self.dir.join(format!("{}-{tool}", data.name()));
        if repo.exists() {
            return Ok(repo);
        }
        // s5cmd only moves files: it gets the cache that haul makes.
        let maker = if tool == "s5cmd" { "haul" } else { tool };
        fs::create_dir_all(&repo)?;
        self.run(&repo, maker, &["init", "--no-scm", "--quiet"])?;
        match data {
            Data::Small => dataset::uniform(&repo.join("data"), 10_000, 4096)?,
            Data::Large => dataset::uniform(&repo.join("data"), 1, 2 << 30)?,
        };
        self.run(&repo, maker, &["add", "--quiet", "data"])?;
        Ok(repo)
    }

    fn set_remote(&self, repo: &Path, tool: &str, prefix: &str) -> Result<()> {
        let url = format!("s3://{}/{prefix}", self.server.bucket);
        // Written by hand: the runs of DVC's start-up would take longer than the measurements.
        let config = format!(
            "[core]\n    no_scm = True\n    remote = bench\n['remote \"bench\"']\n    url = {url}\n    endpointurl = {}\n",
            self.server.endpoint
        );
        fs::write(repo.join(".dvc/config"), config).with_context(|| format!("cannot configure {tool}"))
    }

    fn push_command(&self, tool: &str, repo: &Path, prefix: &str) -> Vec<String> {
        if tool != "s5cmd" {
            return self.command(tool, &["push"]);
        }
        let from = format!("{}/.dvc/cache/files/md5/", repo.display());
        self.s5cmd(&["cp", &from, &format!("s3://{}/{prefix}/", self.server.bucket)])
    }

    fn s5cmd(&self, arguments: &[&str]) -> Vec<String> {
        let mut command = vec![
            self.programs.s5cmd.display().to_string(),
            "--endpoint-url".to_owned(),
            self.server.endpoint.clone(),
            "--log".to_owned(),
            "error".to_owned(),
        ];
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        command
    }

    fn command(&self, tool: &str, arguments: &[&str]) -> Vec<String> {
        let program = if tool == "dvc" { &self.programs.dvc } else { &self.programs.haul };
        let mut command = vec![program.display().to_string()];
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        command
    }

    /// Takes a file or tree out of the way, if it is there.
    ///
    /// Nothing is deleted before a measurement: ext4 does not give out the inodes of files that were deleted in the last
    /// seconds, and looks for others one by one, so that the next tool to create files would pay for it.
    fn put_away(&self, path: &Path) -> Result<()> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        let number = self.n_put_away.get();
        self.n_put_away.set(number + 1);
        let attic = self.dir.join("attic");
        fs::create_dir_all(&attic)?;
        fs::rename(path, attic.join(number.to_string()))
            .with_context(|| format!("cannot put {} away", path.display()))
    }

    fn run(&self, repo: &Path, tool: &str, arguments: &[&str]) -> Result<Figures> {
        self.run_command(repo, tool, &self.command(tool, arguments))
    }

    fn run_command(&self, repo: &Path, tool: &str, command: &[String]) -> Result<Figures> {
        let mut env = self.server.client_env();
        env.push(("DVC_NO_ANALYTICS".to_owned(), "1".to_owned()));
        env.push((
            "DVC_SITE_CACHE_DIR".to_owned(),
            self.dir.join(format!("site-{tool}")).display().to_string(),
        ));
        measure::run(&self.programs.python, repo, command, &env)
    }
}

impl Data {
    fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
        }
    }
}
