//! Progress reports of long operations.

mod tally;

pub(crate) use tally::Tally;

use std::fmt::Debug;

/// The kind of work in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Reading metafiles and manifests.
    Collecting,
    /// Looking for objects in the cache.
    Looking,
    /// Asking a remote which objects it has.
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

/// One report. Amounts are increments, which the observer adds up; phases may overlap.
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
        /// Bytes to add to the total; negative if it became smaller.
        total_bytes: i64,
        /// The change of the number of objects whose size is not part of the total.
        n_unsized: i64,
    },
    /// Bytes of an object that is not finished yet were processed.
    Bytes {
        /// The kind of work.
        phase: Phase,
        /// Number of bytes since the last report.
        n_bytes: u64,
    },
    /// Bytes that were reported by [`Event::Bytes`] must be transferred again.
    BytesLost {
        /// The kind of work.
        phase: Phase,
        /// Number of bytes.
        n_bytes: u64,
    },
    /// Objects were finished, successfully or not.
    Finished {
        /// The kind of work.
        phase: Phase,
        /// Number of objects or files.
        n_objects: u64,
    },
    /// A warning for the user; the text does not include the word `warning`.
    Warning(&'a str),
}

/// Receives the reports of a long operation, from many threads.
pub trait Observer: Send + Sync {
    /// Receives one report. It must return quickly, as transfers wait for it.
    fn on(&self, event: Event<'_>);
}

/// Is notified of the bytes of a body while they are transferred.
pub trait BytesListener: Debug + Send + Sync {
    /// Called for bytes that were transferred.
    fn moved(&self, n_bytes: u64);

    /// Called for bytes that were reported to [`moved`](Self::moved) and must be transferred again.
    fn taken_back(&self, n_bytes: u64);
}

/// Reports a number of objects whose size is not known before they are transferred.
pub(crate) fn report_unsized(phase: Phase, n_objects: usize, observer: &dyn Observer) {
    if n_objects > 0 {
        let n_unsized = i64::try_from(n_objects).unwrap_or(i64::MAX);
        observer.on(Event::Replanned { phase, total_bytes: 0, n_unsized });
    }
}

/// An observer that ignores all reports.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn on(&self, _event: Event<'_>) {}
}
