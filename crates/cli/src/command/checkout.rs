//! `haul checkout`.

use clap::Args;
use haul_repo::ops::{self, CheckoutOptions, CheckoutReport};
use haul_repo::{Error, Repo};
use schemars::JsonSchema;
use serde::Serialize;

use super::select::SelectArgs;
use super::{CommandResult, Context, MAX_LINES};
use crate::command_error::{CommandError, FailureKind, Verb};
use crate::exit::ExitStatus;
use crate::ui::{Colour, Message, OutputFormat, Page};

/// Write tracked data from the cache into the workspace
#[derive(Debug, Args)]
pub(crate) struct CheckoutArgs {
    /// Print the numbers of files instead of the changes
    #[arg(long)]
    summary: bool,
    /// Overwrite and remove files whose content is nowhere else
    #[arg(short, long)]
    force: bool,
    /// Link or copy all files again, in the way of cache.type
    #[arg(long)]
    relink: bool,
    /// Do not fail because of data that the cache lacks
    #[arg(long)]
    allow_missing: bool,
    #[command(flatten)]
    select: SelectArgs,
}

impl CheckoutArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let format = context.format();
        let repo = context.open_repo()?;
        let options = CheckoutOptions {
            select: self.select.into_options(false),
            force: self.force,
            relink: self.relink,
            allow_missing: self.allow_missing,
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let report = context
            .observe(|observer| ops::checkout(&repo, &options, observer))
            .map_err(|error| suggest_git(error, &repo))?;
        for warning in &report.warnings {
            context.printer().warning(warning);
        }
        let changes = Changes::new(&report);
        if self.summary && format == OutputFormat::Text {
            let summary = summary(&changes.stats.parts());
            context.printer().line(if summary.is_empty() { "No changes." } else { &summary })?;
        } else {
            context.printer().show(changes)?;
        }
        check(&report, Verb::CHECKOUT, "get the missing data from a remote: haul pull")?;
        if self.relink && format == OutputFormat::Text {
            context.printer().line("Relinked successfully")?;
        }
        Ok(ExitStatus::Success)
    }
}

/// Fails if the checkout is not complete; `where_from` says how to get what the cache lacks.
pub(super) fn check(report: &CheckoutReport, verb: Verb, where_from: &str) -> Result<(), CommandError> {
    if report.is_interrupted {
        return Err(CommandError::interrupted());
    }
    if report.failed.is_empty() {
        return Ok(());
    }
    let targets: Vec<&str> = report.failed.iter().map(|out| out.display.as_str()).collect();
    let n_missing: usize = report.failed.iter().map(|out| out.missing.len()).sum();
    // Deviation: DVC asks "Is your cache up to date?" after every failed checkout, also when the disk is full; haul asks
    // only if objects are missing.
    let question =
        if n_missing > 0 { "\nIs your cache up to date?\n<https://error.dvc.org/missing-files>" } else { "" };
    let targets = targets.join("\n");
    let mut error = verb.failure(format!("Checkout failed for following targets:\n{targets}{question}"));
    let failures: Vec<_> = report.failed.iter().flat_map(|out| &out.failures).collect();
    for failure in failures.iter().take(MAX_LINES) {
        error = error.with_detail(format!("{}: {}", failure.subject, CommandError::chain(&failure.error)));
    }
    if let Some(n_more) = failures.len().checked_sub(MAX_LINES).filter(|n_more| *n_more > 0) {
        error = error.with_detail(format!("… and {n_more} more files that could not be written"));
    }
    error = error.with_optional_hint(failures.iter().find_map(|failure| failure.error.hint()));
    if failures.is_empty() {
        error = error.with_kind(FailureKind::NotFound);
    }
    Err(if n_missing > 0 { error.with_hint(where_from) } else { error })
}

/// DVC guesses that a name it does not know was meant for Git.
fn suggest_git(error: Error, repo: &Repo) -> CommandError {
    let target = match &error {
        Error::TargetNotFound { target, .. } => Some(target.clone()),
        _ => None,
    };
    let error = Verb::CHECKOUT.error(error);
    match target {
        Some(target) if repo.git().is_some() => {
            error.after(&format!("Did you mean `git checkout {target}`?"))
        }
        _ => error,
    }
}

/// What changed in the workspace.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Changes {
    /// Tracked files and directories that changed.
    modified: Vec<String>,
    /// Those that are new.
    added: Vec<String>,
    /// Those that are gone.
    deleted: Vec<String>,
    /// Numbers of files.
    pub(super) stats: ChangeStats,
    /// Tracked files and directories that could not be written whole.
    failed: Vec<String>,
    /// Files of them whose objects the cache lacks.
    missing: Vec<String>,
}

/// Numbers of files in the workspace that changed.
#[derive(Debug, Default, Clone, Copy, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "numbers are called so in all documents")]
pub(super) struct ChangeStats {
    /// Number of files that changed.
    n_modified: u64,
    /// Number of files that are new.
    n_added: u64,
    /// Number of files that are gone.
    n_deleted: u64,
}

impl ChangeStats {
    /// Returns the numbers with DVC's words for them, in DVC's order.
    pub(super) fn parts(self) -> [(u64, &'static str); 3] {
        [(self.n_modified, "modified"), (self.n_added, "added"), (self.n_deleted, "deleted")]
    }
}

impl Changes {
    /// Tells that the workspace is what the metafiles say.
    pub(super) fn is_complete(&self) -> bool {
        self.failed.is_empty()
    }

    pub(super) fn new(report: &CheckoutReport) -> Self {
        let paths =
            |changes: &[ops::OutChange]| changes.iter().map(|change| change.display.clone()).collect();
        Self {
            modified: paths(&report.modified),
            added: paths(&report.added),
            deleted: paths(&report.deleted),
            stats: ChangeStats {
                n_modified: report.stats.n_modified,
                n_added: report.stats.n_added,
                n_deleted: report.stats.n_deleted,
            },
            failed: report.failed.iter().map(|out| out.display.clone()).collect(),
            missing: report.failed.iter().flat_map(|out| out.missing.clone()).collect(),
        }
    }
}

impl Message for Changes {
    /// The blanks are a tab that DVC expands.
    fn text(&self, page: &mut Page) {
        for (colour, letter, paths) in [
            (Colour::Yellow, "M", &self.modified),
            (Colour::Green, "A", &self.added),
            (Colour::Red, "D", &self.deleted),
        ] {
            for path in paths {
                page.line(format_args!("{}       {path}", page.coloured(colour, letter)));
            }
        }
    }
}

/// Counts as DVC does: `1 file fetched, 2 files modified and 3 files added`; empty if nothing happened.
pub(super) fn summary(parts: &[(u64, &str)]) -> String {
    let phrases: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} file{} {what}", if *number > 1 { "s" } else { "" }))
        .collect();
    match phrases.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_is_worded_as_in_dvc() {
        for (parts, text) in [
            (&[(0, "fetched"), (0, "added")][..], ""),
            (&[(1, "fetched"), (0, "added")], "1 file fetched"),
            (&[(7, "fetched"), (7, "added")], "7 files fetched and 7 files added"),
            (
                &[(1, "fetched"), (2, "modified"), (3, "added"), (0, "deleted")],
                "1 file fetched, 2 files modified and 3 files added",
            ),
        ] {
            assert_eq!(summary(parts), text);
        }
    }
}
