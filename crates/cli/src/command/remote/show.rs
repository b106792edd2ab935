//! `haul remote show`.

use clap::Args;
use haul_config::{ConfigStack, KeyPath, Level, Origin, keys, mask_urls};
use schemars::JsonSchema;
use serde::Serialize;

use crate::command::{CommandResult, Context};
use crate::command_error::CommandError;
use crate::exit::ExitStatus;
use crate::ui::{MASK, Message, OriginLine, Page};

/// Show every option of a remote, and the file that sets it
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Show options that are not set, too, with what holds then
    #[arg(short, long)]
    all: bool,
    /// Name of the remote; else the default one
    name: Option<String>,
}

/// The options of a remote.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::command) struct RemoteOptions {
    /// The name of the remote.
    name: String,
    /// Its options.
    options: Vec<OptionLine>,
}

/// An option of a remote.
#[derive(Debug, Serialize, JsonSchema)]
struct OptionLine {
    /// The name of the option.
    name: String,
    /// Its value; secrets are masked. Null if it is not set and has no default.
    value: Option<String>,
    /// Where it is set.
    origin: OriginLine,
    /// The same in words.
    #[serde(skip)]
    place: String,
    #[serde(skip)]
    about: &'static str,
}

impl Message for RemoteOptions {
    fn text(&self, page: &mut Page) {
        page.line(format_args!("remote {}", self.name));
        let width = self.options.iter().map(|option| option.name.len()).max().unwrap_or(0);
        for OptionLine { name, value, place, about, .. } in &self.options {
            match value {
                Some(value) => page.line(format_args!("{name:width$}  {value}  ({place})")),
                None => page.line(format_args!("{name:width$}  -  {about}")),
            }
        }
    }
}

impl ShowArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let stack = context.config_stack()?;
        let name = resolve_name(self.name, &stack)?;
        let mut options = Vec::new();
        for key in known_options(&stack, &name)? {
            let path = KeyPath::remote(&name, key.name);
            let (value, origin) = match stack.get(&path, None)? {
                Some(found) if keys::is_harmless(&["remote", &name, key.name]) => {
                    (Some(mask_urls(&found.value.to_string())), found.origin)
                }
                Some(found) => (Some(String::from(MASK)), found.origin),
                None if !self.all => continue,
                None => ((!key.default.is_empty()).then(|| key.default.to_owned()), Origin::Default),
            };
            options.push(OptionLine {
                name: key.name.to_owned(),
                value,
                origin: (&origin).into(),
                place: origin.to_string(),
                about: key.about,
            });
        }
        context.printer().show(RemoteOptions { name, options })?;
        Ok(ExitStatus::Success)
    }
}

/// Returns the name that was typed, or that of the default remote, if there is such a remote.
pub(super) fn resolve_name(typed: Option<String>, stack: &ConfigStack) -> Result<String, CommandError> {
    let available: Vec<String> = stack.remotes(None)?.into_iter().map(|remote| remote.name).collect();
    let default = || stack.default_remote(None).map(|default| default.map(|name| name.value));
    let Some(name) = typed.map_or_else(default, |typed| Ok(Some(typed)))? else {
        let hint = format!(
            "name one behind the command, or make it the default with `haul remote default <name>`; there are: {}",
            available.join(", ")
        );
        let is_any = !available.is_empty();
        let error = CommandError::from(haul_config::Error::NoDefaultRemote { available, root: None });
        return Err(if is_any { error.with_hint_instead(hint) } else { error });
    };
    let name = name.to_lowercase();
    if available.contains(&name) {
        Ok(name)
    } else {
        let nearest = keys::nearest(&name, available.iter().map(String::as_str)).map(str::to_owned);
        Err(haul_config::Error::RemoteNotFound { name, nearest }.into())
    }
}

/// Returns the options a remote with this URL can have; all that are written, if the kind of URL is not known.
pub(crate) fn known_options(
    stack: &ConfigStack,
    name: &str,
) -> Result<Vec<&'static keys::Key>, CommandError> {
    let url = Level::ALL.into_iter().rev().find_map(|level| {
        let remotes = stack.remotes(Some(level)).ok()?;
        remotes.into_iter().find(|remote| remote.name == name)?.url
    });
    let url = url.map(|url| url.value).unwrap_or_default();
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme).to_lowercase();
    let known = keys::remote_keys(&scheme).ok_or_else(|| {
        CommandError::configuration(format!("config file error: Unsupported URL type {scheme}://"))
    })?;
    Ok(known.collect())
}

/// Lists the options of S3 remotes for the help of `remote modify`.
pub(super) fn s3_options_help() -> String {
    let known =
        || keys::remote_keys("s3").into_iter().flatten().filter(|key| key.used == keys::Use::Effective);
    let width = known().map(|key| key.name.len()).max().unwrap_or(0);
    let lines: Vec<String> = known()
        .map(|key| {
            let secret = if key.is_secret { " Secret: use --local." } else { "" };
            let about = hanging(&format!("{}{secret}", key.about), HELP_COLUMNS - width - 4);
            let gap = format!("\n{:gap$}", "", gap = width + 4);
            format!("  {:width$}  {}", key.name, about.join(&gap))
        })
        .collect();
    format!("Options of S3 remotes:\n{}", lines.join("\n"))
}

/// As many columns as the table has; a terminal that is narrower than that is rare.
const HELP_COLUMNS: usize = 80;

/// Breaks a text into lines of at most `columns`.
fn hanging(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
