//! How long work reports on itself.

/// The kind of work that is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Reading metafiles and manifests.
    Collecting,
    /// Asking what exists.
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
        /// Their size, in bytes; 0 where it is not known.
        total_bytes: u64,
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

/// An observer that looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn on(&self, _event: Event<'_>) {}
}
