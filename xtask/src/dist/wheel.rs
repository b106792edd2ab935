//! The package for `pip`: `pip install haul-dvc` puts the binary beside `dvc`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use xshell::cmd;

use super::build::{PROFILE, Settings, TARGET};
use crate::project::Project;
use crate::tools;

/// Builds the wheel, and with it the binary.
pub(super) fn build(project: &Project, settings: &Settings, out: &Path) -> Result<PathBuf> {
    let maturin = tools::maturin(project)?;
    let shell = &project.shell;
    let _env = settings.push(shell, &project.root);
    // A static binary needs nothing of the system, so the tag may promise the oldest one.
    cmd!(
        shell,
        "{maturin} build --locked --profile {PROFILE} --target {TARGET} --compatibility manylinux2014 --out {out}"
    )
    .run()?;
    let mut wheels =
        std::fs::read_dir(out)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    wheels.retain(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheels.pop().context("maturin wrote no wheel")
}
