//! Progress of long work: bars on a terminal, now and then a line elsewhere.

mod bars;
mod pace;
mod snapshot;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use haul_storage::progress::{Event, Observer, Phase};

pub(super) use bars::Bars;
use pace::Meter;
use snapshot::Snapshot;
pub(crate) use snapshot::{human_bytes, human_duration};

use super::choice::ProgressChoice;
use super::printer::{Printer, Verbosity};

/// Work that is done sooner shows nothing.
const FIRST_DRAW: Duration = Duration::from_millis(250);
const REDRAW: Duration = Duration::from_millis(100);
/// Where lines stay, the first one says that something goes on at all.
const FIRST_LINE: Duration = Duration::from_secs(1);
const LINE_EVERY: Duration = Duration::from_secs(30);
/// Where the terminal does not tell.
const DEFAULT_COLUMNS: usize = 80;
const DEFAULT_ROWS: usize = 24;

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

/// What the environment says about who watches.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Surroundings {
    /// Whether continuous integration runs the program: where there is no terminal, the first line comes early.
    pub(crate) in_ci: bool,
    /// Whether the terminal cannot move its cursor (`TERM=dumb`).
    pub(crate) is_dumb: bool,
}

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
    fn choose(printer: &Printer, Surroundings { in_ci, is_dumb }: Surroundings) -> Self {
        match (printer.progress(), printer.verbosity()) {
            // Log lines say more than bars.
            (ProgressChoice::None, _)
            | (_, Verbosity::Quiet)
            | (ProgressChoice::Auto, Verbosity::Verbose(_)) => Self::Nowhere,
            (ProgressChoice::Plain, _) => Self::Lines,
            (ProgressChoice::Auto, Verbosity::Normal) if printer.stderr_is_terminal() && !is_dumb => {
                Self::Bars
            }
            (ProgressChoice::Auto, Verbosity::Normal) if printer.stderr_is_terminal() || in_ci => Self::Lines,
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
    lost_bytes: AtomicU64,
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
    /// Starts to watch.
    pub(crate) fn start(printer: &Arc<Printer>, surroundings: Surroundings) -> Self {
        let sink = Sink::choose(printer, surroundings);
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
                self.counters(phase).lost_bytes.fetch_add(n_bytes, Ordering::Relaxed);
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
        self.shared.of(phase)
    }
}

impl Shared {
    fn of(&self, phase: Phase) -> &Counters {
        let index = PHASES.iter().position(|(known, _)| *known == phase).unwrap_or(0);
        &self.counters[index]
    }

    /// Returns the state of every phase.
    fn snapshots(&self) -> [Snapshot; PHASES.len()] {
        PHASES.map(|(phase, _)| {
            let is_over = |earlier: Phase| {
                let counters = self.of(earlier);
                let n_finished = counters.n_finished.load(Ordering::Relaxed);
                n_finished >= counters.n_planned.load(Ordering::Relaxed)
            };
            let is_final = match phase {
                // Each directory that is found may have others in it.
                Phase::Collecting => false,
                Phase::Uploading => is_over(Phase::Querying),
                Phase::Downloading => is_over(Phase::Looking),
                _ => true,
            };
            Snapshot { is_final, ..self.of(phase).snapshot() }
        })
    }
}

impl Counters {
    fn snapshot(&self) -> Snapshot {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // What is taken back was counted before; read in this order, there is never more of it.
        let lost_bytes = load(&self.lost_bytes);
        Snapshot {
            n_planned: load(&self.n_planned),
            planned_bytes: load(&self.planned_bytes),
            n_unsized: load(&self.n_unsized),
            n_finished: load(&self.n_finished),
            moved_bytes: load(&self.moved_bytes).saturating_sub(lost_bytes),
            is_final: false,
        }
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
    let bars = Arc::new(Bars::new(std::io::stderr()));
    printer.set_bars(Some(Arc::clone(&bars)));
    let mut meters: [Meter; PHASES.len()] = Default::default();
    loop {
        let (columns, rows) = window();
        let mut lines = Vec::new();
        for (index, snapshot) in shared.snapshots().into_iter().enumerate() {
            if !snapshot.is_empty() {
                let pace = meters[index].update(Instant::now(), snapshot);
                lines.push(snapshot.line(PHASES[index].1, pace, columns));
            }
        }
        // What goes on now is at the end.
        lines.drain(..lines.len().saturating_sub(rows.saturating_sub(1)));
        printer.draw(|| bars.show(lines));
        if !keep_going() {
            break;
        }
    }
    printer.set_bars(None);
    bars.end();
}

/// Returns the columns and rows that the terminal has now: windows change their size.
fn window() -> (usize, usize) {
    let known = |size: u16, default| if size == 0 { default } else { usize::from(size) };
    match rustix::termios::tcgetwinsize(std::io::stderr()) {
        Ok(size) => (known(size.ws_col, DEFAULT_COLUMNS), known(size.ws_row, DEFAULT_ROWS)),
        Err(_) => (DEFAULT_COLUMNS, DEFAULT_ROWS),
    }
}

fn draw_lines(printer: &Printer, shared: &Shared, keep_going: impl Fn() -> bool) {
    let mut meters: [Meter; PHASES.len()] = Default::default();
    let mut last = [Snapshot::default(); PHASES.len()];
    loop {
        for (index, snapshot) in shared.snapshots().into_iter().enumerate() {
            let pace = meters[index].update(Instant::now(), snapshot);
            if snapshot == last[index] || snapshot.is_empty() {
                continue;
            }
            last[index] = snapshot;
            printer.progress_line(&format!("{}: {}", PHASES[index].1, snapshot.describe(pace)));
        }
        if !keep_going() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let surroundings = Surroundings { in_ci, is_dumb: false };
            assert_eq!(Sink::choose(&printer, surroundings), expected, "{case}");
            // Lines are all that a terminal without a cursor can show.
            let dumb = Sink::choose(&printer, Surroundings { in_ci, is_dumb: true });
            assert_eq!(dumb, if expected == Sink::Bars { Sink::Lines } else { expected }, "{case}, dumb");
        }
    }

    #[test]
    fn first_line_where_lines_stay_comes_long_before_the_second_could() {
        let (ui, captured) = crate::ui::Ui::captured();
        let progress =
            Progress::start(&Arc::new(Printer::new(ui, false)), Surroundings { in_ci: true, is_dumb: false });
        progress.on(Event::Finished { phase: Phase::Collecting, n_objects: 7 });
        let end = Instant::now() + LINE_EVERY.saturating_sub(FIRST_LINE * 3);
        while captured.stderr().is_empty() {
            assert!(Instant::now() < end, "nothing was said for as long as usually lies between two lines");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(captured.stderr(), "Collecting: 7 objects\n");
        progress.finish();
    }
}
