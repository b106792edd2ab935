//! `cargo xtask check`: the checks that must pass on every machine; continuous integration runs them before the tests
//! with real servers.

use anyhow::Result;
use xshell::cmd;

use crate::project::Project;
use crate::{flags, tidy};

pub(crate) fn run(project: &Project, options: &flags::Check) -> Result<()> {
    let shell = &project.shell;
    cmd!(shell, "cargo fmt --all --check").run()?;
    tidy::run(project)?;
    cmd!(shell, "cargo clippy --workspace --all-targets --locked -- --deny warnings").run()?;
    {
        let _flags = shell.push_env("RUSTDOCFLAGS", "--deny warnings");
        cmd!(shell, "cargo doc --workspace --no-deps --locked --document-private-items").run()?;
    }
    if !options.no_tests {
        cmd!(shell, "cargo test --workspace --locked").run()?;
    }
    println!("check: passed");
    Ok(())
}
