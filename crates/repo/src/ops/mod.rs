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
mod collect;
mod commit;
mod data_status;
mod destroy;
mod diff;
mod fetch;
mod freeze;
mod gc;
mod get;
mod import;
mod install;
mod learn;
mod list;
mod merge;
mod migrate;
mod obtain;
mod obtain_manifest;
mod pull;
mod push;
mod relocate;
mod remove;
mod run_cache;
mod session;
mod show_url;
mod sides;
mod staging;
mod status;
mod unprotect;
mod unused;
mod url;
mod versioned;

pub use add::{AddFromOptions, AddOptions, AddReport, AddedTarget, add, add_from};
pub use checkout::{CheckoutOptions, CheckoutReport, CheckoutStats, FailedOut, OutChange, checkout};
pub use cloud_status::{CloudState, CloudStatusEntry, CloudStatusOptions, CloudStatusReport, cloud_status};
pub use collect::{SkipReason, SkippedOut};
pub use commit::{CommitOptions, CommitReport, commit};
pub use data_status::{DataChanges, DataStatusOptions, DataStatusReport, data_status};
pub use destroy::{DestroyOptions, DestroyReport, destroy};
pub use diff::{DiffEntry, DiffOptions, DiffReport, diff};
pub use fetch::{FetchOptions, FetchReport, RemoteFetch, fetch};
pub use freeze::{FreezeOptions, FreezeReport, FrozenStage, freeze, unfreeze};
pub use gc::{
    CollectedPlace, CollectedUploads, CollectedVersions, GcOptions, GcPlace, GcPlan, GcReport, GcTarget,
    PlannedPlace, PlannedUploads, PlannedVersions, UnusedObject, UnusedVersion, plan_gc,
};
pub use get::{GetOptions, get};
pub use import::{
    Import, ImportDepth, ImportOptions, ImportReport, ImportUrl, ImportUrlOptions, SourceToAsk, ask_sources,
};
pub use install::{InstallOptions, InstallReport, install};
pub use list::{ListOptions, ListedEntry, disk_usage, list, list_tree};
pub use merge::{MergeOptions, merge};
pub use migrate::{MigrateOptions, MigrateReport, migrate};
pub use pull::{PullOptions, PullReport, pull};
pub use push::{PushOptions, PushReport, RemotePush, push};
pub use relocate::{MoveOptions, MoveReport, move_out};
pub use remove::{RemoveOptions, RemoveReport, remove};
pub use show_url::show_url;
pub use status::{EntryState, EntryStatus, ParamsStatus, StageStatus, StatusOptions, StatusReport, status};
pub use unprotect::{UnprotectOptions, UnprotectReport, unprotect};
pub use url::{GetUrlOptions, ListUrlOptions, ListedNode, Surroundings, get_url, list_url};
pub use versioned::{UpdateOptions, UpdateReport, update};

use std::path::PathBuf;

use haul_storage::Oid;
use haul_storage::hash::md5;

use crate::metafile::dir_manifest::DirEntry;
use crate::workspace::scan::FileEntry;
use crate::{DirManifest, Error, Result};

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

impl Failure {
    /// Tells that data is nowhere, which is no failure for those who said so (`--allow-missing`).
    pub fn is_missing_data(&self) -> bool {
        matches!(&self.error, Error::Storage(error) if error.kind() == haul_storage::ErrorKind::NotFound)
    }
}

/// Makes the manifest of hashed files, and its name.
fn manifest_of(files: &[FileEntry]) -> Result<(DirManifest, Oid)> {
    let entries = files
        .iter()
        .map(|file| Ok(DirEntry { path: file.path.clone(), digest: file.digest.ok_or(Error::Interrupted)? }))
        .collect::<Result<Vec<_>>>()?;
    let manifest = DirManifest::new(entries).map_err(|error| Error::BadOut(error.to_string()))?;
    let oid = Oid::dir(md5(&manifest.to_bytes()));
    Ok((manifest, oid))
}
