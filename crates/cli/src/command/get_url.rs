//! `haul get-url`.

use clap::Args;
use haul_repo::ops::{self, GetUrlOptions, Surroundings};

use super::fs_config::FsConfigArgs;
use super::get::Got;
use super::{CommandResult, Context};
use crate::command_error::{CommandError, Verb};
use crate::exit::ExitStatus;

/// Copy what lies under a URL
///
/// The URL is a path, or starts with http://, https://, s3:// or remote://NAME/.
#[derive(Debug, Args)]
pub(crate) struct GetUrlArgs {
    /// The URL, or a path
    url: String,
    /// Where to put it
    out: Option<String>,
    /// Number of files at once; 0 for the default (`jobs` of the remote, else 16)
    #[arg(short, long, value_name = "number", value_parser = super::select::jobs, allow_negative_numbers = true)]
    jobs: Option<usize>,
    /// Overwrite what is there
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    fs_config: FsConfigArgs,
}

impl GetUrlArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let stack = context.config_stack()?;
        let config = stack.config().map_err(CommandError::from)?;
        let operation = format!("failed to get '{}'", haul_config::mask_urls(&self.url));
        let options = GetUrlOptions {
            fs_config: self.fs_config.options()?,
            url: self.url,
            out: self.out,
            force: self.force,
            jobs: self.jobs.filter(|jobs| *jobs > 0),
            cancel: context.cancellation(),
        };
        let surroundings = Surroundings { config: &config, env: context.env(), contact: context.contact() };
        let path = context
            .observe_async(async |observer| ops::get_url(&surroundings, &options, observer).await)
            .map_err(|error| Verb::GET_URL.error(error).while_trying(&operation))?;
        context.printer().record(Got::at(&path));
        Ok(ExitStatus::Success)
    }
}
