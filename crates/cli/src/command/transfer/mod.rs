//! `haul push`, `haul fetch` and `haul pull`.

mod fetch;
pub(super) mod message;
mod pull;
mod push;

use std::collections::BTreeMap;

use clap::Args;
use haul_repo::ops::{Failure, SkipReason, SkippedOut};
use haul_storage::transfer::{FailedObject, TransferMode, TransferReport};

pub(crate) use fetch::FetchArgs;
pub(crate) use pull::PullArgs;
pub(crate) use push::PushArgs;

use super::MAX_LINES;
use crate::command_error::{CommandError, Detail, FailureKind, Verb};
use crate::ui::Printer;

/// Objects that a server refused with the same code and that are named.
const MAX_SAME: usize = 3;
/// Outs that were passed over for one reason and are named.
const MAX_SKIPPED: usize = 10;

/// Flags of haul that all transfers share.
#[derive(Debug, Clone, Copy, Args)]
struct ReportArgs {
    /// Only show what would be moved
    #[arg(long, alias = "dry")]
    dry_run: bool,
}

impl ReportArgs {
    fn mode(self) -> TransferMode {
        if self.dry_run { TransferMode::DryRun } else { TransferMode::Execute }
    }
}

/// Which way objects go, with DVC's words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    fn participle(self) -> &'static str {
        match self {
            Self::Up => "pushed",
            Self::Down => "fetched",
        }
    }

    /// Says what to do about objects that are nowhere.
    fn hint_of_missing(self) -> &'static str {
        match self {
            Self::Up => "if the workspace has the data, store it: haul commit",
            Self::Down => "push the missing data from a copy that has it: haul push",
        }
    }

    fn failure(self) -> &'static str {
        match self {
            Self::Up => "failed to upload",
            Self::Down => "failed to download",
        }
    }
}

/// What went between the cache and one remote.
struct RemoteTransfer {
    remote: String,
    location: String,
    report: TransferReport,
    /// Metafiles that were written, as a person knows them.
    recorded: Vec<String>,
    /// Whether it keeps versions of files, of which the metafiles name one each.
    is_versioned: bool,
}

/// Says which outs were passed over, and why: one line for each reason.
pub(crate) fn warn_of_skipped(printer: &Printer, skipped: &[SkippedOut]) {
    let mut by_reason: BTreeMap<&SkipReason, Vec<String>> = BTreeMap::new();
    for out in skipped {
        by_reason.entry(&out.reason).or_default().push(format!("'{}'", out.path));
    }
    for (reason, outs) in by_reason {
        let (n_more, was) =
            (outs.len().saturating_sub(MAX_SKIPPED), if outs.len() == 1 { "was" } else { "were" });
        let more = if n_more > 0 { format!(" and {n_more} more") } else { String::new() };
        let outs = outs.iter().take(MAX_SKIPPED).map(String::as_str).collect::<Vec<_>>().join(", ");
        printer.warning(&format!("{outs}{more} {was} skipped: {reason}"));
    }
}

/// Warns of objects that exist nowhere, in DVC's words.
fn warn_of_missing(printer: &Printer, transfers: &[RemoteTransfer]) {
    let missing: Vec<_> = transfers.iter().flat_map(|transfer| &transfer.report.missing).collect();
    if missing.is_empty() {
        return;
    }
    let lines: Vec<String> = missing
        .iter()
        .take(MAX_LINES)
        .map(|object| format!("md5: {} ({})", object.oid, object.path))
        .collect();
    let more = more(missing.len());
    printer.warning(&format!(
        "Some of the cache files do not exist neither locally nor on remote. Missing cache files:\n{}{more}",
        lines.join("\n")
    ));
}

/// Returns the error of a transfer that is not complete.
///
/// Deviation: objects that exist nowhere are an error; DVC warns and ends with 0, and the colleague who pulls
/// is the first to notice.
fn check(
    verb: Verb,
    direction: Direction,
    transfers: &[RemoteTransfer],
    failed: &[Failure],
) -> Result<(), CommandError> {
    if transfers.iter().any(|transfer| transfer.report.is_interrupted) {
        return Err(CommandError::interrupted());
    }
    let reports = || transfers.iter().map(|transfer| &transfer.report);
    let n_missing: usize = reports().map(|report| report.missing.len()).sum();
    let n_failed: usize = reports().map(|report| report.failed.len()).sum();
    let n_held_back: usize = reports().map(|report| report.held_back.len()).sum();
    let n_not_tried: u64 = reports().map(|report| report.n_not_tried).sum();
    let stopped_by = || reports().find_map(|report| report.stopped_by.as_ref());
    let n_unmoved = u64::try_from(n_failed + n_held_back).unwrap_or(u64::MAX).saturating_add(n_not_tried);
    // What belongs to no object is the one error; how many objects it left is said behind it.
    let is_ended = stopped_by().is_some() && n_failed + n_held_back == 0;
    let message = if let Some(reason) = stopped_by().filter(|_| is_ended && n_not_tried > 0) {
        let (n, files) = (n_not_tried, if n_not_tried == 1 { "file" } else { "files" });
        format!("{} ({n} {files} not {})", CommandError::chain(reason), direction.participle())
    } else if n_unmoved > 0 {
        // DVC counts the manifests it held back among the failures.
        format!("{n_unmoved} file{} {}", if n_unmoved == 1 { "" } else { "s" }, direction.failure())
    } else if n_missing > 0 {
        let (objects, are) = if n_missing == 1 { ("object", "is") } else { ("objects", "are") };
        format!("{n_missing} {objects} {are} not found in the cache or on the remote")
    } else if let Some(reason) = stopped_by() {
        CommandError::chain(reason)
    } else if let Some(last) = failed.last() {
        CommandError::chain(&last.error)
    } else {
        return Ok(());
    };
    let mut error = verb.failure(message);
    if !is_ended && (n_unmoved > 0 || n_missing > 0) {
        for reason in reports().filter_map(|report| report.stopped_by.as_ref()) {
            error = error.with_detail(CommandError::chain(reason));
        }
    }
    error = with_failed_objects(error, &reports().flat_map(|report| &report.failed).collect::<Vec<_>>());
    // What is in the message itself needs no line of its own.
    let is_told = n_unmoved == 0 && n_missing == 0 && stopped_by().is_none();
    let n_told = failed.len().saturating_sub(usize::from(is_told));
    for failure in &failed[..n_told] {
        error = error.with_detail(Detail::of_target(failure));
    }
    if let Some(last) = failed.last().filter(|_| is_told) {
        error = error.with_kind(Detail::of_target(last).kind).about(last.subject.clone());
    } else if n_unmoved == 0 && n_missing > 0 {
        error = error.with_kind(FailureKind::NotFound);
    }
    let hint = reports().flat_map(|report| &report.failed).find_map(|object| object.error.hint());
    let hint = hint.or_else(|| stopped_by().and_then(haul_storage::Error::hint));
    let hint = hint.map(str::to_owned).or_else(|| failed.iter().find_map(|failure| failure.error.hint()));
    let hint = hint.or_else(|| (n_missing > 0).then(|| hint_of_missing(direction, transfers)));
    Err(error.with_optional_hint(hint))
}

/// Adds a line for each object that failed. Of those that a server refused with the same code, as where a right is missing or
/// all are archived, only the first are named.
fn with_failed_objects(mut error: CommandError, failed: &[&FailedObject]) -> CommandError {
    let code = |object: &FailedObject| object.error.reply().and_then(|reply| reply.code.clone());
    let mut n_of_code: BTreeMap<String, usize> = BTreeMap::new();
    let mut n_lines = 0;
    for object in failed {
        if let Some(code) = code(object) {
            let n_same = n_of_code.entry(code).or_default();
            *n_same += 1;
            if *n_same > MAX_SAME {
                continue;
            }
        }
        n_lines += 1;
        if n_lines <= MAX_LINES {
            let reason = CommandError::chain(&object.error);
            let text = format!("failed to transfer '{}' ({}) - {reason}", object.oid, object.path);
            error = error.with_detail(Detail::of_object(&object.path, &object.error, text));
        }
    }
    for (code, n_same) in n_of_code {
        if let Some(n_more) = n_same.checked_sub(MAX_SAME).filter(|n_more| *n_more > 0) {
            let objects = if n_more == 1 { "object" } else { "objects" };
            error = error.with_detail(format!(
                "failed to transfer {n_more} more {objects} for the same reason ({code}; --json lists them all)"
            ));
        }
    }
    if n_lines > MAX_LINES {
        error = error.with_detail(format!("failed to transfer{}", more(n_lines)));
    }
    error
}

/// Returns the next step for objects that are neither in the cache nor on the remote. A push does not bring recorded
/// versions back: it makes new ones.
fn hint_of_missing(direction: Direction, transfers: &[RemoteTransfer]) -> String {
    let has_lost = |transfer: &&RemoteTransfer| transfer.is_versioned && !transfer.report.missing.is_empty();
    match transfers.iter().find(has_lost).filter(|_| direction == Direction::Down) {
        Some(lost) => format!(
            "the recorded versions are gone from `{}`: they were deleted, or a lifecycle rule of the bucket let them \
             expire; where a copy of the data is left, `haul push` records new ones, which then have to be committed to Git",
            lost.location
        ),
        None => direction.hint_of_missing().to_owned(),
    }
}

fn more(n_objects: usize) -> String {
    match n_objects.checked_sub(MAX_LINES) {
        None | Some(0) => String::new(),
        Some(n_more) => format!("\n… and {n_more} more (--json lists them all)"),
    }
}
