//! The static binary.
//!
//! It holds the C library, so it runs on any Linux of its architecture, whichever libc is there or is not. glibc rather
//! than musl: since version 2.34 it looks up names and home directories without plug-ins, and its allocator is the
//! faster one under many threads.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use xshell::{PushEnv, Shell, cmd};

use crate::project::Project;

pub(super) const TARGET: &str = "x86_64-unknown-linux-gnu";
pub(super) const PROFILE: &str = "dist";

/// How the binary is built.
pub(super) struct Settings {
    pub(super) version: String,
    /// The time of the commit, in seconds since the Unix epoch: what packages give as the time of their files.
    pub(super) epoch: String,
    cargo_home: String,
    sysroot: String,
}

impl Settings {
    pub(super) fn find(project: &Project) -> Result<Self> {
        let shell = &project.shell;
        let manifest: toml::Table = std::fs::read_to_string(project.root.join("Cargo.toml"))?.parse()?;
        let version = manifest["workspace"]["package"]["version"].as_str().context("no version")?;
        let commit = cmd!(shell, "git log -1 --format=%ct").quiet().ignore_stderr().read();
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
        Ok(Self {
            version: version.to_owned(),
            // A source archive has no history.
            epoch: commit.ok().filter(|time| !time.is_empty()).unwrap_or_else(|| "0".to_owned()),
            cargo_home: home.context("neither CARGO_HOME nor HOME is set")?.display().to_string(),
            sysroot: cmd!(shell, "rustc --print sysroot").quiet().read()?,
        })
    }

    /// Sets what cargo, the C compiler and the packagers read, for a checkout at `root`.
    ///
    /// Paths of this machine would be in messages of panics, and make every build another one.
    pub(super) fn push<'a>(&self, shell: &'a Shell, root: &Path) -> Vec<PushEnv<'a>> {
        let root = root.display();
        let places = [
            (root.to_string(), "/haul"),
            (self.cargo_home.clone(), "/cargo"),
            (self.sysroot.clone(), "/rust"),
        ];
        let mut rust = vec![
            "-Ctarget-feature=+crt-static".to_owned(),
            // The system call (Linux 3.17): a static binary would look for a function of a library, and then for a device.
            "--cfg=getrandom_backend=\"linux_getrandom\"".to_owned(),
        ];
        let mut c = Vec::new();
        for (from, to) in &places {
            rust.push(format!("--remap-path-prefix={from}={to}"));
            c.push(format!("-ffile-prefix-map={from}={to}"));
        }
        vec![
            // Between flags, paths may have spaces.
            shell.push_env("CARGO_ENCODED_RUSTFLAGS", rust.join("\x1f")),
            shell.push_env("CFLAGS", c.join(" ")),
            shell.push_env("SOURCE_DATE_EPOCH", &self.epoch),
            shell.push_env("CARGO_INCREMENTAL", "0"),
        ]
    }
}

/// Builds the binary of the checkout at `root`, with its products below `target`.
pub(super) fn binary(project: &Project, settings: &Settings, root: &Path, target: &Path) -> Result<PathBuf> {
    let shell = &project.shell;
    let _env = settings.push(shell, root);
    let _target = shell.push_env("CARGO_TARGET_DIR", target);
    let _dir = shell.push_dir(root);
    cmd!(shell, "cargo build --locked --profile {PROFILE} --target {TARGET} --package haul --bin haul")
        .run()?;
    let binary = target.join(TARGET).join(PROFILE).join("haul");
    is_static(shell, &binary)?;
    Ok(binary)
}

/// Builds the last commit again, elsewhere, and compares.
pub(super) fn reproduce(project: &Project, settings: &Settings, binary: &Path) -> Result<()> {
    let shell = &project.shell;
    if !cmd!(shell, "git status --porcelain --untracked-files=no").quiet().read()?.is_empty() {
        bail!("`--reproduce` builds the last commit: commit the changes first");
    }
    let elsewhere = project.scratch_dir("reproduce")?;
    let (root, target) = (elsewhere.join("a checkout"), elsewhere.join("target"));
    let source = &project.root;
    cmd!(shell, "git clone --quiet {source} {root}").run()?;
    let again = self::binary(project, settings, &root, &target)?;
    if std::fs::read(binary)? != std::fs::read(&again)? {
        bail!("{} and {} differ: the build is not reproducible", binary.display(), again.display());
    }
    println!("reproduced in another directory, byte for byte");
    Ok(())
}

/// Fails if a binary needs libraries of the system.
fn is_static(shell: &Shell, binary: &Path) -> Result<()> {
    let header = cmd!(shell, "readelf --dynamic --program-headers {binary}").quiet().read()?;
    if header.contains("(NEEDED)") || header.contains("INTERP") {
        bail!("{} is not static:\n{header}", binary.display());
    }
    Ok(())
}
