//! How many requests are under way at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::TroubleListener;

/// Requests at once, if neither the user nor the store says. A near server is busy with a few; over a long way only
/// many fill the line, and idle connections cost little.
pub(crate) const DEFAULT_JOBS: usize = 64;

/// After the limit was halved, so much time passes before it is halved again: the requests that were under way then
/// fail for the same reason.
const PATIENCE: Duration = Duration::from_secs(1);

/// So many successes in a row let the limit grow by one.
const GROW_AFTER: usize = 16;

/// Limits the requests under way; halves the limit when the server is in trouble, and grows it again.
#[derive(Debug)]
pub(crate) struct Slots {
    semaphore: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    most: usize,
    limit: usize,
    /// Permits that are to vanish when they come back.
    debt: usize,
    n_good: usize,
    last_cut: Option<Instant>,
}

/// The right to have one request under way, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    slots: Arc<Slots>,
}

impl Slots {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let most = most.max(1);
        let state = State { most, limit: most, debt: 0, n_good: 0, last_cut: None };
        Arc::new(Self { semaphore: Arc::new(Semaphore::new(most)), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many requests may be under way now.
    pub(crate) fn limit(&self) -> usize {
        self.state().limit
    }

    /// Waits for a slot. Those who wait are served in their order, so that parts of large objects and small objects
    /// take turns.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Slot {
        let permit = Arc::clone(&self.semaphore).acquire_owned().await;
        Slot { permit: Some(permit.expect("the semaphore is never closed")), slots: Arc::clone(self) }
    }

    /// Takes note of a request that went well.
    pub(crate) fn note_success(&self) {
        let mut state = self.state();
        state.n_good += 1;
        if state.limit < state.most && state.n_good >= GROW_AFTER {
            state.n_good = 0;
            state.limit += 1;
            if state.debt > 0 {
                state.debt -= 1;
            } else {
                self.semaphore.add_permits(1);
            }
        }
    }

    /// Takes note of a request that the server refused for haste or did not answer in time.
    pub(crate) fn note_trouble(&self, now: Instant) {
        let mut state = self.state();
        state.n_good = 0;
        if state.last_cut.is_some_and(|last| now.saturating_duration_since(last) < PATIENCE)
            || state.limit == 1
        {
            return;
        }
        state.last_cut = Some(now);
        let cut = state.limit / 2;
        state.limit -= cut;
        state.debt += cut - self.semaphore.forget_permits(cut);
        tracing::debug!(limit = state.limit, "fewer requests at once, as the server is in trouble");
    }
}

impl TroubleListener for Slots {
    fn on_trouble(&self) {
        self.note_trouble(Instant::now());
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.slots.state();
        if state.debt > 0
            && let Some(permit) = self.permit.take()
        {
            state.debt -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn slots_halve_once_for_a_burst_and_grow_again() {
        let slots = Slots::new(8);
        let held: Vec<_> = futures::future::join_all((0..8).map(|_| slots.acquire())).await;
        let now = Instant::now();
        slots.note_trouble(now);
        slots.note_trouble(now);
        assert_eq!(slots.limit(), 4);
        slots.note_trouble(now + PATIENCE);
        assert_eq!(slots.limit(), 2);
        drop(held);
        assert_eq!(slots.semaphore.available_permits(), 2);
        for _ in 0..GROW_AFTER * 6 {
            slots.note_success();
        }
        assert_eq!((slots.limit(), slots.semaphore.available_permits()), (8, 8));
        for step in 2..20 {
            slots.note_trouble(now + PATIENCE * step);
        }
        assert_eq!((slots.limit(), slots.semaphore.available_permits()), (1, 1));
    }
}
