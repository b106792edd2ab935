//! Runs a command of haul inside of this process and shows what it said.
//!
//! ```sh
//! cargo run -p haul --example run_in_process -- remote list
//! ```

use std::ffi::OsString;

use haul::Ui;
use haul_config::Env;

#[expect(clippy::print_stdout, reason = "an example is a program")]
fn main() -> std::io::Result<()> {
    let (ui, captured) = Ui::captured();
    let args = std::iter::once(OsString::from("haul")).chain(std::env::args_os().skip(1));
    let status = haul::run(args, &Env::from_process()?, ui);
    println!("exit code: {} ({})", status.code(), status.meaning());
    println!("stdout:\n{}", captured.stdout());
    println!("stderr:\n{}", captured.stderr());
    Ok(())
}
