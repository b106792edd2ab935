//! A limit on bytes per second, shared by all transfers of a store (`max_bandwidth`).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Gives every chunk a moment to go at.
#[derive(Debug)]
pub(crate) struct Throttle {
    bytes_per_second: u64,
    /// When all that has been let through so far will have passed at the given rate.
    free_at: Mutex<Instant>,
}

impl Throttle {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), free_at: Mutex::new(Instant::now()) }
    }

    /// Books `n_bytes` and returns when they may go.
    pub(crate) fn book(&self, n_bytes: usize) -> Instant {
        let nanos = u128::from(n_bytes as u64) * 1_000_000_000 / u128::from(self.bytes_per_second);
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = (*free_at).max(Instant::now());
        *free_at = start + takes;
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn throttle_spreads_chunks_over_time() {
        let throttle = Throttle::new(1000);
        let start = Instant::now();
        let moments: Vec<_> = (0..3).map(|_| throttle.book(500) - start).collect();
        assert_eq!(moments, [0, 500, 1000].map(Duration::from_millis));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(throttle.book(500), Instant::now(), "unused time is not saved up");
    }
}
