//! Making an out of the workspace what it should be: what differs, and writing it.
//!
//! [`plan()`] compares and touches nothing; [`apply()`] writes. Between the two the caller decides whether what would
//! be lost may be lost.

mod apply;
mod plan;

pub use apply::{Applied, apply};
pub(crate) use apply::{check_parents, delete_file};
pub use plan::{OutPlan, Target, Wanted, plan};
pub(crate) use plan::{is_at_or_below, plan_found};

use haul_storage::hash::Flavour;
use haul_storage::{Cache, CacheOptions, CacheSharing, Durability, Layout};

use crate::Repo;

/// Returns the hash function of a layout.
pub(crate) fn flavour_of(layout: Layout) -> Flavour {
    match layout {
        Layout::Current => Flavour::Md5,
        Layout::Legacy => Flavour::Md5Dos2Unix,
    }
}

/// Returns the cache of the repository as it is configured.
pub(crate) fn cache_of(repo: &Repo) -> Cache {
    let sharing =
        if repo.config().cache.shared_group.value { CacheSharing::Group } else { CacheSharing::Private };
    let n_threads = checksum_jobs(repo);
    let durability = if repo.waits_for_disk() { Durability::Sync } else { Durability::Rename };
    Cache::new(repo.cache_dir(), CacheOptions { sharing, durability, n_threads })
}

/// Returns how many files are hashed side by side; `None` leaves it to the machine.
pub(crate) fn checksum_jobs(repo: &Repo) -> Option<usize> {
    repo.config().core.checksum_jobs.as_ref().map(|jobs| jobs.value.get())
}
