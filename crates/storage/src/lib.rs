//! Bytes under a hash: an S3 client, object databases, and the engine that moves objects between them.
//!
//! This crate knows no YAML, no workspace and no terminal.

#![warn(missing_docs)]

mod adapter;
mod cache;
mod counting;
mod error;
mod folder;
pub mod hash;
mod layout;
mod oid;
mod open;
pub mod progress;
mod remote;
pub mod s3;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transfer;

pub use adapter::ObjectStoreAdapter;
pub use cache::{Cache, CacheOptions, CacheSharing, CachedObject, Durability, StoreMode, StoredFile};
pub use counting::CountingStore;
pub use error::{Error, ErrorKind, Result, ServerReply};
pub use folder::FolderStore;
pub use layout::Layout;
pub use oid::{InvalidOid, Md5Digest, Oid, OidKind};
pub use open::{S3Connection, connect_s3, open_remote, open_remote_with};
pub use remote::{Presence, RemoteOdb};
pub use store::{
    Body, Download, ListFrom, ListPage, ObjectInfo, RemoteStore, StoreLimits, Uploaded, UploadedPart,
};
pub use tokio_util::sync::CancellationToken;
