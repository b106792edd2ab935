//! `haul remote list`.

use clap::Args;
use haul_config::mask_urls;
use serde::Serialize;

use crate::command::level::LevelArgs;
use crate::command::{CommandResult, Context};
use crate::exit::ExitStatus;
use crate::ui::{Colour, Message, OutputFormat, Page};

/// List the remotes
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    level: LevelArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct RemoteLine {
    name: String,
    url: String,
    default: bool,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct RemoteList(Vec<RemoteLine>);

impl Message for RemoteList {
    /// Deviation: DVC expands the tabs and wraps at 80 columns, which breaks long URLs in two.
    fn text(&self, page: &mut Page) {
        for RemoteLine { name, url, default } in &self.0 {
            if *default {
                page.line(page.coloured(Colour::Green, format_args!("{name}\t{url}\t(default)")));
            } else {
                page.line(format_args!("{name}\t{url}"));
            }
        }
    }
}

impl ListArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let mut lines = Vec::new();
        for remote in context.config_stack()?.remotes(self.level.asked())? {
            // Deviation: DVC stops with `unexpected error - 'url'` at a remote without a URL; haul warns and goes on.
            if remote.url.is_none() {
                context.printer().warning(&format!("remote `{}` has no url", remote.name));
            }
            // Deviation: DVC prints passwords inside URLs into every terminal log and bug report.
            let url = remote.url.map(|url| mask_urls(&url.value)).unwrap_or_default();
            lines.push(RemoteLine { name: remote.name, url, default: remote.is_default });
        }
        context.printer().show(&RemoteList(lines), OutputFormat::from_flag(self.json))?;
        Ok(ExitStatus::Success)
    }
}
