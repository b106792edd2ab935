//! `haul get`.

use clap::Args;
use haul_config::mask_urls;
use haul_repo::ops::{GetOptions, get, show_url};
use schemars::JsonSchema;
use serde::Serialize;

use super::external::LocationArgs;
use super::{CommandResult, Context};
use crate::command_error::Verb;
use crate::exit::ExitStatus;
use crate::ui::OutputFormat;

/// Download a file or directory of a repository, tracked by DVC or by Git
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Path or URL of the repository
    url: String,
    /// Path in the repository
    path: String,
    /// Where to put it
    #[arg(short, long, value_name = "path", num_args = 0..=1, default_missing_value = "")]
    out: Option<String>,
    /// Print the URL of the data in the remote storage, and get nothing
    #[arg(long)]
    show_url: bool,
    /// Number of transfers at once; 0 for the default (`jobs` of the remote, else 64)
    #[arg(short, long, value_name = "number", value_parser = super::select::jobs, allow_negative_numbers = true)]
    jobs: Option<usize>,
    /// Write over what is there
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    location: LocationArgs,
}

impl GetArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let options = GetOptions {
            location: self.location.at(&self.url),
            path: self.path,
            out: self.out.filter(|out| !out.is_empty()),
            force: self.force,
            jobs: self.jobs.filter(|jobs| *jobs > 0),
            cancel: context.cancellation(),
        };
        if self.show_url {
            let url = context.observe_async(async |_| show_url(&options, context.env()).await).map_err(
                |error| match error {
                    // As in DVC, whose code this is for a configuration that it cannot use.
                    haul_repo::Error::Config(error) => error.into(),
                    error => Verb::DU.error(error),
                },
            )?;
            if context.format() == OutputFormat::Text {
                context.printer().out_always(&format!("{url}\n"))?;
            }
            context.printer().record(Got { path: None, url: Some(url) });
            return Ok(ExitStatus::Success);
        }
        let operation = format!("failed to get '{}' from '{}'", options.path, mask_urls(&self.url));
        let path = context
            .observe_async(async |observer| get(&options, context.env(), observer).await)
            .map_err(|error| match error {
                // What DVC meets in the file system of the repository, it does not catch.
                error @ haul_repo::Error::TargetNotFound { .. } => {
                    Verb::DU.error(error).while_trying(&operation)
                }
                error => Verb::LIST.error(error).while_trying(&operation),
            })?;
        context.printer().record(Got::at(&path));
        Ok(ExitStatus::Success)
    }
}

/// What was got.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Got {
    /// Where the data is now; null with `--show-url`.
    path: Option<String>,
    /// Where the data is on the remote; only with `--show-url`.
    url: Option<String>,
}

impl Got {
    pub(super) fn at(path: &std::path::Path) -> Self {
        Self { path: Some(path.display().to_string()), url: None }
    }
}
