//! Hashing objects that arrive or leave at the same time, each in SIMD lanes of its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::{Buf as _, BytesMut};

use super::{Md5Lanes, TextHasher};
use crate::{Layout, Md5Digest, Oid};

/// Size of the buffers that are hashed. All but the last one of an object are full: lanes want pieces of one length.
pub(crate) const BUFFER_BYTES: usize = 128 << 10;
const PAGE_BYTES: usize = 4096;
/// Buffers of one object that may wait. The more of them, the more objects have something when it is time to hash.
const MAX_WAITING: usize = 4;

/// What objects share while they arrive.
///
/// Nobody waits for a thread that hashes: the first whose object has no room left hashes one buffer of every object
/// that has one, and the others go on receiving meanwhile.
#[derive(Debug, Default)]
pub(crate) struct SharedLanes {
    state: Mutex<State>,
    /// Notified whenever lanes are given back.
    hashed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<u64, Object>,
    next_id: u64,
    /// Buffers that were used and can be used again: fresh memory costs more than the copy into it.
    free: Vec<BytesMut>,
}

#[derive(Debug)]
struct Object {
    waiting: VecDeque<BytesMut>,
    /// The lane of the object, and one of its part at hand if it has parts. Not here while some thread hashes with them.
    lanes: Option<Md5Lanes>,
}

impl SharedLanes {
    /// Starts an empty object. A file of the legacy layout may be named by the hash of its text.
    pub(crate) fn hasher(self: &Arc<Self>, layout: Layout, oid: &Oid) -> LaneHasher {
        self.hasher_of(layout, oid, 1)
    }

    /// Starts an empty object with a lane more for the MD5s of its parts: both go through the bytes in one pass, which costs
    /// little more than one of them.
    pub(crate) fn hasher_with_parts(self: &Arc<Self>, layout: Layout, oid: &Oid) -> LaneHasher {
        self.hasher_of(layout, oid, 2)
    }

    fn hasher_of(self: &Arc<Self>, layout: Layout, oid: &Oid, n_lanes: usize) -> LaneHasher {
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.objects.insert(id, Object { waiting: VecDeque::new(), lanes: Some(Md5Lanes::new(n_lanes)) });
        let text = (layout == Layout::Legacy && !oid.is_dir()).then(TextHasher::new);
        LaneHasher { shared: Arc::clone(self), id, text }
    }

    /// Starts an empty message that has no name.
    pub(crate) fn unnamed(self: &Arc<Self>) -> LaneHasher {
        self.hasher(Layout::Current, &Oid::file(Md5Digest::default()))
    }

    /// Returns an empty buffer of [`BUFFER_BYTES`].
    pub(crate) fn buffer(&self) -> BytesMut {
        let free = self.lock().free.pop();
        free.unwrap_or_else(aligned)
    }

    /// Takes a buffer back that is not needed any more.
    pub(crate) fn give_back(&self, mut buffer: BytesMut) {
        buffer.clear();
        self.lock().free.push(buffer);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the object `id`, which has bytes waiting, a buffer further.
    fn step<'a>(&'a self, mut state: MutexGuard<'a, State>, id: u64) -> MutexGuard<'a, State> {
        if state.objects.get(&id).is_some_and(|object| object.lanes.is_none()) {
            return self.hashed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut taken, mut lanes, mut buffers) = (Vec::new(), Vec::new(), Vec::new());
        for (id, object) in &mut state.objects {
            if let Some(of_object) = object.lanes.take_if(|_| !object.waiting.is_empty()) {
                taken.push((*id, of_object.len()));
                lanes.push(of_object);
                buffers.extend(object.waiting.pop_front());
            }
        }
        drop(state);

        let mut lanes = Md5Lanes::join(lanes);
        let of_lanes = |((_, n_lanes), buffer): (&(u64, usize), _)| std::iter::repeat_n(buffer, *n_lanes);
        let pieces = buffers.iter().map(AsRef::as_ref);
        lanes.update(&taken.iter().zip(pieces).flat_map(of_lanes).collect::<Vec<_>>());

        let mut state = self.lock();
        for (id, n_lanes) in taken {
            let of_object = lanes.take_first(n_lanes);
            // An object that was given up meanwhile is not here any more.
            if let Some(object) = state.objects.get_mut(&id) {
                object.lanes = Some(of_object);
            }
        }
        buffers.iter_mut().for_each(BytesMut::clear);
        state.free.append(&mut buffers);
        self.hashed.notify_all();
        state
    }
}

/// Returns a buffer that begins with a page, as the pages do that the kernel copies it to when it is written to a file.
/// Processors copy several times as slowly from a place that is some bytes further in its page than the destination is.
fn aligned() -> BytesMut {
    let mut buffer = BytesMut::with_capacity(BUFFER_BYTES + PAGE_BYTES);
    let n_before = buffer.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES);
    buffer.resize(n_before, 0);
    buffer.advance(n_before);
    buffer
}

/// Computes the name that the bytes of one object have, beside others.
#[derive(Debug)]
pub(crate) struct LaneHasher {
    shared: Arc<SharedLanes>,
    id: u64,
    text: Option<TextHasher>,
}

impl LaneHasher {
    /// Adds bytes; the buffer goes back to [`SharedLanes::buffer`] when they are hashed.
    pub(crate) fn update(&mut self, buffer: BytesMut) {
        if let Some(text) = &mut self.text {
            text.update(&buffer);
        }
        let mut state = self.shared.lock();
        if let Some(object) = state.objects.get_mut(&self.id) {
            object.waiting.push_back(buffer);
        }
        while state.objects.get(&self.id).is_some_and(|object| object.waiting.len() >= MAX_WAITING) {
            state = self.shared.step(state, self.id);
        }
    }

    /// Tells whether the bytes are those that `digest` names.
    pub(crate) fn matches(mut self, digest: &Md5Digest) -> bool {
        self.take(0).as_ref() == Some(digest) || self.text.take().is_some_and(|text| text.digest() == *digest)
    }

    /// Returns the MD5 of the bytes.
    pub(crate) fn digest(self) -> Md5Digest {
        self.take(0).expect("a message that was not dropped has a lane")
    }

    /// Returns the MD5 of the bytes since the last part, and begins a new one.
    ///
    /// # Panics
    ///
    /// If the object has no lane for its parts.
    pub(crate) fn end_part(&mut self) -> Md5Digest {
        self.take(1).expect("a message that was not dropped has its lanes")
    }

    fn take(&self, lane: usize) -> Option<Md5Digest> {
        let mut state = self.shared.lock();
        while let Some(object) = state.objects.get_mut(&self.id) {
            if object.waiting.is_empty()
                && let Some(lanes) = &mut object.lanes
            {
                return Some(lanes.take(lane));
            }
            state = self.shared.step(state, self.id);
        }
        None
    }
}

impl Drop for LaneHasher {
    fn drop(&mut self) {
        self.shared.lock().objects.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::md5;

    fn feed(shared: &SharedLanes, hasher: &mut LaneHasher, bytes: &[u8]) {
        for piece in bytes.chunks(BUFFER_BYTES) {
            let mut buffer = shared.buffer();
            buffer.extend_from_slice(piece);
            hasher.update(buffer);
        }
    }

    #[test]
    fn objects_side_by_side_have_the_digests_they_have_alone() {
        let shared = Arc::new(SharedLanes::default());
        std::thread::scope(|scope| {
            for thread in 0..20_usize {
                let shared = &shared;
                scope.spawn(move || {
                    for len in [0, 1, BUFFER_BYTES, 2 * BUFFER_BYTES + thread, 11 * BUFFER_BYTES - 3 * thread]
                    {
                        let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + thread).to_le_bytes()[0]).collect();
                        let oid = Oid::file(md5(&bytes));
                        let mut given_up = shared.hasher(Layout::Current, &oid);
                        feed(shared, &mut given_up, &bytes[..len / 2]);
                        drop(given_up);
                        let mut hasher = shared.hasher(Layout::Current, &oid);
                        feed(shared, &mut hasher, &bytes);
                        assert!(hasher.matches(oid.digest()), "thread {thread}, {len} bytes");
                        let mut hasher = shared.hasher(Layout::Current, &oid);
                        feed(shared, &mut hasher, &bytes);
                        feed(shared, &mut hasher, b"x");
                        assert!(!hasher.matches(oid.digest()), "thread {thread}, {len} bytes");
                    }
                });
            }
        });
        assert!(shared.lock().objects.is_empty());
    }

    #[test]
    fn parts_have_their_digests_beside_that_of_the_whole() {
        let shared = Arc::new(SharedLanes::default());
        std::thread::scope(|scope| {
            for thread in 0..6_usize {
                let shared = &shared;
                scope.spawn(move || {
                    let bytes: Vec<u8> =
                        (0..9 * BUFFER_BYTES + thread).map(|at| (at * 5 + thread).to_le_bytes()[0]).collect();
                    let oid = Oid::file(md5(&bytes));
                    let mut hasher = shared.hasher_with_parts(Layout::Current, &oid);
                    for part in bytes.chunks(2 * BUFFER_BYTES + 7 * thread) {
                        feed(shared, &mut hasher, part);
                        assert_eq!(hasher.end_part(), md5(part), "thread {thread}");
                    }
                    assert!(hasher.matches(oid.digest()), "thread {thread}");
                });
            }
        });
        assert!(shared.lock().objects.is_empty());
    }

    #[test]
    fn text_of_the_legacy_layout_is_known_by_both_hashes() {
        let shared = Arc::new(SharedLanes::default());
        for named_by in ["a\r\nb", "a\nb"] {
            let oid = Oid::file(md5(named_by.as_bytes()));
            for (layout, expected) in [(Layout::Legacy, true), (Layout::Current, named_by == "a\r\nb")] {
                let mut hasher = shared.hasher(layout, &oid);
                feed(&shared, &mut hasher, b"a\r\nb");
                assert_eq!(hasher.matches(oid.digest()), expected, "{named_by:?} {layout:?}");
            }
        }
    }
}
