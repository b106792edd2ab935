//! MD5: of many messages in SIMD lanes, of one message in pieces, of files, and of text by DVC 2's rules.
//!
//! [`lanes`](self) is the only module of the workspace that uses an MD5 crate. There are two implementations:
//! `md5-many` (the default feature `md5-lanes`: several messages in parallel, ten times as fast on many small files)
//! and `md-5`. `md5-many` is a young crate, so it must reproduce known digests when it is first used; if it does not,
//! or if [`select_backend`] says so, `md-5` is used for everything.

mod files;
mod lanes;
pub(crate) mod reader;
pub(crate) mod shared;
mod text;

pub use files::{Flavour, HashedFile, hash_file, hash_files};
pub use lanes::{Md5Backend, Md5Hasher, Md5Lanes, backend, md5, md5_many, select_backend};
pub use text::TextHasher;

use crate::{Layout, Md5Digest, Oid};

/// Returns whether `bytes` are those that `oid` names in `layout`; `raw` is their MD5.
pub(crate) fn is_named(layout: Layout, oid: &Oid, bytes: &[u8], raw: &Md5Digest) -> bool {
    raw == oid.digest()
        || (layout == Layout::Legacy && !oid.is_dir() && {
            let mut text = TextHasher::new();
            text.update(bytes);
            text.digest() == *oid.digest()
        })
}
