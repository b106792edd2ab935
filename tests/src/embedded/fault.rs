//! Faults: what goes wrong, for which requests, how often.

use std::time::Duration;

use bytes::Bytes;

use super::record::{Operation, RecordedRequest};

/// A thing that goes wrong with requests of a kind.
///
/// ```
/// # use haul_tests::embedded::{Fault, FaultAction, Operation};
/// // The first two uploads are told to slow down.
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

/// What happens instead of a proper reply.
#[derive(Debug, Clone)]
pub enum FaultAction {
    /// Nothing is done; the reply is an S3 error.
    Status {
        /// The HTTP status.
        status: u16,
        /// The S3 error code.
        code: String,
        /// The value of `Retry-After`, in seconds.
        retry_after_seconds: Option<u64>,
    },
    /// The work is done; the reply is 200 with an S3 error as its body.
    ErrorUnderOk {
        /// The S3 error code.
        code: String,
    },
    /// Nothing is done, and the connection closes without a reply.
    Disconnect,
    /// The work is done, but the connection closes without a reply.
    LoseReply,
    /// Nothing is done, and no reply ever comes.
    Silence,
    /// The reply comes after a while.
    Delay(Duration),
    /// The body breaks off after so many bytes, and the connection with it.
    CutBody {
        /// How many bytes still come.
        after_bytes: u64,
    },
    /// The body stops after so many bytes, and the connection stays open.
    StallBody {
        /// How many bytes still come.
        after_bytes: u64,
    },
    /// One bit of the body is turned over.
    FlipBit {
        /// The index of the byte it is in.
        at_byte: u64,
    },
    /// The reply has another value in a header.
    ReplaceHeader {
        /// The header.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// Another body comes, with a `Content-Length` that fits it.
    ReplaceBody(Bytes),
}

impl FaultAction {
    /// 503 `SlowDown`, to be tried again after so many seconds.
    pub fn slow_down(retry_after_seconds: u64) -> Self {
        Self::Status {
            status: 503,
            code: "SlowDown".to_owned(),
            retry_after_seconds: Some(retry_after_seconds),
        }
    }

    /// An S3 error without `Retry-After`.
    pub fn error(status: u16, code: &str) -> Self {
        Self::Status { status, code: code.to_owned(), retry_after_seconds: None }
    }
}

impl Fault {
    /// Makes a fault that strikes every request of an operation, until it is limited.
    pub fn on(operation: Operation, action: FaultAction) -> Self {
        Self { operation: Some(operation), ..Self::everywhere(action) }
    }

    /// Makes a fault that strikes every request, until it is limited.
    pub fn everywhere(action: FaultAction) -> Self {
        Self { operation: None, key_part: None, skip: 0, times: usize::MAX, action }
    }

    /// Limits it to keys that contain `part`.
    #[must_use]
    pub fn key_containing(mut self, part: impl Into<String>) -> Self {
        self.key_part = Some(part.into());
        self
    }

    /// Limits it to the first `times` requests that fit.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Lets the first `skip` requests that fit pass.
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

/// The first of `faults` that strikes `request`, and counts it.
pub(crate) fn strike(faults: &mut [Fault], request: &RecordedRequest) -> Option<FaultAction> {
    faults.iter_mut().find_map(|fault| fault.strikes(request).then(|| fault.action.clone()))
}
