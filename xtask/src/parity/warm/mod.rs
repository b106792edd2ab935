//! Real DVC without its start: one process has imported it and forks for each command.
//!
//! The program that [`Warm`] offers takes the place of `dvc` everywhere: it hands its directory, environment, arguments and
//! streams to that process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::tools::Venv;

/// The running process. It stops when this is dropped.
#[derive(Debug)]
pub(super) struct Warm {
    /// The program to call as `dvc`.
    pub(super) program: PathBuf,
    server: Child,
}

impl Warm {
    /// Starts the process, with its files in `dir`.
    pub(super) fn start(venv: &Venv, dir: &Path) -> Result<Self> {
        let (python, script, socket) = (venv.program("python"), dir.join("server.py"), dir.join("socket"));
        std::fs::create_dir_all(dir)?;
        std::fs::write(&script, include_str!("server.py"))?;
        let mut server = Command::new(&python)
            .args([&script, &socket])
            // DVC reads texts as the locale of its start says.
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", python.display()))?;
        let mut line = String::new();
        BufReader::new(server.stdout.take().context("a pipe")?).read_line(&mut line)?;
        if line.trim() != "ready" {
            bail!("{} did not start", script.display());
        }
        let program = dir.join("dvc");
        let client =
            include_str!("client.py").replace("\"SOCKET\"", &format!("{:?}", socket.display().to_string()));
        std::fs::write(&program, format!("#!{} -IS\n{client}", python.display()))?;
        make_executable(&program)?;
        Ok(Self { program, server })
    }
}

impl Drop for Warm {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ended = self.server.wait();
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<()> {
    Ok(std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?)
}

#[cfg(not(unix))]
fn make_executable(path: &Path) -> Result<()> {
    bail!("{} needs a system with fork", path.display())
}
