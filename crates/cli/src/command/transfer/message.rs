//! What a transfer has to say.

use haul_repo::ops::{Failure, SkippedOut};
use haul_storage::transfer::{FailedObject, MissingObject, PlannedObject, RequestCounts, TransferReport};
use serde::Serialize;

use super::super::checkout::{Changes, summary};
use super::{Direction, RemoteTransfer};
use crate::command_error::CommandError;
use crate::ui::{Message, Page, human_bytes};

/// The outcome of a push, fetch or pull.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    #[serde(skip)]
    direction: Direction,
    #[serde(skip)]
    is_dry_run: bool,
    /// Whether an error follows: then there is no reason to say that everything is up to date.
    #[serde(skip)]
    is_complete: bool,
    transferred: u64,
    bytes: u64,
    remotes: Vec<RemoteLines>,
    failed: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<SkippedLine>,
    /// Number of outs that were looked at.
    #[serde(skip)]
    n_outs: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkout: Option<Changes>,
}

/// An out that was asked for, and passed over.
#[derive(Debug, Serialize)]
struct SkippedLine {
    path: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct RemoteLines {
    remote: String,
    url: String,
    transferred: u64,
    bytes: u64,
    present: u64,
    healed: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    planned: Vec<ObjectLine>,
    missing: Vec<ObjectLine>,
    failed: Vec<ObjectLine>,
    held_back: Vec<ObjectLine>,
    not_tried: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recorded: Vec<String>,
    requests: RequestLine,
}

#[derive(Debug, Serialize)]
struct ObjectLine {
    md5: String,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct RequestLine {
    list: u64,
    head: u64,
    get: u64,
    put: u64,
    multipart: u64,
    delete: u64,
    bucket: u64,
    sent_bytes: u64,
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
            transferred: reports().map(|report| report.n_transferred).sum(),
            bytes: reports().map(|report| report.transferred_bytes).sum(),
            remotes: transfers.iter().map(RemoteLines::new).collect(),
            failed: failed.iter().map(|failure| CommandError::chain(&failure.error)).collect(),
            skipped: Vec::new(),
            n_outs: 0,
            checkout,
        }
    }

    /// Adds what was passed over, and how many outs were not.
    #[must_use]
    pub(super) fn with_skipped(self, skipped: &[SkippedOut], n_outs: usize) -> Self {
        let line = |out: &SkippedOut| SkippedLine { path: out.path.clone(), reason: out.reason.to_string() };
        Self { skipped: skipped.iter().map(line).collect(), n_outs, ..self }
    }

    /// Says what would be moved.
    fn plan(&self, page: &mut Page) {
        let planned = || self.remotes.iter().flat_map(|remote| &remote.planned);
        for remote in &self.remotes {
            for object in &remote.planned {
                page.line(format_args!("{}\t{}", object.md5, object.path));
            }
        }
        let (n_objects, total): (usize, u64) =
            (planned().count(), planned().filter_map(|object| object.size).sum());
        let n_requests: u64 = self.remotes.iter().map(|remote| remote.requests.total()).sum();
        let files = if n_objects == 1 { "file" } else { "files" };
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
        let mut parts = vec![(self.transferred, self.direction.participle())];
        if let Some(changes) = &self.checkout {
            parts.extend(changes.stats.parts());
        }
        let text = summary(&parts);
        if !text.is_empty() {
            page.line(text);
        } else if self.is_complete && self.checkout.as_ref().is_none_or(Changes::is_complete) {
            // Only what was looked at can be said to be up to date.
            if self.skipped.is_empty() {
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
            transferred: report.n_transferred,
            bytes: report.transferred_bytes,
            present: report.n_present,
            healed: report.n_healed,
            planned: report.planned.iter().map(ObjectLine::from).collect(),
            missing: report.missing.iter().map(ObjectLine::from).collect(),
            failed: report.failed.iter().map(ObjectLine::from).collect(),
            held_back: report.held_back.iter().map(ObjectLine::from).collect(),
            not_tried: report.n_not_tried,
            recorded: transfer.recorded.clone(),
            requests: RequestLine::from(report.requests),
        }
    }
}

impl From<&PlannedObject> for ObjectLine {
    fn from(object: &PlannedObject) -> Self {
        Self {
            md5: object.oid.to_string(),
            path: object.path.to_string(),
            size: object.size_bytes,
            error: None,
        }
    }
}

impl From<&MissingObject> for ObjectLine {
    fn from(object: &MissingObject) -> Self {
        Self { md5: object.oid.to_string(), path: object.path.to_string(), size: None, error: None }
    }
}

impl From<&FailedObject> for ObjectLine {
    fn from(object: &FailedObject) -> Self {
        let error = Some(CommandError::chain(&object.error));
        Self { md5: object.oid.to_string(), path: object.path.to_string(), size: None, error }
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
    use super::*;

    fn text(n_transferred: u64, is_interrupted: bool) -> String {
        let report = TransferReport { n_transferred, is_interrupted, ..TransferReport::default() };
        let transfer = RemoteTransfer {
            remote: String::from("s"),
            location: String::from("s3://b"),
            report,
            recorded: Vec::new(),
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
    fn nothing_is_said_to_be_up_to_date_before_an_error() {
        assert_eq!(text(0, true), "");
    }
}
