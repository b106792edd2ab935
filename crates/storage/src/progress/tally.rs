//! The bytes of one attempt.

use std::sync::{Arc, Mutex, PoisonError};

use super::BytesListener;

/// Reports the bytes that one attempt moves to a listener, and takes them back when it is dropped, unless the attempt
/// succeeded.
#[derive(Debug)]
pub(crate) struct Tally {
    count: Arc<Count>,
}

/// The count and its listener. A body may hold it for longer than the attempt lasts.
#[derive(Debug)]
struct Count {
    listener: Arc<dyn BytesListener>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    n_bytes: u64,
    /// Whether the attempt has ended: later bytes are not counted.
    is_closed: bool,
}

impl Tally {
    pub(crate) fn new(listener: Arc<dyn BytesListener>) -> Self {
        let state = Mutex::new(State { n_bytes: 0, is_closed: false });
        Self { count: Arc::new(Count { listener, state }) }
    }

    /// Returns the listener that a body reports its bytes to.
    pub(crate) fn listener(&self) -> Arc<dyn BytesListener> {
        Arc::<Count>::clone(&self.count)
    }

    pub(crate) fn moved(&self, n_bytes: u64) {
        self.count.moved(n_bytes);
    }

    /// Ends an attempt that succeeded: its bytes stay counted.
    pub(crate) fn keep(self) {
        self.count.close();
    }

    /// Does [`keep`](Self::keep) for a body of this length: bytes that were not reported yet are reported now.
    pub(crate) fn keep_all(self, len_bytes: u64) {
        let told = self.count.close();
        if told < len_bytes {
            self.count.listener.moved(len_bytes - told);
        } else if told > len_bytes {
            self.count.listener.taken_back(told - len_bytes);
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if let Some(n_bytes) = self.count.close_if_open()
            && n_bytes > 0
        {
            self.count.listener.taken_back(n_bytes);
        }
    }
}

impl Count {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) -> u64 {
        let mut state = self.state();
        state.is_closed = true;
        state.n_bytes
    }

    fn close_if_open(&self) -> Option<u64> {
        let mut state = self.state();
        let is_open = !std::mem::replace(&mut state.is_closed, true);
        is_open.then_some(state.n_bytes)
    }
}

impl BytesListener for Count {
    fn moved(&self, n_bytes: u64) {
        let mut state = self.state();
        if !state.is_closed {
            state.n_bytes += n_bytes;
            self.listener.moved(n_bytes);
        }
    }

    fn taken_back(&self, n_bytes: u64) {
        let mut state = self.state();
        if !state.is_closed {
            state.n_bytes = state.n_bytes.saturating_sub(n_bytes);
            self.listener.taken_back(n_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Sum(AtomicU64);

    impl BytesListener for Sum {
        fn moved(&self, n_bytes: u64) {
            self.0.fetch_add(n_bytes, Ordering::Relaxed);
        }

        fn taken_back(&self, n_bytes: u64) {
            self.0.fetch_sub(n_bytes, Ordering::Relaxed);
        }
    }

    #[test]
    fn bytes_of_an_attempt_stay_only_if_it_succeeds() {
        let sum = Arc::new(Sum::default());
        let told = || sum.0.load(Ordering::Relaxed);
        let start = || Tally::new(Arc::<Sum>::clone(&sum));
        let failed = start();
        let late = failed.listener();
        failed.moved(7);
        assert_eq!(told(), 7);
        drop(failed);
        late.moved(5);
        assert_eq!(told(), 0, "a body that outlives its attempt tells nothing");

        let whole = start();
        let part = Tally::new(whole.listener());
        part.moved(3);
        drop(part);
        let part = Tally::new(whole.listener());
        part.moved(1);
        part.keep_all(4);
        assert_eq!(told(), 4);
        whole.keep();
        assert_eq!(told(), 4);
        start().keep_all(6);
        assert_eq!(told(), 10, "what tells nothing while it goes counts at its end");
    }
}
