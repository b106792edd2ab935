//! Which configuration file a command is about.

use clap::Args;
use haul_config::Level;

/// The flags of DVC that choose a configuration file.
#[derive(Debug, Clone, Copy, Args)]
#[group(multiple = false)]
pub(crate) struct LevelArgs {
    /// Use the configuration of this user
    #[arg(long)]
    global: bool,
    /// Use the configuration of this machine
    #[arg(long)]
    system: bool,
    /// Use the configuration of the repository, which Git tracks (.dvc/config)
    #[arg(long)]
    project: bool,
    /// Use the configuration of this checkout, which Git ignores (.dvc/config.local)
    #[arg(long)]
    local: bool,
}

impl LevelArgs {
    /// Returns the level that was asked for.
    pub(crate) fn asked(self) -> Option<Level> {
        match self {
            Self { system: true, .. } => Some(Level::System),
            Self { global: true, .. } => Some(Level::Global),
            Self { project: true, .. } => Some(Level::Repo),
            Self { local: true, .. } => Some(Level::Local),
            _ => None,
        }
    }

    /// Returns the level that is written.
    pub(crate) fn to_write(self) -> Level {
        self.asked().unwrap_or(Level::Repo)
    }
}
