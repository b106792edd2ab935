//! Each package, installed into an empty place as a user would, and run there.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use xshell::{Shell, cmd};

use crate::project::Project;
use crate::{demo, tools};

pub(super) struct Packages {
    pub(super) archive: PathBuf,
    pub(super) debian: Option<PathBuf>,
    pub(super) wheel: PathBuf,
}

pub(super) fn run(project: &Project, packages: &Packages) -> Result<()> {
    let shell = &project.shell;
    let dir = project.scratch_dir("try-out")?;

    let unpacked = dir.join("archive");
    std::fs::create_dir(&unpacked)?;
    let archive = &packages.archive;
    cmd!(shell, "tar --extract --file {archive} --directory {unpacked} --strip-components 1").run()?;
    let haul = unpacked.join("haul");
    answers(shell, &haul)?;
    in_a_jail(shell, &haul, &dir.join("jail"))?;

    if let Some(package) = &packages.debian {
        let root = dir.join("debian");
        cmd!(shell, "dpkg-deb --extract {package} {root}").run()?;
        answers(shell, &root.join("usr/bin/haul"))?;
    }

    let venv = dir.join("venv");
    let python = tools::python()?;
    cmd!(shell, "{python} -m venv {venv}").quiet().run()?;
    let (pip, wheel) = (venv.join("bin/pip"), &packages.wheel);
    let start = Instant::now();
    cmd!(shell, "{pip} install --quiet --no-index --disable-pip-version-check {wheel}").run()?;
    println!("pip install: {:.1} s", start.elapsed().as_secs_f64());
    let installed = venv.join("bin/haul");
    answers(shell, &installed)?;
    demo::with_binary(project, &installed)
}

/// Runs what needs nothing.
fn answers(shell: &Shell, haul: &Path) -> Result<()> {
    let version = cmd!(shell, "{haul} --version").quiet().read()?;
    println!("{}: {version}", haul.display());
    Ok(())
}

/// Runs the binary where there is nothing else: no library, no certificates, no list of users or names.
fn in_a_jail(shell: &Shell, haul: &Path, jail: &Path) -> Result<()> {
    if !cmd!(shell, "id --user").quiet().read()?.trim().eq("0") {
        println!("not tried in an empty root directory: that needs root");
        return Ok(());
    }
    // Not what this machine says of proxies and certificates.
    let path = std::env::var("PATH").unwrap_or_default();
    std::fs::create_dir(jail)?;
    std::fs::copy(haul, jail.join("haul"))?;
    for arguments in [
        &["init", "--no-scm"][..],
        &["remote", "add", "-d", "s", "s3://bucket/store"],
        &["remote", "modify", "s", "endpointurl", "https://host.invalid"],
        &["add", "haul"],
        &["status"],
    ] {
        cmd!(shell, "chroot {jail} /haul {arguments...}")
            .env_clear()
            .env("PATH", &path)
            .quiet()
            .ignore_stdout()
            .run()?;
    }
    let reply = cmd!(shell, "chroot {jail} /haul push")
        .env_clear()
        .env("PATH", &path)
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .quiet()
        .ignore_status()
        .read_stderr()?;
    // Certificates come first: without any there would be no client that could look up a name.
    if !reply.contains("host.invalid") || reply.contains("certificate") {
        bail!("in an empty root directory, a push to a host that does not exist says: {reply}");
    }
    println!("works in an empty root directory");
    Ok(())
}
