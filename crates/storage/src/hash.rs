//! MD5 of many messages in SIMD lanes, of one message in one stream.
//!
//! This is the only file of the workspace that names an MD5 crate.

use crate::Md5Digest;

/// The MD5 of one message that arrives in pieces.
#[derive(Clone)]
pub struct Md5Hasher {
    state: md5_many::Md5State,
}

impl Md5Hasher {
    /// Starts an empty message.
    pub fn new() -> Self {
        Self { state: md5_many::Md5State::new() }
    }

    /// Adds a piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    /// Returns the digest of all pieces so far.
    pub fn digest(&self) -> Md5Digest {
        self.state.finalize()
    }
}

impl Default for Md5Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Md5Hasher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Md5Hasher")
    }
}

/// Returns the MD5 of one message.
pub fn md5(message: &[u8]) -> Md5Digest {
    md5_many::md5(message)
}

/// Returns the MD5 of each message, computed side by side. Messages of like length go fastest.
pub fn md5_many(messages: &[&[u8]]) -> Vec<Md5Digest> {
    let mut digests = vec![Md5Digest::default(); messages.len()];
    md5_many::Md5Many::new().hash_many(messages, &mut digests);
    digests
}
