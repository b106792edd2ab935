//! What is on the remote, read by a third party: botocore.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::side::{Programs, Side};
use super::snapshot::{Entry, Snapshot};
use crate::server::Server;

/// Prints one line for each object: key, size and MD5 of its bytes, as JSON.
const LIST: &str = r#"
import sys, json, hashlib, botocore.session
endpoint, bucket, prefix = sys.argv[1:]
client = botocore.session.get_session().create_client("s3", endpoint_url=endpoint, region_name="us-east-1")
for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix + "/"):
    for item in page.get("Contents", []):
        body = client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        print(json.dumps([item["Key"][len(prefix) + 1:], len(body), hashlib.md5(body).hexdigest()]))
"#;

/// Lets the buckets keep versions.
const KEEP_VERSIONS: &str = r#"
import sys, botocore.session
endpoint, *buckets = sys.argv[1:]
client = botocore.session.get_session().create_client("s3", endpoint_url=endpoint, region_name="us-east-1")
for bucket in buckets:
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
"#;

/// Writes standard input into an object.
const PUT: &str = r#"
import sys, botocore.session
endpoint, bucket, key = sys.argv[1:]
client = botocore.session.get_session().create_client("s3", endpoint_url=endpoint, region_name="us-east-1")
client.put_object(Bucket=bucket, Key=key, Body=bytes.fromhex(sys.stdin.read()))
"#;

/// Writes an object below the side's prefix.
pub(super) fn put(side: &Side<'_>, key: &str, bytes: &[u8]) -> Result<()> {
    use std::fmt::Write as _;
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}")?;
    }
    let mut python = Command::new(&side.programs.dvc)
        .args(["--script", PUT, &side.server.endpoint, &side.remote_bucket()])
        .arg(format!("{}/{key}", side.prefix))
        .envs(side.server.client_env())
        .stdin(Stdio::piped())
        .spawn()?;
    python.stdin.take().context("a pipe")?.write_all(hex.as_bytes())?;
    if !python.wait()?.success() {
        bail!("cannot put {key}");
    }
    Ok(())
}

/// Turns the versioning of buckets on.
pub(super) fn keep_versions(programs: &Programs, server: &Server, buckets: &[String]) -> Result<()> {
    let output = Command::new(&programs.dvc)
        .args(["--script", KEEP_VERSIONS, &server.endpoint])
        .args(buckets)
        .envs(server.client_env())
        .output()?;
    if !output.status.success() {
        bail!("cannot turn versioning on: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Lists the objects below the side's prefix.
pub(super) fn list(side: &Side<'_>) -> Result<Snapshot> {
    let output = Command::new(&side.programs.dvc)
        .args(["--script", LIST, &side.server.endpoint, &side.remote_bucket(), &side.prefix])
        .envs(side.server.client_env())
        .env("HOME", side.root())
        .output()?;
    if !output.status.success() {
        bail!(
            "cannot list s3://{}/{}: {}",
            side.remote_bucket(),
            side.prefix,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let mut snapshot = Snapshot::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let object: serde_json::Value = serde_json::from_str(line)?;
        let key = object[0].as_str().context("a key that is no text")?.to_owned();
        snapshot
            .insert(key, Entry::File { mode: 0, bytes: format!("{} {}", object[1], object[2]).into_bytes() });
    }
    Ok(snapshot)
}
