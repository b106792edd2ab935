//! `haul gc`.

mod arguments;
mod failed;
pub(super) mod message;
mod uploads;
mod versions;

use std::time::{Duration, SystemTime};

use clap::Args;
use haul_repo::git::{HistoryOptions, RevisionSet};
use haul_repo::ops::{GcOptions, GcPlan, GcReport, GcTarget, plan_gc};

use self::arguments::{age, day, number};
use self::message::{Collection, Outcome, plan_lines, unused_of};
use super::confirm::confirm;
use super::select::RemoteArgs;
use super::{CommandResult, Context};
use crate::command_error::CommandError;
use crate::exit::ExitStatus;

/// Lines of single objects that are printed; JSON has them all.
const MAX_LINES: usize = 50;

/// Delete objects that nothing uses, from the cache and from remotes
///
/// What the workspace uses is always kept. The other flags name commits whose objects are kept, too; at least one of
/// them has to be given. Nothing is deleted if anything that tells what is used cannot be read.
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Keep what the workspace uses
    #[arg(short, long)]
    workspace: bool,
    /// Keep what this commit uses
    #[arg(long, value_name = "commit")]
    rev: Option<String>,
    /// Keep what the last commits use, this many from --rev and each branch; below 0 all of them [default: 1]
    #[arg(short, long, value_name = "num", value_parser = number, allow_negative_numbers = true)]
    num: Option<i64>,
    /// Keep what the tips of all branches use
    #[arg(short = 'a', long)]
    all_branches: bool,
    /// Keep what all tags use
    #[arg(short = 'T', long)]
    all_tags: bool,
    /// Keep what all commits use
    #[arg(short = 'A', long)]
    all_commits: bool,
    /// Keep what commits since this day use
    #[arg(long, value_name = "yyyy-mm-dd")]
    date: Option<String>,
    /// Keep what all experiments use
    #[arg(long)]
    all_experiments: bool,
    /// Delete from the cache what the remote has, too
    #[arg(long)]
    not_in_remote: bool,
    /// Delete from the remote, too
    #[arg(short, long)]
    cloud: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Keep objects that came within this time, as 12h or 7d: they may belong to a push that is under way. With --cloud,
    /// give up unfinished uploads that are older
    #[arg(long, value_name = "age", value_parser = age)]
    older_than: Option<Duration>,
    /// Go on where a revision or a list of files cannot be read; what only they use is deleted
    #[arg(long)]
    skip_failed: bool,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Keep what these other repositories use, too, which share the cache or the remote
    #[arg(short, long, value_name = "paths", num_args = 0..)]
    projects: Vec<String>,
    /// Only show what would be deleted
    #[arg(long, alias = "dry-run")]
    dry: bool,
}

impl GcArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        self.check()?;
        context.printer().warning(&self.announcement(&repo));
        // As DVC: a user who is not sure is shown nothing that takes long to find out.
        let options = self.options(context)?;
        let plan = context
            .observe_async(async |observer| plan_gc(repo, options, observer).await)
            .map_err(CommandError::from)?;
        for warning in &plan.warnings {
            context.printer().warning(warning);
        }
        for line in lines(&plan, self.older_than.is_some()) {
            context.printer().remark(&line);
        }
        if self.dry {
            context.printer().show(Outcome::planned(&plan))?;
        }
        context.printer().record(Collection::planned(&plan, self.dry));
        if self.dry {
            return Ok(ExitStatus::Success);
        }
        if !self.force && !confirm(context, "Are you sure you want to proceed?")? {
            // Deviation: without a terminal DVC ends `gc` with exit code 1 and without a word; haul says why.
            return Err(CommandError::failure(
                "cannot collect garbage without a confirmation from the user. Use `-f` to force.",
            ));
        }
        let report = context
            .observe_async(async |observer| Ok(plan.execute(observer).await))
            .map_err(CommandError::from)?;
        context.printer().show(Outcome::done(&plan, &report))?;
        context.printer().record(Collection::done(&plan, &report));
        judge(&plan, &report)
    }

    /// Refuses what makes no sense together, in the words and the order of DVC.
    fn check(&self) -> Result<(), CommandError> {
        let refuse = |text: &str| Err(CommandError::misuse(ExitStatus::Unexpected, text));
        if self.not_in_remote && self.cloud {
            return refuse("`--not-in-remote` and `--cloud` are mutually exclusive");
        }
        let is_rev = self.rev.as_deref().is_some_and(|rev| !rev.is_empty());
        let is_date = self.date.as_deref().is_some_and(|date| !date.is_empty());
        let has_num = self.num.is_some_and(|num| num != 0);
        let has_scope = self.workspace
            || self.all_branches
            || self.all_tags
            || self.all_commits
            || self.all_experiments
            || is_date
            || is_rev;
        if !has_scope && !has_num {
            return refuse(
                "Either of `-w|--workspace`, `-a|--all-branches`, `-T|--all-tags` `--all-experiments`, `--all-commits`, \
                 `--date` or `--rev` needs to be set.",
            );
        }
        if has_num && !is_rev && !self.all_branches {
            return refuse("`--num` can only be used alongside `--rev` or `--all-branches`");
        }
        Ok(())
    }

    /// DVC's sentence about what is kept.
    fn announcement(&self, repo: &haul_repo::Repo) -> String {
        use std::fmt::Write as _;
        let num = match &self.rev {
            Some(_) => Some(self.n_commits()),
            None => self.num.filter(|num| *num != 0),
        };
        let mut text = String::from("This will remove all cache except items used in the workspace");
        if self.all_commits {
            text.push_str(" and all git commits");
        } else {
            match (self.all_branches, self.all_tags, num) {
                (true, tags, Some(num)) => {
                    write!(text, " and last {num} commits from all git branches")
                        .expect("a string takes all");
                    text.push_str(if tags { " and all git tags" } else { "" });
                }
                (true, true, None) => text.push_str(" and all git branches and tags"),
                (true, false, None) => text.push_str(" and all git branches"),
                (false, true, _) => text.push_str(" and all git tags"),
                (false, false, _) => {}
            }
            if let Some(date) = &self.date {
                // DVC says "before", which it does not do.
                write!(text, " and all git commits since {date}").expect("a string takes all");
            }
            if let (Some(rev), Some(num)) = (&self.rev, num) {
                write!(text, " and last {num} commits from {rev}").expect("a string takes all");
            }
        }
        if self.all_experiments {
            text.push_str(" and all experiments");
        }
        if self.not_in_remote {
            text.push_str(" that are not present in the DVC remote");
        }
        if self.projects.is_empty() {
            text.push_str(" of the current repo.");
        } else {
            text.push_str(" of the current and the following repos:");
            for project in &self.projects {
                write!(text, "\n  - {}", repo.absolute(project).display()).expect("a string takes all");
            }
        }
        text
    }

    fn n_commits(&self) -> i64 {
        self.num.filter(|num| *num != 0).unwrap_or(1)
    }

    fn options(&self, context: &Context) -> Result<GcOptions, CommandError> {
        let target = match (self.cloud, self.not_in_remote) {
            (true, _) => GcTarget::CacheAndRemotes,
            (_, true) => GcTarget::CacheNotInRemote,
            _ => GcTarget::Cache,
        };
        Ok(GcOptions {
            history: HistoryOptions {
                set: RevisionSet {
                    all_branches: self.all_branches,
                    all_tags: self.all_tags,
                    all_commits: self.all_commits,
                },
                all_experiments: self.all_experiments,
                since_day: self.date.as_deref().map(day).transpose().map_err(CommandError::unexpected)?,
                revisions: self.rev.iter().cloned().collect(),
                n_commits: self.n_commits(),
            },
            target,
            remote: self.remote.name(),
            projects: self.projects.clone(),
            skip_failed: self.skip_failed,
            older_than: self.older_than,
            now: SystemTime::now(),
            is_dry_run: self.dry,
            jobs: self.remote.n_jobs(),
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        })
    }
}

/// Says in a line for each place what would go.
fn lines(plan: &GcPlan, has_age: bool) -> Vec<String> {
    let places = plan_lines(&plan.places).into_iter().chain(versions::plan_lines(&plan.versions));
    places.chain(uploads::plan_lines(&plan.uploads, has_age)).collect()
}

/// Ends the command with what could not be deleted.
fn judge(plan: &GcPlan, report: &GcReport) -> CommandResult {
    if report.is_interrupted() {
        return Err(CommandError::interrupted());
    }
    let objects = plan.places.iter().zip(&report.places).flat_map(|(planned, done)| {
        let path = |oid| planned.place.path_of(planned.layout, oid);
        done.failed.iter().map(move |(oid, error)| (path(oid), error.as_ref()))
    });
    let failed: Vec<(String, &haul_storage::Error)> = objects
        .chain(versions::failed(&plan.versions, &report.versions))
        .chain(uploads::failed(&plan.uploads, &report.uploads))
        .collect();
    let Some((_, first)) = failed.first() else { return Ok(ExitStatus::Success) };
    let n_held_back: u64 = report.places.iter().map(|place| place.n_held_back).sum();
    let (n_failed, hint) = (failed.len(), first.hint().map(str::to_owned));
    let objects = if n_failed == 1 { "object" } else { "objects" };
    let mut error = CommandError::failure(format!(
        "failed to collect garbage - {n_failed} {objects} could not be removed (of {})",
        unused_of(&plan.places) + versions::n_unused(&plan.versions) + uploads::n_unfinished(&plan.uploads)
    ));
    for (path, reason) in failed.iter().take(MAX_LINES) {
        error = error.with_detail(format!("failed to remove '{path}' - {}", CommandError::chain(*reason)));
    }
    if n_failed > MAX_LINES {
        error = error.with_detail(format!("… and {} more (--json lists them all)", n_failed - MAX_LINES));
    }
    if n_held_back > 0 {
        error = error.with_note(format!(
            "{n_held_back} files of directories that could not be removed were left where they are"
        ));
    }
    Err(error.with_optional_hint(hint))
}
