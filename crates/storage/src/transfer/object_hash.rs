//! Hashing a large object and its parts while they are sent.
//!
//! Mode 0444 says that an object was right when it was stored. A disk or another program may have changed it since, and
//! nothing on the remote would ever tell: the entity tag of an upload in parts is not the MD5 of the object. So the whole is
//! hashed in the same pass as its parts.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::context::{blocking, interrupted};
use crate::hash::shared::{BUFFER_BYTES, SharedLanes};
use crate::hash::{Md5Hasher, TextHasher};
use crate::{Error, ErrorKind, Layout, Md5Digest, Oid, Result};

const CHUNK_BYTES: usize = 256 << 10;

/// A thread that reads the object from its start to its end. Dropping it ends the thread within a part.
#[derive(Debug)]
pub(super) struct ObjectCheck {
    /// A message for each part that is wanted. The thread reads no further than that: what is sent from a file is in the
    /// memory of the system, and need not be read from the disk twice.
    wanted: Sender<()>,
    n_wanted: AtomicU32,
    /// The MD5s of the parts, as far as they are known.
    digests: watch::Receiver<Vec<Md5Digest>>,
    thread: JoinHandle<Result<bool>>,
    answer: Option<bool>,
}

/// What to hash.
struct Work {
    lanes: Arc<SharedLanes>,
    path: Arc<PathBuf>,
    layout: Layout,
    oid: Oid,
    size_bytes: u64,
    part_bytes: u64,
}

impl ObjectCheck {
    /// Starts to hash the object at `path`, one part of `part_bytes` for each that is [wanted](Self::want).
    pub(super) fn start(
        lanes: &Arc<SharedLanes>,
        path: &Arc<PathBuf>,
        (layout, oid): (Layout, Oid),
        size_bytes: u64,
        part_bytes: u64,
    ) -> Self {
        let (wanted, parts) = channel();
        let (sender, digests) = watch::channel(Vec::new());
        let (lanes, path) = (Arc::clone(lanes), Arc::clone(path));
        let work = Work { lanes, path, layout, oid, size_bytes, part_bytes };
        let thread = tokio::spawn(blocking(move || work.hash(&parts, &sender)));
        Self { wanted, n_wanted: AtomicU32::new(0), digests, thread, answer: None }
    }

    /// Lets the thread hash up to the part `number`, counted from 1.
    pub(super) fn want(&self, number: u32) {
        for _ in self.n_wanted.fetch_max(number, Ordering::Relaxed)..number {
            // A thread that has ended, or failed, tells why when it is asked.
            let _ended: Result<(), _> = self.wanted.send(());
        }
    }

    /// Returns the MD5 of a part that is wanted; `None` if the thread has failed, which [`failure`](Self::failure) tells.
    pub(super) async fn md5_of(&self, number: u32) -> Option<Md5Digest> {
        let at = number as usize - 1;
        let mut digests = self.digests.clone();
        let known = digests.wait_for(|digests| digests.len() > at).await;
        // The last parts may be known when the thread is gone.
        known.map_or_else(|_| self.digests.borrow().get(at).copied(), |digests| digests.get(at).copied())
    }

    /// Whether the thread was waited for, and found the object to be what its name says.
    pub(super) fn is_known_intact(&self) -> bool {
        self.answer == Some(true)
    }

    /// Waits for the thread, after every part was wanted; tells whether the object is what its name says.
    pub(super) async fn is_intact(&mut self) -> Result<bool> {
        if let Some(answer) = self.answer {
            return Ok(answer);
        }
        let answer = (&mut self.thread).await.map_err(|error| {
            Error::new(ErrorKind::Io, "an object could not be hashed").with_source(error)
        })??;
        self.answer = Some(answer);
        Ok(answer)
    }

    /// Returns why the thread failed, if it did.
    pub(super) async fn failure(&mut self) -> Option<Error> {
        let has_ended = self.answer.is_none() && self.digests.has_changed().is_err();
        if has_ended { self.is_intact().await.err() } else { None }
    }
}

impl Work {
    fn hash(&self, parts: &Receiver<()>, digests: &watch::Sender<Vec<Md5Digest>>) -> Result<bool> {
        let cannot = |error| Error::io("cannot read an object", error);
        let mut file = fs_err::File::open(&*self.path).map_err(cannot)?;
        let mut hasher = self.lanes.hasher_with_parts(self.layout, &self.oid);
        let mut left = self.size_bytes;
        while left > 0 {
            parts.recv().map_err(|_| interrupted())?;
            let mut left_of_part = self.part_bytes.min(left);
            left -= left_of_part;
            while left_of_part > 0 {
                let n = usize::try_from(left_of_part).map_or(BUFFER_BYTES, |left| left.min(BUFFER_BYTES));
                let mut buffer = self.lanes.buffer();
                buffer.resize(n, 0);
                file.read_exact(&mut buffer).map_err(cannot)?;
                hasher.update(buffer);
                left_of_part -= n as u64;
            }
            let digest = hasher.end_part();
            digests.send_modify(|digests| digests.push(digest));
        }
        Ok(hasher.matches(self.oid.digest()))
    }
}

/// Returns the MD5 of the bytes of an object in the cache; `None` if they are not those that its name says.
pub(super) async fn md5_if_intact(path: Arc<PathBuf>, layout: Layout, oid: Oid) -> Result<Option<Md5Digest>> {
    blocking(move || {
        let cannot = |error| Error::io("cannot read an object", error);
        let mut file = fs_err::File::open(&*path).map_err(cannot)?;
        let mut hasher = ObjectHasher::new(layout, &oid);
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            match file.read(&mut buffer).map_err(cannot)? {
                0 => return Ok(hasher.matches(oid.digest()).then(|| hasher.raw.digest())),
                n => hasher.update(&buffer[..n]),
            }
        }
    })
    .await
}

/// Computes the name that bytes have in a layout.
pub(super) struct ObjectHasher {
    raw: Md5Hasher,
    /// A file of the legacy layout may be named by the hash of its text.
    text: Option<TextHasher>,
}

impl ObjectHasher {
    pub(super) fn new(layout: Layout, oid: &Oid) -> Self {
        let text = (layout == Layout::Legacy && !oid.is_dir()).then(TextHasher::new);
        Self { raw: Md5Hasher::new(), text }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.raw.update(bytes);
        if let Some(text) = &mut self.text {
            text.update(bytes);
        }
    }

    pub(super) fn matches(&self, digest: &Md5Digest) -> bool {
        self.raw.digest() == *digest || self.text.as_ref().is_some_and(|text| text.digest() == *digest)
    }
}
