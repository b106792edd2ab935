//! The embedded S3 server as a program, for the demo and for experiments.
//!
//! Prints one line of JSON when it is ready (`haul_tests::announce`), and stops on SIGTERM or when its stdin, if
//! that is a pipe, closes.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use haul_tests::announce::{Announcement, wait_for_stop};
use haul_tests::embedded::{BucketOptions, EmbeddedOptions, EmbeddedS3 as Server, User, Versioning};
use haul_tests::tls::Certificate;

xflags::xflags! {
    /// An S3 server in one process: strict, in memory, for tests and demonstrations.
    cmd embedded-s3 {
        /// The address to listen on (127.0.0.1:0).
        optional --address address: SocketAddr
        /// The address at which requests can be read: GET and DELETE on /-/requests.
        optional --admin admin: SocketAddr
        /// The access key id (random).
        optional --access-key access_key: String
        /// The secret key (random).
        optional --secret-key secret_key: String
        /// The region of the buckets (us-east-1).
        optional --region region: String
        /// A bucket to create.
        repeated --bucket bucket: String
        /// Keep old versions in these buckets.
        optional --versioning
        /// The directory for bodies above one MiB (a temporary directory).
        optional --data-dir data_dir: PathBuf
        /// Use https; a directory for the certificate of the private authority that signs it.
        optional --tls-dir tls_dir: PathBuf
    }
}

fn main() -> Result<()> {
    let flags = EmbeddedS3::from_env_or_exit();
    let mut options = EmbeddedOptions::default();
    if let Some(address) = flags.address {
        options.address = address;
    }
    let user = User::new(
        flags.access_key.unwrap_or_else(|| haul_tests::random_text(20)),
        flags.secret_key.unwrap_or_else(|| haul_tests::random_text(40)),
    );
    options.users = vec![user.clone()];
    let region = flags.region.unwrap_or_else(|| "us-east-1".to_owned());
    let versioning = if flags.versioning { Versioning::Enabled } else { Versioning::Off };
    options.buckets = flags
        .bucket
        .iter()
        .map(|name| BucketOptions { region: region.clone(), versioning, ..BucketOptions::new(name) })
        .collect();
    options.data_dir = flags.data_dir;
    let mut ca_bundle = None;
    if let Some(folder) = &flags.tls_dir {
        let certificate = Certificate::generate()?;
        ca_bundle = Some(certificate.write_to(folder)?.authority.display().to_string());
        options.tls = Some(certificate);
    }
    let server = Server::start(options)?;
    let admin = flags.admin.map(|address| server.serve_admin(address)).transpose()?;
    Announcement {
        name: "embedded".to_owned(),
        endpoint: server.endpoint(),
        access_key: user.access_key,
        secret_key: user.secret_key,
        region,
        buckets: flags.bucket,
        ca_bundle,
        kms_key_id: None,
        limited_access_key: None,
        limited_secret_key: None,
        limited_bucket: None,
        admin: admin.map(|address| format!("http://{address}")),
    }
    .print()?;
    wait_for_stop()
}
