//! Starts processes of servers with a log, watches and ends them.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::client::http_client;

/// The processes of one server, and their logs. They are ended when this is dropped.
#[derive(Debug)]
pub(super) struct Processes {
    folder: PathBuf,
    children: Vec<(String, Child)>,
}

impl Processes {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), children: Vec::new() }
    }

    /// Starts a process in the background; its output goes to `NAME.log`.
    pub(super) fn spawn(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let log = self.log(name)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).current_dir(&self.folder);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        self.children.push((name.to_owned(), child));
        Ok(())
    }

    /// Runs a process to its end.
    pub(super) fn run(&self, command: &mut Command) -> Result<()> {
        let log = self.log("setup")?;
        let status = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .current_dir(&self.folder)
            .status()
            .with_context(|| format!("cannot run {command:?}"))?;
        if !status.success() {
            bail!("{command:?} ended with {status}\n{}", self.tail("setup"));
        }
        Ok(())
    }

    /// Waits until `ready` returns true; fails if a process ends or the time is up.
    pub(super) fn wait_until(
        &mut self,
        what: &str,
        limit: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            if ready() {
                return Ok(());
            }
            for (name, child) in &mut self.children {
                if let Some(status) = child.try_wait()? {
                    let name = name.clone();
                    bail!("{name} ended with {status}\n{}", self.tail(&name));
                }
            }
            if Instant::now() > end {
                let logs: String = self.children.iter().map(|(name, _)| self.tail(name)).collect();
                bail!("{what}: not ready after {limit:?}\n{logs}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn log(&self, name: &str) -> Result<std::fs::File> {
        let path = self.folder.join(format!("{name}.log"));
        let file = fs_err::OpenOptions::new().create(true).append(true).open(path)?;
        Ok(file.into_parts().0)
    }

    fn tail(&self, name: &str) -> String {
        let text = fs_err::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(20)..].join("\n");
        format!("---- the end of {name}.log\n{last}\n")
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // A process depends on those that were started before it.
        for (_, child) in self.children.iter_mut().rev() {
            end(child);
        }
    }
}

/// Ends a process: with SIGTERM, and after three seconds with SIGKILL.
fn end(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        kill_process(pid, Signal::TERM).ok();
    }
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(child.kill());
    drop(child.wait());
}

/// Finds `n` consecutive free ports. Another process may take one before it is used; the caller then tries again.
pub(super) fn free_ports(n: u16) -> Result<u16> {
    for _ in 0..100 {
        let first = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        // SeaweedFS also uses its ports plus 10000, so the ports must be low.
        let first = 10_000 + first % 12_000;
        let is_free = |port: u16| TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).is_ok();
        if (first..first + n).all(|port| is_free(port) && is_free(port + 10_000)) {
            return Ok(first);
        }
    }
    bail!("no {n} free ports in a row")
}

/// Returns the status of the reply to a plain GET; `None` without a reply.
pub(super) fn get_status(url: &str, authority: Option<&str>) -> Option<u16> {
    let client = http_client(authority.map(str::as_bytes)).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let reply =
        runtime.block_on(async { client.get(url).timeout(Duration::from_secs(3)).send().await }).ok()?;
    Some(reply.status().as_u16())
}
