//! Tests against real S3 servers.
//!
//! `HAUL_TEST_SERVERS` names them: a comma-separated list of names of `tests/servers.toml` (`minio,minio-tls,ceph`), which
//! are started here, or a JSON list of running endpoints (the fields of `haul_tests::announce`). Without it these tests
//! print that they are skipped; with `REQUIRE_INTEGRATION=1` they fail instead.
//!
//! Each test runs on every server. If the catalogue says that a server lacks a feature, the test still runs and must fail,
//! so that the catalogue stays up to date. Each result is one `MATRIX` line on stdout, and one line of JSON in the file
//! that `HAUL_MATRIX` names.

use std::io::{BufRead, BufReader, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use haul_tests::announce::Announcement;
use haul_tests::catalogue::features_of;
use haul_tests::client::{S3Client, take_read_back};
use haul_tests::environment::process_variable;
use haul_tests::{Folder, TestEnvironment, random_text};

use crate::environment;

mod access;
mod bystanders;
mod damage;
mod encryption;
mod garbage;
mod matrix;
mod privilege;
mod sts;
mod uploads;
mod versions;

/// A server of this run.
struct Server {
    announcement: Announcement,
    /// `None` for running endpoints of the user, which are expected to have all features.
    features: Option<Vec<String>>,
    /// The server's process, which ends when this process ends and so closes its stdin.
    _process: Option<Child>,
}

static SERVERS: LazyLock<Vec<Server>> = LazyLock::new(|| {
    let Some(wanted) = process_variable("HAUL_TEST_SERVERS") else { return Vec::new() };
    let wanted = wanted.into_string().expect("HAUL_TEST_SERVERS is text");
    if wanted.trim_start().starts_with('[') {
        let given: Vec<Announcement> =
            serde_json::from_str(&wanted).expect("HAUL_TEST_SERVERS is a list of endpoints");
        return given
            .into_iter()
            .map(|announcement| Server { announcement, features: None, _process: None })
            .collect();
    }
    wanted.split(',').map(str::trim).filter(|name| !name.is_empty()).map(start).collect()
});

fn start(name: &str) -> Server {
    let mut child = Command::new(env!("CARGO_BIN_EXE_serve-s3"))
        .arg(name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
    let mut line = String::new();
    let stdout = child.stdout.take().expect("stdout is a pipe");
    BufReader::new(stdout)
        .read_line(&mut line)
        .unwrap_or_else(|error| panic!("{name} says nothing: {error}"));
    let announcement: Announcement = serde_json::from_str(&line)
        .unwrap_or_else(|error| panic!("{name} did not start (its error is above): {error}"));
    let features = features_of(&announcement).unwrap_or_else(|error| panic!("{error:#}"));
    Server { announcement, features: Some(features), _process: Some(child) }
}

impl Server {
    fn can(&self, feature: &str) -> bool {
        self.features.as_ref().is_none_or(|features| features.iter().any(|known| known == feature))
    }

    fn speaks_tls(&self) -> bool {
        self.announcement.endpoint.starts_with("https:")
    }

    fn client(&self) -> S3Client {
        S3Client::new(&self.announcement).unwrap_or_else(|error| panic!("{error:#}"))
    }
}

/// The input of a test: a server, and a world with a repository whose remote is a new prefix on that server.
struct Ground<'a> {
    server: &'a Server,
    environment: TestEnvironment,
    bucket: String,
    prefix: String,
}

impl Ground<'_> {
    /// Makes a repository with the remote, and these options of it.
    fn repository(&self, options: &[(&str, &str)]) -> Folder<'_> {
        let repo = self.environment.repository("repo");
        let url = format!("s3://{}/{}", self.bucket, self.prefix);
        repo.haul(["remote", "add", "-d", "origin", &url]).success();
        let set = |option: &str, value: &str| {
            repo.haul(["remote", "modify", "origin", option, value]).success();
        };
        set("endpointurl", &self.server.announcement.endpoint);
        if let Some(bundle) = &self.server.announcement.ca_bundle {
            set("ssl_verify", bundle);
        }
        for (option, value) in options {
            set(option, value);
        }
        repo
    }

    /// Returns the key of the object with this MD5.
    fn key(&self, oid: &str) -> String {
        format!("{}/files/md5/{}/{}", self.prefix, &oid[..2], &oid[2..])
    }

    /// Returns the keys under the prefix.
    fn keys(&self) -> Vec<String> {
        self.server.client().keys(&self.bucket, &self.prefix).unwrap_or_else(|error| panic!("{error:#}"))
    }
}

/// What a test shows, and how.
#[derive(Clone, Copy)]
struct Case {
    /// The option or case, as the matrix names it.
    subject: &'static str,
    /// What was read back, and from where.
    proof: &'static str,
    /// The feature that a server needs, if not all servers have it.
    feature: Option<fn(&Server) -> &'static str>,
    /// Whether it only concerns servers with TLS (true) or without TLS (false).
    tls: Option<bool>,
}

impl Case {
    /// Makes a case that every server can do.
    const fn everywhere(subject: &'static str, proof: &'static str) -> Self {
        Self { subject, proof, feature: None, tls: None }
    }

    /// Makes a case that needs a feature of the server.
    const fn where_there_is(
        subject: &'static str,
        proof: &'static str,
        feature: fn(&Server) -> &'static str,
    ) -> Self {
        Self { subject, proof, feature: Some(feature), tls: None }
    }

    /// Restricts it to servers without TLS.
    const fn over_http(self) -> Self {
        Self { tls: Some(false), ..self }
    }

    /// Restricts it to servers with TLS.
    const fn over_tls(self) -> Self {
        Self { tls: Some(true), ..self }
    }

    /// Records a result.
    #[expect(clippy::print_stdout, reason = "the results are to be seen while the tests run")]
    fn record(&self, server: &str, result: &str) {
        let Self { subject, proof, .. } = self;
        let read_back: Vec<String> = take_read_back().into_iter().collect();
        println!("MATRIX {server}: {subject}: {result} ({})", read_back.join(", "));
        let Some(path) = process_variable("HAUL_MATRIX") else { return };
        let line = serde_json::json!({
            "subject": subject,
            "proof": proof,
            "server": server,
            "result": result,
            "read_back": if result == "passed" { read_back } else { Vec::new() },
        });
        let mut file =
            fs_err::OpenOptions::new().create(true).append(true).open(std::path::PathBuf::from(path));
        // The line is written with one call, because tests run in parallel.
        let written = file.as_mut().map(|file| file.write_all(format!("{line}\n").as_bytes()));
        assert!(matches!(written, Ok(Ok(()))), "the result cannot be written: {written:?}");
    }
}

/// Runs `test` on every server.
fn on_every_server(case: Case, test: impl Fn(&mut Ground<'_>)) {
    let subject = case.subject;
    if SERVERS.is_empty() {
        let required = process_variable("REQUIRE_INTEGRATION").is_some();
        assert!(!required, "REQUIRE_INTEGRATION is set, but HAUL_TEST_SERVERS names no server");
        skipped(subject);
        return;
    }
    let mut failures = Vec::new();
    for server in SERVERS.iter().filter(|server| case.tls.is_none_or(|tls| tls == server.speaks_tls())) {
        let name = &server.announcement.name;
        let supported = case.feature.is_none_or(|feature| server.can(feature(server)));
        take_read_back();
        let result = catch_unwind(AssertUnwindSafe(|| test(&mut ground(server))));
        let word = match (&result, supported) {
            (Ok(()), true) => "passed",
            (Err(_), false) => "unsupported",
            (Err(_), true) => "failed",
            (Ok(()), false) => "passed-unexpectedly",
        };
        case.record(name, word);
        match (result, supported) {
            (Err(panic), true) => failures.push(panic),
            (Ok(()), false) => {
                failures.push(Box::new(format!("{name} can do {subject}: say so in tests/servers.toml")));
            }
            _ => {}
        }
    }
    if let Some(failure) = failures.pop() {
        resume_unwind(failure);
    }
}

#[expect(clippy::print_stderr, reason = "a test that did not run must be seen")]
fn skipped(subject: &str) {
    eprintln!("SKIPPED {subject}: HAUL_TEST_SERVERS names no server (cargo xtask integration does)");
}

fn ground(server: &Server) -> Ground<'_> {
    let mut environment = environment();
    // These tests do not depend on the disk, and each wait for it would also wait for the data of the servers.
    environment.set("HAUL_DURABILITY", "none");
    let announcement = &server.announcement;
    environment.set("AWS_ACCESS_KEY_ID", &announcement.access_key);
    environment.set("AWS_SECRET_ACCESS_KEY", &announcement.secret_key);
    environment.set("AWS_DEFAULT_REGION", &announcement.region);
    environment.guard_secret(&announcement.secret_key);
    let bucket = announcement.buckets.first().cloned().unwrap_or_else(|| "bucket".to_owned());
    Ground { server, environment, bucket, prefix: random_text(12) }
}
