//! Objects on a remote.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Layout, Oid, RemoteStore, Result};

/// An object database on a remote: DVC's layouts over any [`RemoteStore`].
#[derive(Debug, Clone)]
pub struct RemoteOdb {
    store: Arc<dyn RemoteStore>,
}

impl RemoteOdb {
    /// Most bytes a directory manifest may have: about ten million entries.
    pub const MAX_MANIFEST_BYTES: u64 = 1 << 30;

    /// Makes the database of the store.
    pub fn new(store: Arc<dyn RemoteStore>) -> Self {
        Self { store }
    }

    /// Names the remote for messages.
    pub fn location(&self) -> &str {
        self.store.location()
    }

    /// Returns the store.
    pub fn store(&self) -> &Arc<dyn RemoteStore> {
        &self.store
    }

    /// Gets a whole object into memory, as a directory manifest; `None` if the remote does not have it.
    ///
    /// The bytes are right: their MD5 is the object's name. An object of more than `max_bytes`, or with other
    /// bytes, is [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt).
    pub async fn fetch_object(&self, layout: Layout, oid: &Oid, max_bytes: u64) -> Result<Option<Bytes>> {
        unimplemented!("{layout:?} {oid} {max_bytes}")
    }
}
