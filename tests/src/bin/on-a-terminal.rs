//! Runs a program on the terminal that stdin is, as its own session: only then can it open `/dev/tty`.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().context("no program is named")?;
    rustix::process::setsid()?;
    rustix::process::ioctl_tiocsctty(std::io::stdin())?;
    // Comes back only if the program cannot be run.
    Err(Command::new(program).args(arguments).exec().into())
}
