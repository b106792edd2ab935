//! MinIO: one process, one directory. <https://github.com/minio/minio>

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::process::{Processes, free_ports, get_status};
use super::{BUCKET_DOMAIN, Backing, LimitedUser, Start, Started, find_program};
use crate::random_text;

const KMS_KEY: &str = "testkey-1";
/// The only rights of the limited user; in other buckets than `limited`, the bucket's name determines them.
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": ["s3:ListBucket"],
   "Resource": ["arn:aws:s3:::limited", "arn:aws:s3:::rights-lgp-*", "arn:aws:s3:::rights-lgpd-*",
                "arn:aws:s3:::rights-lgpv-*", "arn:aws:s3:::rights-lgpvd-*"]},
  {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
   "Resource": ["arn:aws:s3:::limited/*", "arn:aws:s3:::rights-lgp-*/*", "arn:aws:s3:::rights-lgpd-*/*",
                "arn:aws:s3:::rights-gp-*/*", "arn:aws:s3:::rights-lgpv-*/*", "arn:aws:s3:::rights-lgpvd-*/*"]},
  {"Effect": "Allow", "Action": ["s3:GetObjectVersion"],
   "Resource": ["arn:aws:s3:::rights-lgpv-*/*", "arn:aws:s3:::rights-lgpvd-*/*"]},
  {"Effect": "Allow", "Action": ["s3:ListBucketVersions"], "Resource": ["arn:aws:s3:::rights-lgpvd-*"]},
  {"Effect": "Allow", "Action": ["s3:DeleteObjectVersion"], "Resource": ["arn:aws:s3:::rights-lgpvd-*/*"]},
  {"Effect": "Allow", "Action": ["s3:DeleteObject"],
   "Resource": ["arn:aws:s3:::rights-lgpd-*/*", "arn:aws:s3:::rights-lgpvd-*/*"]}]}"#;

pub(super) fn start(start: &Start<'_>) -> Result<Started> {
    let minio = start.program("minio")?;
    let port = free_ports(2)?;
    let folder = &start.folder;
    let certificates = folder.join("certs");
    fs_err::create_dir_all(folder.join("data"))?;
    fs_err::create_dir_all(&certificates)?;
    if let Some(tls) = &start.tls {
        fs_err::copy(&tls.certificate, certificates.join("public.crt"))?;
        fs_err::copy(&tls.key, certificates.join("private.key"))?;
    }
    let mut processes = Processes::new(folder);
    let mut command = Command::new(minio);
    command
        .arg("server")
        .arg(folder.join("data"))
        .args(["--address", &format!("127.0.0.1:{port}")])
        .args(["--console-address", &format!("127.0.0.1:{}", port + 1)])
        .arg("--certs-dir")
        .arg(&certificates)
        .env("MINIO_ROOT_USER", &start.access_key)
        .env("MINIO_ROOT_PASSWORD", &start.secret_key)
        // The name of a KMS key and its 32 bytes in base64, for tests only.
        .env("MINIO_KMS_SECRET_KEY", format!("{KMS_KEY}:MDAxMTIyMzM0NDU1NjY3Nzg4OTlhYWJiY2NkZGVlZmY="))
        .env("MINIO_DOMAIN", BUCKET_DOMAIN)
        .envs([("MINIO_BROWSER", "off"), ("MINIO_UPDATE", "off"), ("MINIO_CALLHOME_ENABLE", "off")]);
    processes.spawn("minio", &mut command)?;
    let url = start.url(port);
    let health = format!("{url}/minio/health/ready");
    processes.wait_until("minio", Duration::from_mins(1), || {
        get_status(&health, start.authority()) == Some(200)
    })?;
    let limited = match find_program("MC_BIN", "mc") {
        Some(mc) => Some(limited_user(start, &processes, &mc, &url)?),
        None => None,
    };
    let backing = Backing::Processes { _processes: processes };
    Ok(Started { backing, endpoint: url, kms_key_id: Some(KMS_KEY.to_owned()), limited })
}

/// Users are made through an API with encrypted messages, which MinIO's own client implements.
fn limited_user(
    start: &Start<'_>,
    processes: &Processes,
    mc: &std::path::Path,
    url: &str,
) -> Result<LimitedUser> {
    let user = LimitedUser {
        access_key: random_text(20),
        secret_key: random_text(40),
        bucket: "limited".to_owned(),
        bucket_policy: None,
    };
    let config = start.folder.join("mc");
    let policy = start.folder.join("limited.json");
    fs_err::write(&policy, POLICY)?;
    if let Some(tls) = &start.tls {
        let authorities = config.join("certs/CAs");
        fs_err::create_dir_all(&authorities)?;
        fs_err::copy(&tls.authority, authorities.join("ca.pem"))?;
    }
    let run = |arguments: &[&str]| {
        let mut command = Command::new(mc);
        command.args(["--quiet", "--config-dir"]).arg(&config).args(arguments);
        processes.run(&mut command)
    };
    run(&["alias", "set", "t", url, &start.access_key, &start.secret_key, "--api", "S3v4"])?;
    run(&["admin", "user", "add", "t", &user.access_key, &user.secret_key])?;
    run(&["admin", "policy", "create", "t", "limited", &policy.display().to_string()])?;
    run(&["admin", "policy", "attach", "t", "limited", "--user", &user.access_key])?;
    Ok(user)
}
