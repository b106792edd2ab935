//! `cargo xtask kills`: kills each command that changes more than one thing at every point.
//!
//! `cargo test` only tries some of the points.

use anyhow::{Context as _, Result};
use xshell::cmd;

use crate::project::Project;
use crate::{flags, tools};

pub(crate) fn run(project: &Project, options: &flags::Kills) -> Result<()> {
    let shell = &project.shell;
    let mut guards = vec![
        shell.push_env("HAUL_KILL_POINTS", "all"),
        // On a system that forbids tracing processes, the tests must fail.
        shell.push_env("REQUIRE_INTEGRATION", "1"),
    ];
    if options.dvc {
        guards.push(shell.push_env("HAUL_DVC", tools::Venv::clients(project)?.program("dvc")));
    }
    let filter = options.filter.as_deref().unwrap_or("kill::points");
    cmd!(shell, "cargo test --workspace --test it --locked -- {filter} --nocapture")
        .run()
        .context("a command does not survive a kill")?;
    println!("kills: every command survives");
    Ok(())
}
