//! Keeping the books of a transfer, and knowing when to give up.

use std::time::Instant;

use super::{FailedObject, MissingObject, TransferReport};
use crate::{Error, ErrorKind};

/// So many failures without one success mean that the rest would fail as well.
const HOPELESS: usize = 100;

/// What a failure means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    GoOn,
    /// There is no point in going on.
    End,
    /// There is no point in going on, for a reason that belongs to no object: this one counts as not tried.
    Stop,
    /// The transfer has ended for the same reason; the object counts as not tried.
    Echo,
}

/// Adds up what happens.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: TransferReport,
    last_success: Option<Instant>,
    /// Tells that an object met an error that concerns all of them.
    is_ended: bool,
}

impl Outcome {
    pub(crate) fn new() -> Self {
        Self { report: TransferReport::default(), last_success: None, is_ended: false }
    }

    /// Takes note of an object that was moved.
    pub(crate) fn moved(&mut self, size_bytes: u64, now: Instant) {
        self.report.n_transferred += 1;
        self.report.transferred_bytes += size_bytes;
        self.last_success = Some(now);
    }

    /// Takes note of an object that failed, in a call that began at `started`.
    pub(crate) fn failed(&mut self, named: MissingObject, error: Error, started: Instant) -> Verdict {
        // The disk, not the object. It is told once; objects that were under way meet it as well.
        if error.kind() == ErrorKind::Unwritable {
            self.end(error);
            return Verdict::Stop;
        }
        let ends_all = match error.kind() {
            // These concern the whole remote.
            ErrorKind::Unauthenticated | ErrorKind::NoSuchBucket | ErrorKind::Config => true,
            // The store tried for minutes, and meanwhile nothing else came through either.
            ErrorKind::Network => self.last_success.is_none_or(|last| last < started),
            _ => false,
        };
        if ends_all && self.is_ended {
            return Verdict::Echo;
        }
        self.report.failed.push(FailedObject {
            layout: named.layout,
            oid: named.oid,
            path: named.path,
            error,
        });
        let is_hopeless = self.report.n_transferred == 0 && self.report.failed.len() >= HOPELESS;
        if ends_all || is_hopeless {
            self.is_ended |= ends_all;
            return Verdict::End;
        }
        Verdict::GoOn
    }

    /// Takes note of an error that ends the transfer and belongs to no object. Of several, the first is told.
    pub(crate) fn end(&mut self, error: Error) {
        self.report.stopped_by.get_or_insert(error);
    }

    /// Returns the report; or, if there is nothing else to tell, the error that ended the transfer.
    pub(crate) fn finish(mut self) -> Result<TransferReport, Error> {
        if self.report.n_transferred == 0 {
            if self.report.failed.is_empty()
                && let Some(error) = self.report.stopped_by.take()
            {
                return Err(error);
            }
            if self.is_ended
                && self.report.failed.len() == 1
                && let Some(failed) = self.report.failed.pop()
            {
                return Err(failed.error);
            }
        }
        Ok(self.report)
    }
}
