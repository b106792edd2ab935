//! Runs a program in its own session on the terminal of stdin: only then can the program open `/dev/tty`.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().context("no program is named")?;
    rustix::process::setsid()?;
    rustix::process::ioctl_tiocsctty(std::io::stdin())?;
    // It returns only if the program cannot be run.
    Err(Command::new(program).args(arguments).exec().into())
}
