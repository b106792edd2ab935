//! Running commands, and their results.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::failure::FailedCommand;

/// A running command. Dropping it kills it.
#[derive(Debug)]
pub struct RunningCommand {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    line: String,
    root: PathBuf,
    secrets: Vec<String>,
    started: Instant,
}

impl RunningCommand {
    pub(crate) fn start(command: &mut Command, line: String, root: PathBuf, secrets: Vec<String>) -> Self {
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {line}: {error}"));
        let stdout = child.stdout.take().map(drain);
        let stderr = child.stderr.take().map(drain);
        Self { child, stdout, stderr, line, root, secrets, started: Instant::now() }
    }

    /// Waits until it ends.
    ///
    /// # Panics
    /// If it takes longer than `limit`, or printed a guarded secret.
    #[track_caller]
    pub fn wait(mut self, limit: Duration) -> CommandOutput {
        let status = self.wait_until(self.started + limit);
        let read = |pipe: Option<JoinHandle<Vec<u8>>>| {
            let bytes =
                pipe.map(|thread| thread.join().expect("the reader does not panic")).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let Some(status) = status else {
            drop(self.child.kill());
            drop(self.child.wait());
            panic!("{} was not done after {limit:?}; stderr: {}", self.line, read(self.stderr.take()));
        };
        let output = CommandOutput {
            line: std::mem::take(&mut self.line),
            stdout: read(self.stdout.take()),
            stderr: read(self.stderr.take()),
            status,
            elapsed: self.started.elapsed(),
            root: self.root.clone(),
        };
        for secret in &self.secrets {
            let leaked = output.stdout.contains(secret.as_str()) || output.stderr.contains(secret.as_str());
            assert!(
                !leaked,
                "{} printed a secret:\n{}",
                output.line,
                output.to_string().replace(secret, "(SECRET)")
            );
        }
        output
    }

    /// Polls, because there is no other way to wait for a process with a time limit.
    fn wait_until(&mut self, end: Instant) -> Option<ExitStatus> {
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return Some(status);
            }
            if Instant::now() >= end {
                return None;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Returns whether it is still running.
    ///
    /// # Panics
    /// If the system cannot tell.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }

    /// Kills it with SIGKILL, so that it cannot clean up.
    pub fn kill(mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Waits until it handles Ctrl-C, so that Ctrl-C asks it to stop and does not kill it.
    ///
    /// # Panics
    /// If it ends before, or a minute is over.
    #[track_caller]
    pub fn wait_until_it_listens(&mut self) {
        self.wait_until_it_catches(Signal::INT);
    }

    /// Waits until it handles a signal, so that the signal asks it to stop and does not kill it.
    ///
    /// # Panics
    /// If it ends before, or a minute is over.
    #[track_caller]
    pub fn wait_until_it_catches(&mut self, signal: Signal) {
        let bit = 1_u64 << (signal.as_raw() - 1);
        let end = Instant::now() + Duration::from_mins(1);
        let file = format!("/proc/{}/status", self.child.id());
        let listens = || {
            let status = fs_err::read_to_string(&file).unwrap_or_default();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0) & bit != 0
        };
        while !listens() {
            assert!(self.is_running() && Instant::now() < end, "{} does not listen", self.line);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends SIGINT, as Ctrl-C does.
    ///
    /// # Panics
    /// If the signal cannot be sent although the command still runs.
    pub fn interrupt(&mut self) {
        self.signal(Signal::INT);
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If it cannot be sent although the command still runs.
    pub fn signal(&mut self, signal: Signal) {
        if self.is_running() {
            let id = i32::try_from(self.child.id()).expect("process ids are small");
            let pid = Pid::from_raw(id).expect("process ids are not zero");
            kill_process(pid, signal).expect("a child can be signalled");
        }
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // If reading fails, the output so far is used.
        drop(pipe.read_to_end(&mut bytes));
        bytes
    })
}

/// The result of a command.
#[derive(Debug)]
pub struct CommandOutput {
    line: String,
    /// Its output on stdout.
    pub stdout: String,
    /// Its output on stderr.
    pub stderr: String,
    /// How it ended.
    pub status: ExitStatus,
    /// How long it took.
    pub elapsed: Duration,
    root: PathBuf,
}

impl CommandOutput {
    /// Fails unless it ended with 0.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "the assertion is the point; the value is for the next one"
    )]
    pub fn success(self) -> Self {
        self.code(0)
    }

    /// Fails unless it ended with this exit code.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "the assertion is the point; the value is for the next one"
    )]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "the exit code of {} is wrong\n{self}", self.line);
        self
    }

    /// Fails unless it failed properly: with an exit code, a message, and no panic.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn failure(self) -> FailedCommand {
        assert!(self.status.code().is_some_and(|code| code != 0), "{} should fail\n{self}", self.line);
        assert!(!self.stderr.contains("panicked"), "{} panicked\n{self}", self.line);
        assert!(!self.stderr.trim().is_empty(), "{} failed without a word\n{self}", self.line);
        FailedCommand(self)
    }

    /// Fails unless stderr contains all these texts.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "the assertion is the point; the value is for the next one"
    )]
    pub fn stderr_has(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "stderr should hold {text:?}\n{self}");
        }
        self
    }

    /// Fails unless stdout contains all these texts.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "the assertion is the point; the value is for the next one"
    )]
    pub fn stdout_has(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stdout.contains(text), "stdout should hold {text:?}\n{self}");
        }
        self
    }

    /// Fails unless it ended within the time.
    ///
    /// # Panics
    /// If it was not.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "the assertion is the point; the value is for the next one"
    )]
    pub fn within(self, limit: Duration) -> Self {
        assert!(self.elapsed <= limit, "{} took {:?}\n{self}", self.line, self.elapsed);
        self
    }
}

/// The format for snapshots: the command, its output, and its exit code, with `[ROOT]` for the test's directory and
/// `[PORT]` for loopback ports.
impl std::fmt::Display for CommandOutput {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.status.code().map_or_else(|| self.status.to_string(), |code| code.to_string());
        let text = format!(
            "$ {}\n{}----- stderr -----\n{}----- exit code: {code}",
            self.line,
            ended(&self.stdout),
            ended(&self.stderr)
        );
        let text = text.replace(&self.root.display().to_string(), "[ROOT]");
        formatter.write_str(&mask_ports(&text))
    }
}

fn ended(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}(no newline)\n") }
}

fn mask_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str("127.0.0.1:[PORT]");
        masked.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_ports_of_several_addresses_masks_them_all() {
        let text = "see http://127.0.0.1:4711/x and 127.0.0.1:5";
        assert_eq!(mask_ports(text), "see http://127.0.0.1:[PORT]/x and 127.0.0.1:[PORT]");
    }
}
