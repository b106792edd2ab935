//! `haul check-ignore`.

use clap::Args;
use haul_repo::Repo;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandResult, Context};
use crate::command_error::CommandError;
use crate::exit::ExitStatus;

/// Show which paths .dvcignore excludes
#[derive(Debug, Args)]
pub(crate) struct CheckIgnoreArgs {
    /// Show the pattern that decides about each path
    #[arg(short, long)]
    details: bool,
    /// Show all patterns that match (with --details)
    #[arg(short, long)]
    all: bool,
    /// Show paths that match no pattern, too (with --details)
    #[arg(short, long)]
    non_matching: bool,
    /// Read paths from the standard input, one a line, up to an empty line
    #[arg(long)]
    stdin: bool,
    /// Paths
    targets: Vec<String>,
}

impl CheckIgnoreArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        self.check(context)?;
        let (mut is_any_ignored, mut checked) = (false, Checked::default());
        if self.stdin {
            while let Some(path) = context.printer().read_line()?.filter(|line| !line.is_empty()) {
                is_any_ignored |= self.show(context, &repo, &path, &mut checked)?;
                // A program that writes path by path wants answers path by path.
                context.printer().flush()?;
            }
        }
        for path in &self.targets {
            is_any_ignored |= self.show(context, &repo, path, &mut checked)?;
        }
        context.printer().record(checked);
        Ok(if is_any_ignored { ExitStatus::Success } else { ExitStatus::Failure })
    }

    fn check(&self, context: &Context) -> Result<(), CommandError> {
        let message = if !self.stdin && self.targets.is_empty() {
            "`targets` or `--stdin` needed"
        } else if self.stdin && !self.targets.is_empty() {
            "cannot have both `targets` and `--stdin`"
        } else if self.non_matching && !self.details {
            "`--non-matching` is only valid with `--details`"
        } else if self.all && !self.details {
            "`--all` is only valid with `--details`"
        } else if context.printer().is_quiet() && self.details {
            "cannot use both `--details` and `--quiet`"
        } else {
            return Ok(());
        };
        Err(CommandError::misuse(ExitStatus::Unexpected, message))
    }

    /// Shows what is known of one path, and returns whether a pattern matches it.
    fn show(
        &self,
        context: &Context,
        repo: &Repo,
        target: &str,
        checked: &mut Checked,
    ) -> Result<bool, CommandError> {
        let path = repo.absolute(target);
        let is_outside = repo.relative(&path).is_none();
        let decision = if is_outside { None } else { repo.ignore().check(&path, path.is_dir()) };
        let is_ignored = decision.as_ref().is_some_and(|rule| rule.is_ignored);
        checked.paths.push(CheckedPath {
            path: target.to_owned(),
            is_ignored,
            rules: decision.iter().map(|rule| rule.rule.clone()).collect(),
        });
        if !self.details {
            if is_ignored {
                context.printer().line(target)?;
            }
            return Ok(is_ignored);
        }
        // As in DVC, it is the last pattern that is shown, also with `--all`.
        if let Some(rule) = &decision {
            context.printer().line(format_args!("{}\t{target}", rule.rule))?;
        } else if self.non_matching {
            context.printer().line(format_args!("::\t{target}"))?;
        }
        Ok(decision.is_some())
    }
}

/// What is known of the paths.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Checked {
    /// The paths, in the order in which they were asked for.
    paths: Vec<CheckedPath>,
}

/// A path beside the patterns.
#[derive(Debug, Serialize, JsonSchema)]
struct CheckedPath {
    /// The path as typed.
    path: String,
    /// Whether it is ignored.
    is_ignored: bool,
    /// The patterns that match, with file and line; the last one decides.
    rules: Vec<String>,
}
