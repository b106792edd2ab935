//! Keeping the books of a transfer, and knowing when to give up.

use std::time::Instant;

use super::plan::Plan;
use super::{FailedObject, TransferReport};
use crate::{Error, ErrorKind};

/// So many failures without one success mean that the rest would fail as well.
const HOPELESS: usize = 100;

/// Adds up what happens.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) report: TransferReport,
    last_success: Option<Instant>,
    fatal: Option<Error>,
}

impl Outcome {
    pub(super) fn new() -> Self {
        Self { report: TransferReport::default(), last_success: None, fatal: None }
    }

    /// Takes note of an object that was moved.
    pub(super) fn moved(&mut self, size_bytes: u64, now: Instant) {
        self.report.n_transferred += 1;
        self.report.transferred_bytes += size_bytes;
        self.last_success = Some(now);
    }

    /// Takes note of an object that failed, in a call that began at `started`. True if there is no point in going on.
    pub(super) fn failed(&mut self, plan: &Plan, object: usize, error: Error, started: Instant) -> bool {
        match error.kind() {
            // What concerns the whole remote is said once.
            ErrorKind::Unauthenticated | ErrorKind::NoSuchBucket | ErrorKind::Config => {
                return self.end(error);
            }
            // The store tried for minutes, and meanwhile nothing else came through either.
            ErrorKind::Network if self.last_success.is_none_or(|last| last < started) => {
                return self.end(error);
            }
            _ => {}
        }
        let named = plan.describe(object);
        self.report.failed.push(FailedObject {
            layout: named.layout,
            oid: named.oid,
            path: named.path,
            error,
        });
        self.report.n_transferred == 0 && self.report.failed.len() >= HOPELESS
    }

    /// Takes note of an error that ends the transfer. Of several, the first is told.
    pub(super) fn end(&mut self, error: Error) -> bool {
        self.fatal.get_or_insert(error);
        true
    }

    /// Returns the report; or, if there is nothing else to tell, the error that ended the transfer.
    pub(super) fn finish(mut self) -> Result<TransferReport, Error> {
        match self.fatal {
            Some(error) if self.report.n_transferred == 0 && self.report.failed.is_empty() => Err(error),
            ended => {
                self.report.stopped_by = ended;
                Ok(self.report)
            }
        }
    }
}
