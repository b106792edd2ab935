//! The one place that writes to the standard streams.
//!
//! Data goes to stdout; errors, warnings, hints and progress go to stderr.

use std::io::{self, BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use serde::Serialize;

use super::choice::{ColourChoice, ProgressChoice};
use super::document::{Content, ErrorLine, Frame, Nothing, Recorded, VERSION};
use super::message::{Colour, Message, OutputFormat, Page, as_written};
use super::progress::Bars;
use super::stream::{Stream, Ui};
use crate::command_error::CommandError;

/// How long the end of the program waits for a terminal.
const ABANDON_PATIENCE: Duration = Duration::from_millis(200);

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Verbosity {
    /// Nothing at all, errors included: the exit code is the answer (as with DVC's `-q`).
    Quiet,
    /// Results, warnings, errors, progress.
    #[default]
    Normal,
    /// Log lines in place of progress; the number of `-v`.
    Verbose(u8),
}

/// Writes to the user, from any thread.
pub(crate) struct Printer {
    stdout: Mutex<Stream>,
    stderr: Mutex<Stream>,
    stdin: Mutex<Box<dyn BufRead + Send>>,
    /// Progress bars to be moved out of the way of whatever is written.
    bars: Mutex<Option<Arc<Bars>>>,
    /// Held by who draws bars, and as long as a person is asked.
    turn: Mutex<()>,
    verbosity: Verbosity,
    progress: ProgressChoice,
    colours: ColourChoice,
    is_json: AtomicBool,
    /// What will stand in the JSON document.
    result: Mutex<Box<dyn Content>>,
    warnings: Mutex<Vec<String>>,
    is_interactive: bool,
    /// Whether the environment asks for output without colours.
    are_colours_forbidden: bool,
    stderr_is_terminal: bool,
    stdout_is_terminal: bool,
}

impl Printer {
    /// Takes over the streams; `are_colours_forbidden` by the environment (`NO_COLOR`).
    pub(crate) fn new(ui: Ui, are_colours_forbidden: bool) -> Self {
        Self {
            are_colours_forbidden,
            progress: ProgressChoice::Auto,
            colours: ColourChoice::Auto,
            stdout_is_terminal: ui.stdout.is_terminal,
            stderr_is_terminal: ui.stderr.is_terminal,
            is_interactive: ui.is_interactive,
            stdout: Mutex::new(ui.stdout),
            stderr: Mutex::new(ui.stderr),
            stdin: Mutex::new(ui.stdin),
            bars: Mutex::new(None),
            turn: Mutex::new(()),
            verbosity: Verbosity::Normal,
            is_json: AtomicBool::new(false),
            result: Mutex::new(Box::new(Nothing)),
            warnings: Mutex::new(Vec::new()),
        }
    }

    /// Sets how much is said; done once, when the command line is known.
    pub(crate) fn set_verbosity(&mut self, verbosity: Verbosity) {
        self.verbosity = verbosity;
    }

    /// Sets how progress is shown and when colours are used; done once, when the command line is known.
    pub(crate) fn set_display(&mut self, progress: ProgressChoice, colours: ColourChoice) {
        self.progress = progress;
        self.colours = colours;
    }

    /// Sets the form of the output; done once, before anything can fail.
    pub(crate) fn set_format(&self, format: OutputFormat) {
        self.is_json.store(format == OutputFormat::Json, Ordering::Relaxed);
    }

    /// Returns the form of the output.
    pub(crate) fn format(&self) -> OutputFormat {
        if self.is_json.load(Ordering::Relaxed) { OutputFormat::Json } else { OutputFormat::Text }
    }

    pub(crate) fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    pub(super) fn progress(&self) -> ProgressChoice {
        self.progress
    }

    /// Whether stderr gets colours.
    pub(crate) fn stderr_colours(&self) -> bool {
        self.colours.applies(self.stderr_is_terminal, self.are_colours_forbidden)
    }

    fn stdout_colours(&self) -> bool {
        self.colours.applies(self.stdout_is_terminal, self.are_colours_forbidden)
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.verbosity == Verbosity::Quiet
    }

    pub(crate) fn stderr_is_terminal(&self) -> bool {
        self.stderr_is_terminal
    }

    /// Whether a person reads the output.
    pub(crate) fn stdout_is_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    /// Tells whether a person can be asked.
    pub(crate) fn is_interactive(&self) -> bool {
        self.is_interactive
    }

    /// Runs something that uses the terminal itself, with no bars in its way.
    pub(crate) fn undisturbed<T>(&self, work: impl FnOnce() -> T) -> T {
        let bars = lock(&self.bars).clone();
        match bars {
            Some(bars) => bars.suspend(work),
            None => work(),
        }
    }

    /// Asks a person: no bars are drawn until there is an answer, neither those of now nor new ones.
    pub(crate) fn asking<T>(&self, ask: impl FnOnce() -> T) -> T {
        let _turn = lock(&self.turn);
        let bars = lock(&self.bars).clone();
        if let Some(bars) = bars {
            bars.show(Vec::new());
        }
        ask()
    }

    /// Draws, unless a person is being asked. Nothing waits for the answer here: the work may have ended without it.
    pub(crate) fn draw(&self, draw: impl FnOnce()) {
        match self.turn.try_lock() {
            Ok(_turn) => draw(),
            Err(TryLockError::Poisoned(_)) => draw(),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// Shows a result on stdout: text at once, JSON at the end of the command, with what will have failed by then. A
    /// later result takes the place of an earlier one in the JSON document.
    pub(crate) fn show(&self, message: impl Message) -> Result<(), CommandError> {
        match self.format() {
            OutputFormat::Text => {
                let mut page = Page::new(self.stdout_colours());
                message.text(&mut page);
                self.out(&page.into_text())
            }
            OutputFormat::Json => {
                *lock(&self.result) = Box::new(message);
                Ok(())
            }
        }
    }

    /// Keeps a result for the JSON document; as text, it was or is shown in other ways.
    pub(crate) fn record(&self, result: impl Serialize + Send + 'static) {
        *lock(&self.result) = Box::new(Recorded(result));
    }

    /// Prints the JSON document of a command that has ended, if JSON was asked for.
    pub(crate) fn conclude(
        &self,
        command: Option<String>,
        error: Option<&CommandError>,
    ) -> Result<(), CommandError> {
        if self.format() == OutputFormat::Text || self.is_quiet() {
            return Ok(());
        }
        let warnings = std::mem::take(&mut *lock(&self.warnings));
        let errors = error.map(ErrorLine::list).unwrap_or_default();
        let frame = Frame { version: VERSION, command, warnings, errors };
        let document = lock(&self.result)
            .document(&frame, self.stdout_is_terminal)
            .map_err(|error| CommandError::unexpected("cannot write JSON").caused_by(&error))?;
        self.out_always(&format!("{document}\n"))
    }

    /// Writes one line of text to stdout.
    pub(crate) fn line(&self, line: impl std::fmt::Display) -> Result<(), CommandError> {
        self.out(&format!("{line}\n"))
    }

    /// Writes text to stdout as it is; silent under `-q`, and where stdout is for JSON.
    pub(crate) fn out(&self, text: &str) -> Result<(), CommandError> {
        if self.is_quiet() || text.is_empty() || self.format() == OutputFormat::Json {
            return Ok(());
        }
        self.out_always(&as_written(text, self.stdout_is_terminal))
    }

    /// Writes text to stdout, also under `-q`: for what is the very answer (help, versions, completions).
    pub(crate) fn out_always(&self, text: &str) -> Result<(), CommandError> {
        self.around_bars(|| lock(&self.stdout).writer.write_all(text.as_bytes()))
            .map_err(|error| CommandError::from_output(&error))
    }

    /// Hands over what is buffered.
    pub(crate) fn flush(&self) -> Result<(), CommandError> {
        lock(&self.stdout).writer.flush().map_err(|error| CommandError::from_output(&error))
    }

    /// Writes a warning to stderr.
    pub(crate) fn warning(&self, text: &str) {
        if self.format() == OutputFormat::Json {
            lock(&self.warnings).push(text.to_owned());
        }
        self.labelled(Colour::Yellow, "WARNING", text);
    }

    /// Writes a hint to stderr: what to type next.
    pub(crate) fn hint(&self, text: &str) {
        self.labelled(Colour::Cyan, "hint", text);
    }

    /// Writes a fact to stderr that helps to understand what was said.
    pub(crate) fn note(&self, text: &str) {
        self.labelled(Colour::Blue, "note", text);
    }

    /// Writes a text to stderr as it is.
    pub(crate) fn remark(&self, text: &str) {
        if !self.is_quiet() {
            self.err(&format!("{text}\n"));
        }
    }

    /// Writes what goes with a result that is text to stderr, behind the result.
    pub(crate) fn aside(&self, text: Option<&str>) {
        if let Some(text) = text.filter(|_| !self.is_json.load(Ordering::Relaxed)) {
            // What cannot be handed over is told when the program ends.
            self.flush().ok();
            self.remark(text);
        }
    }

    /// Writes a part of a result that is text as soon as it is known.
    pub(crate) fn show_part(&self, write: impl FnOnce(&mut Page)) -> Result<(), CommandError> {
        if self.is_json.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut page = Page::new(self.stdout_colours());
        write(&mut page);
        self.out(&page.into_text())?;
        self.flush()
    }

    /// Writes an error with its causes and hints to stderr.
    pub(crate) fn error(&self, error: &CommandError) {
        // What was said before the error has to stand before it where both streams meet.
        lock(&self.stdout).writer.flush().ok();
        if error.is_silent() {
            return;
        }
        for detail in error.details() {
            self.labelled(Colour::Red, "ERROR", &detail.text);
        }
        self.labelled(Colour::Red, "ERROR", &error.text());
        for note in error.notes() {
            self.note(note);
        }
        for hint in error.hints() {
            self.hint(hint);
        }
    }

    /// Reads one line of the standard input, without its end; `None` at the end of the input.
    pub(crate) fn read_line(&self) -> Result<Option<String>, CommandError> {
        let mut line = String::new();
        let n_bytes = lock(&self.stdin)
            .read_line(&mut line)
            .map_err(|error| CommandError::unexpected("cannot read the standard input").caused_by(&error))?;
        Ok((n_bytes > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned()))
    }

    /// Registers the bars on the terminal, or takes them away.
    pub(crate) fn set_bars(&self, bars: Option<Arc<Bars>>) {
        *lock(&self.bars) = bars;
    }

    /// Takes the bars off the terminal for good, unless it does not take that at once.
    pub(crate) fn abandon_bars(&self) {
        let Some(bars) = lock(&self.bars).take() else { return };
        let (done, is_done) = std::sync::mpsc::channel();
        let clear = move || {
            bars.end();
            done.send(()).ok();
        };
        // Without a thread, or in time, the lines stay where they are.
        std::thread::Builder::new().spawn(clear).ok();
        is_done.recv_timeout(ABANDON_PATIENCE).ok();
    }

    /// Writes a line of progress to stderr, where there are no bars.
    pub(super) fn progress_line(&self, line: &str) {
        self.err(&format!("{line}\n"));
    }

    fn labelled(&self, colour: Colour, label: &str, text: &str) {
        if self.is_quiet() {
            return;
        }
        let label = Page::new(self.stderr_colours()).coloured(colour, label);
        self.err(&format!("{label}: {text}\n"));
    }

    /// Writes to stderr. If even that fails, nothing is left to write to.
    fn err(&self, text: &str) {
        let text = as_written(text, self.stderr_is_terminal);
        self.around_bars(|| {
            let mut stderr = lock(&self.stderr);
            stderr.writer.write_all(text.as_bytes())?;
            stderr.writer.flush()
        })
        .ok();
    }

    fn around_bars(&self, write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let has_bars = lock(&self.bars).is_some();
        self.undisturbed(|| {
            write()?;
            if has_bars { lock(&self.stdout).writer.flush() } else { Ok(()) }
        })
    }
}

impl std::fmt::Debug for Printer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Printer").field("verbosity", &self.verbosity).finish_non_exhaustive()
    }
}

/// Locks, also after a panic in another thread: a half-written line is better than no error message.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
