//! Entity tags of uploads, which prove what arrived where they are MD5 digests.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Md5Digest;

/// Whether the server's entity tags are MD5 digests: nearly all are, but only experience shows it.
#[derive(Debug, Default)]
pub(in crate::s3) struct EtagKnowledge(Mutex<State>);

#[derive(Debug)]
enum State {
    /// No tag agreed yet; those of these bodies differed.
    Unknown(HashSet<Md5Digest>),
    Md5,
    /// Tags of bodies that differed twice.
    Other,
    /// The server says that it encrypts.
    Encrypted,
}

impl Default for State {
    fn default() -> Self {
        Self::Unknown(HashSet::new())
    }
}

impl EtagKnowledge {
    /// Takes the entity tag of an upload with the given digest. `false` means that the server may hold other bytes, and
    /// that they should be sent again.
    ///
    /// Where no tag agreed yet and that of the same body differs once more, this server has tags of its own kind: it has
    /// checked Content-MD5 on arrival, both times. Tags of several bodies say nothing: a bad line damages many at once.
    pub(in crate::s3) fn check(&self, etag: Option<&str>, md5: &Md5Digest) -> bool {
        let Some(etag) = etag.filter(|etag| etag.len() == 32) else { return true };
        let mut state = self.lock();
        if etag.eq_ignore_ascii_case(&hex::encode(md5)) {
            // One bucket may hold both what is encrypted and what is not.
            if !matches!(*state, State::Encrypted) {
                *state = State::Md5;
            }
            return true;
        }
        match &mut *state {
            State::Unknown(doubted) => {
                let is_first = doubted.insert(*md5);
                if !is_first {
                    *state = State::Other;
                }
                !is_first
            }
            State::Md5 => false,
            State::Other | State::Encrypted => true,
        }
    }

    /// Returns whether a tag may prove something.
    pub(in crate::s3) fn may_be_md5(&self) -> bool {
        !matches!(*self.lock(), State::Other | State::Encrypted)
    }

    /// Takes note that the server encrypts in a way that takes the MD5 out of its tags.
    pub(in crate::s3) fn note_other(&self) {
        *self.lock() = State::Encrypted;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::md5;

    #[test]
    fn one_differing_tag_is_an_error_and_two_of_one_body_another_kind_of_tags() {
        let (one, two) = (md5(b"one"), md5(b"two"));
        let (agreeing, other) = (hex::encode(one), "0".repeat(32));
        let etags = EtagKnowledge::default();
        assert!(etags.check(Some(&agreeing), &one));
        assert!(!etags.check(Some(&other), &one) && !etags.check(Some(&other), &one));
        let etags = EtagKnowledge::default();
        assert!(!etags.check(Some(&other), &one) && etags.check(Some(&agreeing), &one), "one bad reply");
        assert!(!etags.check(Some(&other), &one));
        let etags = EtagKnowledge::default();
        assert!(!etags.check(Some(&other), &one) && !etags.check(Some(&other), &two), "two bad bodies");
        assert!(etags.check(Some(&agreeing), &one) && !etags.check(Some(&other), &two));
        let etags = EtagKnowledge::default();
        assert!(!etags.check(Some(&other), &one) && etags.may_be_md5());
        assert!(etags.check(Some(&other), &one) && etags.check(Some(&other), &two));
        assert!(!etags.may_be_md5());
        assert!(etags.check(Some("abc-2"), &one) && etags.check(None, &one));
        assert!(etags.check(Some(&agreeing), &one) && etags.may_be_md5(), "none agrees by chance");
    }

    #[test]
    fn encryption_that_was_told_is_not_forgotten() {
        let etags = EtagKnowledge::default();
        etags.note_other();
        assert!(etags.check(Some(&hex::encode(md5(b"one"))), &md5(b"one")));
        assert!(!etags.may_be_md5());
    }
}
