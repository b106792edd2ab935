//! `haul remote modify`.

use clap::Args;
use haul_config::{KeyPath, keys};

use crate::command::level::LevelArgs;
use crate::command::{CommandResult, Context};
use crate::command_error::CommandError;
use crate::exit::ExitStatus;

/// Change an option of a remote
#[derive(Debug, Args)]
#[command(after_help = super::show::s3_options_help())]
pub(crate) struct ModifyArgs {
    #[command(flatten)]
    level: LevelArgs,
    /// Remove the option
    #[arg(short, long)]
    unset: bool,
    /// Name of the remote
    name: String,
    /// Name of the option
    option: String,
    /// Value of the option; of a secret, `-` reads it from stdin, and without a value a terminal is asked
    #[arg(allow_hyphen_values = true)]
    value: Option<String>,
}

impl ModifyArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let (level, name) = (self.level.to_write(), self.name.to_lowercase());
        let mut stack = context.config_stack()?;
        let edited = if self.unset {
            stack.unset_remote_option(level, &name, &self.option)?
        } else {
            // Deviation: DVC lets its schema say `expected str`, or fails on a `None` (255).
            let key = KeyPath::remote(&name, &self.option);
            let value = match self.value {
                Some(value) => context.value_of(&key, value)?,
                None => context.ask_for_secret(&key)?.ok_or_else(|| no_value(&key, &name))?,
            };
            stack.modify_remote(level, &name, &self.option, &value)?
        };
        context.report_edit(&edited);
        if !self.unset {
            context.report_profile(&stack, &name, &self.option);
        }
        Ok(ExitStatus::Success)
    }
}

fn no_value(key: &KeyPath, name: &str) -> CommandError {
    let option = &key.option;
    let error = CommandError::configuration(format!("config file error: option '{option}' needs a value"))
        .about(key.to_string())
        .with_hint(if option == "url" {
            // There is no remote without it.
            format!("to remove the remote: haul remote remove {name}")
        } else {
            format!("to remove the option: haul remote modify --unset {name} {option}")
        });
    if keys::is_secret(key) {
        error.with_hint(format!(
            "to give it on the standard input: haul remote modify --local {name} {option} -"
        ))
    } else {
        error
    }
}
