//! Development tasks of haul: `cargo xtask --help`.
//!
//! An xtask is a program of the workspace that replaces shell scripts (<https://github.com/matklad/cargo-xtask>); the
//! alias is in `.cargo/config.toml`. It links none of haul's crates: it runs the built binaries, as a user would.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program for developers")]
#![expect(
    clippy::disallowed_methods,
    reason = "links none of haul's crates, so it has neither Env nor fs_err"
)]

mod bench;
mod check;
mod dataset;
mod demo;
mod dist;
mod flags;
mod fuzz;
mod generate;
mod integration;
mod kills;
mod matrix;
mod parity;
mod powercut;
mod project;
mod server;
mod tidy;
mod tools;

use anyhow::Result;

fn main() -> Result<()> {
    let flags = flags::Xtask::from_env_or_exit();
    let project = project::Project::find()?;
    match flags.subcommand {
        flags::XtaskCmd::Demo(options) => demo::run(&project, &options),
        flags::XtaskCmd::Dist(options) => dist::run(&project, &options),
        flags::XtaskCmd::Check(options) => check::run(&project, &options),
        flags::XtaskCmd::Tidy(_) => tidy::run(&project),
        flags::XtaskCmd::Integration(options) => integration::run(&project, &options),
        flags::XtaskCmd::Kills(options) => kills::run(&project, &options),
        flags::XtaskCmd::Generate(options) => generate::run(&project, &options),
        flags::XtaskCmd::Parity(options) => parity::run(&project, &options),
        flags::XtaskCmd::Fuzz(options) => fuzz::run(&project, &options),
        flags::XtaskCmd::Bench(options) => bench::run(&project, &options),
        flags::XtaskCmd::Powercut(options) => powercut::run(&project, &options),
        flags::XtaskCmd::Tools(options) => tools::run(&project, &options),
    }
}
