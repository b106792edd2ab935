//! `haul list`.

use clap::Args;
use haul_config::mask_urls;
use haul_repo::ops::{ListOptions, ListedEntry, list, list_tree};
use serde::Serialize;
use serde::ser::{SerializeSeq, SerializeStruct, Serializer};

use super::external::LocationArgs;
use super::{CommandResult, Context};
use crate::command_error::{CommandError, Verb};
use crate::exit::ExitStatus;
use crate::ui::table::{size, table};
use crate::ui::{Message, OutputFormat, Page};

/// List the contents of a repository, tracked by DVC or by Git
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Path or URL of the repository
    url: String,
    /// Path in the repository
    path: Option<String>,
    /// List directories with all below them
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Show directories as a tree
    #[arg(short = 'T', long)]
    tree: bool,
    /// Enter so many levels of directories only (with -R or -T)
    #[arg(short = 'L', long, value_name = "depth")]
    level: Option<usize>,
    /// Show only what DVC tracks
    #[arg(long)]
    dvc_only: bool,
    #[command(flatten)]
    location: LocationArgs,
    /// Show sizes
    #[arg(long)]
    size: bool,
    /// Show the hash of each item
    #[arg(long)]
    show_hash: bool,
}

impl ListArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        if self.tree && context.format() == OutputFormat::Json {
            return Err(CommandError::unexpected("Cannot use --tree and --json options together."));
        }
        let is_path_given = self.path.is_some();
        let options = ListOptions {
            location: self.location.at(&self.url),
            path: self.path.filter(|path| !path.is_empty()),
            depth: if self.recursive || self.tree { self.level } else { Some(1) },
            dvc_only: self.dvc_only,
            cancel: context.cancellation(),
        };
        let failed = |error: haul_repo::Error| match error {
            error @ haul_repo::Error::TargetNotFound { .. } if is_path_given => Verb::LIST.error(error),
            error => {
                Verb::LIST.error(error).while_trying(&format!("failed to list '{}'", mask_urls(&self.url)))
            }
        };
        let columns = Columns { size: self.size, hash: self.show_hash };
        if self.tree {
            let root =
                context.observe_async(async |_| list_tree(&options, context.env()).await).map_err(failed)?;
            let mut rows = Vec::new();
            add_rows(&root, "", 0, true, columns, &mut rows);
            for line in table(&rows, columns.size) {
                context.printer().line(line)?;
            }
            return Ok(ExitStatus::Success);
        }
        let entries = context.observe_async(async |_| list(&options, context.env()).await).map_err(failed)?;
        context.printer().show(Listing { entries, columns })?;
        Ok(ExitStatus::Success)
    }
}

/// Which columns stand before the path.
#[derive(Debug, Clone, Copy)]
struct Columns {
    size: bool,
    hash: bool,
}

impl Columns {
    fn row(self, entry: &ListedEntry, name: String) -> Vec<Option<String>> {
        let mut row = Vec::new();
        if self.size {
            let known = entry.size_bytes.filter(|bytes| *bytes > 0 || !entry.is_dir);
            row.push(Some(known.map(size).unwrap_or_default()));
        }
        if self.hash {
            row.push(entry.md5.clone());
        }
        row.push(Some(name));
        row
    }
}

fn add_rows(
    entry: &ListedEntry,
    prefix: &str,
    depth: usize,
    is_last: bool,
    columns: Columns,
    rows: &mut Vec<Vec<Option<String>>>,
) {
    let edge = match (depth, is_last) {
        (0, _) => "",
        (_, true) => "└── ",
        (_, false) => "├── ",
    };
    rows.push(columns.row(entry, format!("{prefix}{edge}{}", entry.path)));
    let below = match (depth, is_last) {
        (0, _) => String::new(),
        (_, true) => format!("{prefix}    "),
        (_, false) => format!("{prefix}│   "),
    };
    for (number, inner) in entry.contents.iter().enumerate() {
        add_rows(inner, &below, depth + 1, number + 1 == entry.contents.len(), columns, rows);
    }
}

struct Listing {
    entries: Vec<ListedEntry>,
    columns: Columns,
}

impl Message for Listing {
    const IS_DVC_SHAPE: bool = true;

    fn text(&self, page: &mut Page) {
        if !self.columns.size && !self.columns.hash {
            for entry in &self.entries {
                page.line(&entry.path);
            }
            return;
        }
        let rows: Vec<_> =
            self.entries.iter().map(|entry| self.columns.row(entry, entry.path.clone())).collect();
        for line in table(&rows, self.columns.size) {
            page.line(line);
        }
    }
}

impl Serialize for Listing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.entries.len()))?;
        for entry in &self.entries {
            list.serialize_element(&Entry(entry))?;
        }
        list.end()
    }
}

/// DVC's shape of an entry.
struct Entry<'a>(&'a ListedEntry);

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_struct("entry", 6)?;
        entry.serialize_field("isout", &self.0.is_out)?;
        entry.serialize_field("isdir", &self.0.is_dir)?;
        entry.serialize_field("isexec", &self.0.is_exec)?;
        entry.serialize_field("size", &self.0.size_bytes)?;
        entry.serialize_field("md5", &self.0.md5)?;
        entry.serialize_field("path", &self.0.path)?;
        entry.end()
    }
}
