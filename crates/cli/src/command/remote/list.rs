//! `haul remote list`.

use clap::Args;
use haul_config::mask_urls;
use schemars::JsonSchema;
use serde::Serialize;

use crate::command::level::LevelArgs;
use crate::command::{CommandResult, Context};
use crate::exit::ExitStatus;
use crate::ui::{Colour, Message, Page};

/// List the remotes
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    level: LevelArgs,
}

/// A remote.
#[derive(Debug, Serialize, JsonSchema)]
struct RemoteLine {
    /// Its name.
    name: String,
    /// Where it is.
    url: String,
    /// Whether commands use it that name no remote.
    is_default: bool,
}

/// The remotes there are.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::command) struct RemoteList {
    /// The remotes.
    remotes: Vec<RemoteLine>,
}

impl Message for RemoteList {
    /// Deviation: DVC expands the tabs and wraps at 80 columns, which breaks long URLs in two.
    fn text(&self, page: &mut Page) {
        for RemoteLine { name, url, is_default } in &self.remotes {
            if *is_default {
                page.line(page.coloured(Colour::Green, format_args!("{name}\t{url}\t(default)")));
            } else {
                page.line(format_args!("{name}\t{url}"));
            }
        }
    }
}

impl ListArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let mut remotes = Vec::new();
        for remote in context.config_stack()?.remotes(self.level.asked())? {
            // Deviation: DVC stops with `unexpected error - 'url'` at a remote without a URL; haul warns and goes on.
            if remote.url.is_none() {
                context.printer().warning(&format!("remote `{}` has no url", remote.name));
            }
            // Deviation: DVC prints passwords inside URLs into every terminal log and bug report.
            let url = remote.url.map(|url| mask_urls(&url.value)).unwrap_or_default();
            remotes.push(RemoteLine { name: remote.name, url, is_default: remote.is_default });
        }
        context.printer().show(RemoteList { remotes })?;
        Ok(ExitStatus::Success)
    }
}
