//! Bytes under a hash: an S3 client, object databases, and the engine that moves objects between them.
//!
//! This crate knows no YAML, no workspace and no terminal: what a `.dvc` file or a manifest says, its callers know.
//!
//! # Invariants
//!
//! - A file of a cache, or an object of a remote, gets its name when its bytes are known to be right; before, it has
//!   a temporary name or none.
//! - A directory manifest is written when every member of its group is where it has to be.
//! - Errors say what the caller can do ([`ErrorKind`]); bulk work returns a report of every failure.
//! - Nothing is global but the choice of an MD5 implementation ([`hash::select_backend`]).
//!
//! # Map
//!
//! | file | what it holds |
//! |---|---|
//! | `oid.rs`, `layout.rs` | the name of an object, and where it lies |
//! | `hash/` | MD5 of many messages in lanes, of files side by side, of text as DVC 2 saw it |
//! | `store.rs` | [`RemoteStore`]: what the engine asks of a store |
//! | `s3/`, `open/` | the S3 client, and opening a remote as the configuration says |
//! | `http/` | web servers: files under URLs, and remotes on them |
//! | `folder/`, `adapter.rs`, `counting.rs` | other stores: a folder, any store of `object_store`, one that counts |
//! | `cache/` | [`Cache`]: the local object database |
//! | `remote/` | [`RemoteOdb`]: objects on a remote, found by skip-listing |
//! | `transfer/` | `push`, `fetch`, `compare`: `plan.rs` says what waits for what, `push.rs` and `fetch.rs` feed the tasks |
//! | `source/` | [`source::Source`]: data under a URL, taken into the cache or saved |
//! | `versions/` | files under their own paths in a bucket that keeps versions |
//! | `testing/` | stores for tests and the conformance suite (feature `testing`) |
//! | `progress.rs`, `error.rs` | how long work reports on itself, and how it fails |
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
pub use probe::{WriteProbe, probe_listing, probe_reading, probe_writing};
pub use remote::{Presence, RemoteObject, RemoteOdb, Removal};
#[cfg(feature = "fuzzing")]
pub use s3::fuzzing;
pub use store::{
    Body, BodyContent, Download, ListFrom, ListPage, ObjectInfo, OpenUpload, RemoteStore, StoreLimits,
    TroubleListener, Uploaded, UploadedPart,
};
pub use tokio_util::sync::CancellationToken;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
