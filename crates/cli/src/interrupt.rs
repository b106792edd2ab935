//! Ctrl-C: the first one asks the work to stop cleanly, the second one ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use haul_storage::CancellationToken;

use crate::exit::ExitStatus;
use crate::ui::Printer;

/// How long a transfer has to stop by itself before it is dropped where it stands.
const GRACE: Duration = Duration::from_secs(2);

/// The wish of the user to stop; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    token: CancellationToken,
    is_watching: Arc<AtomicBool>,
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

    /// Waits until the user asked to stop and the work had its time to do so.
    pub(crate) async fn grace_is_over(&self) {
        self.token.cancelled().await;
        tokio::time::sleep(GRACE).await;
    }

    /// Starts to watch for Ctrl-C. Only commands that work on data need this; others may simply be killed.
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
                while tokio::signal::ctrl_c().await.is_ok() {
                    if interrupt.is_requested() {
                        leave_at_once();
                    }
                    interrupt.token.cancel();
                    printer.remark("stopping; press Ctrl-C again to stop at once");
                }
            });
        };
        // Without this thread Ctrl-C kills the process, which is no worse than SIGKILL: nothing is lost.
        std::thread::Builder::new().name(String::from("haul-signals")).spawn(watch).ok();
    }
}

#[expect(clippy::exit, reason = "the user asked twice: no clean-up may hold the process any longer")]
fn leave_at_once() -> ! {
    std::process::exit(i32::from(ExitStatus::Interrupted.code()))
}
