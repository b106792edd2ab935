//! Bytes under a hash: an S3 client, object databases, and the engine that moves objects between them.
//!
//! This crate knows no YAML, no workspace and no terminal.

#![warn(missing_docs)]

mod cache;
mod error;
mod folder;
pub mod hash;
mod layout;
mod oid;
pub mod progress;
mod remote;
mod store;
pub mod transfer;

pub use cache::{Cache, CacheOptions, CacheSharing, CachedObject, Durability, StoreMode, StoredFile};
pub use error::{Error, ErrorKind, Result, ServerReply};
pub use folder::FolderStore;
pub use layout::Layout;
pub use oid::{InvalidOid, Md5Digest, Oid, OidKind};
pub use remote::RemoteOdb;
pub use store::{
    Body, Download, ListFrom, ListPage, ObjectInfo, RemoteStore, StoreLimits, Uploaded, UploadedPart,
};
pub use tokio_util::sync::CancellationToken;
