//! MD5: of many messages in SIMD lanes, of one in one stream, of files, and of text as DVC 2 saw it.
//!
//! [`lanes`](self) is the only place of the workspace that names an MD5 crate. There are two implementations:
//! `md5-many` (the default feature `md5-lanes`: several messages side by side, an order of magnitude faster on
//! many small files) and `md-5`. The first one is young, so it has to reproduce known digests when it is first
//! used; if it cannot, or if [`select_backend`] says so, `md-5` does all the work.

mod files;
mod lanes;
pub(crate) mod reader;
pub(crate) mod shared;
mod text;

pub use files::{Flavour, HashedFile, hash_file, hash_files};
pub use lanes::{Md5Backend, Md5Hasher, Md5Lanes, backend, md5, md5_many, select_backend};
pub use text::TextHasher;

use crate::{Layout, Md5Digest, Oid};

/// Tells whether `bytes` are those that `oid` names in `layout`; `raw` is their MD5.
pub(crate) fn is_named(layout: Layout, oid: &Oid, bytes: &[u8], raw: &Md5Digest) -> bool {
    raw == oid.digest()
        || (layout == Layout::Legacy && !oid.is_dir() && {
            let mut text = TextHasher::new();
            text.update(bytes);
            text.digest() == *oid.digest()
        })
}
