//! Hashing a large object while its parts are sent.
//!
//! Mode 0444 says that an object was right when it was stored. A disk or another program may have changed it since, and
//! nothing on the remote would ever tell: the entity tag of an upload in parts is not the MD5 of the object.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::task::JoinHandle;

use super::context::{blocking, interrupted};
use crate::hash::{Md5Hasher, TextHasher};
use crate::{Error, ErrorKind, Layout, Md5Digest, Oid, Result};

const CHUNK_BYTES: usize = 256 << 10;

/// A thread that reads the object from its start to its end. Dropping it ends the thread within a part.
#[derive(Debug)]
pub(super) struct WholeCheck {
    /// A message for each part that is sent. The thread reads no further than that: what is sent from a file is in the
    /// memory of the system, and need not be read from the disk twice.
    begun: Sender<()>,
    thread: JoinHandle<Result<bool>>,
    answer: Option<bool>,
}

impl WholeCheck {
    /// Starts to hash the object at `path`, one part of `part_bytes` for each that [begins](Self::part_begins).
    pub(super) fn start(
        path: Arc<PathBuf>,
        layout: Layout,
        oid: Oid,
        size_bytes: u64,
        part_bytes: u64,
    ) -> Self {
        let (begun, parts) = channel();
        let work = move || hash(&path, layout, oid, size_bytes, part_bytes, &parts);
        Self { begun, thread: tokio::spawn(blocking(work)), answer: None }
    }

    /// Lets the thread read one part more.
    pub(super) fn part_begins(&self) {
        // A thread that has ended, or failed, tells why when it is asked.
        let _ended: Result<(), _> = self.begun.send(());
    }

    /// Whether the thread was waited for, and found the object to be what its name says.
    pub(super) fn is_known_intact(&self) -> bool {
        self.answer == Some(true)
    }

    /// Waits for the thread, after every part has begun; tells whether the object is what its name says.
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
}

fn hash(
    path: &PathBuf,
    layout: Layout,
    oid: Oid,
    size_bytes: u64,
    part_bytes: u64,
    parts: &Receiver<()>,
) -> Result<bool> {
    let cannot = |error| Error::io("cannot read an object", error);
    let mut file = fs_err::File::open(path).map_err(cannot)?;
    let mut hasher = ObjectHasher::new(layout, &oid);
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut left = size_bytes;
    while left > 0 {
        parts.recv().map_err(|_| interrupted())?;
        let mut left_of_part = part_bytes.min(left);
        left -= left_of_part;
        while left_of_part > 0 {
            let n = usize::try_from(left_of_part).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
            file.read_exact(&mut buffer[..n]).map_err(cannot)?;
            hasher.update(&buffer[..n]);
            left_of_part -= n as u64;
        }
    }
    Ok(hasher.matches(oid.digest()))
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
