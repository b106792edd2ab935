//! Bytes under a hash: an S3 client, object databases, and the engine that moves objects between them.
//!
//! This crate knows no YAML, no workspace and no terminal: its callers read `.dvc` files and manifests.
//!
//! # Invariants
//!
//! - A file of a cache, or an object of a remote, gets its name only after its bytes are verified; until then it has a
//!   temporary name or none.
//! - A directory manifest is written only after every member of its group is at the destination.
//! - Errors say what the caller can do ([`ErrorKind`]); bulk work returns a report of every failure.
//! - The only global state is the choice of an MD5 implementation ([`hash::select_backend`]).
//!
//! # Map
//!
//! | file | contents |
//! |---|---|
//! | `oid.rs`, `layout.rs` | the name of an object, and its path |
//! | `hash/` | MD5 of many messages in lanes, of files in parallel, of text by DVC 2's rules |
//! | `store.rs` | [`RemoteStore`]: the operations that the engine needs from a store |
//! | `s3/`, `open/` | the S3 client, and opening a remote from its configuration |
//! | `http/` | web servers: files under URLs, and remotes on them |
//! | `folder/`, `adapter.rs`, `counting.rs` | other stores: a directory, any store of `object_store`, one that counts |
//! | `cache/` | [`Cache`]: the local object database |
//! | `remote/` | [`RemoteOdb`]: objects on a remote, found by skip-listing |
//! | `transfer/` | `push`, `fetch`, `compare`: `plan.rs` orders the work, `push.rs` and `fetch.rs` start the tasks |
//! | `source/` | [`source::Source`]: data under a URL, stored in the cache or saved to a path |
//! | `versions/` | files under their own paths in a bucket that keeps versions |
//! | `testing/` | stores for tests and the conformance suite (feature `testing`) |
//! | `progress.rs`, `error.rs` | progress reports of long operations, and errors |
//!
//! # Known differences from DVC
//!
//! Marked `Deviation:` in the sources, and listed in the README of this crate.

#![warn(missing_docs)]

mod adapter;
mod cache;
mod counting;
mod error;
mod folder;
pub mod hash;
mod http;
mod layout;
mod oid;
mod open;
mod patience;
mod probe;
pub mod progress;
mod remote;
pub mod s3;
pub mod source;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transfer;
pub mod versions;

pub use adapter::ObjectStoreAdapter;
pub use cache::{
    Cache, CacheOptions, CacheSharing, CachedObject, Durability, StoreMode, StoredFile, TemporaryFile,
};
pub use counting::CountingStore;
pub use error::{Error, ErrorKind, Result, ServerReply};
pub use folder::FolderStore;
pub use haul_auth::PromptMfa;
pub use http::HttpStore;
pub use layout::Layout;
pub use oid::{InvalidOid, Md5Digest, Oid, OidKind};
pub use open::{S3Connection, connect_s3, open_remote, open_remote_with, open_versioned_remote};
pub use patience::{Contact, Wait, WaitEnd, WaitListener};
pub use probe::{WriteProbe, probe_key, probe_listing, probe_reading, probe_writing};
pub use remote::{Presence, RemoteObject, RemoteOdb, Removal};
#[cfg(feature = "fuzzing")]
pub use s3::fuzzing;
pub use store::{
    Body, BodyContent, DeleteStore, Download, ListFrom, ListPage, ListStore, MultipartStore, ObjectInfo,
    OpenUpload, ReadStore, RemoteStore, StoreLimits, TroubleListener, Uploaded, UploadedPart, WriteStore,
};
pub use tokio_util::sync::CancellationToken;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
