//! Objects that a customer key of SSE-C does not open.
//!
//! To a HEAD without the right key some servers answer 400 and others 403, which without `s3:ListBucket` is also what
//! they answer for a key that is not there. A client that takes the one for the other writes good objects anew, with a key
//! that no one else has. A listing needs no customer key and tells them apart.

use super::S3Store;
use crate::s3::request::op::Op;
use crate::{Error, ErrorKind, ListFrom, ListStore as _, ReadStore as _, Result};

impl S3Store {
    /// Tells whether a HEAD may have failed because of the customer key.
    pub(super) fn may_be_locked(&self, error: &Error) -> bool {
        let is_bad_request = error.reply().is_some_and(|reply| reply.status == 400);
        self.client.options.customer_key.is_some() && (error.kind() == ErrorKind::Denied || is_bad_request)
    }

    /// Looks for a key whose HEAD failed with `error` in a listing; no error if that proves that it is not there.
    pub(super) async fn prove_absent(&self, key: &str, error: Error) -> Result<()> {
        let listed = match self.list_page(key, &ListFrom::Start).await {
            Ok(page) => page,
            Err(denied) if denied.kind() == ErrorKind::Denied => return Err(self.unclear(key, error)),
            Err(other) => return Err(other),
        };
        // A key comes before all those that it is a prefix of; a page may be empty before the end.
        let is_there = listed.objects.iter().any(|object| object.key == key);
        if is_there {
            return Err(self.locked(key, error));
        }
        if listed.is_truncated && listed.objects.is_empty() {
            return Err(self.unclear(key, error));
        }
        if error.kind() == ErrorKind::Denied { Ok(()) } else { Err(error) }
    }

    fn locked(&self, key: &str, error: Error) -> Error {
        let message =
            format!("`{}/{key}` is there, and `sse_customer_key` does not open it", self.location());
        Error::new(ErrorKind::Config, message).with_source(error).with_hint(format!(
            "name the key it was encrypted with: `haul remote modify --local {} sse_customer_key KEY`; the right {} is \
             needed as well",
            self.client.options.name_in_commands(),
            Op::Head.permission()
        ))
    }

    fn unclear(&self, key: &str, error: Error) -> Error {
        let message = format!(
            "it is not known whether `{}/{key}` is missing or encrypted with another `sse_customer_key`",
            self.location()
        );
        Error::new(ErrorKind::Config, message).with_source(error).with_hint(format!(
            "give the credentials the right {} on `arn:aws:s3:::{}`: without it, good objects could be overwritten",
            Op::List.permission(),
            self.client.options.bucket
        ))
    }
}
