//! The idle watchdog: notices a connection on which nothing moves, in either direction.
//!
//! A limit on the whole exchange would kill a large upload on a slow line, which is busy all the time; so does
//! reqwest's own `read_timeout`, which starts with the request and ignores the body going out.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

/// When something last happened in one exchange.
#[derive(Debug)]
pub(crate) struct Watch {
    start: Instant,
    /// Milliseconds after `start`; may lie in the future while a bandwidth limit makes us wait.
    last_millis: AtomicU64,
    /// Connections that are being made for this exchange; those have a limit of their own.
    n_connecting: AtomicU32,
}

impl Watch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            last_millis: AtomicU64::new(0),
            n_connecting: AtomicU32::new(0),
        })
    }

    /// Notes that something moved.
    pub(crate) fn touch(&self) {
        self.touch_at(Instant::now());
    }

    /// Notes that silence up to `moment` is our own doing.
    pub(crate) fn touch_at(&self, moment: Instant) {
        let millis = moment.saturating_duration_since(self.start).as_millis();
        self.last_millis.fetch_max(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn deadline(&self, idle: Duration) -> Instant {
        if self.n_connecting.load(Ordering::Relaxed) > 0 {
            // Looked at again later: the connector ends the wait, not we.
            return Instant::now() + idle;
        }
        self.start + Duration::from_millis(self.last_millis.load(Ordering::Relaxed)) + idle
    }

    /// Runs `work` until it is done or nothing has moved for `idle`; `None` in the second case.
    pub(crate) async fn guard<F: Future>(self: &Arc<Self>, idle: Duration, work: F) -> Option<F::Output> {
        let work = WATCH.scope(Arc::clone(self), work);
        tokio::pin!(work);
        let mut deadline = self.deadline(idle);
        loop {
            if let Ok(output) = tokio::time::timeout_at(deadline, &mut work).await {
                return Some(output);
            }
            let next = self.deadline(idle);
            if next <= deadline {
                return None;
            }
            deadline = next;
        }
    }
}

tokio::task_local! {
    /// The watch of the exchange that runs in this task, for the connector below.
    static WATCH: Arc<Watch>;
}

/// Tells the watch of an exchange that a connection is being made for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WatchConnects;

impl<S> Layer<S> for WatchConnects {
    type Service = WatchedConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WatchedConnector { inner }
    }
}

/// See [`WatchConnects`].
#[derive(Debug, Clone)]
pub(crate) struct WatchedConnector<S> {
    inner: S,
}

impl<S, R> Service<R> for WatchedConnector<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = Connecting::start();
        let connect = self.inner.call(request);
        Box::pin(async move {
            let outcome = connect.await;
            drop(connecting);
            outcome
        })
    }
}

/// Counts one connection in the making, until dropped.
struct Connecting(Arc<Watch>);

impl Connecting {
    fn start() -> Option<Self> {
        let watch = WATCH.try_with(Arc::clone).ok()?;
        watch.n_connecting.fetch_add(1, Ordering::Relaxed);
        Some(Self(watch))
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        self.0.touch();
        self.0.n_connecting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_ends_the_exchange_and_movement_does_not() {
        let idle = Duration::from_secs(2);
        let watch = Watch::new();
        let start = Instant::now();
        assert!(watch.guard(idle, std::future::pending::<()>()).await.is_none());
        assert_eq!(start.elapsed(), idle);

        let watch = Watch::new();
        let busy = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(1900)).await;
                watch.touch();
            }
        };
        assert!(watch.guard(idle, busy).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn making_a_connection_is_not_silence() {
        let watch = Watch::new();
        let connect = async {
            let connecting = Connecting::start();
            assert!(connecting.is_some());
            tokio::time::sleep(Duration::from_secs(30)).await;
            drop(connecting);
            std::future::pending::<()>().await;
        };
        let start = Instant::now();
        assert!(watch.guard(Duration::from_secs(2), connect).await.is_none());
        assert_eq!(start.elapsed(), Duration::from_secs(32));
    }
}
