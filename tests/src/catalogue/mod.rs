//! Finds real S3 servers, starts them on a free port, waits until they are ready, and kills them in the end.
//!
//! `tests/servers.toml` lists them, the paths of their programs and the features of each. All of them listen on loopback
//! only, with random keys and their own temporary directory.

mod ceph;
mod embedded;
mod minio;
mod moto;
mod process;
mod seaweedfs;
mod versitygw;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::announce::Announcement;
use crate::client::S3Client;
use crate::environment::process_variable;
use crate::random_text;
use crate::tls::{Certificate, CertificateFiles};

use process::Processes;

/// The domain whose subdomains are buckets.
const BUCKET_DOMAIN: &str = "s3.haul.test";

/// The entry of a server in `tests/servers.toml`.
#[derive(Debug, Clone, Deserialize)]
pub struct CatalogueEntry {
    programs: Vec<Program>,
    /// The command that installs it.
    pub install: String,
    /// Whether it can use TLS with a given certificate.
    pub tls: bool,
    /// Its features.
    can: Vec<String>,
    /// Further features, if MinIO's client program is installed.
    #[serde(default)]
    with_mc: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Program {
    variable: String,
    command: String,
}

/// A server to be started.
#[derive(Debug, Clone)]
pub struct ServerRequest {
    /// Its name in the catalogue.
    pub name: String,
    /// Whether it uses TLS.
    pub tls: bool,
    /// The buckets to create.
    pub buckets: Vec<String>,
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct RunningServer {
    announcement: Announcement,
    // The fields are dropped in this order: the processes end before their directory is deleted.
    _backing: Backing,
    _folder: tempfile::TempDir,
}

#[derive(Debug)]
enum Backing {
    Processes { _processes: Processes },
    Embedded { _server: crate::embedded::EmbeddedS3 },
}

/// The input of the code for one server.
struct Start<'a> {
    entry: &'a CatalogueEntry,
    folder: PathBuf,
    access_key: String,
    secret_key: String,
    tls: Option<CertificateFiles>,
    certificate: Option<Certificate>,
    buckets: &'a [String],
}

/// The result of the code for one server.
struct Started {
    backing: Backing,
    endpoint: String,
    kms_key_id: Option<String>,
    limited: Option<LimitedUser>,
}

/// A user with the rights to list, read and write in one bucket.
struct LimitedUser {
    access_key: String,
    secret_key: String,
    bucket: String,
    /// The bucket policy that gives the rights, if the server has not got them in another way.
    bucket_policy: Option<String>,
}

/// Reads the catalogue.
pub fn catalogue() -> BTreeMap<String, CatalogueEntry> {
    toml::from_str(include_str!("../../servers.toml")).expect("servers.toml is well-formed")
}

/// Returns the features of a server according to the catalogue and its announcement.
///
/// # Errors
/// If no server of that name is in the catalogue.
pub fn features_of(announcement: &Announcement) -> Result<Vec<String>> {
    let name = &announcement.name;
    let entry = catalogue().remove(name.strip_suffix("-tls").unwrap_or(name));
    let entry = entry.with_context(|| format!("no server is called `{name}`"))?;
    let mut features = entry.can;
    if announcement.limited_access_key.is_some() {
        features.extend(entry.with_mc);
    }
    Ok(features)
}

impl ServerRequest {
    /// Makes a request from a name such as `minio` or `minio-tls`, for one bucket called `bucket`.
    pub fn parse(name: &str) -> Self {
        let (name, tls) = match name.strip_suffix("-tls") {
            Some(name) => (name, true),
            None => (name, false),
        };
        Self { name: name.to_owned(), tls, buckets: vec!["bucket".to_owned()] }
    }

    /// Starts the server, waits until it is ready, and makes the buckets.
    ///
    /// # Errors
    /// If it is not in the catalogue, a program is missing (the error says how to install it), or it is not ready in time.
    pub fn start(&self) -> Result<RunningServer> {
        let catalogue = catalogue();
        let entry = catalogue.get(&self.name).with_context(|| {
            let known: Vec<_> = catalogue.keys().map(String::as_str).collect();
            format!("no server is called `{}`; there are {}", self.name, known.join(", "))
        })?;
        if self.tls && !entry.tls {
            bail!("{} cannot speak TLS here", self.name);
        }
        let folder = tempfile::Builder::new().prefix("haul-server-").tempdir()?;
        let certificate = if self.tls { Some(Certificate::generate()?) } else { None };
        let tls = certificate
            .as_ref()
            .map(|certificate| certificate.write_to(&folder.path().join("tls")))
            .transpose()?;
        let start = Start {
            entry,
            folder: folder.path().to_owned(),
            access_key: random_text(20),
            secret_key: random_text(40),
            tls,
            certificate,
            buckets: &self.buckets,
        };
        let started = match self.name.as_str() {
            "embedded" => embedded::start(&start)?,
            "minio" => minio::start(&start)?,
            "seaweedfs" => seaweedfs::start(&start)?,
            "moto" => moto::start(&start)?,
            "ceph" => ceph::start(&start)?,
            "versitygw" => versitygw::start(&start)?,
            other => bail!("the harness cannot start `{other}`"),
        };
        let limited = started.limited;
        let announcement = Announcement {
            name: if self.tls { format!("{}-tls", self.name) } else { self.name.clone() },
            endpoint: started.endpoint,
            access_key: start.access_key.clone(),
            secret_key: start.secret_key.clone(),
            region: "us-east-1".to_owned(),
            buckets: self.buckets.clone(),
            ca_bundle: start.tls.as_ref().map(|files| files.authority.display().to_string()),
            kms_key_id: started.kms_key_id,
            limited_access_key: limited.as_ref().map(|user| user.access_key.clone()),
            limited_secret_key: limited.as_ref().map(|user| user.secret_key.clone()),
            limited_bucket: limited.as_ref().map(|user| user.bucket.clone()),
            admin: None,
        };
        let client = S3Client::new(&announcement)?;
        for bucket in self.buckets.iter().chain(&announcement.limited_bucket) {
            client.make_bucket(bucket)?;
        }
        if let Some(LimitedUser { bucket, bucket_policy: Some(policy), .. }) = limited {
            client.set_policy(&bucket, policy)?;
        }
        Ok(RunningServer { announcement, _backing: started.backing, _folder: folder })
    }
}

impl RunningServer {
    /// Returns its announcement: its URL and its keys.
    pub fn announcement(&self) -> &Announcement {
        &self.announcement
    }

    /// Makes a client for it.
    pub fn client(&self) -> Result<S3Client> {
        S3Client::new(&self.announcement)
    }
}

impl Start<'_> {
    /// Returns the path of a program: its variable's value, else the one on the `PATH` of the test run.
    fn program(&self, command: &str) -> Result<PathBuf> {
        let program = self.entry.programs.iter().find(|program| program.command == command);
        let variable = program.map(|program| program.variable.as_str()).unwrap_or_default();
        find_program(variable, command).with_context(|| {
            format!("`{command}` is not there: {} (or point {variable} at it)", self.entry.install)
        })
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Returns the URL on this machine: with a host name if a certificate must match.
    fn url(&self, port: u16) -> String {
        let host = if self.tls.is_some() { "localhost" } else { "127.0.0.1" };
        format!("{}://{host}:{port}", self.scheme())
    }

    fn authority(&self) -> Option<&str> {
        self.certificate.as_ref().map(|certificate| certificate.authority_pem.as_str())
    }
}

fn find_program(variable: &str, command: &str) -> Option<PathBuf> {
    if let Some(path) = process_variable(variable) {
        return Some(PathBuf::from(path));
    }
    let path = process_variable("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(command)).find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogue_names_what_each_server_needs_and_can() {
        let catalogue = catalogue();
        let names = ["ceph", "embedded", "minio", "moto", "seaweedfs", "versitygw"];
        assert_eq!(catalogue.keys().collect::<Vec<_>>(), names);
        for (name, entry) in catalogue {
            assert!(!entry.can.is_empty(), "{name} proves nothing");
            assert_eq!(entry.programs.is_empty(), name == "embedded");
        }
    }

    #[test]
    fn server_that_is_not_installed_is_an_error_that_says_how_to_get_it() {
        let catalogue = catalogue();
        let start = Start {
            entry: catalogue.get("minio").unwrap(),
            folder: PathBuf::new(),
            access_key: String::new(),
            secret_key: String::new(),
            tls: None,
            certificate: None,
            buckets: &[],
        };
        let error = start.program("no-such-program").unwrap_err().to_string();
        assert!(error.contains("go install github.com/minio/minio@latest"), "{error}");
    }
}
