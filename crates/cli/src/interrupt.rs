//! Ctrl-C, SIGTERM and SIGHUP: the first one asks the work to stop cleanly, the second one ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use haul_storage::CancellationToken;

use crate::exit::ExitStatus;
use crate::ui::Printer;

/// How long a transfer has to stop by itself before it is dropped where it stands.
const GRACE: Duration = Duration::from_secs(2);

/// A signal that asks the program to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Ctrl-C.
    Interrupt = 1,
    /// What `kill`, service managers and cancelled jobs of a CI send.
    Terminate,
    /// The terminal is gone.
    HangUp,
}

impl Stop {
    const ALL: [Self; 3] = [Self::Interrupt, Self::Terminate, Self::HangUp];

    fn status(self) -> ExitStatus {
        match self {
            Self::Interrupt => ExitStatus::Interrupted,
            Self::Terminate => ExitStatus::Terminated,
            Self::HangUp => ExitStatus::HungUp,
        }
    }
}

/// The wish of the user to stop; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    token: CancellationToken,
    is_watching: Arc<AtomicBool>,
    /// The last signal, as a number; 0 is none.
    stop: Arc<AtomicU8>,
}

impl Interrupt {
    /// Returns the token that the libraries look at.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Tells whether the user asked to stop.
    pub(crate) fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns how a program ends that was asked to stop, by the signal that asked.
    pub(crate) fn status(&self) -> ExitStatus {
        let number = self.stop.load(Ordering::SeqCst);
        let stop = Stop::ALL.into_iter().find(|stop| *stop as u8 == number);
        stop.unwrap_or(Stop::Interrupt).status()
    }

    /// Waits until the user asked to stop and the work had its time to do so.
    pub(crate) async fn grace_is_over(&self) {
        self.token.cancelled().await;
        tokio::time::sleep(GRACE).await;
    }

    /// Starts to watch for signals. Only commands that work on data need this; others may simply be killed.
    pub(crate) fn watch(&self, printer: &Arc<Printer>) {
        if self.is_watching.swap(true, Ordering::SeqCst) {
            return;
        }
        let (interrupt, printer) = (self.clone(), Arc::clone(printer));
        let watch = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else {
                return;
            };
            runtime.block_on(async {
                let Ok(mut signals) = Signals::watch() else { return };
                while let Some(stop) = signals.next().await {
                    interrupt.stop.store(stop as u8, Ordering::SeqCst);
                    if interrupt.is_requested() {
                        printer.abandon_bars();
                        leave_at_once(stop.status());
                    }
                    interrupt.token.cancel();
                    printer.remark(match stop {
                        Stop::Interrupt => "stopping; press Ctrl-C again to stop at once",
                        Stop::Terminate | Stop::HangUp => "stopping; a second signal stops at once",
                    });
                }
            });
        };
        // Without this thread a signal kills the process, which is no worse than SIGKILL: nothing is lost.
        std::thread::Builder::new().name(String::from("haul-signals")).spawn(watch).ok();
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn watch() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hang_up = SignalKind::hangup();
        let is_wanted = !is_ignored(hang_up.as_raw_value());
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: is_wanted.then(|| signal(hang_up)).transpose()?,
        })
    }

    async fn next(&mut self) -> Option<Stop> {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            got = self.interrupt.recv() => got.map(|()| Stop::Interrupt),
            got = self.terminate.recv() => got.map(|()| Stop::Terminate),
            got = hang_up => got.map(|()| Stop::HangUp),
        }
    }
}

/// Tells whether the program was started with a signal ignored, as `nohup` does: then it must stay so.
///
/// Only Linux tells without a call that is unsafe; elsewhere it counts as ignored, and the signal does what it did before
/// the program came to watch.
#[cfg(unix)]
fn is_ignored(signal: std::ffi::c_int) -> bool {
    let Ok(status) = fs_err::read_to_string("/proc/self/status") else { return true };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask & (1 << (signal - 1)) != 0)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn watch() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<Stop> {
        tokio::signal::ctrl_c().await.ok().map(|()| Stop::Interrupt)
    }
}

#[expect(clippy::exit, reason = "the user asked twice: no clean-up may hold the process any longer")]
fn leave_at_once(status: ExitStatus) -> ! {
    std::process::exit(i32::from(status.code()))
}
