//! The object database of a remote.

mod inventory;
mod query;
mod removal;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

pub use inventory::RemoteObject;
pub(crate) use query::{Answer, Found, Query};
pub use removal::Removal;

use crate::hash::{self, is_named};
use crate::transfer::RequestCounts;
use crate::{CountingStore, Error, ErrorKind, Layout, Oid, ReadStore as _, RemoteStore, Result};

/// How often an object is downloaded before it counts as damaged.
const ATTEMPTS: u32 = 3;

/// Whether a remote has an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It exists, as far as size and entity tag show.
    Present {
        /// Size in bytes.
        size_bytes: u64,
    },
    /// It does not exist.
    Absent,
    /// An object with its name exists, but has another size or MD5.
    Damaged {
        /// Its size in bytes.
        size_bytes: u64,
    },
    /// The store does not say: it must not be listed, and replies "access denied" for missing objects.
    Unknown,
}

/// An object database on a remote: DVC's layouts over any [`RemoteStore`].
#[derive(Debug, Clone)]
pub struct RemoteOdb {
    store: Arc<CountingStore>,
}

impl RemoteOdb {
    /// The maximum size of a directory manifest in bytes: some ten million entries.
    pub const MAX_MANIFEST_BYTES: u64 = 1 << 30;

    /// Makes the object database of the store.
    pub fn new(store: Arc<dyn RemoteStore>) -> Self {
        Self { store: Arc::new(CountingStore::new(store)) }
    }

    /// Returns the remote's name for messages.
    pub fn location(&self) -> &str {
        self.store.location()
    }

    /// Returns the store; calls through it are counted.
    pub fn store(&self) -> &CountingStore {
        &self.store
    }

    pub(crate) fn shared_store(&self) -> Arc<CountingStore> {
        Arc::clone(&self.store)
    }

    /// Returns the number of requests to the store so far.
    pub fn requests(&self) -> RequestCounts {
        self.store.counts()
    }

    /// Looks for objects, with as few requests as possible and at most `jobs` at once; the answers are in the order of
    /// `oids`. Sizes are compared if the caller gives them, entity tags if they are MD5s.
    pub async fn look_up(&self, oids: &[(Layout, Oid, Option<u64>)], jobs: usize) -> Result<Vec<Presence>> {
        let mut answers = vec![Presence::Absent; oids.len()];
        let mut order: Vec<usize> = (0..oids.len()).collect();
        order.sort_unstable_by_key(|&index| (oids[index].0, oids[index].1));
        let wanted = order.iter().map(|&index| (oids[index].0, oids[index].1)).collect();
        let (sender, mut receiver) = tokio::sync::mpsc::channel(64);
        let query = Query::new(self.shared_store(), wanted, jobs).with_last_word(true);
        let collect = async {
            while let Some(batch) = receiver.recv().await {
                for Answer { position, found } in batch {
                    let (layout, oid, size_bytes) = &oids[order[position]];
                    answers[order[position]] = judge(*layout, oid, *size_bytes, &found);
                }
            }
        };
        let (asked, ()) = futures::join!(query.run(sender), collect);
        asked?;
        Ok(answers)
    }

    /// Downloads a whole object, such as a directory manifest, into memory; `None` if the remote does not have it.
    ///
    /// The bytes are verified: their MD5 is the object's name. An object of more than `max_bytes`, or one whose MD5 is
    /// wrong in every attempt, is [`ErrorKind::Corrupt`].
    pub async fn fetch_object(&self, layout: Layout, oid: &Oid, max_bytes: u64) -> Result<Option<Bytes>> {
        let key = layout.object_path(oid);
        let mut attempt = 1;
        loop {
            let got = self.get_whole(&key, max_bytes).await.and_then(|bytes| {
                if is_named(layout, oid, &bytes, &hash::md5(&bytes)) {
                    return Ok(bytes);
                }
                Err(wrong_bytes(self.location(), &key))
            });
            match got {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Corrupt && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Downloads a whole object into memory, without a look at its content.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it has more than `max_bytes`, or another size than the server announces.
    pub async fn get_whole(&self, key: &str, max_bytes: u64) -> Result<Bytes> {
        let mut download = self.store.get(key, None, None).await?;
        let too_long = |size_bytes: u64| {
            let location = self.location();
            let message =
                format!("`{key}` in `{location}` has {size_bytes} bytes, more than the {max_bytes} expected");
            Error::new(ErrorKind::Corrupt, message)
        };
        if let Some(size_bytes) = download.size_bytes.filter(|size_bytes| *size_bytes > max_bytes) {
            return Err(too_long(size_bytes));
        }
        // The buffer grows with the received bytes; the size that the server announces may be wrong.
        let mut bytes = BytesMut::new();
        while let Some(chunk) = download.stream.next().await {
            bytes.extend_from_slice(&chunk?);
            let n_bytes = bytes.len() as u64;
            if n_bytes > max_bytes {
                return Err(too_long(n_bytes));
            }
            if download.size_bytes.is_some_and(|size_bytes| n_bytes > size_bytes) {
                break;
            }
        }
        if download.size_bytes.is_none_or(|size_bytes| bytes.len() as u64 == size_bytes) {
            Ok(bytes.freeze())
        } else {
            Err(wrong_bytes(self.location(), key))
        }
    }
}

/// Returns what a listing entry or the reply to a HEAD says about the object.
pub(crate) fn judge(layout: Layout, oid: &Oid, size_bytes: Option<u64>, found: &Found) -> Presence {
    let info = match found {
        Found::Info { size_bytes, etag } => (*size_bytes, *etag),
        Found::Absent => return Presence::Absent,
        Found::Unknown => return Presence::Unknown,
    };
    let has_wrong_size = size_bytes.is_some_and(|expected| expected != info.0);
    // A legacy file may be named by the hash of its text, which differs from the hash of its bytes.
    let is_named_by_bytes = layout == Layout::Current || oid.is_dir();
    let has_wrong_md5 = is_named_by_bytes && info.1.is_some_and(|md5| md5 != *oid.digest());
    if has_wrong_size || has_wrong_md5 {
        return Presence::Damaged { size_bytes: info.0 };
    }
    Presence::Present { size_bytes: info.0 }
}

/// Returns the error for an object whose bytes do not match its name.
pub(crate) fn wrong_bytes(location: &str, key: &str) -> Error {
    let message =
        format!("`{key}` in `{location}` is damaged: its bytes do not have the MD5 that it is named by");
    Error::new(ErrorKind::Corrupt, message)
        .with_hint("run `haul push --verify` where the data is good: it reads what is on the remote, and sends what is damaged again")
}
