//! Faults: their effect, the requests that they apply to, and how often they occur.

use std::time::Duration;

use bytes::Bytes;

use super::record::{Operation, RecordedRequest};

/// A fault in requests of a kind.
///
/// ```
/// # use haul_tests::embedded::{Fault, FaultAction, Operation};
/// // The first two uploads get 503 `SlowDown`.
/// let fault = Fault::on(Operation::PutObject, FaultAction::slow_down(0)).times(2);
/// ```
#[derive(Debug, Clone)]
pub struct Fault {
    operation: Option<Operation>,
    key_part: Option<String>,
    skip: usize,
    times: usize,
    action: FaultAction,
}

/// What happens instead of a normal reply.
#[derive(Debug, Clone)]
pub enum FaultAction {
    /// The request has no effect; the reply is an S3 error.
    Status {
        /// The HTTP status.
        status: u16,
        /// The S3 error code.
        code: String,
        /// The value of `Retry-After`, in seconds.
        retry_after_seconds: Option<u64>,
    },
    /// The request takes effect; the reply is 200 with an S3 error as its body.
    ErrorUnderOk {
        /// The S3 error code.
        code: String,
    },
    /// The request has no effect, and the connection closes without a reply.
    Disconnect,
    /// The request takes effect, but the connection closes without a reply.
    LoseReply,
    /// The request has no effect, and there is never a reply.
    Silence,
    /// The reply is delayed.
    Delay(Duration),
    /// The body ends after this number of bytes, and the connection closes.
    CutBody {
        /// The number of bytes that are sent.
        after_bytes: u64,
    },
    /// The body stalls after this number of bytes, and the connection stays open.
    StallBody {
        /// The number of bytes that are sent.
        after_bytes: u64,
    },
    /// One bit of the body is flipped.
    FlipBit {
        /// The index of the byte it is in.
        at_byte: u64,
    },
    /// A header of the reply has another value.
    ReplaceHeader {
        /// The header.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// The reply has another body, with a `Content-Length` that matches it.
    ReplaceBody(Bytes),
}

impl FaultAction {
    /// Makes a 503 `SlowDown`, with `Retry-After` in seconds.
    pub fn slow_down(retry_after_seconds: u64) -> Self {
        Self::Status {
            status: 503,
            code: "SlowDown".to_owned(),
            retry_after_seconds: Some(retry_after_seconds),
        }
    }

    /// Makes an S3 error without `Retry-After`.
    pub fn error(status: u16, code: &str) -> Self {
        Self::Status { status, code: code.to_owned(), retry_after_seconds: None }
    }
}

impl Fault {
    /// Makes a fault of every request of an operation, unless it is limited further.
    pub fn on(operation: Operation, action: FaultAction) -> Self {
        Self { operation: Some(operation), ..Self::everywhere(action) }
    }

    /// Makes a fault of every request, unless it is limited.
    pub fn everywhere(action: FaultAction) -> Self {
        Self { operation: None, key_part: None, skip: 0, times: usize::MAX, action }
    }

    /// Limits it to keys that contain `part`.
    #[must_use]
    pub fn key_containing(mut self, part: impl Into<String>) -> Self {
        self.key_part = Some(part.into());
        self
    }

    /// Limits it to the first `times` matching requests.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Skips the first `skip` matching requests.
    #[must_use]
    pub fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    fn strikes(&mut self, request: &RecordedRequest) -> bool {
        let fits = self.operation.is_none_or(|operation| operation == request.operation)
            && self.key_part.as_ref().is_none_or(|part| request.key.contains(part.as_str()));
        if !fits || self.times == 0 {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}

/// Returns the first of `faults` that applies to `request`, and counts the request.
pub(crate) fn strike(faults: &mut [Fault], request: &RecordedRequest) -> Option<FaultAction> {
    faults.iter_mut().find_map(|fault| fault.strikes(request).then(|| fault.action.clone()))
}
