//! A terminal for programs that ask the user.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A program on its own terminal. Dropping it kills it.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Screen>,
}

#[derive(Debug, Default)]
struct Screen {
    shown: Mutex<Shown>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Shown {
    bytes: Vec<u8>,
    is_over: bool,
}

impl Terminal {
    /// Runs `command` through `helper`, the program `on-a-terminal`.
    pub(crate) fn start(helper: &Path, command: &Command) -> std::io::Result<Self> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let theirs: OwnedFd = rustix::fs::open(
            ptsname(&ours, Vec::new())?,
            OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let mut through = Command::new(helper);
        through.arg(command.get_program()).args(command.get_args()).env_clear();
        through.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = command.get_current_dir() {
            through.current_dir(folder);
        }
        let child = through
            .stdin(Stdio::from(theirs.try_clone()?))
            .stdout(Stdio::from(theirs.try_clone()?))
            .stderr(Stdio::from(theirs))
            .spawn()?;
        let keyboard = File::from(ours);
        let mut output = keyboard.try_clone()?;
        let screen = Arc::<Screen>::default();
        let shared = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Reading fails when the last program closes the terminal.
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                shared.lock().bytes.extend_from_slice(&buffer[..length]);
                shared.changed.notify_all();
            }
            shared.lock().is_over = true;
            shared.changed.notify_all();
        });
        // This closes the parent's descriptors of the terminal, so that the reader sees the end.
        drop(through);
        Ok(Self { child, keyboard, screen })
    }

    /// Waits until `text` is on the screen.
    ///
    /// # Panics
    /// If it does not appear within a minute, or the program ends before.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        let end = Instant::now() + Duration::from_mins(1);
        let mut shown = self.screen.lock();
        while !String::from_utf8_lossy(&shown.bytes).contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            let seen = String::from_utf8_lossy(&shown.bytes).into_owned();
            assert!(!left.is_zero() && !shown.is_over, "`{text}` is not on the screen:\n{seen}");
            shown = self.screen.changed.wait_timeout(shown, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Types a line.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn type_line(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).expect("the terminal takes a line");
    }

    /// Types Ctrl-C.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn interrupt(&mut self) {
        self.keyboard.write_all(b"\x03").expect("the terminal takes a key");
    }

    /// Waits until the program ends, and returns its exit status and all that was on the screen.
    ///
    /// # Panics
    /// If it does not end within a minute.
    #[track_caller]
    pub fn wait(mut self) -> (ExitStatus, String) {
        let end = Instant::now() + Duration::from_mins(1);
        let mut shown = self.screen.lock();
        while !shown.is_over {
            let left = end.saturating_duration_since(Instant::now());
            let seen = String::from_utf8_lossy(&shown.bytes).into_owned();
            assert!(!left.is_zero(), "the program does not end:\n{seen}");
            shown = self.screen.changed.wait_timeout(shown, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let seen = String::from_utf8_lossy(&shown.bytes).into_owned();
        drop(shown);
        (self.child.wait().expect("a child can be waited for"), seen)
    }
}

impl Screen {
    fn lock(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
