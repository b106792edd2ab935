//! `haul diff`.

use clap::Args;
use haul_repo::ops::{DiffEntry, DiffOptions, DiffReport, diff};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{CommandResult, Context, fail};
use crate::command_error::Verb;
use crate::exit::ExitStatus;
use crate::ui::table::markdown;
use crate::ui::{Colour, Message, Page};

/// Show what data differs between commits, or between a commit and the workspace
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The older revision of Git
    #[arg(default_value = "HEAD")]
    a_rev: String,
    /// The newer one; else the workspace
    b_rev: Option<String>,
    /// Compare only these tracked files and directories
    #[arg(long, value_name = "paths", num_args = 0..)]
    targets: Vec<String>,
    /// Show the hash of each entry
    #[arg(long)]
    show_hash: bool,
    /// Print a table in Markdown
    #[arg(long)]
    md: bool,
    /// Do not show what the cache lacks
    #[arg(long)]
    hide_missing: bool,
}

impl DiffArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let hides_missing = self.hide_missing || self.b_rev.is_some();
        let options = DiffOptions {
            old: Some(self.a_rev),
            new: self.b_rev,
            targets: self.targets,
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let mut report = context
            .observe_async(async |observer| diff(&repo, &options, observer).await)
            .map_err(|error| match error {
                // DVC does not catch it.
                error @ haul_repo::Error::TargetNotFound { .. } => Verb::DU.error(error),
                error => Verb::LIST.error(error).while_trying("failed to get diff"),
            })?;
        let failed = std::mem::take(&mut report.failed);
        let message = Difference { report, hides_missing, show_hash: self.show_hash, markdown: self.md };
        context.printer().show(message)?;
        fail(Verb::LIST, failed)?;
        Ok(ExitStatus::Success)
    }
}

struct Difference {
    report: DiffReport,
    hides_missing: bool,
    show_hash: bool,
    markdown: bool,
}

impl Difference {
    /// Returns the lists in the order of DVC's text, each with its name and colour.
    fn lists(&self) -> Vec<(&'static str, Colour, &[DiffEntry])> {
        let report = &self.report;
        let mut lists: Vec<(&'static str, Colour, &[DiffEntry])> = vec![
            ("added", Colour::Green, &report.added),
            ("deleted", Colour::Red, &report.deleted),
            ("renamed", Colour::Green, &report.renamed),
            ("modified", Colour::Yellow, &report.modified),
        ];
        if !self.hides_missing {
            lists.push(("not in cache", Colour::Yellow, &report.not_in_cache));
        }
        lists
    }

    fn markdown(&self, page: &mut Page) {
        let headers: &[&str] = if self.show_hash { &["Status", "Hash", "Path"] } else { &["Status", "Path"] };
        let mut rows = Vec::new();
        for (name, _, entries) in self.lists() {
            for entry in entries {
                let mut row = vec![name.to_owned()];
                row.extend(self.show_hash.then(|| short_hash(name, entry)));
                row.push(shown(entry));
                rows.push(row);
            }
        }
        for line in markdown(headers, &rows) {
            page.line(line);
        }
    }
}

impl Message for Difference {
    const IS_DVC_SHAPE: bool = true;

    fn text(&self, page: &mut Page) {
        if self.markdown {
            return self.markdown(page);
        }
        if self.report.is_empty {
            return;
        }
        let mut summary = Vec::new();
        for (name, colour, entries) in self.lists() {
            if entries.is_empty() {
                continue;
            }
            let title = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
            page.line(format_args!("{}:", page.coloured(colour, title)));
            for entry in entries {
                let hash = if self.show_hash { short_hash(name, entry) } else { String::new() };
                let gap = if hash.is_empty() { "" } else { "  " };
                page.line(format_args!("    {hash}{gap}{}", shown(entry)));
            }
            page.line("");
            let n_files = entries.iter().filter(|entry| !shown(entry).ends_with('/')).count();
            summary.extend((n_files > 0).then(|| format!("{n_files} {name}")));
        }
        if !summary.is_empty() {
            page.line(format_args!("files summary: {}", summary.join(", ")));
        }
    }
}

fn shown(entry: &DiffEntry) -> String {
    match &entry.new_path {
        Some(new) => format!("{} -> {new}", entry.path),
        None => entry.path.clone(),
    }
}

/// Returns the first eight digits of the hash, or of both where they differ.
fn short_hash(list: &str, entry: &DiffEntry) -> String {
    let short =
        |hash: &Option<String>| hash.as_deref().unwrap_or_default().chars().take(8).collect::<String>();
    if list == "modified" {
        return format!("{}..{}", short(&entry.old_hash), short(&entry.new_hash));
    }
    short(if list == "added" { &entry.new_hash } else { &entry.old_hash })
}

impl Serialize for Difference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.report.is_empty {
            return map.end();
        }
        let lists = self.lists();
        for name in ["added", "deleted", "modified", "renamed", "not in cache"] {
            if let Some((_, _, entries)) = lists.iter().find(|list| list.0 == name) {
                let entries: Vec<_> = entries.iter().map(|entry| self.json(name, entry)).collect();
                map.serialize_entry(name, &entries)?;
            }
        }
        map.end()
    }
}

impl Difference {
    /// Returns DVC's shape of an entry.
    fn json<'a>(&self, list: &str, entry: &'a DiffEntry) -> JsonEntry<'a> {
        let path = match &entry.new_path {
            Some(new) => OneOrTwo::Two { old: Some(&entry.path), new: Some(new) },
            None => OneOrTwo::One(Some(&entry.path)),
        };
        let (old, new) = (entry.old_hash.as_deref(), entry.new_hash.as_deref());
        let hash = match list {
            "modified" => OneOrTwo::Two { old, new },
            "added" => OneOrTwo::One(new),
            _ => OneOrTwo::One(old),
        };
        JsonEntry { path, hash: self.show_hash.then_some(hash) }
    }
}

#[derive(Serialize)]
struct JsonEntry<'a> {
    path: OneOrTwo<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<OneOrTwo<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum OneOrTwo<'a> {
    One(Option<&'a str>),
    Two { old: Option<&'a str>, new: Option<&'a str> },
}
