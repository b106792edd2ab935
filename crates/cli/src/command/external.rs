//! Flags of the commands that look into a repository, this one or another.

use std::path::PathBuf;

use clap::Args;
use haul_repo::ConfigOverrides;
use haul_repo::external::Location;

/// Which revision of a repository, and how its remotes are configured.
#[derive(Debug, Args)]
pub(crate) struct LocationArgs {
    /// Git revision (a commit, branch or tag)
    #[arg(long, value_name = "commit", num_args = 0..=1)]
    rev: Option<Option<String>>,
    #[command(flatten)]
    overrides: OverrideArgs,
}

/// What is put over the configuration of a repository.
#[derive(Debug, Args)]
pub(crate) struct OverrideArgs {
    /// A config file that is merged with the configuration of the repository
    #[arg(long, value_name = "path")]
    pub(crate) config: Option<PathBuf>,
    /// The remote to use as the default one of the repository
    #[arg(long, value_name = "name")]
    pub(crate) remote: Option<String>,
    /// Options of that remote, as name=value
    #[arg(long, value_name = "name=value", num_args = 0.., value_parser = option)]
    pub(crate) remote_config: Vec<(String, String)>,
}

impl LocationArgs {
    pub(crate) fn at(self, url: &str) -> Location {
        Location {
            url: url.to_owned(),
            revision: self.rev.flatten(),
            overrides: self.overrides.into_overrides(),
        }
    }
}

impl OverrideArgs {
    pub(crate) fn into_overrides(self) -> ConfigOverrides {
        ConfigOverrides { file: self.config, remote: self.remote, remote_options: self.remote_config }
    }
}

fn option(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| String::from("must be of the form 'name=value'"))?;
    Ok((name.to_owned(), value.to_owned()))
}
