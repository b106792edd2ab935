//! moto: a model of AWS in Python. <https://docs.getmoto.org/en/latest/docs/server_mode.html>

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::process::{Processes, free_ports, get_status};
use super::{Backing, Start, Started};

pub(super) fn start(start: &Start<'_>) -> Result<Started> {
    let moto = start.program("moto_server")?;
    let port = free_ports(1)?;
    let mut processes = Processes::new(&start.folder);
    let mut command = Command::new(moto);
    command
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        // Otherwise it takes the first label of a host for a bucket.
        .env("S3_IGNORE_SUBDOMAIN_BUCKETNAME", "true");
    processes.spawn("moto", &mut command)?;
    let url = start.url(port);
    let health = format!("{url}/moto-api/");
    processes.wait_until("moto", Duration::from_mins(1), || get_status(&health, None) == Some(200))?;
    let backing = Backing::Processes { _processes: processes };
    Ok(Started { backing, endpoint: url, kms_key_id: Some("testkey-1".to_owned()), limited: None })
}
