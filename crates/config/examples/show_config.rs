//! Shows every option that holds in a repository, and the file and line that set it.
//!
//! Run it with `cargo run -p haul-config --example show_config -- path/to/repository`.

use std::io::Write as _;
use std::path::PathBuf;

use haul_config::{ConfigPaths, ConfigStack, Env};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let env = Env::from_process()?;
    let repository = std::env::args_os().nth(1).map_or_else(|| env.current_dir().to_owned(), PathBuf::from);
    let stack = ConfigStack::load(&ConfigPaths::new(&env, Some(&repository.join(".dvc"))), &env)?;
    let mut stdout = std::io::stdout().lock();
    for option in stack.list(None)? {
        let is_secret = !option.is_harmless;
        let value = if is_secret { "***".to_owned() } else { option.value.value.to_string() };
        let note = if option.overridden { "  (overridden)" } else { "" };
        writeln!(stdout, "{} = {value}  # {}{note}", option.key, option.value.origin)?;
    }
    Ok(())
}
