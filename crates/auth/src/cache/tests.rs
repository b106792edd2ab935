use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{Error, SourceName, Trace};

#[derive(Debug, Default)]
struct TestClock(Mutex<Duration>);

impl TestClock {
    fn set(&self, seconds: u64) {
        *self.0.lock().unwrap() = Duration::from_secs(seconds);
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + *self.0.lock().unwrap()
    }
}

/// Hands out keys `1`, `2`, … that live for an hour, or fails.
#[derive(Debug)]
struct Counter {
    clock: Arc<TestClock>,
    n_fetches: AtomicU64,
    fails: std::sync::atomic::AtomicBool,
    life: Option<Duration>,
}

#[async_trait]
impl Fetch for Counter {
    async fn fetch(&self, _: Option<&Credentials>) -> Result<Credentials> {
        let number = self.n_fetches.fetch_add(1, Ordering::SeqCst) + 1;
        // Lets the other tasks of the test reach the lock.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(Error::NoCredentials { trace: Trace::default() });
        }
        let expires_at = self.life.map(|life| self.clock.now() + life);
        Ok(Credentials::new(number.to_string(), "secret", SourceName::Sso).with_expiry(expires_at))
    }
}

fn setup(life: Option<Duration>) -> (Arc<TestClock>, Arc<Counter>, Arc<CredentialCache>) {
    let clock = Arc::new(TestClock::default());
    let counter =
        Counter { clock: Arc::clone(&clock), n_fetches: AtomicU64::new(0), fails: false.into(), life };
    let cache = CredentialCache::new(Arc::clone(&clock) as Arc<dyn Clock>);
    (clock, Arc::new(counter), Arc::new(cache))
}

const HOUR: Duration = Duration::from_hours(1);

async fn key(cache: &CredentialCache, counter: &Counter) -> String {
    cache.get(counter).await.unwrap().access_key_id.clone()
}

async fn all(cache: &Arc<CredentialCache>, counter: &Arc<Counter>) -> Vec<Result<Arc<Credentials>>> {
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (cache, counter) = (Arc::clone(cache), Arc::clone(counter));
            tokio::spawn(async move { cache.get(&*counter).await })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test]
async fn many_who_ask_at_once_cause_one_fetch() {
    let (_, counter, cache) = setup(Some(HOUR));
    for result in all(&cache, &counter).await {
        assert_eq!(result.unwrap().access_key_id, "1");
    }
    assert_eq!(counter.n_fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn many_who_wait_for_a_failure_share_it() {
    let (_, counter, cache) = setup(Some(HOUR));
    counter.fails.store(true, Ordering::SeqCst);
    for result in all(&cache, &counter).await {
        assert!(matches!(result, Err(Error::NoCredentials { .. })));
    }
    assert_eq!(counter.n_fetches.load(Ordering::SeqCst), 1);
    // A call after that tries again.
    counter.fails.store(false, Ordering::SeqCst);
    assert_eq!(key(&cache, &counter).await, "2");
}

#[tokio::test]
async fn credentials_are_renewed_five_minutes_ahead() {
    let (clock, counter, cache) = setup(Some(HOUR));
    assert_eq!(key(&cache, &counter).await, "1");
    clock.set(3600 - 301);
    assert_eq!(key(&cache, &counter).await, "1");
    clock.set(3600 - 300);
    assert_eq!(key(&cache, &counter).await, "2");
}

#[tokio::test]
async fn renewal_that_fails_ahead_keeps_the_old_until_their_end() {
    let (clock, counter, cache) = setup(Some(HOUR));
    assert_eq!(key(&cache, &counter).await, "1");
    counter.fails.store(true, Ordering::SeqCst);
    clock.set(3600 - 200);
    assert_eq!(key(&cache, &counter).await, "1");
    assert_eq!(counter.n_fetches.load(Ordering::SeqCst), 2);
    // Not asked again during the pause.
    assert_eq!(key(&cache, &counter).await, "1");
    assert_eq!(counter.n_fetches.load(Ordering::SeqCst), 2);
    clock.set(3600);
    assert!(cache.get(&*counter).await.is_err());
}

#[tokio::test]
async fn refused_credentials_are_fetched_afresh_once() {
    let (_, counter, cache) = setup(None);
    let first = cache.get(&*counter).await.unwrap();
    cache.invalidate(&first);
    assert_eq!(key(&cache, &counter).await, "2");
    // Invalidating the first ones, which are already replaced, changes nothing.
    cache.invalidate(&first);
    assert_eq!(key(&cache, &counter).await, "2");
    assert_eq!(counter.n_fetches.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn short_lived_credentials_are_not_fetched_for_each_request() {
    let (clock, counter, cache) = setup(Some(Duration::from_mins(2)));
    assert_eq!(key(&cache, &counter).await, "1");
    clock.set(10);
    assert_eq!(key(&cache, &counter).await, "1");
    clock.set(40);
    assert_eq!(key(&cache, &counter).await, "2");
}

#[tokio::test]
async fn a_caller_who_gives_up_does_not_block_the_others() {
    let (_, counter, cache) = setup(Some(HOUR));
    let task = {
        let (cache, counter) = (Arc::clone(&cache), Arc::clone(&counter));
        tokio::spawn(async move { cache.get(&*counter).await })
    };
    tokio::task::yield_now().await;
    task.abort();
    assert_eq!(key(&cache, &counter).await, "2");
}
