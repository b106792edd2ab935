//! Files under their own paths, in a bucket that keeps every version of them: DVC's cloud-versioned remotes.
//!
//! On such a remote (`version_aware`) no object is named by its hash. A file lies under its path in the repository,
//! and the metafile records which version of the object there is the file's content.
//!
//! | file | what it holds |
//! |---|---|
//! | `store.rs` | [`VersionedStore`]: what is asked of a store beyond [`RemoteStore`](crate::RemoteStore) |
//! | `view.rs` | [`RecordedVersions`]: recorded versions, to be fetched as if they were named by their hash |
//! | `push.rs` | [`push()`]: new versions of files |
//! | `look_up.rs` | [`look_up()`]: what became of recorded versions |
//! | `verify.rs` | [`verify()`]: whether recorded versions hold what their metafile says |
//! | `adopt.rs` | [`adopt()`]: versions that another client made |
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
