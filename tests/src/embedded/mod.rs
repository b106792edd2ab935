//! An S3 server inside the test process: strict, inspectable, and able to fail on demand.
//!
//! The protocol (routing, SigV4, XML) is that of the `s3s` crate, so that signatures are checked by independent code.
//! The store behind it is written here, with all that DVC remotes use: conditional and ranged reads, multipart uploads,
//! versions, SSE-S3, SSE-KMS and SSE-C, ACLs and grants, and the three listings. In front of it every request is
//! recorded, checked for unsigned `x-amz-*` headers, and subjected to the faults that a test has injected.
//!
//! | File | What |
//! |---|---|
//! | `options.rs` | the options of a server: users, buckets, quirks |
//! | `front.rs` | the HTTP front: records, refuses, injects faults, then calls `s3s` |
//! | `fault.rs` | faults and the requests that they apply to |
//! | `record.rs` | recorded requests and the names of S3 operations |
//! | `admin.rs` | the recorded requests, for other processes |
//! | `access.rs` | users, permissions, anonymous access |
//! | `backend.rs` | the S3 calls, one thin function each |
//! | `object.rs` `copy.rs` `multipart.rs` `listing.rs` `acl.rs` `encryption.rs` | what the calls do |
//! | `state.rs` `content.rs` | buckets, versions, and the bytes (in memory, or in a temporary file if big) |

mod access;
mod acl;
mod admin;
mod backend;
mod content;
mod copy;
mod encryption;
mod fault;
mod front;
mod listing;
mod multipart;
mod object;
mod options;
mod record;
mod running;
mod state;
mod view;

pub use access::Permission;
pub use fault::{Fault, FaultAction};
pub use options::{BucketOptions, EmbeddedOptions, Quirks, User, Versioning, WrongRegion};
pub use record::{Operation, RecordedRequest};
pub use running::EmbeddedS3;
pub use view::StoredObject;
