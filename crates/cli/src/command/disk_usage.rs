//! `haul du`.

use clap::Args;
use haul_config::mask_urls;
use haul_repo::ops::{ListOptions, disk_usage};
use schemars::JsonSchema;
use serde::Serialize;

use super::external::LocationArgs;
use super::{CommandResult, Context};
use crate::command_error::Verb;
use crate::exit::ExitStatus;
use crate::ui::table::{size, table};
use crate::ui::{Message, Page};

/// Show how much space the data of a repository takes
#[derive(Debug, Args)]
pub(crate) struct DiskUsageArgs {
    /// Path or URL of the repository
    url: String,
    /// Path in the repository
    path: Option<String>,
    /// Show only the total
    #[arg(short, long)]
    summarize: bool,
    #[command(flatten)]
    location: LocationArgs,
}

impl DiskUsageArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let options = ListOptions {
            location: self.location.at(&self.url),
            path: self.path.filter(|path| !path.is_empty()),
            cancel: context.cancellation(),
            ..ListOptions::default()
        };
        let sizes = context
            .observe_async(async |_| disk_usage(&options, self.summarize, context.env()).await)
            .map_err(|error| match error {
                error @ (haul_repo::Error::Git { .. } | haul_repo::Error::Clone { .. }) => Verb::DU
                    .error(error)
                    .while_trying(&format!("failed to look into '{}'", mask_urls(&self.url))),
                error => Verb::DU.error(error),
            })?;
        let entries = sizes.into_iter().map(|(path, total_bytes)| SizedPath { path, total_bytes });
        context.printer().show(Sizes { entries: entries.collect() })?;
        Ok(ExitStatus::Success)
    }
}

/// What takes how much space.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Sizes {
    /// The paths; the last one is the whole.
    entries: Vec<SizedPath>,
}

/// A path and what is below it.
#[derive(Debug, Serialize, JsonSchema)]
struct SizedPath {
    /// The path in the repository.
    path: String,
    /// Size in bytes.
    total_bytes: u64,
}

impl Message for Sizes {
    fn text(&self, page: &mut Page) {
        let row = |entry: &SizedPath| vec![Some(size(entry.total_bytes)), Some(entry.path.clone())];
        for line in table(&self.entries.iter().map(row).collect::<Vec<_>>(), false) {
            page.line(line);
        }
    }
}
