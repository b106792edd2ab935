//! Files under their own paths in a bucket that keeps every version: DVC's cloud-versioned remotes.
//!
//! On such a remote (`version_aware`) no object is named by its hash. The key of a file is its path in the repository,
//! and the metafile records which version of that key is the file's content.
//!
//! | file | contents |
//! |---|---|
//! | `store.rs` | [`VersionedStore`]: the operations that are needed beyond [`RemoteStore`](crate::RemoteStore) |
//! | `view.rs` | [`RecordedVersions`]: recorded versions, which can be fetched as if they were named by their hash |
//! | `push.rs` | [`push()`]: new versions of files |
//! | `look_up.rs` | [`look_up()`]: whether recorded versions still exist |
//! | `verify.rs` | [`verify()`]: whether recorded versions have the bytes that their metafiles record |
//! | `adopt.rs` | [`adopt()`]: downloads versions that another client made |
//!
//! Source: <https://dvc.org/doc/user-guide/data-management/cloud-versioning>.

mod adopt;
mod look_up;
mod push;
mod store;
mod verify;
mod view;

pub use adopt::{AdoptedVersion, adopt};
pub use look_up::{RecordedState, look_up};
pub use push::{NewVersion, VersionUpload, VersionedPush, push};
pub use store::{ObjectVersion, VersionCursor, VersionPage, VersionedStore, Versioning};
pub use verify::verify;
pub use view::{RecordedVersion, RecordedVersions};
