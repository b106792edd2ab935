//! Bytes under a hash: an S3 client, object databases, and the engine that moves objects between them.
//!
//! This crate knows no YAML, no workspace and no terminal.

#![warn(missing_docs)]

mod error;
mod layout;
mod oid;
pub mod progress;
mod store;

pub use error::{Error, ErrorKind, Result, ServerReply};
pub use layout::Layout;
pub use oid::{InvalidOid, Md5Digest, Oid, OidKind};
pub use store::{
    Body, Download, ListFrom, ListPage, ObjectInfo, RemoteStore, StoreLimits, Uploaded, UploadedPart,
};
