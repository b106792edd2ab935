//! The state of a phase at one moment, in words.

use std::fmt::Write as _;
use std::time::Duration;

use super::pace::{Pace, fraction};

/// Cells of a bar.
const BAR: usize = 9;
/// The longest name of a phase.
const NAME: usize = 15;
/// Columns that stay free: a line that wraps could not be drawn over.
const SPARE_COLUMNS: usize = 1;

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Snapshot {
    pub(super) n_planned: u64,
    pub(super) planned_bytes: u64,
    pub(super) n_unsized: u64,
    pub(super) n_finished: u64,
    pub(super) moved_bytes: u64,
    /// Whether all of the work has been found.
    pub(super) is_final: bool,
}

impl Snapshot {
    pub(super) fn is_empty(self) -> bool {
        Self { is_final: false, ..self } == Self::default()
    }

    /// Whether it is known how many bytes there are.
    pub(super) fn is_total_known(self) -> bool {
        self.is_final && self.n_unsized == 0 && self.n_planned > 0
    }

    /// Returns all that can be said.
    pub(super) fn describe(self, pace: Pace) -> String {
        self.parts(pace).into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Returns a line for a terminal of so many columns. What does not fit is left out, and nothing is cut.
    pub(super) fn line(self, name: &str, pace: Pace, columns: usize) -> String {
        let room = columns.saturating_sub(SPARE_COLUMNS);
        let [objects, bytes, rate, left] = self.parts(pace);
        let (objects, bytes) = (objects.as_deref(), bytes.as_deref());
        let (rate, left) = (rate.as_deref(), left.as_deref());
        let bar = bar(fraction(self));
        let with_bar = |parts: &[Option<&str>]| format!("{name:>NAME$} {bar} {}", joined(parts));
        let plain = |parts: &[Option<&str>]| format!("{name} {}", joined(parts));
        let count = self.count();
        let choices = [
            with_bar(&[objects, bytes, rate, left]),
            // How long it takes says more than how fast it is.
            with_bar(&[objects, bytes, left.or(rate)]),
            with_bar(&[objects, bytes]),
            plain(&[objects, bytes]),
            plain(&[bytes.or(objects)]),
            plain(&[Some(&count)]),
            name.to_owned(),
        ];
        choices.into_iter().find(|line| line.chars().count() <= room).unwrap_or_default()
    }

    /// Returns the number of objects, the bytes, the pace and the time that is left.
    fn parts(self, pace: Pace) -> [Option<String>; 4] {
        let n_objects = if self.is_final { self.n_planned.max(self.n_finished) } else { self.n_finished };
        let objects = if n_objects == 1 { "object" } else { "objects" };
        let bytes = (self.moved_bytes > 0).then(|| {
            let total = self.planned_bytes;
            if self.is_total_known() && total > 0 {
                share(self.moved_bytes, total)
            } else {
                human_bytes(self.moved_bytes)
            }
        });
        let rate = (pace.bytes_per_second > 0).then(|| format!("{}/s", human_bytes(pace.bytes_per_second)));
        let left = pace.left.map(|left| format!("{} left", human_duration(left)));
        [Some(format!("{} {objects}", self.count())), bytes, rate, left]
    }

    fn count(self) -> String {
        let mut text = self.n_finished.to_string();
        if self.is_final && self.n_planned > 0 {
            write!(text, "/{}", self.n_planned).expect("writing to a string cannot fail");
        }
        text
    }
}

fn joined(parts: &[Option<&str>]) -> String {
    parts.iter().flatten().copied().collect::<Vec<_>>().join(", ")
}

fn bar(fraction: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a fraction of a few cells"
    )]
    let full = ((fraction * BAR as f64) as usize).min(BAR);
    let tip = if full > 0 && full < BAR { ">" } else { "" };
    format!("{:<BAR$}", "=".repeat(full) + tip)
}

/// Formats an amount of bytes with three digits: `1.21 GiB`.
pub(crate) fn human_bytes(n_bytes: u64) -> String {
    let unit = unit_of(n_bytes);
    format!("{} {}", in_unit(n_bytes, unit), UNITS[unit])
}

/// Formats a part of an amount: `0.35/1.21 GiB`.
fn share(part: u64, whole: u64) -> String {
    let unit = unit_of(whole);
    // In the unit of the whole a hundredth may be nothing.
    if part.saturating_mul(100) < whole {
        return format!("{}/{}", human_bytes(part), human_bytes(whole));
    }
    format!("{}/{} {}", in_unit(part.min(whole), unit), in_unit(whole, unit), UNITS[unit])
}

const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

fn unit_of(n_bytes: u64) -> usize {
    let mut unit = 0;
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    let mut amount = n_bytes as f64;
    // 999.5 KiB would be printed as `1000 KiB`.
    while amount >= 999.5 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    unit
}

fn in_unit(n_bytes: u64, unit: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    let amount = (0..unit).fold(n_bytes as f64, |amount, _| amount / 1024.0);
    let digits = if unit == 0 || amount >= 99.95 { 0 } else { usize::from(amount < 9.995) + 1 };
    format!("{amount:.digits$}")
}

/// Formats a time: `1:27`, `1:02:05`.
pub(crate) fn human_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn human_bytes_keeps_three_digits() {
        for (n_bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "0.98 KiB"),
            (10_240, "10.0 KiB"),
            (123_456, "121 KiB"),
            (1_300_000_000, "1.21 GiB"),
        ] {
            assert_eq!(human_bytes(n_bytes), text);
        }
    }

    #[test]
    fn share_is_in_one_unit_unless_it_is_tiny() {
        assert_eq!(share(3 * MIB, 10 * MIB), "3.00/10.0 MiB");
        assert_eq!(share(471 << 10, 261 * MIB), "471 KiB/261 MiB");
        assert_eq!(share(12 * MIB, 10 * MIB), "10.0/10.0 MiB");
    }

    #[test]
    fn duration_has_hours_only_if_needed() {
        assert_eq!(human_duration(Duration::from_secs(59)), "0:59");
        assert_eq!(human_duration(Duration::from_secs(3_725)), "1:02:05");
    }

    fn busy() -> (Snapshot, Pace) {
        let snapshot = Snapshot {
            n_planned: 1000,
            planned_bytes: 261 * MIB,
            n_finished: 300,
            moved_bytes: 87 * MIB,
            is_final: true,
            n_unsized: 0,
        };
        (snapshot, Pace { bytes_per_second: 2 * MIB, left: Some(Duration::from_secs(87)) })
    }

    #[test]
    fn snapshot_describes_what_is_known() {
        let (snapshot, pace) = busy();
        assert_eq!(snapshot.describe(pace), "300/1000 objects, 87.0/261 MiB, 2.00 MiB/s, 1:27 left");
        let open = Snapshot { is_final: false, ..snapshot };
        assert_eq!(open.describe(Pace::default()), "300 objects, 87.0 MiB", "more may be found");
        let untold = Snapshot { n_unsized: 7, ..snapshot };
        assert_eq!(
            untold.describe(Pace::default()),
            "300/1000 objects, 87.0 MiB",
            "no total without all sizes"
        );
        let one = Snapshot { n_planned: 1, n_finished: 0, ..snapshot };
        assert_eq!(one.describe(Pace::default()), "0/1 object, 87.0/261 MiB");
    }

    #[test]
    fn line_says_what_fits() {
        let (snapshot, pace) = busy();
        let line = |columns| snapshot.line("Downloading", pace, columns);
        assert_eq!(
            line(80),
            "    Downloading ==>       300/1000 objects, 87.0/261 MiB, 2.00 MiB/s, 1:27 left"
        );
        assert_eq!(line(120), line(80));
        assert_eq!(line(79), "    Downloading ==>       300/1000 objects, 87.0/261 MiB, 1:27 left");
        assert_eq!(line(40), "Downloading 87.0/261 MiB");
        let asking = Snapshot { planned_bytes: 0, moved_bytes: 0, ..snapshot };
        let line = |columns| asking.line("Checking remote", Pace::default(), columns);
        assert_eq!(line(80), "Checking remote ==>       300/1000 objects");
        assert_eq!(line(40), "Checking remote 300/1000 objects");
        assert_eq!(line(30), "Checking remote 300/1000");
        assert_eq!(line(20), "Checking remote");
        assert_eq!(line(10), "");
    }

    #[test]
    fn line_never_cuts_a_word_and_never_wraps() {
        let large = Snapshot {
            n_planned: 1_000_000,
            n_finished: 999_999,
            planned_bytes: 999 << 40,
            moved_bytes: 999 << 30,
            ..busy().0
        };
        let pace = Pace { bytes_per_second: 999 * MIB, left: Some(Duration::from_hours(100)) };
        for (snapshot, pace) in [busy(), (large, pace), (large, Pace::default())] {
            let whole = snapshot.describe(pace);
            let words: Vec<&str> =
                whole.split(", ").chain(["Checking remote", "999999/1000000", "300/1000"]).collect();
            for columns in 0..=160 {
                let line = snapshot.line("Checking remote", pace, columns);
                assert!(
                    line.is_empty() || line.chars().count() + SPARE_COLUMNS <= columns,
                    "{columns}: {line}"
                );
                let last = words.iter().any(|word| line.ends_with(word));
                assert!(line.is_empty() || last, "{columns}: {line}");
            }
        }
    }
}
