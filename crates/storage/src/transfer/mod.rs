//! Moving objects between a cache and a remote.

mod compare;
pub(crate) mod context;
mod download;
mod estimate;
mod fetch;
mod files;
mod object_hash;
pub(crate) mod outcome;
mod plan;
pub(crate) mod push;
mod ranges;
mod report;
mod resume;
pub(crate) mod slots;
pub(crate) mod upload;
pub(crate) mod verify;

use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use futures::stream::BoxStream;
use tokio_util::sync::CancellationToken;

pub use report::{
    CompareReport, FailedObject, MissingObject, ObjectState, PlannedObject, RequestCounts, TransferReport,
};

use crate::progress::Observer;
use crate::{Cache, Layout, Oid, RemoteOdb, Result};

/// One object of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The object's name.
    pub oid: Oid,
    /// Size in bytes, where the metafile tells.
    pub size_bytes: Option<u64>,
    /// The path a person knows the object by, for reports.
    pub path: Box<str>,
}

/// The objects of one out: those of a tracked directory, or a single file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectGroup {
    /// Where the objects lie.
    pub layout: Layout,
    /// The directory's manifest. It is moved last, and only when every member is where it has to be.
    pub directory: Option<Member>,
    /// The manifest's bytes, if the caller got them from the remote and the cache does not have them.
    pub manifest: Option<Bytes>,
    /// The files. Names may repeat, here and in other groups: an object is moved once.
    pub members: Vec<Member>,
    /// Size of all files together, where the metafile tells it. Only progress relies on it.
    pub total_bytes: Option<u64>,
}

/// What a transfer does with its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransferMode {
    /// Moves the objects.
    #[default]
    Execute,
    /// Only asks what exists, and fills [`TransferReport::planned`].
    DryRun,
}

/// What a manifest on the remote proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DirTrust {
    /// Nothing: every member is asked for. A directory that was pushed by half heals.
    #[default]
    CheckMembers,
    /// That its members are there too, as DVC assumes. Fewer requests, but what is missing stays missing.
    TrustDir,
}

/// How to transfer.
#[derive(Debug, Clone, Default)]
pub struct TransferOptions {
    /// Requests under way at once; else the store's limit, else a good default.
    pub jobs: Option<usize>,
    /// Transfer or plan.
    pub mode: TransferMode,
    /// What a manifest on the remote proves.
    pub dir_trust: DirTrust,
    /// How far a push trusts what the remote says that it holds.
    pub remote_check: RemoteCheck,
    /// How far a download is trusted.
    pub check: DownloadCheck,
    /// When a download goes in ranges.
    pub ranges: RangeOptions,
    /// A folder for what a killed upload needs to go on (`.dvc/tmp/haul`); without it, it starts over.
    pub state_dir: Option<PathBuf>,
    /// Stops the transfer: nothing new is started, nothing half done is left, and the report says so.
    pub cancel: CancellationToken,
}

/// How far a push trusts what the remote says that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RemoteCheck {
    /// As far as size and entity tag go.
    #[default]
    Listing,
    /// Not at all: what is there is read and hashed, and sent again if it is damaged.
    Content,
}

/// When a download goes in ranges, several at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeOptions {
    /// Objects of this size and more do.
    pub from_bytes: u64,
    /// The bytes of a range; not 0.
    pub part_bytes: u64,
}

/// From 64 MiB on, in ranges of 10 MiB.
impl Default for RangeOptions {
    fn default() -> Self {
        Self { from_bytes: 64 << 20, part_bytes: 10 << 20 }
    }
}

/// How far a download is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DownloadCheck {
    /// What is hashed while it arrives is what the disk has.
    #[default]
    Stream,
    /// The file in the cache is read again, and hashed (`verify = true`): a disk that lies is found out.
    StreamAndFile,
}

/// Sends what the remote lacks. Members go before their manifest.
///
/// An object that fails or is missing does not stop the others: the report names each. Err is for what ends
/// all: no bucket, no credentials, a server that cannot be reached.
pub async fn push(
    cache: &Cache,
    remote: &RemoteOdb,
    groups: BoxStream<'_, Result<ObjectGroup>>,
    options: &TransferOptions,
    observer: &dyn Observer,
) -> Result<TransferReport> {
    push::check_not_cancelled(options)?;
    let start = Instant::now();
    let report = push::run(cache, remote, groups, options, observer).await?;
    Ok(TransferReport { elapsed: start.elapsed(), ..report })
}

/// Gets what the cache lacks. Every object is verified before it gets its name.
pub async fn fetch(
    cache: &Cache,
    remote: &RemoteOdb,
    groups: BoxStream<'_, Result<ObjectGroup>>,
    options: &TransferOptions,
    observer: &dyn Observer,
) -> Result<TransferReport> {
    push::check_not_cancelled(options)?;
    let start = Instant::now();
    let report = fetch::run(cache, remote, groups, options, observer).await?;
    Ok(TransferReport { elapsed: start.elapsed(), ..report })
}

/// Looks which objects are in the cache and which are on the remote, and moves nothing.
pub async fn compare(
    cache: &Cache,
    remote: &RemoteOdb,
    groups: BoxStream<'_, Result<ObjectGroup>>,
    options: &TransferOptions,
    observer: &dyn Observer,
) -> Result<CompareReport> {
    push::check_not_cancelled(options)?;
    compare::run(cache, remote, groups, options, observer).await
}
