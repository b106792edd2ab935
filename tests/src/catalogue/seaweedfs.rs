//! SeaweedFS: all its roles in one process. <https://github.com/seaweedfs/seaweedfs/wiki>

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::process::{Processes, free_ports, get_status};
use super::{BUCKET_DOMAIN, Backing, LimitedUser, Start, Started};
use crate::random_text;

pub(super) fn start(start: &Start<'_>) -> Result<Started> {
    let weed = start.program("weed")?;
    // The ports of S3, its https, master, volume and filer.
    let port = free_ports(5)?;
    let folder = &start.folder;
    fs_err::create_dir_all(folder.join("data"))?;
    let limited = LimitedUser {
        access_key: random_text(20),
        secret_key: random_text(40),
        bucket: "limited".to_owned(),
        bucket_policy: None,
    };
    let identities = serde_json::json!({ "identities": [
        { "name": "admin",
          "credentials": [{ "accessKey": start.access_key, "secretKey": start.secret_key }],
          "actions": ["Admin", "Read", "Write", "List", "Tagging"] },
        { "name": "limited",
          "credentials": [{ "accessKey": limited.access_key, "secretKey": limited.secret_key }],
          "actions": ["Read:limited", "Write:limited", "List:limited"] },
    ]});
    fs_err::write(folder.join("s3.json"), identities.to_string())?;
    // One volume per bucket at a time, and not seven, so that many small buckets fit.
    fs_err::write(folder.join("master.toml"), "[master.volume_growth]\ncopy_1 = 1\n")?;
    let master = port + 2;
    let mut command = Command::new(weed);
    command
        .args(["-logtostderr=true", "-v=0", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
        .arg(format!("-dir={}", folder.join("data").display()))
        .arg(format!("-master.port={master}"))
        .arg(format!("-volume.port={}", port + 3))
        .arg(format!("-filer.port={}", port + 4))
        .args([
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=1024",
            "-volume.max=100",
            "-filer",
            "-s3",
        ])
        .arg(format!("-filer.localSocket={}", folder.join("filer.sock").display()))
        .arg(format!("-s3.localSocket={}", folder.join("s3.sock").display()))
        .arg(format!("-s3.port={port}"))
        .arg(format!("-s3.domainName={BUCKET_DOMAIN}"))
        .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
        .arg(format!("-s3.config={}", folder.join("s3.json").display()))
        // The key that encrypts the keys of SSE-S3, for tests only.
        .env("WEED_S3_SSE_KEK", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    let mut s3_port = port;
    if let Some(tls) = &start.tls {
        s3_port = port + 1;
        command
            .arg(format!("-s3.port.https={s3_port}"))
            .arg(format!("-s3.cert.file={}", tls.certificate.display()))
            .arg(format!("-s3.key.file={}", tls.key.display()));
    }
    let mut processes = Processes::new(folder);
    processes.spawn("weed", &mut command)?;
    let limit = Duration::from_secs(90);
    let url = start.url(s3_port);
    processes.wait_until("seaweedfs", limit, || {
        get_status(&format!("{url}/"), start.authority()).is_some_and(|status| status != 503)
    })?;
    // The gateway replies before a volume can be assigned.
    let assign = format!("http://127.0.0.1:{master}/dir/assign");
    processes.wait_until("seaweedfs", limit, || get_status(&assign, None) == Some(200))?;
    let backing = Backing::Processes { _processes: processes };
    Ok(Started { backing, endpoint: url, kms_key_id: None, limited: Some(limited) })
}
