//! Questions that are answered with yes or no.

use super::Context;
use crate::command_error::CommandError;
use crate::exit::ExitStatus;
use crate::ui::OutputFormat;

/// Asks as DVC does; the end of the input is a no.
pub(super) fn confirm(context: &Context, statement: &str) -> Result<bool, CommandError> {
    let ask = |text: &str| ask(context, text);
    loop {
        ask(&format!("{statement} [y/n]: "))?;
        match context.answer()?.map(|line| line.trim().to_lowercase()).as_deref() {
            Some("y" | "yes") => return Ok(true),
            Some("n" | "no") => return Ok(false),
            // The end of the input is a no; what follows on stderr begins on a line of its own.
            None => {
                context.printer().remark("");
                return Ok(false);
            }
            Some(_) => ask("Your response must be one of: ['yes', 'no', 'y', 'n']. Please try again.\n")?,
        }
    }
}

/// Writes a question.
fn ask(context: &Context, text: &str) -> Result<(), CommandError> {
    let printer = context.printer();
    match context.format() {
        OutputFormat::Text => printer.out_always(text).and_then(|()| printer.flush()),
        // The output is for a program, the question for a person.
        OutputFormat::Json => {
            printer.remark(text);
            Ok(())
        }
    }
}

/// Asks a person in front of a terminal, as DVC does; without one, and for whatever cannot be read, the answer is no.
///
/// # Errors
///
/// Ctrl-C in place of an answer.
pub(super) fn ask_on_terminal(context: &Context, statement: &str) -> Result<bool, CommandError> {
    let printer = context.printer();
    if !printer.stdout_is_terminal() {
        return Ok(false);
    }
    printer.asking(|| {
        loop {
            let asked = ask(context, &format!("{statement} [y/n] "));
            let answer = match asked.and_then(|()| context.answer()) {
                Err(error) if error.status() == ExitStatus::Interrupted => return Err(error),
                answer => answer.ok().flatten(),
            };
            match answer.map(|line| line.to_lowercase()).as_deref() {
                Some("y" | "yes") => return Ok(true),
                Some("n" | "no") | None => return Ok(false),
                Some(_) => {
                    printer
                        .remark("Your response must be one of: ['yes', 'no', 'y', 'n']. Please try again.");
                }
            }
        }
    })
}
