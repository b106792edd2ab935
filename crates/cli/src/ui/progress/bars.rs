//! Lines at the end of the terminal that are drawn again and again.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lines and the terminal that they are on.
///
/// The cursor stands at the start of the line behind them: that is where a terminal shows a Ctrl-C, which then moves nothing.
pub(crate) struct Bars {
    state: Mutex<State>,
}

struct State {
    terminal: Box<dyn Write + Send>,
    lines: Vec<String>,
    n_drawn: usize,
    is_over: bool,
}

impl Bars {
    pub(super) fn new(terminal: impl Write + Send + 'static) -> Self {
        let state = State { terminal: Box::new(terminal), lines: Vec::new(), n_drawn: 0, is_over: false };
        Self { state: Mutex::new(state) }
    }

    /// Shows these lines in place of those before.
    pub(crate) fn show(&self, lines: Vec<String>) {
        let mut state = self.state();
        if !state.is_over && state.lines != lines {
            state.lines = lines;
            state.draw();
        }
    }

    /// Takes the lines away while something else uses the terminal.
    pub(crate) fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut state = self.state();
        state.erase();
        let result = work();
        state.draw();
        result
    }

    /// Takes the lines away for good.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.lines.clear();
        state.erase();
        state.is_over = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn draw(&mut self) {
        if self.lines.is_empty() && self.n_drawn == 0 {
            // The line of the cursor may have something of others: a question.
            return;
        }
        let mut text = self.to_the_top();
        for line in &self.lines {
            text.push_str(line);
            text.push_str("\x1b[K\n");
        }
        text.push_str("\x1b[J");
        self.n_drawn = self.lines.len();
        self.write(&text);
    }

    fn erase(&mut self) {
        if self.n_drawn > 0 {
            let text = self.to_the_top() + "\x1b[J";
            self.n_drawn = 0;
            self.write(&text);
        }
    }

    fn to_the_top(&self) -> String {
        let mut text = String::from("\r");
        if self.n_drawn > 0 {
            write!(text, "\x1b[{}A", self.n_drawn).expect("writing to a string cannot fail");
        }
        text
    }

    fn write(&mut self, text: &str) {
        // A terminal that is gone needs no lines.
        self.terminal.write_all(text.as_bytes()).and_then(|()| self.terminal.flush()).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Does with a text what a terminal does.
    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<(Vec<String>, usize)>>);

    impl Screen {
        fn lines(&self) -> Vec<String> {
            let mut lines = self.0.lock().unwrap().0.clone();
            while lines.last().is_some_and(String::is_empty) {
                lines.pop();
            }
            lines
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let mut screen = self.0.lock().unwrap();
            let (lines, at) = &mut *screen;
            let mut rest = std::str::from_utf8(bytes).unwrap();
            let mut is_at_start = true;
            while !rest.is_empty() {
                lines.resize(lines.len().max(*at + 1), String::new());
                if let Some(after) = rest.strip_prefix('\n') {
                    (*at, is_at_start, rest) = (*at + 1, true, after);
                } else if let Some(after) = rest.strip_prefix('\r') {
                    (is_at_start, rest) = (true, after);
                } else if let Some(after) = rest.strip_prefix("\x1b[J") {
                    lines.truncate(*at);
                    rest = after;
                } else if let Some(after) = rest.strip_prefix("\x1b[K") {
                    rest = after;
                } else if let Some(after) = rest.strip_prefix("\x1b[") {
                    let (count, after) = after.split_once('A').unwrap();
                    (*at, rest) = (*at - count.parse::<usize>().unwrap(), after);
                } else {
                    let end = rest.find(['\n', '\r', '\x1b']).unwrap_or(rest.len());
                    if std::mem::take(&mut is_at_start) {
                        lines[*at].clear();
                    }
                    lines[*at].push_str(&rest[..end]);
                    rest = &rest[end..];
                }
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn texts(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn lines_are_replaced_and_make_way_and_leave_nothing() {
        let screen = Screen::default();
        let mut keyboard = screen.clone();
        let bars = Bars::new(screen.clone());
        bars.show(texts(&["one", "two", "three"]));
        bars.show(texts(&["a", "b"]));
        assert_eq!(screen.lines(), ["a", "b"]);
        // The terminal shows the keys that were pressed where the cursor is.
        keyboard.write_all(b"^C").unwrap();
        bars.suspend(|| keyboard.write_all(b"stopping\n").unwrap());
        assert_eq!(screen.lines(), ["stopping", "a", "b"]);
        bars.end();
        bars.show(texts(&["late"]));
        assert_eq!(screen.lines(), ["stopping"]);
    }
    #[test]
    fn question_stays_until_it_is_answered() {
        let screen = Screen::default();
        let mut question = screen.clone();
        let (ui, _captured) = crate::ui::Ui::captured();
        let printer = crate::ui::Printer::new(ui, false);
        let bars = Arc::new(Bars::new(screen.clone()));
        printer.set_bars(Some(Arc::clone(&bars)));
        printer.draw(|| bars.show(texts(&["one"])));
        printer.asking(|| {
            printer.undisturbed(|| question.write_all(b"Are you sure? ").unwrap());
            printer.draw(|| bars.show(texts(&["two"])));
            assert_eq!(screen.lines(), ["Are you sure? "]);
        });
        question.write_all(b"\n").unwrap();
        printer.draw(|| bars.show(texts(&["three"])));
        assert_eq!(screen.lines(), ["Are you sure? ", "three"]);
    }
}
