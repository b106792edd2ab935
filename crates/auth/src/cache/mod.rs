//! Keeps credentials, and renews them once for all callers.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::{Clock, Credentials, Result};

/// Credentials with less time left than this are renewed while they still work.
const REFRESH_AHEAD: Duration = Duration::from_mins(5);
/// Credentials with less time left than this are not used: a request signed now must still be valid when the server
/// checks it.
const LAST_CALL: Duration = Duration::from_secs(10);
/// The pause after an early renewal that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(30);

/// A source of new credentials.
#[async_trait]
pub(crate) trait Fetch: fmt::Debug + Send + Sync {
    /// Gets credentials; if possible not `refused`, which the server called expired before their end.
    async fn fetch(&self, refused: Option<&Credentials>) -> Result<Credentials>;
}

/// The credentials in use.
#[derive(Debug)]
pub(crate) struct CredentialCache {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held by the caller that is fetching.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Arc<Credentials>>,
    /// The server called `current` expired, even if its end has not come.
    is_refused: bool,
    /// No early renewal before this time.
    pause_until: Option<SystemTime>,
    /// Counts finished fetches, so that a caller that waited for one notices that it ended.
    n_fetches: u64,
    /// The error of the last fetch, if it failed.
    failure: Option<crate::Error>,
}

enum Freshness {
    Good(Arc<Credentials>),
    Renew(Arc<Credentials>),
    Needed,
}

impl CredentialCache {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default(), fetching: tokio::sync::Mutex::new(()) }
    }

    /// Returns valid credentials; any number of concurrent callers cause one fetch.
    pub(crate) async fn get(&self, from: &dyn Fetch) -> Result<Arc<Credentials>> {
        let (freshness, n_fetches) = self.look();
        match freshness {
            Freshness::Good(credentials) => Ok(credentials),
            Freshness::Renew(credentials) => {
                let Ok(_turn) = self.fetching.try_lock() else { return Ok(credentials) };
                // Another task may have renewed them between the look and the lock.
                if let (Freshness::Good(credentials), _) = self.look() {
                    return Ok(credentials);
                }
                match self.fetch(from).await {
                    Ok(renewed) => Ok(renewed),
                    Err(error) => {
                        tracing::warn!(%error, "credentials could not be renewed ahead of time; trying again");
                        self.state().pause_until = Some(self.clock.now() + RETRY_PAUSE);
                        Ok(credentials)
                    }
                }
            }
            Freshness::Needed => {
                let _turn = self.fetching.lock().await;
                match self.look() {
                    (Freshness::Good(credentials) | Freshness::Renew(credentials), _) => Ok(credentials),
                    (Freshness::Needed, now_fetched) => {
                        // A caller that waited for a fetch that failed gets its error instead of repeating the fetch.
                        let failure = self.state().failure.clone().filter(|_| now_fetched != n_fetches);
                        match failure {
                            Some(error) => Err(error),
                            None => self.fetch(from).await,
                        }
                    }
                }
            }
        }
    }

    /// Makes the next [`Self::get`] fetch, unless `used` has already been replaced.
    pub(crate) fn invalidate(&self, used: &Credentials) {
        let mut state = self.state();
        if state.current.as_deref() == Some(used) {
            state.is_refused = true;
        }
    }

    fn look(&self) -> (Freshness, u64) {
        let now = self.clock.now();
        let state = self.state();
        let freshness = match &state.current {
            Some(current) if !state.is_refused => match current.expires_at {
                Some(end) if end <= now + LAST_CALL => Freshness::Needed,
                Some(end)
                    if end <= now + REFRESH_AHEAD && state.pause_until.is_none_or(|until| until <= now) =>
                {
                    Freshness::Renew(Arc::clone(current))
                }
                _ => Freshness::Good(Arc::clone(current)),
            },
            _ => Freshness::Needed,
        };
        (freshness, state.n_fetches)
    }

    async fn fetch(&self, from: &dyn Fetch) -> Result<Arc<Credentials>> {
        let refused = {
            let state = self.state();
            state.current.clone().filter(|_| state.is_refused)
        };
        let result = from.fetch(refused.as_deref()).await;
        let mut state = self.state();
        state.n_fetches += 1;
        match result {
            Ok(credentials) => {
                let credentials = Arc::new(credentials);
                state.current = Some(Arc::clone(&credentials));
                state.is_refused = false;
                state.failure = None;
                // A source whose keys always have little time left is not asked again for each request.
                state.pause_until = Some(self.clock.now() + RETRY_PAUSE);
                Ok(credentials)
            }
            Err(error) => {
                state.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
