//! The two MD5 implementations and the choice between them.

use std::sync::OnceLock;

use md5::Digest as _;

use crate::Md5Digest;

/// An MD5 implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Md5Backend {
    /// `md5-many`: SIMD lanes. Only with the feature `md5-lanes`.
    Lanes,
    /// `md-5`: one message at a time, on every platform.
    Portable,
}

static BACKEND: OnceLock<Md5Backend> = OnceLock::new();

/// Selects the implementation for this process. Returns false if one was already selected or used.
///
/// [`Md5Backend::Lanes`] is used only if it is compiled in and computes known digests correctly.
pub fn select_backend(wanted: Md5Backend) -> bool {
    let chosen = match wanted {
        Md5Backend::Portable => Md5Backend::Portable,
        Md5Backend::Lanes => best_backend(),
    };
    BACKEND.set(chosen).is_ok() && chosen == wanted
}

/// Returns the implementation that is used.
pub fn backend() -> Md5Backend {
    *BACKEND.get_or_init(best_backend)
}

fn best_backend() -> Md5Backend {
    #[cfg(feature = "md5-lanes")]
    {
        if computes_known_digests() {
            return Md5Backend::Lanes;
        }
        tracing::warn!(
            "the SIMD implementation of MD5 fails its self-test on this processor and is not used"
        );
    }
    Md5Backend::Portable
}

/// Returns whether the SIMD implementation hashes batches of equal and of mixed lengths, of every lane width, correctly.
/// The expected values, digests of all digests of a batch, were computed with OpenSSL.
#[cfg(feature = "md5-lanes")]
fn computes_known_digests() -> bool {
    const MIXED: Md5Digest = 0xa05c_5b85_5e11_b0d4_bd7b_182a_7d2b_526a_u128.to_be_bytes();
    const EQUAL: Md5Digest = 0xc45f_bd1a_d6b9_ee35_0cb4_f7e9_d46e_3b88_u128.to_be_bytes();
    #[expect(clippy::cast_possible_truncation, reason = "the low byte is meant")]
    let message =
        |len: usize, index: usize| -> Vec<u8> { (0..len).map(|at| (index * 7 + at * 13) as u8).collect() };
    let mixed: Vec<_> = (0..100).map(|index| message((index * 37) % 300, index)).collect();
    let equal: Vec<_> = (0..48).map(|index| message(1000, index)).collect();
    let digest_of_digests = |digests: &[Md5Digest]| md5_many::md5(digests.as_flattened());

    [(mixed, MIXED), (equal, EQUAL)].iter().all(|(messages, expected)| {
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let mut digests = vec![Md5Digest::default(); messages.len()];
        md5_many::Md5Many::new().hash_many(&messages, &mut digests);
        let mut states = vec![md5_many::Md5State::new(); messages.len()];
        let (heads, tails): (Vec<_>, Vec<_>) =
            messages.iter().map(|message| message.split_at(message.len() / 3)).unzip();
        let mut in_pieces = digests.clone();
        md5_many::Md5Many::new().update_many(&mut states, &heads);
        md5_many::Md5Many::new().update_many(&mut states, &tails);
        md5_many::Md5Many::new().finalize_many(&states, &mut in_pieces);
        let one_by_one: Vec<_> = messages.iter().map(|message| stream_digest(message)).collect();
        [digests, in_pieces, one_by_one].iter().all(|digests| digest_of_digests(digests) == *expected)
    })
}

#[cfg(feature = "md5-lanes")]
fn stream_digest(message: &[u8]) -> Md5Digest {
    let mut hasher = md5_many::Md5::new();
    hasher.update(message);
    hasher.finalize().into()
}

/// The MD5 of one message that arrives in pieces.
#[derive(Clone)]
pub struct Md5Hasher(Stream);

#[derive(Clone)]
enum Stream {
    #[cfg(feature = "md5-lanes")]
    Fast(md5_many::Md5),
    Portable(md5::Md5),
}

impl Md5Hasher {
    /// Starts a message.
    pub fn new() -> Self {
        match backend() {
            #[cfg(feature = "md5-lanes")]
            Md5Backend::Lanes => Self(Stream::Fast(md5_many::Md5::new())),
            _ => Self(Stream::Portable(md5::Md5::new())),
        }
    }

    /// Appends a piece.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            #[cfg(feature = "md5-lanes")]
            Stream::Fast(hasher) => hasher.update(bytes),
            Stream::Portable(hasher) => hasher.update(bytes),
        }
    }

    /// Returns the digest of all pieces so far.
    pub fn digest(&self) -> Md5Digest {
        match &self.0 {
            #[cfg(feature = "md5-lanes")]
            Stream::Fast(hasher) => hasher.clone().finalize().into(),
            Stream::Portable(hasher) => hasher.clone().finalize().into(),
        }
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

/// The MD5s of several messages that arrive in pieces, side by side.
pub struct Md5Lanes(Lanes);

enum Lanes {
    #[cfg(feature = "md5-lanes")]
    Fast(Vec<md5_many::Md5State>),
    Portable(Vec<md5::Md5>),
}

impl Md5Lanes {
    /// Starts `n_lanes` messages.
    pub fn new(n_lanes: usize) -> Self {
        match backend() {
            #[cfg(feature = "md5-lanes")]
            Md5Backend::Lanes => Self(Lanes::Fast(vec![md5_many::Md5State::new(); n_lanes])),
            _ => Self(Lanes::Portable(vec![md5::Md5::new(); n_lanes])),
        }
    }

    /// Appends the piece `pieces[lane]` to each message; a piece may be empty.
    ///
    /// # Panics
    ///
    /// If there is not one piece for each lane.
    pub fn update(&mut self, pieces: &[&[u8]]) {
        match &mut self.0 {
            #[cfg(feature = "md5-lanes")]
            Lanes::Fast(states) => update_states(states, pieces),
            Lanes::Portable(hashers) => {
                assert_eq!(hashers.len(), pieces.len(), "one piece for each lane");
                for (hasher, piece) in hashers.iter_mut().zip(pieces) {
                    hasher.update(piece);
                }
            }
        }
    }

    /// Joins the lanes of several, in order.
    pub(crate) fn join(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let Some(mut all) = parts.next() else { return Self::new(0) };
        for part in parts {
            match (&mut all.0, part.0) {
                #[cfg(feature = "md5-lanes")]
                (Lanes::Fast(states), Lanes::Fast(more)) => states.extend(more),
                (Lanes::Portable(hashers), Lanes::Portable(more)) => hashers.extend(more),
                #[cfg(feature = "md5-lanes")]
                _ => unreachable!("the implementation is chosen once for the process"),
            }
        }
        all
    }

    /// Splits off the first `n_lanes` lanes.
    ///
    /// # Panics
    ///
    /// If there are fewer lanes.
    pub(crate) fn take_first(&mut self, n_lanes: usize) -> Self {
        match &mut self.0 {
            #[cfg(feature = "md5-lanes")]
            Lanes::Fast(states) => Self(Lanes::Fast(states.drain(..n_lanes).collect())),
            Lanes::Portable(hashers) => Self(Lanes::Portable(hashers.drain(..n_lanes).collect())),
        }
    }

    /// Returns the number of lanes.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            #[cfg(feature = "md5-lanes")]
            Lanes::Fast(states) => states.len(),
            Lanes::Portable(hashers) => hashers.len(),
        }
    }

    /// Returns the digest of the message in `lane` and starts a new one there.
    pub fn take(&mut self, lane: usize) -> Md5Digest {
        match &mut self.0 {
            #[cfg(feature = "md5-lanes")]
            Lanes::Fast(states) => {
                let digest = states[lane].finalize();
                states[lane].reset();
                digest
            }
            Lanes::Portable(hashers) => hashers[lane].finalize_reset().into(),
        }
    }
}

/// Appends a piece to each message; those of the greatest length, which are most, are hashed in parallel.
#[cfg(feature = "md5-lanes")]
fn update_states(states: &mut [md5_many::Md5State], pieces: &[&[u8]]) {
    assert_eq!(states.len(), pieces.len(), "one piece for each lane");
    let longest = pieces.iter().map(|piece| piece.len()).max().unwrap_or(0);
    let (together, alone): (Vec<usize>, Vec<usize>) =
        (0..pieces.len()).partition(|lane| pieces[*lane].len() == longest);
    for lanes in together.chunks(WIDTHS[1]) {
        update_equal(states, pieces, lanes);
    }
    for lane in alone {
        states[lane].update(pieces[lane]);
    }
}

/// The numbers of messages that `md5-many` hashes fastest: several times as fast as numbers in between.
#[cfg(feature = "md5-lanes")]
const WIDTHS: [usize; 2] = [8, 16];

/// Appends pieces of equal length to some of the messages.
#[cfg(feature = "md5-lanes")]
fn update_equal(states: &mut [md5_many::Md5State], pieces: &[&[u8]], lanes: &[usize]) {
    let [first, _, ..] = lanes else {
        for lane in lanes {
            states[*lane].update(pieces[*lane]);
        }
        return;
    };
    let width = WIDTHS.into_iter().find(|width| lanes.len() <= *width).unwrap_or(lanes.len());
    // Unused lanes hash the first message again; their results are dropped.
    let mut side_by_side = vec![states[*first]; width];
    let mut inputs = vec![pieces[*first]; width];
    for (slot, lane) in lanes.iter().enumerate() {
        side_by_side[slot] = states[*lane];
        inputs[slot] = pieces[*lane];
    }
    md5_many::Md5Many::new().update_many(&mut side_by_side, &inputs);
    for (lane, state) in lanes.iter().zip(side_by_side) {
        states[*lane] = state;
    }
}

impl std::fmt::Debug for Md5Lanes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Md5Lanes")
    }
}

/// Returns the MD5 of one message.
pub fn md5(message: &[u8]) -> Md5Digest {
    match backend() {
        #[cfg(feature = "md5-lanes")]
        Md5Backend::Lanes => md5_many::md5(message),
        _ => md5::Md5::digest(message).into(),
    }
}

/// Returns the MD5 of each message, computed in parallel. It is fastest for messages of similar length.
pub fn md5_many(messages: &[&[u8]]) -> Vec<Md5Digest> {
    match backend() {
        #[cfg(feature = "md5-lanes")]
        Md5Backend::Lanes => {
            let mut digests = vec![Md5Digest::default(); messages.len()];
            md5_many::Md5Many::new().hash_many(messages, &mut digests);
            digests
        }
        _ => messages.iter().map(|message| md5::Md5::digest(message).into()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reference(message: &[u8]) -> Md5Digest {
        md5::Md5::digest(message).into()
    }

    #[test]
    fn md5_known_messages_have_known_digests() {
        for (message, digest) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ] {
            assert_eq!(hex::encode(md5(message.as_bytes())), digest);
        }
    }

    #[cfg(feature = "md5-lanes")]
    #[test]
    fn md5_lanes_pass_their_self_test() {
        assert!(computes_known_digests());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn md5_many_equals_reference(lengths in prop::collection::vec(0_usize..5000, 0..70), seed: u8) {
            let messages: Vec<Vec<u8>> = lengths
                .iter()
                .enumerate()
                .map(|(index, len)| (0..*len).map(|at| (at * 31 + index).to_le_bytes()[0] ^ seed).collect())
                .collect();
            let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
            let expected: Vec<_> = messages.iter().map(|message| reference(message)).collect();
            prop_assert_eq!(md5_many(&messages), expected);
        }

        #[test]
        fn md5_in_pieces_equals_reference(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
            n_parts in 0_usize..40,
        ) {
            let whole = pieces.concat();
            let mut hasher = Md5Hasher::new();
            let mut lanes = Md5Lanes::new(3);
            let mut parts: Vec<_> = (0..n_parts).map(|_| Md5Lanes::new(1)).collect();
            for piece in &pieces {
                hasher.update(piece);
                lanes.update(&[piece, b"", piece]);
                let mut joined = Md5Lanes::join(parts);
                joined.update(&vec![&piece[..]; n_parts]);
                parts = (0..n_parts).map(|_| joined.take_first(1)).collect();
            }
            for part in &mut parts {
                prop_assert_eq!(part.take(0), reference(&whole));
            }
            prop_assert_eq!(hasher.digest(), reference(&whole));
            prop_assert_eq!(lanes.take(0), reference(&whole));
            prop_assert_eq!(lanes.take(1), reference(b""));
            lanes.update(&[b"again", b"", b""]);
            prop_assert_eq!(lanes.take(0), reference(b"again"));
            prop_assert_eq!(lanes.take(2), reference(&whole));
        }
    }
}
