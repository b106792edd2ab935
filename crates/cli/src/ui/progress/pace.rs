//! How fast work goes, and how long the rest takes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::snapshot::Snapshot;

/// What happened longer ago says nothing of the pace now.
const MEMORY: Duration = Duration::from_secs(10);
/// A pace that was seen for less time promises nothing.
const PROMISE_AFTER: Duration = Duration::from_secs(3);
/// Work that did not move for so long may never move again.
const STALLED_AFTER: Duration = Duration::from_secs(3);
/// What an object costs besides its bytes, as if it were bytes: many small objects take longer than a large one.
const OBJECT_COSTS_BYTES: u64 = 16 << 10;

/// The pace of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Pace {
    /// 0 if no bytes move.
    pub(super) bytes_per_second: u64,
    /// How long the rest takes, if that can be told.
    pub(super) left: Option<Duration>,
}

/// Watches a phase.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Oldest first.
    seen: VecDeque<(Instant, Snapshot)>,
    last_move: Option<Instant>,
}

impl Meter {
    pub(super) fn update(&mut self, now: Instant, snapshot: Snapshot) -> Pace {
        let moved_on = self.seen.back().is_none_or(|(_, last)| work_done(snapshot) > work_done(*last));
        if moved_on {
            self.last_move = Some(now);
        }
        // One from before the memory begins stays, so that the rest of it is covered.
        while self.seen.get(1).is_some_and(|(moment, _)| now.saturating_duration_since(*moment) >= MEMORY) {
            self.seen.pop_front();
        }
        self.seen.push_back((now, snapshot));
        let (then, before) = self.seen[0];
        let elapsed = now.saturating_duration_since(then);
        let per_second = |amount: u64| {
            amount.saturating_mul(1000) / u64::try_from(elapsed.as_millis().max(1)).unwrap_or(u64::MAX)
        };
        let bytes_per_second = per_second(snapshot.moved_bytes.saturating_sub(before.moved_bytes));
        let is_stalled =
            self.last_move.is_none_or(|moment| now.saturating_duration_since(moment) > STALLED_AFTER);
        let left = match per_second(work_done(snapshot).saturating_sub(work_done(before))) {
            0 => None,
            _ if is_stalled || elapsed < PROMISE_AFTER || !snapshot.is_total_known() => None,
            work_per_second => {
                let seconds = work(snapshot).saturating_sub(work_done(snapshot)) / work_per_second;
                Some(Duration::from_secs(seconds)).filter(|left| !left.is_zero())
            }
        };
        Pace { bytes_per_second: if is_stalled { 0 } else { bytes_per_second }, left }
    }
}

fn work(snapshot: Snapshot) -> u64 {
    snapshot.planned_bytes.saturating_add(snapshot.n_planned.saturating_mul(OBJECT_COSTS_BYTES))
}

fn work_done(snapshot: Snapshot) -> u64 {
    snapshot.moved_bytes.saturating_add(snapshot.n_finished.saturating_mul(OBJECT_COSTS_BYTES))
}

/// Returns how much of the work is done, from 0 to 1; 0 where it is not known how much there is.
pub(super) fn fraction(snapshot: Snapshot) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    let of = |done: u64, whole: u64| done.min(whole) as f64 / whole.max(1) as f64;
    if !snapshot.is_final {
        0.0
    } else if snapshot.is_total_known() {
        of(work_done(snapshot), work(snapshot))
    } else {
        of(snapshot.n_finished, snapshot.n_planned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn moving(moved_bytes: u64) -> Snapshot {
        Snapshot { n_planned: 1, planned_bytes: 48 * MIB, moved_bytes, is_final: true, ..Snapshot::default() }
    }

    #[test]
    fn rest_is_told_when_the_pace_was_seen_and_not_when_it_stalls() {
        let (start, mut meter) = (Instant::now(), Meter::default());
        let at = |millis: u64| start + Duration::from_millis(millis);
        for step in 0..40 {
            let pace = meter.update(at(step * 100), moving(step * MIB / 5));
            assert_eq!(pace.left.is_some(), step >= 30, "after {step} steps");
        }
        let pace = meter.update(at(4000), moving(8 * MIB));
        assert_eq!((pace.bytes_per_second, pace.left), (2 * MIB, Some(Duration::from_secs(20))));
        let pace = meter.update(at(7500), moving(8 * MIB));
        assert_eq!(pace, Pace::default(), "nothing moved for 3.5 s");
        let pace = meter.update(at(30_000), moving(8 * MIB));
        assert_eq!(pace, Pace::default());
    }

    #[test]
    fn rest_is_not_told_where_the_total_is_not_known() {
        let of = |change: fn(&mut Snapshot)| {
            let (start, mut meter) = (Instant::now(), Meter::default());
            let mut pace = Pace::default();
            for step in 0..50 {
                let mut snapshot = moving(step * MIB / 5);
                change(&mut snapshot);
                pace = meter.update(start + Duration::from_millis(step * 100), snapshot);
            }
            pace
        };
        assert!(of(|_| {}).left.is_some());
        assert_eq!(of(|snapshot| snapshot.is_final = false).left, None, "more may be found");
        assert_eq!(of(|snapshot| snapshot.n_unsized = 1).left, None, "an object may be of any size");
        assert!(of(|snapshot| snapshot.n_unsized = 1).bytes_per_second > 0);
    }

    #[test]
    fn bar_is_full_only_when_every_object_is_done() {
        let done = Snapshot { n_planned: 100, n_finished: 50, ..moving(48 * MIB) };
        assert!(fraction(done) < 1.0, "{}", fraction(done));
        assert!((fraction(Snapshot { n_finished: 100, ..done }) - 1.0).abs() < f64::EPSILON);
        let unsized_half = Snapshot { n_unsized: 50, planned_bytes: MIB, moved_bytes: MIB, ..done };
        assert!((fraction(unsized_half) - 0.5).abs() < f64::EPSILON, "half of the files are done");
        assert!(fraction(Snapshot { is_final: false, ..done }) < f64::EPSILON);
    }

    #[test]
    fn rest_of_many_small_objects_behind_a_large_one_is_not_nothing() {
        let (start, mut meter) = (Instant::now(), Meter::default());
        let mut pace = Pace::default();
        for step in 0..60 {
            // The bytes are nearly all there; the objects come one by one.
            let snapshot = Snapshot { n_planned: 6000, n_finished: step, ..moving(48 * MIB - 6000 + step) };
            pace = meter.update(start + Duration::from_millis(step * 100), snapshot);
        }
        assert!(pace.left.unwrap() > Duration::from_mins(5), "{pace:?}");
    }
}
