//! S3 servers for the tasks, started through the binaries of the test harness.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::project::{Profile, Project};
use crate::tools;

/// A running server with buckets in it. It stops when this is dropped.
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) endpoint: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    /// The first of the buckets.
    pub(crate) bucket: String,
    /// The server's process; `None` for an endpoint that was not started here.
    child: Option<Child>,
}

impl Server {
    /// Starts the server called `name`, or uses the endpoint whose URL is `name`. The embedded server is compiled with
    /// `profile`.
    pub(crate) fn start(project: &Project, name: &str, buckets: &[&str], profile: Profile) -> Result<Self> {
        Self::start_with(project, name, buckets, profile, &[])
    }

    /// Starts the embedded server with buckets that keep versions.
    pub(crate) fn start_versioned(project: &Project, buckets: &[&str], profile: Profile) -> Result<Self> {
        Self::start_with(project, "embedded", buckets, profile, &["--versioning"])
    }

    fn start_with(
        project: &Project,
        name: &str,
        buckets: &[&str],
        profile: Profile,
        arguments: &[&str],
    ) -> Result<Self> {
        let bucket = *buckets.first().context("a server without a bucket")?;
        if name.starts_with("http://") || name.starts_with("https://") {
            return Self::external(name, bucket);
        }
        let mut command = if name == "embedded" {
            Command::new(project.build("haul-tests", "embedded-s3", profile)?)
        } else {
            let mut command = Command::new(project.build("haul-tests", "serve-s3", Profile::Dev)?);
            match name {
                "minio" => {
                    command.env("MINIO_BIN", tools::minio(project)?);
                }
                "seaweedfs" => {
                    command.env("WEED_BIN", tools::Venv::servers(project)?.program("weed"));
                }
                "moto" => {
                    command.env("MOTO_SERVER_BIN", tools::Venv::servers(project)?.program("moto_server"));
                }
                "ceph" => tools::ceph(project)?,
                _ => {
                    bail!("unknown server `{name}`: expected embedded, minio, seaweedfs, moto, ceph or a URL")
                }
            }
            command.arg(name);
            command
        };
        // The server stops when its standard input closes, even if this program is killed.
        for bucket in buckets {
            command.args(["--bucket", bucket]);
        }
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start the server {name}"))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the server has no standard output")?)
            .read_line(&mut line)?;
        let ready: serde_json::Value = serde_json::from_str(&line)
            .with_context(|| format!("the server {name} did not start; it said: {line}"))?;
        let text = |key: &str| -> Result<String> {
            Ok(ready[key]
                .as_str()
                .with_context(|| format!("the server {name} did not tell its {key}"))?
                .to_owned())
        };
        Ok(Self {
            name: name.to_owned(),
            endpoint: text("endpoint")?,
            access_key: text("access_key")?,
            secret_key: text("secret_key")?,
            bucket: bucket.to_owned(),
            child: Some(child),
        })
    }

    /// Returns the same server behind a proxy with this round trip time.
    pub(crate) fn far(&self, proxy: &Path, round_trip_ms: u64) -> Result<Self> {
        let upstream = self.endpoint.strip_prefix("http://").context("only http goes through the proxy")?;
        let mut command = Command::new(proxy);
        command.args(["--upstream", upstream, "--round-trip-ms", &round_trip_ms.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the proxy has no standard output")?)
            .read_line(&mut line)?;
        Ok(Self {
            name: format!("{}, {round_trip_ms} ms away", self.name),
            endpoint: format!("http://{}", line.trim()),
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.clone(),
            bucket: self.bucket.clone(),
            child: Some(child),
        })
    }

    fn external(endpoint: &str, bucket: &str) -> Result<Self> {
        let variable =
            |name: &str| std::env::var(name).with_context(|| format!("set {name} for the server {endpoint}"));
        Ok(Self {
            name: endpoint.to_owned(),
            endpoint: endpoint.to_owned(),
            access_key: variable("AWS_ACCESS_KEY_ID")?,
            secret_key: variable("AWS_SECRET_ACCESS_KEY")?,
            bucket: std::env::var("HAUL_DEMO_BUCKET").unwrap_or_else(|_| bucket.to_owned()),
            child: None,
        })
    }

    /// Returns the environment variables that a client of this server needs.
    pub(crate) fn client_env(&self) -> Vec<(String, String)> {
        [
            ("AWS_ACCESS_KEY_ID", self.access_key.as_str()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_key.as_str()),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
            // It stops by itself now, and may have much data to delete; the limit is for a server that hangs.
            for _ in 0..1200 {
                if child.try_wait().is_ok_and(|status| status.is_some()) {
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            let _killed = child.kill();
            let _status = child.wait();
        }
    }
}
