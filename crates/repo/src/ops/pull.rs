//! `pull`: fetch, then check out.

use haul_storage::progress::Observer;

use crate::ops::{CheckoutOptions, CheckoutReport, FetchOptions, FetchReport};
use crate::{LockWait, Repo, Result};

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
    /// What was written; `None` if the fetch was not complete, so that there was no checkout.
    pub checkout: Option<CheckoutReport>,
}

/// Fetches the selected outs and checks them out.
///
/// # Errors
///
/// As [`fetch`](super::fetch()) and [`checkout`](super::checkout()).
pub async fn pull(repo: &Repo, options: &PullOptions, observer: &dyn Observer) -> Result<PullReport> {
    let _ = (repo, options, observer, CheckoutOptions::default());
    unimplemented!()
}
