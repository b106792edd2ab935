//! Asking a person for the code of an MFA device.

use std::io;
use std::sync::Arc;

use fs_err::File;
use haul_auth::PromptMfa;
use haul_config::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::ui::Printer;

/// Asks on the terminal, without an echo; no person is asked if the input comes from elsewhere.
#[derive(Debug)]
pub(crate) struct TerminalPrompt(Arc<Printer>);

impl TerminalPrompt {
    pub(crate) fn new(printer: &Arc<Printer>) -> Self {
        Self(Arc::clone(printer))
    }
}

impl PromptMfa for TerminalPrompt {
    fn code(&self, serial: &str) -> io::Result<Option<Secret>> {
        if !self.0.is_interactive() {
            return Ok(None);
        }
        let code = self.0.asking(|| {
            let _silence = Silence::of_terminal()?;
            rpassword::prompt_password(format!("Code of MFA device {serial}: "))
        })?;
        Ok(Some(Secret::new(code)))
    }
}

/// The terminal without an echo, until this is dropped.
///
/// rpassword shows the prompt before it turns the echo off: what a fast hand or a script types in between would
/// be on the screen.
pub(crate) struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    pub(crate) fn of_terminal() -> io::Result<Self> {
        let terminal = File::open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
        tcsetattr(&terminal, OptionalActions::Now, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
