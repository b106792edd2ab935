//! What happened.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Error, Layout, Oid};

/// Requests by kind, and bytes. A request counts once, however often the store repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestCounts {
    /// Pages listed.
    pub list: u64,
    /// Single objects asked for.
    pub head: u64,
    /// Objects and ranges opened.
    pub get: u64,
    /// Objects sent in one request.
    pub put: u64,
    /// Requests of multipart uploads: create, part, list parts, complete, abort.
    pub multipart: u64,
    /// Delete calls.
    pub delete: u64,
    /// Questions about the bucket itself.
    pub bucket: u64,
    /// Bytes sent in bodies.
    pub sent_bytes: u64,
    /// Bytes received in bodies.
    pub received_bytes: u64,
}

impl RequestCounts {
    /// Returns the number of requests.
    pub fn total(&self) -> u64 {
        self.list + self.head + self.get + self.put + self.multipart + self.delete + self.bucket
    }

    /// Returns what came in addition to `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            list: self.list - before.list,
            head: self.head - before.head,
            get: self.get - before.get,
            put: self.put - before.put,
            multipart: self.multipart - before.multipart,
            delete: self.delete - before.delete,
            bucket: self.bucket - before.bucket,
            sent_bytes: self.sent_bytes - before.sent_bytes,
            received_bytes: self.received_bytes - before.received_bytes,
        }
    }
}

impl std::ops::AddAssign for RequestCounts {
    fn add_assign(&mut self, other: Self) {
        self.list += other.list;
        self.head += other.head;
        self.get += other.get;
        self.put += other.put;
        self.multipart += other.multipart;
        self.delete += other.delete;
        self.bucket += other.bucket;
        self.sent_bytes += other.sent_bytes;
        self.received_bytes += other.received_bytes;
    }
}

/// An object that is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingObject {
    /// Where it should lie.
    pub layout: Layout,
    /// The object's name.
    pub oid: Oid,
    /// The path a person knows it by.
    pub path: Box<str>,
}

/// An object that could not be moved.
#[derive(Debug)]
pub struct FailedObject {
    /// Where it should lie.
    pub layout: Layout,
    /// The object's name.
    pub oid: Oid,
    /// The path a person knows it by.
    pub path: Box<str>,
    /// Why.
    pub error: Error,
}

/// An object that a dry run would move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedObject {
    /// Where it should lie.
    pub layout: Layout,
    /// The object's name.
    pub oid: Oid,
    /// The path a person knows it by.
    pub path: Box<str>,
    /// Size in bytes, if known.
    pub size_bytes: Option<u64>,
}

/// What a transfer did. Every object counts once, a manifest too.
#[derive(Debug, Default)]
pub struct TransferReport {
    /// Number of objects moved.
    pub n_transferred: u64,
    /// Their bytes.
    pub transferred_bytes: u64,
    /// Number of objects that were at the destination already.
    pub n_present: u64,
    /// Number of transferred objects that replaced a damaged one on the remote.
    pub n_healed: u64,
    /// What a dry run would move.
    pub planned: Vec<PlannedObject>,
    /// Objects that neither side has.
    pub missing: Vec<MissingObject>,
    /// Objects that could not be moved.
    pub failed: Vec<FailedObject>,
    /// Manifests that were held back, because a member failed or is missing.
    pub held_back: Vec<MissingObject>,
    /// Number of objects that were not tried, because the transfer was stopped.
    pub n_not_tried: u64,
    /// Tells that the cancellation token stopped it.
    pub is_interrupted: bool,
    /// What ended the transfer early and belongs to no object, as a listing that failed after some objects were moved.
    pub stopped_by: Option<Error>,
    /// What it cost.
    pub requests: RequestCounts,
    /// How long it took.
    pub elapsed: Duration,
}

impl TransferReport {
    /// Tells that everything that was asked for is at the destination.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
            && self.failed.is_empty()
            && self.held_back.is_empty()
            && self.n_not_tried == 0
            && !self.is_interrupted
            && self.stopped_by.is_none()
    }
}

/// Where an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectState {
    /// In the cache and on the remote.
    Both,
    /// Only in the cache; `status -c` says `new`.
    CacheOnly,
    /// Only on the remote; `status -c` says `deleted`.
    RemoteOnly,
    /// Nowhere; `status -c` says `missing`.
    Missing,
}

/// Where each object is.
#[derive(Debug, Default)]
pub struct CompareReport {
    /// The state of every object that is not in both places.
    pub differing: HashMap<(Layout, Oid), ObjectState>,
    /// Objects on the remote whose size or entity tag is wrong; they count as not there.
    pub damaged: Vec<MissingObject>,
    /// Files of the cache that are not what their names say; they count as not there.
    pub damaged_in_cache: Vec<PathBuf>,
    /// Number of objects in both places.
    pub n_in_sync: u64,
    /// What it cost.
    pub requests: RequestCounts,
}

impl CompareReport {
    /// Returns where an object of the groups is.
    pub fn state(&self, layout: Layout, oid: &Oid) -> ObjectState {
        self.differing.get(&(layout, *oid)).copied().unwrap_or(ObjectState::Both)
    }
}
