//! What a transfer has to say.

use haul_repo::ops::{Failure, SkipReason, SkippedOut};
use haul_storage::transfer::{FailedObject, MissingObject, PlannedObject, RequestCounts, TransferReport};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::checkout::{Changes, summary};
use super::{Direction, RemoteTransfer};
use crate::command_error::CommandError;
use crate::ui::{Message, Page, human_bytes};

/// The outcome of a push, fetch or pull.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::command) struct Outcome {
    #[serde(skip)]
    direction: Direction,
    /// Whether nothing was moved.
    is_dry_run: bool,
    /// Whether an error follows: then there is no reason to say that everything is up to date.
    #[serde(skip)]
    is_complete: bool,
    /// Number of objects that were moved.
    n_objects: u64,
    /// Their size in bytes.
    total_bytes: u64,
    /// How long it took.
    seconds: f64,
    /// What went to or came from each remote.
    remotes: Vec<RemoteLines>,
    /// Tracked files and directories that were asked for, and skipped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<SkippedLine>,
    /// Whether more was skipped than what is no data of DVC.
    #[serde(skip)]
    has_skipped_data: bool,
    /// Number of outs that were looked at.
    #[serde(skip)]
    n_outs: usize,
    /// Number of files of the run cache that were sent, or would be.
    #[serde(skip)]
    n_runs: u64,
    /// What changed in the workspace; only of `pull`.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkout: Option<Changes>,
}

/// An out that was asked for, and passed over.
#[derive(Debug, Serialize, JsonSchema)]
struct SkippedLine {
    /// Its path.
    path: String,
    /// Why.
    reason: String,
}

/// What went to or came from one remote.
#[derive(Debug, Serialize, JsonSchema)]
struct RemoteLines {
    /// The name of the remote.
    remote: String,
    /// Where it is.
    url: String,
    /// Number of objects that were moved.
    n_objects: u64,
    /// Their size in bytes.
    total_bytes: u64,
    /// How long it took.
    seconds: f64,
    /// Number of objects that were there already.
    n_present: u64,
    /// Number of damaged objects that were replaced.
    n_healed: u64,
    /// What would be moved; only of a dry run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    planned: Vec<ObjectLine>,
    /// Objects that are neither in the cache nor on the remote.
    missing: Vec<ObjectLine>,
    /// Objects that could not be moved.
    failed: Vec<ObjectLine>,
    /// Directory manifests that were not sent, because files of theirs are not on the remote.
    held_back: Vec<ObjectLine>,
    /// Number of objects that were not tried, because the command stopped.
    n_not_tried: u64,
    /// Metafiles that were written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recorded: Vec<String>,
    /// Requests to the server.
    requests: RequestLine,
}

/// An object.
#[derive(Debug, Serialize, JsonSchema)]
struct ObjectLine {
    /// Its name.
    oid: String,
    /// The file in the workspace that it is the content of.
    path: String,
    /// Size in bytes, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_bytes: Option<u64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Numbers of requests to a server, each attempt counted.
#[derive(Debug, Serialize, JsonSchema)]
struct RequestLine {
    /// Pages of listings.
    list: u64,
    /// Questions for one object.
    head: u64,
    /// Downloads, in whole or in part.
    get: u64,
    /// Uploads in one piece.
    put: u64,
    /// Requests of uploads in parts.
    multipart: u64,
    /// Deletions.
    delete: u64,
    /// Questions about the bucket.
    bucket: u64,
    /// Bytes of bodies that were sent.
    sent_bytes: u64,
    /// Bytes of bodies that were received.
    received_bytes: u64,
}

impl Outcome {
    pub(super) fn new(
        direction: Direction,
        is_dry_run: bool,
        transfers: &[RemoteTransfer],
        failed: &[Failure],
        checkout: Option<Changes>,
    ) -> Self {
        let reports = || transfers.iter().map(|transfer| &transfer.report);
        Self {
            direction,
            is_dry_run,
            is_complete: failed.is_empty() && reports().all(TransferReport::is_complete),
            n_objects: reports().map(|report| report.n_transferred).sum(),
            total_bytes: reports().map(|report| report.transferred_bytes).sum(),
            seconds: reports().map(|report| report.elapsed.as_secs_f64()).sum(),
            remotes: transfers.iter().map(RemoteLines::new).collect(),
            skipped: Vec::new(),
            has_skipped_data: false,
            n_outs: 0,
            n_runs: 0,
            checkout,
        }
    }

    /// Adds what was passed over, and how many outs were not.
    #[must_use]
    pub(super) fn with_skipped(self, skipped: &[SkippedOut], n_outs: usize) -> Self {
        let line = |out: &SkippedOut| SkippedLine { path: out.path.clone(), reason: out.reason.to_string() };
        let is_data = |out: &SkippedOut| out.reason != SkipReason::NotCached;
        let has_skipped_data = skipped.iter().any(is_data);
        Self { skipped: skipped.iter().map(line).collect(), has_skipped_data, n_outs, ..self }
    }

    /// Adds the runs that were sent.
    #[must_use]
    pub(super) fn with_runs(self, n_runs: u64) -> Self {
        let n_sent = if self.is_dry_run { 0 } else { n_runs };
        Self { n_objects: self.n_objects + n_sent, n_runs, ..self }
    }

    /// Says how much moved, in which time; `None` if nothing did.
    ///
    /// It stands on stderr, behind the line of DVC, which programs compare.
    pub(super) fn pace(&self) -> Option<String> {
        if self.is_dry_run || self.n_objects == 0 {
            return None;
        }
        let objects = if self.n_objects == 1 { "object" } else { "objects" };
        let text = format!(
            "{} {objects}, {} in {:.1} s",
            self.n_objects,
            human_bytes(self.total_bytes),
            self.seconds
        );
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "for display; not negative"
        )]
        let rate = (self.total_bytes as f64 / self.seconds.max(0.001)) as u64;
        // Of an instant, or of nothing, a rate says nothing.
        let is_long = self.seconds >= 0.1 && rate > 0;
        Some(if is_long { format!("{text}, {}/s", human_bytes(rate)) } else { text })
    }

    /// Says what would be moved.
    fn plan(&self, page: &mut Page) {
        let planned = || self.remotes.iter().flat_map(|remote| &remote.planned);
        for remote in &self.remotes {
            for object in &remote.planned {
                page.line(format_args!("{}\t{}", object.oid, object.path));
            }
        }
        let (n_objects, total): (usize, u64) =
            (planned().count(), planned().filter_map(|object| object.total_bytes).sum());
        let n_requests: u64 = self.remotes.iter().map(|remote| remote.requests.total()).sum();
        let files = if n_objects == 1 { "file" } else { "files" };
        if self.n_runs > 0 {
            page.line(format_args!(
                "{} files of the run cache would be {}",
                self.n_runs,
                self.direction.participle()
            ));
        }
        page.line(format_args!(
            "{n_objects} {files} ({}) would be {}; requests to find out: {n_requests}",
            human_bytes(total),
            self.direction.participle()
        ));
    }
}

impl Message for Outcome {
    fn text(&self, page: &mut Page) {
        if self.is_dry_run {
            return self.plan(page);
        }
        if let Some(changes) = &self.checkout {
            changes.text(page);
        }
        for path in
            self.remotes.iter().flat_map(|remote| &remote.recorded).filter(|path| path.ends_with("dvc.lock"))
        {
            page.line(format_args!("Updating lock file '{path}'"));
        }
        let mut parts = vec![(self.n_objects, self.direction.participle())];
        if let Some(changes) = &self.checkout {
            parts.extend(changes.stats.parts());
        }
        let text = summary(&parts);
        if !text.is_empty() {
            page.line(text);
        } else if self.is_complete && self.checkout.as_ref().is_none_or(Changes::is_complete) {
            // Only what was looked at can be said to be up to date.
            if self.skipped.is_empty() || !self.has_skipped_data && self.n_outs > 0 {
                page.line("Everything is up to date.");
            } else if self.n_outs > 0 {
                page.line("Everything else is up to date.");
            }
        }
    }
}

impl RemoteLines {
    fn new(transfer: &RemoteTransfer) -> Self {
        let report = &transfer.report;
        Self {
            remote: transfer.remote.clone(),
            url: transfer.location.clone(),
            n_objects: report.n_transferred,
            total_bytes: report.transferred_bytes,
            n_present: report.n_present,
            n_healed: report.n_healed,
            seconds: report.elapsed.as_secs_f64(),
            planned: report.planned.iter().map(ObjectLine::from).collect(),
            missing: report.missing.iter().map(ObjectLine::from).collect(),
            failed: report.failed.iter().map(ObjectLine::from).collect(),
            held_back: report.held_back.iter().map(ObjectLine::from).collect(),
            n_not_tried: report.n_not_tried,
            recorded: transfer.recorded.clone(),
            requests: RequestLine::from(report.requests),
        }
    }
}

impl From<&PlannedObject> for ObjectLine {
    fn from(object: &PlannedObject) -> Self {
        Self {
            oid: object.oid.to_string(),
            path: object.path.to_string(),
            total_bytes: object.size_bytes,
            error: None,
        }
    }
}

impl From<&MissingObject> for ObjectLine {
    fn from(object: &MissingObject) -> Self {
        Self { oid: object.oid.to_string(), path: object.path.to_string(), total_bytes: None, error: None }
    }
}

impl From<&FailedObject> for ObjectLine {
    fn from(object: &FailedObject) -> Self {
        let error = Some(CommandError::chain(&object.error));
        Self { oid: object.oid.to_string(), path: object.path.to_string(), total_bytes: None, error }
    }
}

impl From<RequestCounts> for RequestLine {
    fn from(counts: RequestCounts) -> Self {
        let RequestCounts { list, head, get, put, multipart, delete, bucket, sent_bytes, received_bytes } =
            counts;
        Self { list, head, get, put, multipart, delete, bucket, sent_bytes, received_bytes }
    }
}

impl RequestLine {
    fn total(&self) -> u64 {
        self.list + self.head + self.get + self.put + self.multipart + self.delete + self.bucket
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text(n_transferred: u64, is_interrupted: bool) -> String {
        let report = TransferReport { n_transferred, is_interrupted, ..TransferReport::default() };
        let transfer = RemoteTransfer {
            remote: String::from("s"),
            location: String::from("s3://b"),
            report,
            recorded: Vec::new(),
            is_versioned: false,
        };
        let mut page = Page::new(false);
        Outcome::new(Direction::Up, false, &[transfer], &[], None).text(&mut page);
        page.into_text()
    }

    #[test]
    fn text_is_that_of_dvc() {
        assert_eq!(text(0, false), "Everything is up to date.\n");
        assert_eq!(text(1, false), "1 file pushed\n");
        assert_eq!(text(2, false), "2 files pushed\n");
    }

    #[test]
    fn end_of_a_transfer_has_objects_bytes_seconds_and_rate() {
        let outcome = |n_transferred, transferred_bytes, millis| {
            let elapsed = Duration::from_millis(millis);
            let report =
                TransferReport { n_transferred, transferred_bytes, elapsed, ..TransferReport::default() };
            let (remote, location) = (String::from("s"), String::from("s3://b"));
            let transfer =
                RemoteTransfer { remote, location, report, recorded: Vec::new(), is_versioned: false };
            Outcome::new(Direction::Up, false, &[transfer], &[], None)
        };
        let pace = |n_transferred, bytes, millis| outcome(n_transferred, bytes, millis).pace();
        assert_eq!(pace(3, 50 << 20, 12_500).unwrap(), "3 objects, 50.0 MiB in 12.5 s, 4.00 MiB/s");
        assert_eq!(pace(1, 7, 20).unwrap(), "1 object, 7 B in 0.0 s");
        assert_eq!(pace(0, 0, 900), None);
        let json = serde_json::to_value(outcome(3, 50 << 20, 12_500)).unwrap();
        assert_eq!(json["seconds"], 12.5);
        assert_eq!(json["remotes"][0]["seconds"], 12.5);
    }

    #[test]
    fn nothing_is_said_to_be_up_to_date_before_an_error() {
        assert_eq!(text(0, true), "");
    }
}
