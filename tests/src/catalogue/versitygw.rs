//! versitygw: S3 in front of a POSIX file system. <https://github.com/versity/versitygw>

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::process::{Processes, free_ports, get_status};
use super::{BUCKET_DOMAIN, Backing, Start, Started};

pub(super) fn start(start: &Start<'_>) -> Result<Started> {
    let versitygw = start.program("versitygw")?;
    let port = free_ports(1)?;
    let (data, versions) = (start.folder.join("data"), start.folder.join("versions"));
    fs_err::create_dir_all(&data)?;
    fs_err::create_dir_all(&versions)?;
    let mut processes = Processes::new(&start.folder);
    let mut command = Command::new(versitygw);
    // The keys are passed in the environment, as all users can see arguments.
    command
        .env("ROOT_ACCESS_KEY", &start.access_key)
        .env("ROOT_SECRET_KEY", &start.secret_key)
        .args(["--port", &format!("127.0.0.1:{port}"), "--health", "/health", "--quiet"])
        .args(["--virtual-domain", BUCKET_DOMAIN]);
    if let Some(tls) = &start.tls {
        command.arg("--cert").arg(&tls.certificate).arg("--key").arg(&tls.key);
    }
    command.args(["posix", "--versioning-dir"]).arg(&versions).arg(&data);
    processes.spawn("versitygw", &mut command)?;
    let url = start.url(port);
    let health = format!("{url}/health");
    processes.wait_until("versitygw", Duration::from_mins(1), || {
        get_status(&health, start.authority()) == Some(200)
    })?;
    let backing = Backing::Processes { _processes: processes };
    Ok(Started { backing, endpoint: url, kms_key_id: None, limited: None })
}
