//! When to try again, how long to wait, and when to stop.
//!
//! A call has a budget of time, not of attempts: a server that asks for patience gets minutes. Four things are
//! given up sooner, because waiting does not help: a server that cannot be reached at all, one that accepts
//! connections and says nothing, one that answers with the same internal error over and over, and one that earlier
//! calls have just given up on.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt;
use tokio::time::Instant;

use super::exchange::TransportErrorKind;
use crate::WaitEnd;
use crate::s3::reply::failure::{Failure, FailureClass};
use crate::s3::request::options::RetryOptions;

/// How often a body that arrived damaged is sent again.
const MAX_DAMAGED: u32 = 2;

/// For how long calls fail at once after one gave the server up.
const REST: Duration = Duration::from_secs(20);

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    options: &'a RetryOptions,
    start: Instant,
    n_failed: u32,
    n_timeouts: u32,
    n_region_changes: u32,
    n_damaged: u32,
    /// When the first attempt failed.
    first_failure: Option<Instant>,
    /// How the waits end, by the last failure.
    end: Option<(Instant, WaitEnd)>,
    has_refreshed: bool,
    has_set_clock: bool,
    /// How many calls of the store had succeeded when this one started.
    pub n_successes: u64,
}

/// What to do after a failed attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Wait(Duration),
    RefreshCredentials,
    SetClock,
    ChangeRegion(String),
    GiveUp,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(options: &'a RetryOptions, n_successes: u64) -> Self {
        Self {
            options,
            start: Instant::now(),
            n_failed: 0,
            n_timeouts: 0,
            n_region_changes: 0,
            n_damaged: 0,
            first_failure: None,
            end: None,
            has_refreshed: false,
            has_set_clock: false,
            n_successes,
        }
    }

    /// Returns how many attempts have failed.
    pub(crate) fn count(&self) -> u32 {
        self.n_failed
    }

    /// Returns how long the call has taken.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Returns for how long attempts have been failing.
    pub(crate) fn in_trouble_for(&self) -> Duration {
        self.first_failure.map_or(Duration::ZERO, |moment| moment.elapsed())
    }

    /// Returns how the waits for the server end; `None` before the first one.
    pub(crate) fn end(&self) -> Option<WaitEnd> {
        match self.end? {
            (since, WaitEnd::After(left)) => Some(WaitEnd::After(left.saturating_sub(since.elapsed()))),
            (_, end @ WaitEnd::Attempts(_)) => Some(end),
        }
    }

    /// Decides what follows the failure of an attempt.
    pub(crate) fn next(&mut self, failure: &Failure, health: &Health) -> Next {
        self.n_failed += 1;
        let is_timeout = matches!(
            failure.transport_kind(),
            Some(TransportErrorKind::ReadTimeout | TransportErrorKind::ConnectTimeout)
        );
        // A timeout was trouble from its start.
        self.first_failure.get_or_insert(if is_timeout { self.start } else { Instant::now() });
        match failure.class() {
            FailureClass::Expired if !self.has_refreshed => {
                self.has_refreshed = true;
                return Next::RefreshCredentials;
            }
            FailureClass::ClockSkew if !self.has_set_clock => {
                self.has_set_clock = true;
                return Next::SetClock;
            }
            FailureClass::WrongRegion(region) if self.n_region_changes < 2 => {
                self.n_region_changes += 1;
                return Next::ChangeRegion(region);
            }
            // Bits turn over on the way now and then. A file that is not what was announced fails each time.
            FailureClass::Damaged if self.n_damaged < MAX_DAMAGED => self.n_damaged += 1,
            FailureClass::Transient => {}
            _ => return Next::GiveUp,
        }
        // A user who chooses a mode does not ask to be refused in the first second of SlowDown.
        let implied = self.options.implied_attempts.filter(|_| !failure.is_throttling());
        let most = self.options.max_attempts.or(implied);
        if most.is_some_and(|most| self.n_failed >= most) {
            return Next::GiveUp;
        }
        let mut budget = self.options.budget;
        match failure.transport_kind() {
            Some(TransportErrorKind::ReadTimeout | TransportErrorKind::ConnectTimeout) => {
                self.n_timeouts += 1;
                if self.n_timeouts >= self.options.max_timeouts {
                    return Next::GiveUp;
                }
                // Each costs a whole timeout already; a silent server may be asked for longer than the budget.
                budget = Duration::MAX;
            }
            // A server that has answered before may be restarting: it gets the whole budget.
            Some(TransportErrorKind::Unreachable | TransportErrorKind::UnknownHost)
                if !health.has_answered() =>
            {
                budget = self.options.unreachable_budget;
            }
            _ if failure.is_internal_error() => budget = self.options.internal_error_budget,
            _ => {}
        }
        let left = budget.saturating_sub(self.elapsed());
        let asked = failure.retry_after();
        if left.is_zero() || asked.is_some_and(|asked| asked > left) {
            return Next::GiveUp;
        }
        let end = match most {
            Some(most) => WaitEnd::Attempts(most),
            None if budget == Duration::MAX => WaitEnd::Attempts(self.options.max_timeouts),
            None => WaitEnd::After(left),
        };
        self.end = Some((Instant::now(), end));
        // Wakes spread over time: many calls fail at the same moment.
        let doubled = self.options.base_delay.saturating_mul(1 << (self.n_failed - 1).min(16));
        let jitter = doubled.min(self.options.max_delay).mul_f64(rand::rng().random::<f64>());
        Next::Wait((asked.unwrap_or_default() + jitter).min(left))
    }
}

/// What is known about the server from all calls of a store.
#[derive(Debug, Default)]
pub(crate) struct Health {
    state: Mutex<HealthState>,
}

#[derive(Debug, Default)]
struct HealthState {
    has_answered: bool,
    n_successes: u64,
    given_up_at: Option<Instant>,
    /// What the call said that gave the server up: the message without its subject, and the hint.
    reason: Option<(String, Option<String>)>,
    last_success: Option<Instant>,
    /// Whether a word was said about the trouble that goes on.
    has_told: bool,
}

impl Health {
    /// Notes that the server answered, be it with an error.
    pub(crate) fn note_answer(&self) {
        self.lock().has_answered = true;
    }

    /// Notes that the server did its work.
    pub(crate) fn note_success(&self) {
        let mut state = self.lock();
        state.has_answered = true;
        state.n_successes += 1;
        state.given_up_at = None;
        state.reason = None;
        state.last_success = Some(Instant::now());
        state.has_told = false;
    }

    pub(crate) fn n_successes(&self) -> u64 {
        self.lock().n_successes
    }

    /// Notes that a call gave the server up: calls that start soon fail at once, instead of one timeout after another.
    pub(crate) fn note_given_up(&self) {
        self.lock().given_up_at = Some(Instant::now());
    }

    /// Notes why the server was given up, unless an earlier call has said it. The subject, with which the message begins, is
    /// left out: other calls are about other objects.
    pub(crate) fn note_reason(&self, error: &crate::Error, subject: &str) {
        let mut state = self.lock();
        if state.given_up_at.is_none() || state.reason.is_some() {
            return;
        }
        let message = error.to_string();
        let mut reason = message.strip_prefix(subject).unwrap_or(&message);
        reason = reason.trim_start_matches([':', ' ']);
        let mut reason = reason.to_owned();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            if !reason.is_empty() {
                reason.push_str(": ");
            }
            let _ = write!(reason, "{cause}");
            source = cause.source();
        }
        state.reason = Some((reason, error.hint().map(str::to_owned)));
    }

    /// Returns why the server was given up: the message and the hint of the call that did.
    pub(crate) fn reason(&self) -> Option<(String, Option<String>)> {
        self.lock().reason.clone()
    }

    /// Tells whether a word is due about trouble that lasts for longer than `patience`: if no call succeeded meanwhile,
    /// and nothing was said yet.
    pub(crate) fn may_tell(&self, patience: Duration) -> bool {
        let mut state = self.lock();
        let goes_on = state.last_success.is_some_and(|moment| moment.elapsed() < patience);
        !goes_on && !std::mem::replace(&mut state.has_told, true)
    }

    pub(crate) fn has_answered(&self) -> bool {
        self.lock().has_answered
    }

    /// Tells whether a call should fail without an attempt.
    pub(crate) fn is_given_up(&self) -> bool {
        self.lock().given_up_at.is_some_and(|moment| moment.elapsed() < REST)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HealthState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::reply::failure::ServerFailure;
    use crate::s3::transport::exchange::TransportError;

    /// Timers are coarse.
    const SLACK: Duration = Duration::from_millis(100);

    fn transport(kind: TransportErrorKind) -> Failure {
        Failure::Transport(TransportError::new(kind, "x"))
    }

    fn server(status: u16, code: &str) -> Failure {
        let mut failure = ServerFailure::default();
        failure.reply.status = status;
        failure.reply.code = Some(code.into());
        Failure::Server(failure)
    }

    /// Runs attempts that all fail alike; returns how many there were and how long they took.
    async fn run(failure: &Failure, takes: Duration, health: &Health) -> (u32, Duration) {
        run_with(&RetryOptions::default(), failure, takes, health).await
    }

    async fn run_with(
        options: &RetryOptions,
        failure: &Failure,
        takes: Duration,
        health: &Health,
    ) -> (u32, Duration) {
        let mut attempts = Attempts::new(options, 0);
        loop {
            tokio::time::sleep(takes).await;
            match attempts.next(failure, health) {
                Next::Wait(delay) => tokio::time::sleep(delay).await,
                Next::GiveUp => return (attempts.count(), attempts.elapsed()),
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silent_server_is_asked_five_times() {
        for timeout in [2, 60] {
            let timeout = Duration::from_secs(timeout);
            let (n_attempts, elapsed) =
                run(&transport(TransportErrorKind::ReadTimeout), timeout, &Health::default()).await;
            assert_eq!(n_attempts, 5);
            assert!(elapsed < timeout * 5 + Duration::from_secs(4), "{elapsed:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn closed_port_is_given_up_within_seconds_unless_it_was_open_before() {
        for kind in [TransportErrorKind::Unreachable, TransportErrorKind::UnknownHost] {
            let health = Health::default();
            let (n_attempts, elapsed) = run(&transport(kind), Duration::ZERO, &health).await;
            assert!(n_attempts > 1 && elapsed < Duration::from_secs(6), "{n_attempts} in {elapsed:?}");
            health.note_answer();
            let (_, elapsed) = run(&transport(kind), Duration::ZERO, &health).await;
            assert!(elapsed > Duration::from_mins(1), "{elapsed:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn overloaded_server_gets_the_whole_budget() {
        for failure in [server(503, "SlowDown"), server(429, ""), server(502, ""), server(200, "SlowDown")] {
            let (n_attempts, elapsed) = run(&failure, Duration::ZERO, &Health::default()).await;
            let budget = RetryOptions::default().budget;
            assert!(
                n_attempts > 5 && elapsed <= budget + SLACK && elapsed > budget / 2,
                "{n_attempts} in {elapsed:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn internal_error_that_stays_is_given_up_sooner() {
        let (n_attempts, elapsed) =
            run(&server(500, "InternalError"), Duration::ZERO, &Health::default()).await;
        let budget = RetryOptions::default().internal_error_budget;
        assert!(n_attempts > 5 && elapsed <= budget + SLACK, "{n_attempts} in {elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_of_a_mode_do_not_count_while_the_server_asks_for_patience() {
        let mode = RetryOptions { implied_attempts: Some(3), ..RetryOptions::default() };
        let limit = RetryOptions { max_attempts: Some(3), ..mode.clone() };
        for (failure, is_patient) in
            [(server(503, "SlowDown"), true), (server(429, ""), true), (server(500, "InternalError"), false)]
        {
            let (n_attempts, _) = run_with(&mode, &failure, Duration::ZERO, &Health::default()).await;
            assert_eq!(n_attempts > 5, is_patient, "{n_attempts}");
            let (n_attempts, _) = run_with(&limit, &failure, Duration::ZERO, &Health::default()).await;
            assert_eq!(n_attempts, 3, "a limit that was set holds");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn body_that_arrives_damaged_is_sent_again_twice() {
        for code in
            ["BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody"]
        {
            let (n_attempts, _) = run(&server(400, code), Duration::ZERO, &Health::default()).await;
            assert_eq!(n_attempts, 1 + MAX_DAMAGED, "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_final() {
        for failure in [
            server(403, "AccessDenied"),
            server(404, "NoSuchKey"),
            server(400, "InvalidRequest"),
            server(412, "PreconditionFailed"),
            server(501, "NotImplemented"),
            transport(TransportErrorKind::Tls),
            transport(TransportErrorKind::LocalFile),
        ] {
            assert_eq!(run(&failure, Duration::ZERO, &Health::default()).await.0, 1, "{failure:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_respected_and_not_waited_for_in_vain() {
        let options = RetryOptions::default();
        let mut failure = ServerFailure::default();
        failure.reply.status = 503;
        failure.retry_after = Some(Duration::from_secs(7));
        let Next::Wait(delay) =
            Attempts::new(&options, 0).next(&Failure::Server(failure.clone()), &Health::default())
        else {
            panic!("gave up");
        };
        assert!(delay >= Duration::from_secs(7), "{delay:?}");
        failure.retry_after = Some(Duration::from_secs(7000));
        assert_eq!(
            Attempts::new(&options, 0).next(&Failure::Server(failure), &Health::default()),
            Next::GiveUp
        );
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_and_clock_are_renewed_once_and_regions_do_not_circle() {
        let options = RetryOptions::default();
        let health = Health::default();
        let mut attempts = Attempts::new(&options, 0);
        assert_eq!(attempts.next(&server(400, "ExpiredToken"), &health), Next::RefreshCredentials);
        assert_eq!(attempts.next(&server(400, "ExpiredToken"), &health), Next::GiveUp);
        let mut attempts = Attempts::new(&options, 0);
        let mut wrong = ServerFailure::default();
        wrong.reply.status = 301;
        wrong.reply.region = Some("eu-west-3".into());
        wrong.signed_region = "us-east-1".into();
        let wrong = Failure::Server(wrong);
        assert_eq!(attempts.next(&wrong, &health), Next::ChangeRegion("eu-west-3".into()));
        assert_eq!(attempts.next(&wrong, &health), Next::ChangeRegion("eu-west-3".into()));
        assert_eq!(attempts.next(&wrong, &health), Next::GiveUp);
    }

    #[tokio::test(start_paused = true)]
    async fn server_that_was_given_up_is_left_alone_for_a_while() {
        let health = Health::default();
        assert!(!health.is_given_up());
        health.note_given_up();
        assert!(health.is_given_up());
        tokio::time::advance(REST).await;
        assert!(!health.is_given_up());
        health.note_given_up();
        health.note_answer();
        assert!(health.is_given_up(), "an error is an answer, but no sign of recovery");
        health.note_success();
        assert!(!health.is_given_up());
    }
}
