//! Hashes objects that are transferred at the same time, each in its own SIMD lanes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::{Buf as _, BytesMut};

use super::{Md5Lanes, TextHasher};
use crate::{Layout, Md5Digest, Oid};

/// Size of the buffers that are hashed. All but the last one of an object are full, as lanes need pieces of one length.
pub(crate) const BUFFER_BYTES: usize = 128 << 10;
const PAGE_BYTES: usize = 4096;
/// The maximum number of waiting buffers of one object. With more of them, more lanes are in use when hashing starts.
const MAX_WAITING: usize = 4;

/// The lanes of all objects that are being transferred.
///
/// No separate thread hashes: the first thread whose object has too many waiting buffers hashes one buffer of every
/// object that has one, and the other threads continue to receive.
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
    /// Buffers that can be used again: allocating memory costs more than copying into it.
    free: Vec<BytesMut>,
}

#[derive(Debug)]
struct Object {
    waiting: VecDeque<BytesMut>,
    /// The lane of the object, and one for its current part if it has parts. `None` while a thread hashes with them.
    lanes: Option<Md5Lanes>,
}

impl SharedLanes {
    /// Starts an object. A file of the legacy layout may be named by the hash of its text.
    pub(crate) fn hasher(self: &Arc<Self>, layout: Layout, oid: &Oid) -> LaneHasher {
        self.hasher_of(layout, oid, 1)
    }

    /// Starts an object with a second lane for the MD5s of its parts: both are computed in one pass, which costs little
    /// more than one of them.
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

    /// Starts a message that has no name.
    pub(crate) fn unnamed(self: &Arc<Self>) -> LaneHasher {
        self.hasher(Layout::Current, &Oid::file(Md5Digest::default()))
    }

    /// Returns an empty buffer of [`BUFFER_BYTES`].
    pub(crate) fn buffer(&self) -> BytesMut {
        let free = self.lock().free.pop();
        free.unwrap_or_else(aligned)
    }

    /// Takes back a buffer that is no longer needed.
    pub(crate) fn give_back(&self, mut buffer: BytesMut) {
        buffer.clear();
        self.lock().free.push(buffer);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hashes at least one waiting buffer of the object `id`.
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
            // An object whose hasher was dropped in the meantime is missing.
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

/// Returns a buffer that is aligned to a page, like the pages of the kernel that it is copied to when it is written to a
/// file. Processors copy several times as slowly if source and destination differ in alignment.
fn aligned() -> BytesMut {
    let mut buffer = BytesMut::with_capacity(BUFFER_BYTES + PAGE_BYTES);
    let n_before = buffer.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES);
    buffer.resize(n_before, 0);
    buffer.advance(n_before);
    buffer
}

/// Computes the name of one object from its bytes, in parallel with others.
#[derive(Debug)]
pub(crate) struct LaneHasher {
    shared: Arc<SharedLanes>,
    id: u64,
    text: Option<TextHasher>,
}

impl LaneHasher {
    /// Appends bytes; the buffer goes back to [`SharedLanes::buffer`] when they are hashed.
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

    /// Returns whether the bytes are those that `digest` names.
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
