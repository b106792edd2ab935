//! The checkout and its build products.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use xshell::{Shell, cmd};

/// The paths of the checkout, and how to build its binaries.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) shell: Shell,
}

/// How a binary is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build, slow to run.
    Dev,
    /// What users get.
    Release,
}

impl Profile {
    /// Returns the name of the directory below the target directory.
    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

impl Project {
    /// Returns the checkout that this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
        let shell = Shell::new()?;
        shell.change_dir(root);
        let metadata = cmd!(shell, "cargo metadata --format-version 1 --no-deps").quiet().read()?;
        let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
        let target =
            metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
        Ok(Self { root: root.to_owned(), target: PathBuf::from(target), shell })
    }

    /// Returns the directory for installed tools; `git clean` keeps it, but `cargo clean` deletes it.
    pub(crate) fn tools_dir(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Returns an empty temporary directory for one task.
    pub(crate) fn scratch_dir(&self, task: &str) -> Result<PathBuf> {
        let dir = self.target.join("xtask").join(task);
        if dir.exists() {
            make_writable(&self.shell, &dir)?;
            std::fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
        }
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(dir)
    }

    /// Builds the binary `bin` of `package` and returns its path.
    ///
    /// The debug build has the features of the whole workspace, with which the tests have already built all dependencies.
    pub(crate) fn build(&self, package: &str, bin: &str, profile: Profile) -> Result<PathBuf> {
        let what: &[&str] = match profile {
            Profile::Release => &["--release", "--package", package],
            Profile::Dev => &["--workspace"],
        };
        // It says what it compiles: minutes without a line look like a program that hangs.
        cmd!(self.shell, "cargo build {what...} --bin {bin}").quiet().run()?;
        Ok(self.target.join(profile.folder()).join(bin))
    }
}

/// Makes the read-only files of caches writable, as some systems cannot delete them otherwise.
fn make_writable(shell: &Shell, dir: &Path) -> Result<()> {
    if cfg!(unix) {
        cmd!(shell, "chmod -R u+rwX {dir}").quiet().run()?;
    }
    Ok(())
}
