//! The cache beside a remote.

use haul_repo::Repo;
use haul_repo::ops::{self, CloudStatusEntry, CloudStatusOptions};
use serde::ser::{Serialize, Serializer};

use super::column;
use crate::command::transfer::warn_of_skipped;
use crate::command::{CommandResult, Context, fail};
use crate::command_error::Verb;
use crate::exit::ExitStatus;
use crate::ui::{Message, OutputFormat, Page};

pub(super) fn run(context: &Context, repo: &Repo, options: &CloudStatusOptions) -> CommandResult {
    let format = context.format();
    let report = context
        .observe_async(async |observer| ops::cloud_status(repo, options, observer).await)
        .map_err(|error| Verb::STATUS.error(error))?;
    for warning in &report.warnings {
        context.printer().warning(warning);
    }
    warn_of_skipped(context.printer(), &report.skipped);
    for (path, oid, remote) in &report.damaged {
        context.printer().warning(&format!(
            "the object of `{path}` on remote `{remote}` is damaged (md5: {oid}): the next push replaces it"
        ));
    }
    let is_changed = !report.entries.is_empty();
    let is_looked_at = report.n_outs > 0 || report.skipped.is_empty() || format == OutputFormat::Json;
    let status = CloudStatus { remotes: report.remotes, entries: report.entries };
    // Before an error, and of what was not looked at, it is not known whether both are in sync.
    if is_changed || (report.failed.is_empty() && is_looked_at) {
        context.printer().show(status)?;
    }
    fail(Verb::STATUS, report.failed)?;
    let is_failure = is_changed && context.printer().is_quiet() && format == OutputFormat::Text;
    Ok(if is_failure { ExitStatus::Failure } else { ExitStatus::Success })
}

struct CloudStatus {
    remotes: Vec<String>,
    entries: Vec<CloudStatusEntry>,
}

impl Message for CloudStatus {
    const IS_DVC_SHAPE: bool = true;

    fn text(&self, page: &mut Page) {
        if self.entries.is_empty() {
            let names: Vec<String> = self.remotes.iter().map(|name| format!("'{name}'")).collect();
            let remotes = if names.len() == 1 { "remote" } else { "remotes" };
            page.line(format_args!("Cache and {remotes} {} are in sync.", names.join(", ")));
        }
        for CloudStatusEntry { path, state, .. } in &self.entries {
            page.line(format_args!("\t{}{path}", column(state.as_str())));
        }
    }
}

/// DVC's shape: `{"d/new": "new", "d": "new"}`.
impl Serialize for CloudStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries.iter().map(|entry| (&entry.path, entry.state.as_str())))
    }
}
