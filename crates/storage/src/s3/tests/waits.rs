use tokio::time::Instant;

use super::*;
use crate::{ReadStore as _, Wait, WaitEnd, WaitListener};

/// Keeps what it hears, and when.
#[derive(Debug)]
struct Heard {
    start: Instant,
    waits: Mutex<Vec<(Duration, Wait)>>,
}

impl Heard {
    fn of(store: &S3Store) -> Arc<Self> {
        let heard = Arc::new(Self { start: Instant::now(), waits: Mutex::default() });
        store.tell_of_waits(Arc::<Self>::clone(&heard));
        heard
    }

    fn waits(&self) -> Vec<(Duration, Wait)> {
        self.waits.lock().unwrap().clone()
    }
}

impl WaitListener for Heard {
    fn on_wait(&self, wait: &Wait) {
        self.waits.lock().unwrap().push((self.start.elapsed(), wait.clone()));
    }
}

const SLOW_DOWN: &str =
    "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";

#[tokio::test(start_paused = true)]
async fn server_that_asks_for_patience_is_told_of_once_and_after_five_seconds() {
    let (transport, store) = store(options());
    let heard = Heard::of(&store);
    for _ in 0..2 {
        transport.push(reply(503, SLOW_DOWN));
    }
    transport.push(reply(200, ""));
    store.get("k", None, None).await.map(drop).unwrap();
    assert_eq!(heard.waits(), [], "trouble of less than a second");

    tokio::time::advance(Duration::from_mins(1)).await;
    let start = heard.start.elapsed();
    for _ in 0..10 {
        transport.push(reply(503, SLOW_DOWN));
    }
    transport.push(reply(200, ""));
    store.get("k", None, None).await.map(drop).unwrap();
    let waits = heard.waits();
    let [(moment, wait)] = waits.as_slice() else { panic!("{waits:?}") };
    let after = (*moment).checked_sub(start).unwrap();
    assert!(after >= Duration::from_secs(5) && after < Duration::from_millis(5100), "{after:?}");
    assert_eq!(wait.server, "http://server:9000");
    assert_eq!(wait.reason, "answers with 503 SlowDown: Please reduce your request rate");
    let WaitEnd::After(left) = wait.end else { panic!("{wait:?}") };
    let whole = store.client.options.retry.budget.as_secs();
    assert!(left.as_secs() + 5 >= whole - 1 && left.as_secs() < whole, "{left:?}");
    assert!(wait.attempt > 1, "{wait:?}");
}

/// Says nothing.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl Transport for Silent {
    async fn send(&self, _request: Request, idle: Duration) -> Result<Reply, TransportError> {
        tokio::time::sleep(idle).await;
        Err(TransportError::new(TransportErrorKind::ReadTimeout, "silent"))
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_of_while_it_lasts() {
    let credentials = Arc::new(FakeCredentials::default());
    let store =
        S3Store::with_transport(options(), credentials, Arc::new(Silent), Arc::new(SystemClock)).unwrap();
    let heard = Heard::of(&store);
    assert!(store.head("k").await.is_err());
    let waits = heard.waits();
    let [(moment, wait)] = waits.as_slice() else { panic!("{waits:?}") };
    assert_eq!(moment.as_secs(), 5);
    assert_eq!((wait.reason.as_str(), wait.attempt), ("has not answered for 5 s", 1));
    assert_eq!(wait.end, WaitEnd::Attempts(5));
}
