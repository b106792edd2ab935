//! The line about a server that keeps the program waiting.

use std::sync::Arc;

use haul_storage::{Wait, WaitEnd, WaitListener};

use super::printer::Printer;
use super::progress::human_duration;

/// Writes the line to stderr, also where there is no terminal.
#[derive(Debug)]
pub(crate) struct WaitLine(Arc<Printer>);

impl WaitLine {
    pub(crate) fn new(printer: &Arc<Printer>) -> Self {
        Self(Arc::clone(printer))
    }
}

impl WaitListener for WaitLine {
    fn on_wait(&self, wait: &Wait) {
        self.0.warning(&text(wait));
    }
}

fn text(wait: &Wait) -> String {
    let Wait { server, reason, attempt, end } = wait;
    match end {
        WaitEnd::After(left) => {
            let left = human_duration(*left);
            format!("`{server}` {reason} (attempt {attempt}); it is asked again for up to {left}")
        }
        WaitEnd::Attempts(most) => {
            format!("`{server}` {reason} (attempt {attempt} of {most})")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn line_says_what_the_server_says_which_attempt_it_is_and_how_it_goes_on() {
        let mut wait = Wait {
            server: String::from("http://minio:9000"),
            reason: String::from("answers with 503 SlowDown: Please reduce your request rate"),
            attempt: 4,
            end: WaitEnd::After(Duration::from_secs(115)),
        };
        assert_eq!(
            text(&wait),
            "`http://minio:9000` answers with 503 SlowDown: Please reduce your request rate (attempt 4); it is asked \
             again for up to 1:55"
        );
        wait.reason = String::from("has not answered for 5 s");
        wait.end = WaitEnd::Attempts(5);
        assert_eq!(text(&wait), "`http://minio:9000` has not answered for 5 s (attempt 4 of 5)");
    }
}
