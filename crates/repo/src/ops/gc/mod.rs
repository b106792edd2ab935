//! `gc`: delete objects that nothing uses.
//!
//! First a plan, which says what would go, then its execution. Between the two the locks are held, so that what was
//! planned is still true when it is done.
//!
//! Nothing is deleted because something could not be read: a metafile, a revision, a commit that a shallow clone does
//! not have, a list of files, a page of a listing; each ends the plan with an error. What is deleted is exactly what
//! has the name of an object; anything else in a cache or on a remote is none of our business.
//!
//! Deviation: DVC deletes whatever has two characters and one more segment as its key, asks before it knows how much
//! that is, and looks at no error of a single key.

mod execute;
mod links;
mod manifests;
mod plan;
mod projects;
mod uploads;
mod used;
mod versions;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use haul_storage::{CancellationToken, Layout, Oid, TemporaryFile};

pub use plan::{GcPlan, plan_gc};
pub use uploads::{CollectedUploads, PlannedUploads};

use crate::LockWait;
use crate::git::HistoryOptions;

/// Where unused objects are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GcTarget {
    /// In the cache.
    #[default]
    Cache,
    /// In the cache, where what a remote has counts as unused (`--not-in-remote`).
    CacheNotInRemote,
    /// In the cache and on remotes (`-c`).
    CacheAndRemotes,
}

/// What is kept, and where the rest is deleted. The workspace counts as used in any case.
#[derive(Debug, Clone)]
pub struct GcOptions {
    /// Commits whose objects are kept.
    pub history: HistoryOptions,
    /// Where to look.
    pub target: GcTarget,
    /// The remote to look at (`-r`); else the default one, and every other one that outs are bound to.
    ///
    /// Deviation: DVC collects on remotes that outs are bound to even if another one is named.
    pub remote: Option<String>,
    /// Folders of other repositories that share the cache or the remote, as typed.
    pub projects: Vec<String>,
    /// Go on where a metafile, a revision or a list of files cannot be had; only they use what is deleted then.
    pub skip_failed: bool,
    /// Keep objects that came within this time before `now`; give up unfinished uploads that are older.
    pub older_than: Option<Duration>,
    /// The time.
    pub now: SystemTime,
    /// Only plan: nothing is written, not even to the cache.
    pub is_dry_run: bool,
    /// Requests at once.
    pub jobs: Option<usize>,
    /// How long to wait for locks.
    pub wait: LockWait,
    /// Stops the work.
    pub cancel: CancellationToken,
}

impl Default for GcOptions {
    fn default() -> Self {
        Self {
            history: HistoryOptions::default(),
            target: GcTarget::default(),
            remote: None,
            projects: Vec::new(),
            skip_failed: false,
            older_than: None,
            now: SystemTime::UNIX_EPOCH,
            is_dry_run: false,
            jobs: None,
            wait: LockWait::default(),
            cancel: CancellationToken::new(),
        }
    }
}

/// A place with objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GcPlace {
    /// The cache of the repository.
    Cache {
        /// Its folder.
        root: PathBuf,
    },
    /// A remote.
    Remote {
        /// Its name.
        name: String,
        /// Where it is, as `s3://bucket/prefix`.
        location: String,
    },
}

impl GcPlace {
    /// Returns the path of an object as DVC shows it: a file, or `bucket/prefix/…`.
    pub fn path_of(&self, layout: Layout, oid: &Oid) -> String {
        let key = layout.object_path(oid);
        match self {
            Self::Cache { root } => root.join(key).display().to_string(),
            Self::Remote { location, .. } => {
                let root = location.strip_prefix("s3://").unwrap_or(location).trim_end_matches('/');
                format!("{root}/{key}")
            }
        }
    }
}

/// An object that nothing uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnusedObject {
    /// Its name.
    pub oid: Oid,
    /// Size in bytes.
    pub size_bytes: u64,
    /// When it came, in seconds since the Unix epoch, if known.
    pub modified: Option<i64>,
}

/// What is unused in one layout of one place.
#[derive(Debug, Clone)]
pub struct PlannedPlace {
    /// The place.
    pub place: GcPlace,
    /// The layout.
    pub layout: Layout,
    /// All objects that are there.
    pub n_objects: u64,
    /// Their size in bytes.
    pub total_bytes: u64,
    /// Those that nothing uses: directories first, each kind in the order of names.
    pub unused: Vec<UnusedObject>,
    /// Left-over files with temporary names, in a cache or in a remote that is a directory.
    pub temporary: Vec<TemporaryFile>,
    /// Objects that nothing uses, and that are kept because they are young or a young directory has them.
    pub n_young: u64,
    /// Of those that nothing uses here, those that outs use which are bound to other remotes.
    pub n_bound_elsewhere: u64,
}

impl PlannedPlace {
    /// Returns how many files or objects would go.
    pub fn n_unused(&self) -> usize {
        self.unused.len() + self.temporary.len()
    }

    /// Returns the size of what would go, in bytes.
    pub fn unused_bytes(&self) -> u64 {
        let temporary = self.temporary.iter().map(|file| file.size_bytes);
        self.unused.iter().map(|object| object.size_bytes).chain(temporary).sum()
    }

    /// Returns the times of the oldest and the newest object that would go, in seconds since the Unix epoch.
    pub fn age(&self) -> Option<(i64, i64)> {
        let times = || self.unused.iter().filter_map(|object| object.modified);
        times().min().zip(times().max())
    }
}

/// A version that no kept metafile names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedVersion {
    /// The key, below the prefix of the remote.
    pub key: String,
    /// The version id.
    pub version_id: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// When it came, in seconds since the Unix epoch, if known.
    pub modified: Option<i64>,
}

/// What is unused on a cloud-versioned remote.
#[derive(Debug, Clone)]
pub struct PlannedVersions {
    /// The name of the remote.
    pub name: String,
    /// Where it is, as `s3://bucket/prefix`.
    pub location: String,
    /// Versions of the tracked files that are there and that a commit or the workspace names.
    pub n_versions: u64,
    /// Their size in bytes.
    pub total_bytes: u64,
    /// Those that no kept metafile names, in the order of keys.
    pub unused: Vec<UnusedVersion>,
    /// Versions that no kept metafile names, and that are kept because they are young.
    pub n_young: u64,
}

/// What became of the plan for one cloud-versioned remote.
#[derive(Debug, Default)]
pub struct CollectedVersions {
    /// Versions that are gone.
    pub n_removed: u64,
    /// Versions that could not be deleted, by their place in the plan, with the reason.
    pub failed: Vec<(usize, haul_storage::Error)>,
    /// Versions that were not tried, because the work was stopped.
    pub n_not_tried: u64,
}

/// What became of the plan for one place.
#[derive(Debug, Default)]
pub struct CollectedPlace {
    /// Objects and temporary files that are gone.
    pub n_removed: u64,
    /// Objects that could not be deleted, with the reason.
    pub failed: Vec<(Oid, Arc<haul_storage::Error>)>,
    /// Objects that were left because a directory that has them could not be deleted.
    pub n_held_back: u64,
    /// Objects that were not tried, because the work was stopped.
    pub n_not_tried: u64,
}

/// What was deleted, for each place of the plan.
#[derive(Debug, Default)]
pub struct GcReport {
    /// In the order of the plan.
    pub places: Vec<CollectedPlace>,
    /// In the order of the plan.
    pub versions: Vec<CollectedVersions>,
    /// In the order of the plan.
    pub uploads: Vec<CollectedUploads>,
}

impl GcReport {
    /// Tells that the user stopped the work.
    pub fn is_interrupted(&self) -> bool {
        self.places.iter().any(|place| place.n_not_tried > 0)
            || self.versions.iter().any(|remote| remote.n_not_tried > 0 && remote.failed.is_empty())
            || self.uploads.iter().any(|remote| remote.n_not_tried > 0)
    }
}
