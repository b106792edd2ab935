//! `haul list-url`.

use clap::Args;
use haul_repo::ops::{self, ListUrlOptions, ListedNode, Surroundings};
use schemars::JsonSchema;
use serde::Serialize;

use super::fs_config::FsConfigArgs;
use super::{CommandResult, Context};
use crate::command_error::{CommandError, Verb};
use crate::exit::ExitStatus;
use crate::ui::table::{size, table};
use crate::ui::{Message, Page};

/// List what lies under a URL
///
/// The URL is a path, or starts with http://, https://, s3:// or remote://NAME/.
#[derive(Debug, Args)]
pub(crate) struct ListUrlArgs {
    /// The URL, or a path
    url: String,
    /// List the files of all folders
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Show folders and files as a tree
    #[arg(short = 'T', long)]
    tree: bool,
    /// How deep to go into folders
    #[arg(short = 'L', long, value_name = "depth")]
    level: Option<usize>,
    /// Show sizes
    #[arg(long)]
    size: bool,
    #[command(flatten)]
    fs_config: FsConfigArgs,
}

impl ListUrlArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let stack = context.config_stack()?;
        let config = stack.config().map_err(CommandError::from)?;
        let options = ListUrlOptions {
            fs_config: self.fs_config.options()?,
            url: self.url,
            recursive: self.recursive || self.tree,
            level: self.level,
            cancel: context.cancellation(),
        };
        let surroundings = Surroundings { config: &config, env: context.env(), contact: context.contact() };
        let root = context.observe_async(async |_| ops::list_url(&surroundings, &options).await).map_err(
            |error| match error {
                haul_repo::Error::Config(error) => CommandError::from(error),
                error => Verb::LIST_URL.error(error),
            },
        )?;
        let (mut rows, mut entries) = (Vec::new(), Vec::new());
        push_entries(&root, &mut entries);
        if self.tree {
            let root_row = Row { size: shown_size(&root), name: root.path.clone() };
            rows.push(root_row);
            push_tree(&root.children, "", &mut rows);
        } else if !root.is_dir || options.level == Some(0) {
            rows.push(Row { size: String::new(), name: root.path });
        } else {
            push_list(&root.children, self.recursive, &mut rows);
        }
        context.printer().show(Listing { entries, rows, has_sizes: self.size })?;
        Ok(ExitStatus::Success)
    }
}

/// A line of text.
#[derive(Debug)]
struct Row {
    size: String,
    name: String,
}

/// What lies under a URL.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Listing {
    /// The files and directories.
    entries: Vec<UrlEntry>,
    #[serde(skip)]
    rows: Vec<Row>,
    #[serde(skip)]
    has_sizes: bool,
}

/// A file or directory under a URL.
#[derive(Debug, Serialize, JsonSchema)]
struct UrlEntry {
    /// Its path below the URL; of a single file, its path as its file system knows it.
    path: String,
    /// Whether it is a directory.
    is_dir: bool,
    /// Size in bytes, where it is known.
    total_bytes: Option<u64>,
}

/// Lists what is in a directory, each directory before what is in it; a root that is no directory lists itself.
fn push_entries(root: &ListedNode, entries: &mut Vec<UrlEntry>) {
    let entry = |node: &ListedNode| UrlEntry {
        path: node.path.clone(),
        is_dir: node.is_dir,
        total_bytes: node.size_bytes,
    };
    if !root.is_dir {
        return entries.push(entry(root));
    }
    for node in &root.children {
        entries.push(entry(node));
        if node.is_dir {
            push_entries(node, entries);
        }
    }
}

impl Message for Listing {
    fn text(&self, page: &mut Page) {
        if !self.has_sizes {
            for row in &self.rows {
                page.line(&row.name);
            }
            return;
        }
        let cells = |row: &Row| vec![Some(row.size.clone()), Some(row.name.clone())];
        for line in table(&self.rows.iter().map(cells).collect::<Vec<_>>(), true) {
            page.line(line);
        }
    }
}

/// As DVC: the files of a folder, then its folders: as themselves where they end the list, else with what is in them.
fn push_list(nodes: &[ListedNode], is_recursive: bool, rows: &mut Vec<Row>) {
    let row = |node: &ListedNode| Row { size: shown_size(node), name: node.path.clone() };
    rows.extend(nodes.iter().filter(|node| !node.is_dir).map(row));
    for folder in nodes.iter().filter(|node| node.is_dir) {
        if is_recursive && !folder.children.is_empty() {
            push_list(&folder.children, is_recursive, rows);
        } else if !is_recursive || folder.is_end {
            rows.push(row(folder));
        }
    }
}

fn push_tree(nodes: &[ListedNode], prefix: &str, rows: &mut Vec<Row>) {
    let mut nodes: Vec<&ListedNode> = nodes.iter().collect();
    nodes.sort_by(|left, right| left.path.cmp(&right.path));
    let last = nodes.len().saturating_sub(1);
    for (position, node) in nodes.into_iter().enumerate() {
        let (branch, below) =
            if position == last { ("└── ", "    ") } else { ("├── ", "│   ") };
        let name = node.path.rsplit('/').next().unwrap_or_default();
        rows.push(Row { size: shown_size(node), name: format!("{prefix}{branch}{name}") });
        push_tree(&node.children, &format!("{prefix}{below}"), rows);
    }
}

/// Returns the size, where DVC shows one.
fn shown_size(node: &ListedNode) -> String {
    let known = node.size_bytes.filter(|size_bytes| !node.is_dir || *size_bytes > 0);
    known.map(size).unwrap_or_default()
}
