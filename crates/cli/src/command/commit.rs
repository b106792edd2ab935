//! `haul commit`.

use std::cell::RefCell;

use clap::Args;
use haul_repo::ops::{self, CommitOptions};
use haul_repo::{Repo, SelectOptions};
use schemars::JsonSchema;
use serde::Serialize;

use super::confirm::ask_on_terminal;
use super::select::SelectArgs;
use super::{CommandResult, Context, fail, locks_written};
use crate::command_error::Verb;
use crate::exit::ExitStatus;

/// Record changes of tracked data, and store it in the cache
#[derive(Debug, Args)]
pub(crate) struct CommitArgs {
    /// Commit what changed without a question; without a terminal to ask on, changes are refused
    #[arg(short, long)]
    force: bool,
    /// Leave the files as they are, instead of linking them from the cache
    #[arg(long)]
    no_relink: bool,
    /// Pass over stages that have a command
    #[arg(long, hide = true)]
    data_only: bool,
    #[command(flatten)]
    select: SelectArgs,
}

impl CommitArgs {
    /// Takes the targets one by one, as DVC does: the first one that fails is the last one.
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let select = self.select.into_options(false);
        let options = CommitOptions {
            force: self.force,
            no_relink: self.no_relink,
            data_only: self.data_only,
            wait: context.lock_wait(),
            cancel: context.cancellation(),
            select: SelectOptions { targets: Vec::new(), ..select },
        };
        let mut committed = Committed::default();
        let result = commit_all(context, &repo, &options, select.targets, &mut committed);
        context.printer().record(committed);
        result
    }
}

/// What was committed.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Committed {
    /// The stages and `.dvc` files, as DVC addresses them.
    committed: Vec<String>,
    /// Number of objects that were new to the cache.
    n_stored: u64,
}

fn commit_all(
    context: &Context,
    repo: &Repo,
    options: &CommitOptions,
    targets: Vec<String>,
    committed: &mut Committed,
) -> CommandResult {
    if targets.is_empty() {
        return commit(context, repo, options, "failed to commit", committed);
    }
    for target in targets {
        let operation = format!("failed to commit {target}");
        let select = SelectOptions { targets: vec![target], ..options.select.clone() };
        commit(context, repo, &CommitOptions { select, ..options.clone() }, &operation, committed)?;
    }
    Ok(ExitStatus::Success)
}

fn commit(
    context: &Context,
    repo: &Repo,
    options: &CommitOptions,
    operation: &str,
    committed: &mut Committed,
) -> CommandResult {
    let interrupted = RefCell::new(None);
    let confirm = |question: &str| {
        // After Ctrl-C no person is there to answer.
        interrupted.borrow().is_none()
            && ask_on_terminal(context, question).unwrap_or_else(|error| {
                interrupted.replace(Some(error));
                false
            })
    };
    let done = context.observe(|observer| ops::commit(repo, options, &confirm, observer));
    if let Some(error) = interrupted.take() {
        return Err(error);
    }
    let report = done.map_err(|error| Verb::COMMIT.error(error).while_trying(operation))?;
    for line in locks_written(repo, &report.locks) {
        context.printer().line(line)?;
    }
    for warning in &report.warnings {
        context.printer().warning(warning);
    }
    committed.committed.extend(report.committed);
    committed.n_stored += report.n_stored;
    fail(Verb::COMMIT, report.failed).map_err(|error| error.while_trying(operation))
}
