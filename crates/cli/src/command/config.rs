//! `haul config`.

use std::path::PathBuf;

use clap::Args;
use haul_config::{ConfigStack, KeyPath, Level, Listed, SectionName, mask_urls};
use schemars::JsonSchema;
use serde::Serialize;

use super::level::LevelArgs;
use super::root::relative_path;
use super::{CommandResult, Context};
use crate::command_error::CommandError;
use crate::exit::ExitStatus;
use crate::ui::{MASK, Message, OriginLine, Page};

/// Get or set options
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    level: LevelArgs,
    /// Remove the option
    #[arg(short, long)]
    unset: bool,
    /// List all options that are set; secrets are masked
    #[arg(short, long)]
    list: bool,
    /// Name the file each value stands in
    #[arg(long)]
    show_origin: bool,
    /// Option, as section.option or remote.name.option
    #[arg(value_parser = KeyPath::parse)]
    name: Option<KeyPath>,
    /// New value; of a secret, `-` reads it from stdin
    #[arg(allow_hyphen_values = true)]
    value: Option<String>,
}

impl ConfigArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        if self.show_origin && (self.value.is_some() || self.unset) {
            return Err(CommandError::misuse(
                ExitStatus::Failure,
                "--show-origin can't be used together with any of these options: -u/--unset, value",
            ));
        }
        if self.list {
            return self.list(context);
        }
        let name = self
            .name
            .as_ref()
            .ok_or_else(|| CommandError::misuse(ExitStatus::Failure, "name argument is required"))?;
        let mut stack = context.config_stack()?;
        let edited = match &self.value {
            _ if self.unset => stack.unset(self.level.to_write(), name)?,
            Some(value) => {
                let value = context.value_of(name, value.clone())?;
                stack.set(self.level.to_write(), name, &value)?
            }
            None => {
                // The bare value, be it a secret: a user who names a secret wants it, as scripts do.
                let found = stack.get(name, self.level.asked())?;
                context.printer().record(OptionValue {
                    name: name.to_string(),
                    value: found.as_ref().map(|found| found.value.to_string()),
                    origin: found.as_ref().map(|found| (&found.origin).into()),
                });
                if let Some(found) = found {
                    let file =
                        if self.show_origin { file_prefix(&found.origin, &stack) } else { String::new() };
                    context.printer().line(format_args!("{file}{}", found.value))?;
                }
                return Ok(ExitStatus::Success);
            }
        };
        context.report_edit(&edited);
        if let (SectionName::Remote(remote), false) = (&name.section, self.unset) {
            context.report_profile(&stack, remote, &name.option);
        }
        Ok(ExitStatus::Success)
    }

    fn list(&self, context: &Context) -> CommandResult {
        if self.name.is_some() || self.value.is_some() || self.unset {
            return Err(CommandError::misuse(
                ExitStatus::Failure,
                "-l/--list can't be used together with any of these options: -u/--unset, name, value",
            ));
        }
        let stack = context.config_stack()?;
        let lines = stack.list(self.level.asked())?;
        let options = lines.into_iter().map(|listed| OptionLine::new(listed, &stack)).collect();
        context.printer().show(OptionList { options, show_origin: self.show_origin })?;
        Ok(ExitStatus::Success)
    }
}

/// The value of an option.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OptionValue {
    /// The option, as `section.option` or `remote.name.option`.
    name: String,
    /// Its value, also of a secret, as it was asked for by name; null if it is not set.
    value: Option<String>,
    /// Where it is set.
    origin: Option<OriginLine>,
}

/// An option that is set.
#[derive(Debug, Serialize, JsonSchema)]
struct OptionLine {
    /// The option, as `section.option` or `remote.name.option`.
    name: String,
    /// Its value; secrets are masked.
    value: String,
    /// Where it is set.
    origin: OriginLine,
    /// Whether another level sets it, too, and wins.
    is_overridden: bool,
    #[serde(skip)]
    file: String,
}

impl OptionLine {
    fn new(listed: Listed, stack: &ConfigStack) -> Self {
        Self {
            origin: (&listed.value.origin).into(),
            file: file_prefix(&listed.value.origin, stack).trim_end().to_owned(),
            // Deviation: DVC prints secrets into every terminal log and bug report; haul shows only values of options that
            // it knows to be harmless.
            value: if listed.is_harmless {
                mask_urls(&listed.value.value.to_string())
            } else {
                String::from(MASK)
            },
            name: listed.key,
            is_overridden: listed.overridden,
        }
    }
}

/// All options that are set.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OptionList {
    /// The options, level by level.
    options: Vec<OptionLine>,
    #[serde(skip)]
    show_origin: bool,
}

impl Message for OptionList {
    fn text(&self, page: &mut Page) {
        for OptionLine { name, value, file, .. } in &self.options {
            if self.show_origin {
                page.line(format_args!("{file}\t{name}={value}"));
            } else {
                page.line(format_args!("{name}={value}"));
            }
        }
    }
}

/// Returns the file of a value as DVC shows it, and a tab: relative to the root of the repository if the file
/// belongs to the repository.
fn file_prefix(origin: &haul_config::Origin, stack: &ConfigStack) -> String {
    let haul_config::Origin::File { level, path, .. } = origin else { return format!("{origin}\t") };
    let root = stack.paths().dvc_dir().and_then(|dvc_dir| dvc_dir.parent());
    let shown = match (level, root) {
        (Level::Repo | Level::Local, Some(root)) => relative_path(path, root),
        _ => PathBuf::from(path),
    };
    format!("{}\t", shown.display())
}
