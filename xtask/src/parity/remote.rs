//! What is on the remote, read by a third party: botocore.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::side::Side;
use super::snapshot::{Entry, Snapshot};

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

/// Lists the objects below the side's prefix.
pub(super) fn list(side: &Side<'_>) -> Result<Snapshot> {
    let output = Command::new(&side.programs.python)
        .args(["-c", LIST, &side.server.endpoint, side.bucket, &side.prefix])
        .envs(side.server.client_env())
        .env("HOME", side.root())
        .output()?;
    if !output.status.success() {
        bail!(
            "cannot list s3://{}/{}: {}",
            side.bucket,
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
