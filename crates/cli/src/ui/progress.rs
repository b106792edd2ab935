//! Progress of long work: bars on a terminal, now and then a line in continuous integration.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use haul_storage::progress::{Event, Observer, Phase};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::choice::ProgressChoice;
use super::printer::{Printer, Verbosity};

/// Work that is done sooner shows nothing.
const FIRST_DRAW: Duration = Duration::from_millis(250);
const REDRAW: Duration = Duration::from_millis(100);
/// Where lines stay, the first one says that something goes on at all.
const FIRST_LINE: Duration = Duration::from_secs(1);
const LINE_EVERY: Duration = Duration::from_secs(30);
const MAX_DRAWS_PER_SECOND: u8 = 30;

const PHASES: [(Phase, &str); 9] = [
    (Phase::Collecting, "Collecting"),
    (Phase::Looking, "Checking cache"),
    (Phase::Querying, "Checking remote"),
    (Phase::Hashing, "Hashing"),
    (Phase::Caching, "Caching"),
    (Phase::Uploading, "Uploading"),
    (Phase::Downloading, "Downloading"),
    (Phase::CheckingOut, "Checking out"),
    (Phase::Removing, "Removing"),
];

/// Where progress goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sink {
    Nowhere,
    Bars,
    /// The first one comes soon: the user asked for lines, or watches continuous integration.
    Lines,
    /// The output goes to a file or a program: a line only for what takes long.
    RareLines,
}

impl Sink {
    fn choose(printer: &Printer, in_ci: bool) -> Self {
        match (printer.progress(), printer.verbosity()) {
            (ProgressChoice::None, _) | (_, Verbosity::Quiet) => Self::Nowhere,
            (ProgressChoice::Plain, _) => Self::Lines,
            // Log lines say more.
            (ProgressChoice::Auto, Verbosity::Verbose(_)) => Self::Nowhere,
            (ProgressChoice::Auto, Verbosity::Normal) if printer.stderr_is_terminal() => Self::Bars,
            (ProgressChoice::Auto, Verbosity::Normal) if in_ci => Self::Lines,
            (ProgressChoice::Auto, Verbosity::Normal) => Self::RareLines,
        }
    }
}

/// What happened in one phase so far. Counters only: the transfers must not wait for the display.
#[derive(Debug, Default)]
struct Counters {
    n_planned: AtomicU64,
    planned_bytes: AtomicU64,
    /// Objects whose size is in no total.
    n_unsized: AtomicU64,
    n_finished: AtomicU64,
    moved_bytes: AtomicU64,
}

#[derive(Debug)]
struct Shared {
    counters: [Counters; PHASES.len()],
}

/// The observer of one command; it stops drawing when it is dropped.
pub(crate) struct Progress {
    shared: Arc<Shared>,
    printer: Arc<Printer>,
    display: Mutex<Option<Display>>,
}

struct Display {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Progress {
    /// Starts to watch; `in_ci` asks for an early first line where there is no terminal.
    pub(crate) fn start(printer: &Arc<Printer>, in_ci: bool) -> Self {
        let sink = Sink::choose(printer, in_ci);
        let shared = Arc::new(Shared { counters: Default::default() });
        let display = (sink != Sink::Nowhere).then(|| spawn_display(sink, printer, &shared)).flatten();
        Self { shared, printer: Arc::clone(printer), display: Mutex::new(display) }
    }

    /// Takes the bars away, so that the result can be written.
    pub(crate) fn finish(&self) {
        let display = self.display.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Display { stop, thread }) = display {
            drop(stop);
            thread.join().ok();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Observer for Progress {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Planned { phase, n_objects, total_bytes } => {
                let counters = self.counters(phase);
                counters.n_planned.fetch_add(n_objects, Ordering::Relaxed);
                counters.planned_bytes.fetch_add(total_bytes, Ordering::Relaxed);
            }
            Event::Replanned { phase, total_bytes, n_unsized } => {
                let counters = self.counters(phase);
                // The counters wrap around like the numbers that are added.
                counters.planned_bytes.fetch_add(total_bytes.cast_unsigned(), Ordering::Relaxed);
                counters.n_unsized.fetch_add(n_unsized.cast_unsigned(), Ordering::Relaxed);
            }
            Event::Bytes { phase, n_bytes } => {
                self.counters(phase).moved_bytes.fetch_add(n_bytes, Ordering::Relaxed);
            }
            Event::BytesLost { phase, n_bytes } => {
                self.counters(phase).moved_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
            }
            Event::Finished { phase, n_objects } => {
                self.counters(phase).n_finished.fetch_add(n_objects, Ordering::Relaxed);
            }
            Event::Warning(text) => self.printer.warning(text),
            _ => {}
        }
    }
}

impl Progress {
    fn counters(&self, phase: Phase) -> &Counters {
        let index = PHASES.iter().position(|(known, _)| *known == phase).unwrap_or(0);
        &self.shared.counters[index]
    }
}

fn spawn_display(sink: Sink, printer: &Arc<Printer>, shared: &Arc<Shared>) -> Option<Display> {
    let (stop, stopped) = mpsc::channel();
    let (printer, shared) = (Arc::clone(printer), Arc::clone(shared));
    let draw = move || {
        let first = match sink {
            Sink::Bars => FIRST_DRAW,
            Sink::Lines => FIRST_LINE,
            Sink::RareLines | Sink::Nowhere => LINE_EVERY,
        };
        if stopped.recv_timeout(first) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        match sink {
            Sink::Bars => draw_bars(&printer, &shared, || {
                stopped.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout)
            }),
            Sink::Lines | Sink::RareLines => draw_lines(&printer, &shared, || {
                stopped.recv_timeout(LINE_EVERY) == Err(RecvTimeoutError::Timeout)
            }),
            Sink::Nowhere => {}
        }
    };
    // A machine that cannot start one more thread can still do the work, without a display.
    let thread = std::thread::Builder::new().name(String::from("haul-progress")).spawn(draw).ok()?;
    Some(Display { stop, thread })
}

fn draw_bars(printer: &Printer, shared: &Shared, keep_going: impl Fn() -> bool) {
    let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(MAX_DRAWS_PER_SECOND));
    printer.set_bars(Some(bars.clone()));
    // Whatever does not fit is cut off: a line that wraps could not be drawn over. 80 columns show it all.
    let style = ProgressStyle::with_template("{prefix:>12} {bar:9} {wide_msg}")
        .expect("the template is well-formed")
        .progress_chars("=> ");
    let mut meters: [Option<(Meter, ProgressBar)>; PHASES.len()] = Default::default();
    loop {
        for (index, counters) in shared.counters.iter().enumerate() {
            let snapshot = Snapshot::take(counters);
            if snapshot.is_empty() {
                continue;
            }
            let (meter, bar) = meters[index].get_or_insert_with(|| {
                let bar = ProgressBar::hidden().with_style(style.clone()).with_prefix(PHASES[index].1);
                (Meter::start(snapshot), bar)
            });
            let (position, length) = snapshot.position();
            bar.set_length(length);
            bar.set_position(position);
            bar.set_message(snapshot.describe(meter.update(snapshot)));
            // A bar is shown only when it has something to show.
            if bar.is_hidden() {
                bars.add(bar.clone());
            }
            bar.tick();
        }
        if !keep_going() {
            break;
        }
    }
    printer.set_bars(None);
    for (_, bar) in meters.iter().flatten() {
        bar.finish_and_clear();
    }
    bars.clear().ok();
}

fn draw_lines(printer: &Printer, shared: &Shared, keep_going: impl Fn() -> bool) {
    let mut meters: [Option<Meter>; PHASES.len()] = Default::default();
    let mut last = [Snapshot::default(); PHASES.len()];
    loop {
        for (index, counters) in shared.counters.iter().enumerate() {
            let snapshot = Snapshot::take(counters);
            if snapshot == last[index] {
                continue;
            }
            last[index] = snapshot;
            let rate = meters[index].get_or_insert_with(|| Meter::start(snapshot)).update(snapshot);
            printer.progress_line(&format!("{}: {}", PHASES[index].1, snapshot.describe(rate)));
        }
        if !keep_going() {
            return;
        }
    }
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Snapshot {
    n_planned: u64,
    planned_bytes: u64,
    n_finished: u64,
    moved_bytes: u64,
}

impl Snapshot {
    fn take(counters: &Counters) -> Self {
        Self {
            n_planned: counters.n_planned.load(Ordering::Relaxed),
            planned_bytes: counters.planned_bytes.load(Ordering::Relaxed),
            n_finished: counters.n_finished.load(Ordering::Relaxed),
            moved_bytes: counters.moved_bytes.load(Ordering::Relaxed),
        }
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Returns position and length of a bar: in bytes where sizes are known, else in objects.
    fn position(self) -> (u64, u64) {
        if self.planned_bytes > 0 {
            (self.moved_bytes.min(self.planned_bytes), self.planned_bytes)
        } else {
            (self.n_finished, self.n_planned.max(self.n_finished))
        }
    }

    fn describe(self, bytes_per_second: f64) -> String {
        let mut text = self.n_finished.to_string();
        if self.n_planned > 0 {
            write!(text, "/{}", self.n_planned).expect("writing to a string cannot fail");
        }
        text.push_str(if self.n_planned.max(self.n_finished) == 1 { " object" } else { " objects" });
        if self.moved_bytes > 0 {
            text.push_str(", ");
            text.push_str(&human_bytes(self.moved_bytes));
            if self.planned_bytes > 0 {
                text.push('/');
                text.push_str(&human_bytes(self.planned_bytes));
            }
        }
        if bytes_per_second >= 1.0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "for display; not negative"
            )]
            let rate = bytes_per_second as u64;
            write!(text, ", {}/s", human_bytes(rate)).expect("writing to a string cannot fail");
            if self.planned_bytes > self.moved_bytes {
                let left = (self.planned_bytes - self.moved_bytes) / rate.max(1);
                write!(text, ", {} left", human_duration(left)).expect("writing to a string cannot fail");
            }
        }
        text
    }
}

/// A smoothed rate.
#[derive(Debug)]
struct Meter {
    last: Instant,
    last_bytes: u64,
    bytes_per_second: Option<f64>,
}

impl Meter {
    fn start(snapshot: Snapshot) -> Self {
        Self { last: Instant::now(), last_bytes: snapshot.moved_bytes, bytes_per_second: None }
    }

    fn update(&mut self, snapshot: Snapshot) -> f64 {
        let elapsed = self.last.elapsed().as_secs_f64();
        if elapsed >= 0.05 {
            #[expect(clippy::cast_precision_loss, reason = "for display")]
            let rate = snapshot.moved_bytes.saturating_sub(self.last_bytes) as f64 / elapsed;
            // About ten seconds of memory, whatever the interval.
            let weight = 1.0 - (-elapsed / 4.0).exp();
            self.bytes_per_second = Some(match self.bytes_per_second {
                Some(previous) => previous + weight * (rate - previous),
                None => rate,
            });
            self.last = Instant::now();
            self.last_bytes = snapshot.moved_bytes;
        }
        self.bytes_per_second.unwrap_or(0.0)
    }
}

/// Formats an amount of bytes with three digits: `1.21 GiB`.
pub(crate) fn human_bytes(n_bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = 0;
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    let mut amount = n_bytes as f64;
    // 999.5 KiB would be printed as `1000 KiB`.
    while amount >= 999.5 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    let digits = if unit == 0 || amount >= 99.95 { 0 } else { usize::from(amount < 9.995) + 1 };
    format!("{amount:.digits$} {}", UNITS[unit])
}

fn human_duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn snapshot_describes_what_is_known() {
        let mut snapshot = Snapshot { n_finished: 3, ..Snapshot::default() };
        assert_eq!(snapshot.describe(0.0), "3 objects");
        snapshot = Snapshot { n_planned: 10, planned_bytes: 10 << 20, n_finished: 3, moved_bytes: 3 << 20 };
        assert_eq!(
            snapshot.describe(f64::from(1 << 20)),
            "3/10 objects, 3.00 MiB/10.0 MiB, 1.00 MiB/s, 0:07 left"
        );
        assert_eq!(snapshot.position(), (3 << 20, 10 << 20));
    }

    #[test]
    fn progress_goes_where_it_can_be_read() {
        use ProgressChoice::{Auto, None, Plain};
        use Verbosity::{Normal, Quiet, Verbose};
        for (choice, verbosity, is_terminal, in_ci, expected) in [
            (Auto, Normal, true, false, Sink::Bars),
            (Auto, Normal, true, true, Sink::Bars),
            (Auto, Normal, false, true, Sink::Lines),
            (Auto, Normal, false, false, Sink::RareLines),
            (Auto, Verbose(1), true, false, Sink::Nowhere),
            (Plain, Normal, true, false, Sink::Lines),
            (Plain, Verbose(1), false, false, Sink::Lines),
            (Plain, Quiet, true, false, Sink::Nowhere),
            (None, Normal, true, true, Sink::Nowhere),
        ] {
            let stream = |is_terminal| crate::ui::Stream::new(std::io::sink(), is_terminal);
            let ui = crate::ui::Ui::new(stream(false), stream(is_terminal), std::io::empty(), 80);
            let mut printer = Printer::new(ui, false);
            printer.set_verbosity(verbosity);
            printer.set_display(choice, crate::ui::ColourChoice::Auto);
            let case = format!("{choice:?} {verbosity:?} terminal: {is_terminal} CI: {in_ci}");
            assert_eq!(Sink::choose(&printer, in_ci), expected, "{case}");
        }
    }

    #[test]
    fn first_line_where_lines_stay_comes_long_before_the_second_could() {
        let (ui, captured) = crate::ui::Ui::captured();
        let progress = Progress::start(&Arc::new(Printer::new(ui, false)), true);
        progress.on(Event::Finished { phase: Phase::Collecting, n_objects: 7 });
        let end = Instant::now() + LINE_EVERY.saturating_sub(FIRST_LINE * 3);
        while captured.stderr().is_empty() {
            assert!(Instant::now() < end, "nothing was said for as long as usually lies between two lines");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(captured.stderr(), "Collecting: 7 objects\n");
        progress.finish();
    }

    #[test]
    fn duration_has_hours_only_if_needed() {
        assert_eq!(human_duration(59), "0:59");
        assert_eq!(human_duration(3_725), "1:02:05");
    }
}
