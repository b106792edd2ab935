//! `haul data status`.

use clap::Args;
use haul_repo::Repo;
use haul_repo::git::WorkTreeStatus;
use haul_repo::ops::{DataChanges, DataStatusOptions, DataStatusReport, data_status};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::command::{CommandResult, Context, fail};
use crate::command_error::Verb;
use crate::exit::ExitStatus;
use crate::ui::{Colour, Message, OutputFormat, Page};

/// Show what changed between the last commit, the metafiles and the workspace
#[derive(Debug, Args)]
pub(crate) struct DataStatusArgs {
    /// Look only at these tracked files and directories
    targets: Vec<String>,
    /// Show the files of tracked directories
    #[arg(long)]
    granular: bool,
    /// Show what is unchanged, too
    #[arg(long)]
    unchanged: bool,
    /// Show untracked files
    #[arg(long, value_name = "no|all", num_args = 0..=1, default_value = "no", default_missing_value = "all", value_parser = ["no", "all"])]
    untracked_files: String,
    /// The remote (with --not-in-remote)
    #[arg(short, long, value_name = "name")]
    remote: Option<String>,
    /// Show what the remote lacks
    #[arg(long)]
    not_in_remote: bool,
    /// Believe what was seen on the remote before (haul always asks it)
    #[arg(long)]
    no_remote_refresh: bool,
}

impl DataStatusArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let options = DataStatusOptions {
            targets: self.targets.iter().map(|target| below_root(&repo, target)).collect(),
            granular: self.granular,
            not_in_remote: self.not_in_remote,
            remote: self.remote.filter(|_| self.not_in_remote),
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let mut report = context
            .observe_async(async |observer| data_status(&repo, &options, observer).await)
            .map_err(|error| Verb::DU.error(error))?;
        let shows_untracked = self.untracked_files == "all";
        let git = match repo.git() {
            // The question is a run of `git`; JSON says nothing of it otherwise.
            Some(git) if shows_untracked => Some(git.work_tree_status(true)?),
            // Without the program there is nothing to add.
            Some(git) if context.format() == OutputFormat::Text => git.work_tree_status(false).ok(),
            _ => None,
        };
        let failed = std::mem::take(&mut report.failed);
        let untracked = match &git {
            Some(status) if shows_untracked => untracked(&repo, status, &options.targets),
            _ => Vec::new(),
        };
        let is_dirty = git.is_some_and(|status| status.is_dirty);
        let message = DataStatus { report, untracked, shows_unchanged: self.unchanged, is_dirty };
        context.printer().show(message)?;
        fail(Verb::DU, failed)?;
        Ok(ExitStatus::Success)
    }
}

/// Returns a target as a path below the root; outside of it, a path that nothing has.
fn below_root(repo: &Repo, target: &str) -> String {
    let path = repo.absolute(target);
    repo.relative(&path).map_or_else(|| target.to_owned(), |below| below.display().to_string())
}

/// Returns the untracked files below the root, as seen from the working directory.
fn untracked(repo: &Repo, status: &WorkTreeStatus, targets: &[String]) -> Vec<String> {
    let mut paths = Vec::new();
    for path in &status.untracked {
        let Some(below) = repo.relative(path) else { continue };
        let is_wanted = targets.is_empty() || targets.iter().any(|target| below.starts_with(target));
        if is_wanted {
            paths.push(repo.display_path(path));
        }
    }
    paths
}

struct DataStatus {
    report: DataStatusReport,
    untracked: Vec<String>,
    shows_unchanged: bool,
    is_dirty: bool,
}

/// One group of paths, as DVC heads it.
struct Group {
    title: &'static str,
    hints: &'static [&'static str],
    colour: Option<Colour>,
    lines: Vec<String>,
}

impl DataStatus {
    fn groups(&self) -> Vec<Group> {
        let report = &self.report;
        let group = |title, hints, colour, lines: Vec<String>| Group { title, hints, colour, lines };
        let unchanged = if self.shows_unchanged { report.unchanged.clone() } else { Vec::new() };
        let groups = [
            group(
                "Not in cache",
                &["use \"dvc fetch <file>...\" to download files"],
                Some(Colour::Red),
                report.not_in_cache.clone(),
            ),
            group(
                "Not in remote",
                &["use \"dvc push <file>...\" to upload files"],
                Some(Colour::Red),
                report.not_in_remote.clone(),
            ),
            group(
                "DVC committed changes",
                &["git commit the corresponding dvc files to update the repo"],
                Some(Colour::Green),
                lines(&report.committed),
            ),
            group(
                "DVC uncommitted changes",
                &[
                    "use \"dvc commit <file>...\" to track changes",
                    "use \"dvc checkout <file>...\" to discard changes",
                ],
                Some(Colour::Yellow),
                lines(&report.uncommitted),
            ),
            group(
                "Untracked files",
                &["use \"git add <file> ...\" or \"dvc add <file>...\" to commit to git or to dvc"],
                Some(Colour::Cyan),
                self.untracked.clone(),
            ),
            group("DVC unchanged files", &[], None, unchanged),
        ];
        groups.into_iter().filter(|group| !group.lines.is_empty()).collect()
    }
}

fn lines(changes: &DataChanges) -> Vec<String> {
    let of = |kind: &'static str, paths: &[String]| {
        paths.iter().map(|path| format!("{kind}: {path}")).collect::<Vec<_>>()
    };
    let renamed = changes.renamed.iter().map(|(old, new)| format!("renamed: {old} -> {new}"));
    let mut lines = of("modified", &changes.modified);
    lines.extend(of("unknown", &changes.unknown));
    lines.extend(of("added", &changes.added));
    lines.extend(renamed);
    lines.extend(of("deleted", &changes.deleted));
    lines
}

impl Message for DataStatus {
    const IS_DVC_SHAPE: bool = true;

    fn text(&self, page: &mut Page) {
        let groups = self.groups();
        if groups.is_empty() {
            let place = if self.report.has_no_commits { " in an empty git repo" } else { "" };
            page.line(format_args!("No changes{place}."));
        }
        for (number, group) in groups.iter().enumerate() {
            if number > 0 {
                page.line("");
            }
            page.line(format_args!("{}:", group.title));
            for hint in group.hints {
                page.line(format_args!("  ({hint})"));
            }
            for line in &group.lines {
                let line = format!("        {line}");
                match group.colour {
                    Some(colour) => page.line(page.coloured(colour, line)),
                    None => page.line(line),
                }
            }
        }
        if self.is_dirty {
            let other = if groups.is_empty() { "" } else { "other " };
            let hint = format!("(there are {other}changes not tracked by dvc, use \"git status\" to see)");
            page.line(page.coloured(Colour::Blue, hint));
        }
    }
}

impl Serialize for DataStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = &self.report;
        let mut map = serializer.serialize_map(None)?;
        let mut list = |name: &str, paths: &[String]| {
            if paths.is_empty() { Ok(()) } else { map.serialize_entry(name, paths) }
        };
        list("not_in_cache", &report.not_in_cache)?;
        list("not_in_remote", &report.not_in_remote)?;
        for (name, changes) in [("committed", &report.committed), ("uncommitted", &report.uncommitted)] {
            if *changes != DataChanges::default() {
                map.serialize_entry(name, &Changes(changes))?;
            }
        }
        let mut list = |name: &str, paths: &[String]| {
            if paths.is_empty() { Ok(()) } else { map.serialize_entry(name, paths) }
        };
        list("untracked", &self.untracked)?;
        if self.shows_unchanged {
            list("unchanged", &report.unchanged)?;
        }
        map.end()
    }
}

/// DVC's shape of changes: only kinds that there are.
struct Changes<'a>(&'a DataChanges);

impl Serialize for Changes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let changes = self.0;
        let mut map = serializer.serialize_map(None)?;
        for (name, paths) in
            [("modified", &changes.modified), ("unknown", &changes.unknown), ("added", &changes.added)]
        {
            if !paths.is_empty() {
                map.serialize_entry(name, paths)?;
            }
        }
        if !changes.renamed.is_empty() {
            let renamed: Vec<_> = changes.renamed.iter().map(|(old, new)| Renamed { old, new }).collect();
            map.serialize_entry("renamed", &renamed)?;
        }
        if !changes.deleted.is_empty() {
            map.serialize_entry("deleted", &changes.deleted)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Renamed<'a> {
    old: &'a str,
    new: &'a str,
}
