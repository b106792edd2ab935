//! What a user can do with a repository: one function for each verb.
//!
//! Every function takes the open [`Repo`](crate::Repo), its options and an
//! [`Observer`](haul_storage::progress::Observer) and returns a report that names every failure with its path.
//! `Err` means that the operation could not be carried out at all. Nothing is printed and nothing is asked.
//!
//! Metadata (`.dvc` files, `.gitignore`, the memo) is written under the repository lock; transfers run
//! without it, because objects appear by rename and are named by their bytes. A cancelled token ends each
//! function at the next object: what is finished stays, nothing half done has a name that counts.

mod add;
mod checkout;
mod cloud_status;
mod fetch;
mod pull;
mod push;
mod status;

pub use add::{AddOptions, AddReport, AddedTarget, add};
pub use checkout::{CheckoutOptions, CheckoutReport, CheckoutStats, FailedOut, OutChange, checkout};
pub use cloud_status::{CloudState, CloudStatusEntry, CloudStatusOptions, CloudStatusReport, cloud_status};
pub use fetch::{FetchOptions, FetchReport, RemoteFetch, fetch};
pub use pull::{PullOptions, PullReport, pull};
pub use push::{PushOptions, PushReport, RemotePush, push};
pub use status::{EntryState, EntryStatus, StageStatus, StatusOptions, StatusReport, status};

use std::path::PathBuf;

/// A failure of one path, target or out, while the rest went on.
#[derive(Debug)]
pub struct Failure {
    /// What failed: a target as typed, or a path as DVC would show it.
    pub subject: String,
    /// The path, absolute, where there is one.
    pub path: Option<PathBuf>,
    /// Why.
    pub error: crate::Error,
}
