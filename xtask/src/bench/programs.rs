//! The tools, and their commands for each work item.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::project::{Profile, Project};
use crate::server::Server;
use crate::tools::{Venv, find_on_path};

/// The number of connections of the other tools that have an option for it; s5cmd uses 256 by default.
const RCLONE_TRANSFERS: &str = "32";

pub(super) struct Programs {
    pub(super) haul: PathBuf,
    pub(super) dvc: PathBuf,
    pub(super) python: PathBuf,
    s5cmd: PathBuf,
    rclone: PathBuf,
    curl: Option<PathBuf>,
}

impl Programs {
    pub(super) fn find(project: &Project) -> Result<Self> {
        let clients = Venv::clients(project)?;
        Ok(Self {
            haul: project.build("haul", "haul", Profile::Release)?,
            dvc: clients.program("dvc"),
            python: clients.program("python"),
            s5cmd: clients.program("s5cmd"),
            rclone: Venv::peers(project)?.program("rclone"),
            curl: find_on_path("curl"),
        })
    }

    /// Returns whether the tool is installed.
    pub(super) fn has(&self, tool: &str) -> bool {
        tool != "curl" || self.curl.is_some()
    }

    /// Returns the command of `dvc` or `haul` with arguments.
    pub(super) fn dvc_like(&self, tool: &str, arguments: &[&str]) -> Vec<String> {
        words(if tool == "dvc" { &self.dvc } else { &self.haul }, arguments)
    }

    /// Returns the command that copies all files of a directory to a prefix; `only` is one file of it.
    pub(super) fn upload(
        &self,
        tool: &str,
        server: &Server,
        from: &Path,
        only: &Path,
        to: &str,
    ) -> Vec<String> {
        let (folder, file) = (from.display().to_string(), only.display().to_string());
        let url = format!("{}/{}/{to}/object", server.endpoint, server.bucket);
        match tool {
            "curl" => self.curl(&["--upload-file", &file, &url]),
            "rclone" => self.rclone(&["copy", &folder, &format!("bench:{}/{to}", server.bucket)]),
            _ => self.s5cmd(server, &["cp", &format!("{folder}/"), &format!("s3://{}/{to}/", server.bucket)]),
        }
    }

    /// Returns the command that copies all objects below a prefix into a directory; curl gets the one that it sent.
    pub(super) fn download(&self, tool: &str, server: &Server, from: &str, to: &Path) -> Vec<String> {
        let folder = to.display().to_string();
        let url = format!("{}/{}/{from}/object", server.endpoint, server.bucket);
        match tool {
            "curl" => self.curl(&["--output", &format!("{folder}/object"), &url]),
            "rclone" => self.rclone(&["copy", &format!("bench:{}/{from}", server.bucket), &folder]),
            _ => self
                .s5cmd(server, &["cp", &format!("s3://{}/{from}/*", server.bucket), &format!("{folder}/")]),
        }
    }

    /// Returns the command that deletes all objects below a prefix.
    pub(super) fn delete(&self, server: &Server, prefix: &str) -> Vec<String> {
        self.s5cmd(server, &["rm", &format!("s3://{}/{prefix}/*", server.bucket)])
    }

    fn s5cmd(&self, server: &Server, arguments: &[&str]) -> Vec<String> {
        let mut command = words(&self.s5cmd, &["--endpoint-url", &server.endpoint, "--log", "error"]);
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        command
    }

    fn rclone(&self, arguments: &[&str]) -> Vec<String> {
        let mut command = words(&self.rclone, arguments);
        for flag in ["--transfers", RCLONE_TRANSFERS, "--checkers", RCLONE_TRANSFERS, "--s3-no-check-bucket"]
        {
            command.push(flag.to_owned());
        }
        command
    }

    fn curl(&self, arguments: &[&str]) -> Vec<String> {
        let program = self.curl.as_deref().unwrap_or(Path::new("curl"));
        // The environment of the run names a file with the keys.
        let mut command = words(program, &["--silent", "--show-error", "--fail", "--config", "curl.conf"]);
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        command
    }
}

/// Returns the variables that the other tools need for the server in addition to DVC's.
pub(super) fn peer_env(server: &Server) -> Vec<(String, String)> {
    [
        ("RCLONE_CONFIG", "/dev/null"),
        ("RCLONE_CONFIG_BENCH_TYPE", "s3"),
        ("RCLONE_CONFIG_BENCH_PROVIDER", "Minio"),
        ("RCLONE_CONFIG_BENCH_ENV_AUTH", "true"),
        ("RCLONE_CONFIG_BENCH_ENDPOINT", &server.endpoint),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn words(program: &Path, arguments: &[&str]) -> Vec<String> {
    let mut command = vec![program.display().to_string()];
    command.extend(arguments.iter().map(|&argument| argument.to_owned()));
    command
}
