//! Ceph's object gateway with one monitor and one storage daemon in memory. <https://docs.ceph.com/en/latest/radosgw/>

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::process::{Processes, free_ports, get_status};
use super::{BUCKET_DOMAIN, Backing, LimitedUser, Start, Started};
use crate::random_text;

const CLUSTER: &str = "6a2f1c3e-0000-4000-8000-0000000000be";
const STORE: &str = "6a2f1c3e-0000-4000-8000-0000000000b0";
/// The only rights of the limited user.
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/limited"]},
   "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::limited"]},
  {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/limited"]},
   "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["arn:aws:s3:::limited/*"]}]}"#;
/// The capacity for objects, in bytes.
const STORE_BYTES: u64 = 4 << 30;

pub(super) fn start(start: &Start<'_>) -> Result<Started> {
    // The ports of the gateway, its https and the monitor; the storage daemon uses some of the others.
    let port = free_ports(30)?;
    let folder = &start.folder;
    let cluster = Cluster { start, configuration: folder.join("ceph.conf") };
    fs_err::write(&cluster.configuration, cluster.configuration_text(port))?;
    for name in ["run", "mon", "osd", "mgr"] {
        fs_err::create_dir_all(folder.join(name))?;
    }
    let mut processes = Processes::new(folder);
    cluster.start_monitor(&mut processes, port + 2)?;
    cluster.start_storage(&mut processes)?;
    let limited = LimitedUser {
        access_key: random_text(20),
        secret_key: random_text(40),
        bucket: "limited".to_owned(),
        bucket_policy: Some(POLICY.to_owned()),
    };
    cluster.make_user(&processes, "owner", &start.access_key, &start.secret_key)?;
    cluster.make_user(&processes, "limited", &limited.access_key, &limited.secret_key)?;
    processes.spawn("rgw", cluster.command("radosgw")?.args(["-f", "-n", "client.rgw"]))?;
    let url = start.url(if start.tls.is_some() { port + 1 } else { port });
    let root = format!("{url}/");
    processes.wait_until("ceph", Duration::from_mins(2), || {
        get_status(&root, start.authority()).is_some_and(|status| status != 503)
    })?;
    let backing = Backing::Processes { _processes: processes };
    Ok(Started { backing, endpoint: url, kms_key_id: Some("testkey-1".to_owned()), limited: Some(limited) })
}

struct Cluster<'a> {
    start: &'a Start<'a>,
    configuration: PathBuf,
}

impl Cluster<'_> {
    fn command(&self, name: &str) -> Result<Command> {
        let mut command = Command::new(self.start.program(name)?);
        command.arg("-c").arg(&self.configuration);
        Ok(command)
    }

    fn make_user(&self, processes: &Processes, name: &str, access_key: &str, secret_key: &str) -> Result<()> {
        let mut command = self.command("radosgw-admin")?;
        command.args(["-n", "client.rgw", "user", "create"]);
        command.args([format!("--uid={name}"), format!("--display-name={name}")]);
        command.args([format!("--access-key={access_key}"), format!("--secret-key={secret_key}")]);
        processes.run(&mut command)
    }

    fn start_monitor(&self, processes: &mut Processes, port: u16) -> Result<()> {
        let folder = &self.start.folder;
        let map = folder.join("monmap");
        let mut make_map = Command::new(self.start.program("monmaptool")?);
        make_map.args(["--create", "--clobber", "--fsid", CLUSTER]);
        make_map.args(["--addv", "a", &format!("[v2:127.0.0.1:{port}]")]).arg(&map);
        processes.run(&mut make_map)?;
        // There is no authentication, but the monitor still needs a key.
        fs_err::write(
            folder.join("keyring"),
            "[mon.]\n\tkey = AQAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAA==\n\tcaps mon = \"allow *\"\n",
        )?;
        let mut make_store = self.command("ceph-mon")?;
        make_store
            .args(["--mkfs", "-i", "a", "--monmap"])
            .arg(&map)
            .arg("--keyring")
            .arg(folder.join("keyring"));
        processes.run(&mut make_store)?;
        processes.spawn("mon", self.command("ceph-mon")?.args(["-f", "-i", "a"]))?;
        let mut ask = self.client_command()?;
        ask.args(["mon", "stat"]);
        processes.wait_until("the monitor", Duration::from_mins(1), || {
            ask.output().is_ok_and(|output| output.status.success())
        })
    }

    fn start_storage(&self, processes: &mut Processes) -> Result<()> {
        processes.run(self.client_command()?.args(["osd", "new", STORE, "0"]))?;
        processes.run(self.command("ceph-osd")?.args(["-i", "0", "--mkfs", "--osd-uuid", STORE]))?;
        processes.spawn("osd", self.command("ceph-osd")?.args(["-f", "-i", "0"]))?;
        let mut ask = self.client_command()?;
        ask.args(["osd", "stat"]);
        processes.wait_until("the storage daemon", Duration::from_mins(1), || {
            ask.output().is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("1 up"))
        })
    }

    fn client_command(&self) -> Result<Command> {
        let mut command = self.command("ceph")?;
        command.args(["--connect-timeout", "5"]);
        Ok(command)
    }

    fn configuration_text(&self, port: u16) -> String {
        let folder = self.start.folder.display();
        let mut frontend = format!("beast endpoint=127.0.0.1:{port}");
        if let Some(tls) = &self.start.tls {
            let (certificate, key) = (tls.certificate.display(), tls.key.display());
            let port = port + 1;
            frontend = format!(
                "{frontend} ssl_endpoint=127.0.0.1:{port} ssl_certificate={certificate} ssl_private_key={key}"
            );
        }
        // If it has a domain, it takes every other host name for a bucket.
        let domain = if self.start.tls.is_some() { "localhost" } else { BUCKET_DOMAIN };
        let (monitor, first, last) = (port + 2, port + 3, port + 29);
        format!(
            "[global]
fsid = {CLUSTER}
mon host = v2:127.0.0.1:{monitor}
auth cluster required = none
auth service required = none
auth client required = none
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms mon client mode = crc secure
ms bind port min = {first}
ms bind port max = {last}
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
pid file =
log file = {folder}/$name.ceph.log
crash dir = {folder}/run
log to stderr = false
err to stderr = true
keyring = {folder}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
[mon]
mon data = {folder}/mon
mon data avail crit = 1
mon data avail warn = 2
mon cluster log file = {folder}/cluster.log
mon election timeout = 1
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = {STORE_BYTES}
osd memory target = 1500000000
osd scrub begin hour = 0
osd scrub end hour = 0
osd max object name len = 256
osd max object namespace len = 64
[client.rgw]
rgw data = {folder}/run
rgw frontends = {frontend}
rgw crypt require ssl = false
rgw dns name = {domain}
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = testkey-1=YmluCmJvb3N0CmJvb3N0LWJ1aWxkCmNlcGguY29uZgo= testkey-2=aWIKTWFrZWZpbGUKbWFuCm91dApzcmMKVGVzdGluZwo=
rgw enable usage log = false
"
        )
    }
}
