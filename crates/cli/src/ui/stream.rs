//! The three standard streams, real or captured.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::exit::ExitStatus;

/// One output stream.
pub struct Stream {
    pub(super) writer: Box<dyn Write + Send>,
    pub(super) is_terminal: bool,
}

impl Stream {
    /// Wraps a writer; `is_terminal` decides about colours and progress bars.
    pub fn new(writer: impl Write + Send + 'static, is_terminal: bool) -> Self {
        Self { writer: Box::new(writer), is_terminal }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Stream").field("is_terminal", &self.is_terminal).finish_non_exhaustive()
    }
}

/// Where the program reads answers from and writes to.
pub struct Ui {
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
    pub(super) stdin: Box<dyn BufRead + Send>,
    pub(super) is_interactive: bool,
    pub(crate) columns: Option<usize>,
}

impl Ui {
    /// Takes the streams of this process.
    pub fn from_process() -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let stdout_is_terminal = stdout.is_terminal();
        let stderr_is_terminal = stderr.is_terminal();
        Self {
            stdout: Stream::new(io::BufWriter::with_capacity(32 * 1024, stdout), stdout_is_terminal),
            stderr: Stream::new(stderr, stderr_is_terminal),
            is_interactive: io::stdin().is_terminal() && stderr_is_terminal,
            stdin: Box::new(io::BufReader::new(io::stdin())),
            columns: None,
        }
    }

    /// Says that the program cannot even start.
    pub(crate) fn cannot_start(mut self, error: &io::Error) -> ExitStatus {
        // If stderr is gone too, the exit code has to do.
        writeln!(self.stderr.writer, "ERROR: cannot read the working directory: {error}").ok();
        ExitStatus::Unexpected
    }

    /// Writes an answer to another program, which does not care how the process ends.
    pub(crate) fn answer(mut self, text: &str) -> ExitStatus {
        let written = self.stdout.writer.write_all(text.as_bytes()).and_then(|()| self.stdout.writer.flush());
        if written.is_ok() { ExitStatus::Success } else { ExitStatus::Failure }
    }

    /// Makes a user interface of the given streams; help is wrapped at `columns`.
    pub fn new(stdout: Stream, stderr: Stream, stdin: impl BufRead + Send + 'static, columns: usize) -> Self {
        Self { stdout, stderr, stdin: Box::new(stdin), is_interactive: false, columns: Some(columns) }
    }

    /// Makes a user interface that keeps what is written to it, for tests and embedding; there is no input
    /// and no terminal.
    pub fn captured() -> (Self, Captured) {
        let captured = Captured::default();
        let stdout = Stream::new(Pen(Arc::clone(&captured.stdout)), false);
        let stderr = Stream::new(Pen(Arc::clone(&captured.stderr)), false);
        (Self::new(stdout, stderr, io::empty(), 100), captured)
    }
}

impl Ui {
    /// Takes the standard input from a reader.
    #[must_use]
    pub fn with_input(self, stdin: impl BufRead + Send + 'static) -> Self {
        Self { stdin: Box::new(stdin), ..self }
    }
}

impl fmt::Debug for Ui {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ui")
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// What was written to a [`Ui::captured`].
#[derive(Debug, Clone, Default)]
pub struct Captured {
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
}

impl Captured {
    /// Returns what went to the standard output so far.
    pub fn stdout(&self) -> String {
        text_of(&self.stdout)
    }

    /// Returns what went to the standard error stream so far.
    pub fn stderr(&self) -> String {
        text_of(&self.stderr)
    }
}

fn text_of(buffer: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&buffer.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

struct Pen(Arc<Mutex<Vec<u8>>>);

impl Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
