//! Asking a person for the code of an MFA device.

use std::io;
use std::sync::Arc;

use haul_auth::PromptMfa;
use haul_config::Secret;

use crate::ui::Printer;

/// Asks on the terminal, without an echo; there is nobody to ask if the input comes from elsewhere.
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
        let code =
            self.0.undisturbed(|| rpassword::prompt_password(format!("Code of MFA device {serial}: ")))?;
        Ok(Some(Secret::new(code)))
    }
}
