//! `pull`: fetch, then check out.

use haul_storage::ErrorKind;
use haul_storage::progress::Observer;
use haul_storage::transfer::TransferMode;

use crate::ops::{CheckoutOptions, CheckoutReport, FetchOptions, FetchReport};
use crate::{Error, LockWait, Repo, Result};

/// What to pull, and how.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// Which outs, from where; its selection is that of the checkout too.
    pub fetch: FetchOptions,
    /// Overwrite and delete files whose content is nowhere else (`-f`).
    pub force: bool,
    /// Do not count objects that are missing as a failure (`--allow-missing`).
    pub allow_missing: bool,
    /// How long to wait for the lock of the checkout.
    pub wait: LockWait,
}

/// What was pulled.
#[derive(Debug, Default)]
pub struct PullReport {
    /// What came.
    pub fetch: FetchReport,
    /// What was written; `None` if there was no checkout, because the fetch was stopped or failed or only planned.
    pub checkout: Option<CheckoutReport>,
}

/// Fetches the selected outs and checks them out.
///
/// # Errors
///
/// As [`fetch`](super::fetch()) and [`checkout`](super::checkout()).
pub async fn pull(repo: &Repo, options: &PullOptions, observer: &dyn Observer) -> Result<PullReport> {
    let fetch = super::fetch(repo, &options.fetch, observer).await?;
    if !goes_on(&fetch, options.fetch.mode) {
        return Ok(PullReport { fetch, checkout: None });
    }
    let checkout_options = CheckoutOptions {
        select: options.fetch.select.clone(),
        force: options.force,
        relink: false,
        allow_missing: options.allow_missing,
        wait: options.wait,
        cancel: options.fetch.cancel.clone(),
    };
    let checkout = super::checkout(repo, &checkout_options, observer)?;
    Ok(PullReport { fetch, checkout: Some(checkout) })
}

/// As DVC: objects that failed stop the pull; objects and lists of files that are nowhere do not, the checkout names what
/// needs them.
fn goes_on(fetch: &FetchReport, mode: TransferMode) -> bool {
    let is_failed = fetch.remotes.iter().any(|remote| {
        !remote.transfer.failed.is_empty()
            || remote.transfer.is_interrupted
            || remote.transfer.stopped_by.is_some()
            || remote.transfer.n_not_tried > 0
    });
    mode == TransferMode::Execute
        && !is_failed
        && fetch.failed.iter().all(|failure| is_of_one_out(&failure.error))
}

/// Tells whether an error says something of one out, and nothing of the remote.
fn is_of_one_out(error: &Error) -> bool {
    match error {
        // A kind of storage that haul does not know says nothing of the others.
        Error::Storage(error) => {
            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt | ErrorKind::Unsupported)
        }
        error => !error.is_interrupted(),
    }
}
