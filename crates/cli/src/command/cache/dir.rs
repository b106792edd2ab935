//! `haul cache dir`.

use clap::Args;
use haul_config::{Error, KeyPath, Origin, SectionName};
use schemars::JsonSchema;
use serde::Serialize;

use crate::command::level::LevelArgs;
use crate::command::{CommandResult, Context};
use crate::exit::ExitStatus;
use crate::ui::{Message, OriginLine, Page};

/// Show or choose the folder of the cache
#[derive(Debug, Args)]
pub(crate) struct DirArgs {
    #[command(flatten)]
    level: LevelArgs,
    /// Go back to the default folder
    #[arg(short, long)]
    unset: bool,
    /// The folder; a relative path starts in the current folder
    value: Option<String>,
}

impl DirArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let key = KeyPath::new(SectionName::Plain(String::from("cache")), "dir");
        let mut stack = context.config_stack()?;
        let edited = match &self.value {
            _ if self.unset => stack.unset(self.level.to_write(), &key)?,
            Some(value) => stack.set(self.level.to_write(), &key, value)?,
            None => {
                let found = stack.get(&key, self.level.asked())?;
                let origin = found.as_ref().map_or(Origin::Default, |found| found.origin.clone());
                let configured = found.map(|value| value.value.to_string());
                let default = || Some(stack.paths().dvc_dir()?.join("cache").display().to_string());
                let shown = configured.or_else(default).ok_or(Error::OptionNotFound {
                    option: String::from("dir"),
                    kind: "section",
                    name: String::from("cache"),
                })?;
                context.printer().show(CacheDir { path: shown, origin: (&origin).into() })?;
                return Ok(ExitStatus::Success);
            }
        };
        context.report_edit(&edited);
        Ok(ExitStatus::Success)
    }
}

/// Where the cache is.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::command) struct CacheDir {
    /// The directory.
    path: String,
    /// Where it is set.
    origin: OriginLine,
}

impl Message for CacheDir {
    fn text(&self, page: &mut Page) {
        page.line(&self.path);
    }
}
