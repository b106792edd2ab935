//! How long work reports on itself.

mod tally;

pub(crate) use tally::Tally;

use std::fmt::Debug;

/// The kind of work that is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Reading metafiles and manifests.
    Collecting,
    /// Looking for objects in the cache.
    Looking,
    /// Asking a remote what exists.
    Querying,
    /// Computing MD5 digests.
    Hashing,
    /// Putting files into the cache.
    Caching,
    /// Sending objects to a remote.
    Uploading,
    /// Getting objects from a remote.
    Downloading,
    /// Writing the workspace.
    CheckingOut,
    /// Deleting objects.
    Removing,
}

/// One report. Amounts are increments: the observer adds them up, phases may overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// More work became known.
    Planned {
        /// The kind of work.
        phase: Phase,
        /// Number of objects or files.
        n_objects: u64,
        /// Their size in bytes, as far as it is known.
        total_bytes: u64,
    },
    /// What was planned turned out to be larger or smaller.
    Replanned {
        /// The kind of work.
        phase: Phase,
        /// Bytes to add to the total, or to take from it.
        total_bytes: i64,
        /// More, or fewer, objects whose size is in no total.
        n_unsized: i64,
    },
    /// Bytes moved, while an object is still under way.
    Bytes {
        /// The kind of work.
        phase: Phase,
        /// Number of bytes since the last report.
        n_bytes: u64,
    },
    /// Bytes that were counted by [`Event::Bytes`] and have to be moved again.
    BytesLost {
        /// The kind of work.
        phase: Phase,
        /// Number of bytes.
        n_bytes: u64,
    },
    /// Objects were finished, with success or not.
    Finished {
        /// The kind of work.
        phase: Phase,
        /// Number of objects or files.
        n_objects: u64,
    },
    /// Something the user should read now, without the word `warning`.
    Warning(&'a str),
}

/// Receives the reports of long work; called from many threads.
pub trait Observer: Send + Sync {
    /// Takes one report. It must return quickly: it is called from within transfers.
    fn on(&self, event: Event<'_>);
}

/// Hears of the bytes of a body while they move.
pub trait BytesListener: Debug + Send + Sync {
    /// Takes note of bytes that moved.
    fn moved(&self, n_bytes: u64);

    /// Takes note of bytes that it was told of and that have to move again.
    fn taken_back(&self, n_bytes: u64);
}

/// Reports objects whose size is not known before they come.
pub(crate) fn report_unsized(phase: Phase, n_objects: usize, observer: &dyn Observer) {
    if n_objects > 0 {
        let n_unsized = i64::try_from(n_objects).unwrap_or(i64::MAX);
        observer.on(Event::Replanned { phase, total_bytes: 0, n_unsized });
    }
}

/// An observer that looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn on(&self, _event: Event<'_>) {}
}
