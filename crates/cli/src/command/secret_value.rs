//! Values of secret options that stand in no command line, where every user of the machine could read them.

use haul_config::{KeyPath, keys};

use super::Context;
use crate::command_error::CommandError;

impl Context {
    /// Returns the value of an option that is set: of a secret, `-` stands for a line of the standard input.
    ///
    /// Deviation: DVC takes `-` as the value itself, which no secret is, and knows no way to set one but the command line.
    pub(super) fn value_of(&self, key: &KeyPath, typed: String) -> Result<String, CommandError> {
        if typed != "-" || !keys::is_secret(key) {
            return Ok(typed);
        }
        let line = self.answer()?.filter(|line| !line.is_empty());
        line.ok_or_else(|| {
            CommandError::failure(format!("there is no value of `{key}` on the standard input"))
        })
    }

    /// Asks a person for the value of a secret, without an echo; `None` for other options, and where no person can be
    /// asked.
    pub(super) fn ask_for_secret(&self, key: &KeyPath) -> Result<Option<String>, CommandError> {
        if !self.printer().is_interactive() || !keys::is_secret(key) {
            return Ok(None);
        }
        let value = self.silent_answer(&format!("Value of {key}: "))?;
        if value.is_empty() {
            return Err(CommandError::failure(format!("no value of `{key}` was typed")));
        }
        Ok(Some(value))
    }
}
