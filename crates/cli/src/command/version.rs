//! `haul version`.

use std::path::Path;

use clap::Args;
use haul_config::{ConfigPaths, ConfigStack, Level};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandResult, Context};
use crate::exit::ExitStatus;
use crate::ui::{Message, Page};

/// Show the version, and what this installation sees
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {}

/// The version, and what this installation sees.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct About {
    #[serde(skip)]
    is_called_dvc: bool,
    /// The version of haul.
    #[serde(rename = "haul_version")]
    version: &'static str,
    /// The version of DVC whose behaviour it reproduces.
    dvc_version: &'static str,
    /// The operating system and the processor.
    platform: String,
    /// The kinds of remotes that are read and written.
    remotes_supported: [&'static str; 2],
    /// The directory of the configuration of the user.
    global_config: Option<String>,
    /// The directory of the configuration of the machine.
    system_config: Option<String>,
    /// The repository around the working directory; null if there is none.
    repository: Option<AboutRepository>,
}

/// A repository.
#[derive(Debug, Serialize, JsonSchema)]
struct AboutRepository {
    /// Its root.
    path: String,
    /// The directory of the cache.
    cache_dir: Option<String>,
    /// The names of the remotes.
    remotes: Vec<String>,
}

impl Message for About {
    fn text(&self, page: &mut Page) {
        // Deviation: called by DVC's name, the first line is DVC's, as tools read it, and names haul where DVC names its
        // package.
        let title = if self.is_called_dvc {
            format!("DVC version: {} (haul {})", self.dvc_version, self.version)
        } else {
            format!("haul version: {}", self.version)
        };
        page.line(&title);
        page.line("-".repeat(title.len()));
        if !self.is_called_dvc {
            page.line(format_args!("Compatible with: DVC {}", self.dvc_version));
        }
        page.line(format_args!("Platform: {}", self.platform));
        page.line(format_args!("Supports: {}", self.remotes_supported.join(", ")));
        page.line("Config:");
        page.line(format_args!("\tGlobal: {}", self.global_config.as_deref().unwrap_or("none")));
        page.line(format_args!("\tSystem: {}", self.system_config.as_deref().unwrap_or("none")));
        if let Some(AboutRepository { path, cache_dir, remotes }) = &self.repository {
            if let Some(cache_dir) = cache_dir {
                page.line(format_args!("Cache directory: {cache_dir}"));
            }
            let remotes = if remotes.is_empty() { String::from("None") } else { remotes.join(", ") };
            page.line(format_args!("Remotes: {remotes}"));
            page.line(format_args!("Workspace directory: {path}"));
        }
    }
}

impl VersionArgs {
    #[expect(clippy::unused_self, reason = "run as every command")]
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let stack = context.config_stack()?;
        let folder = |level| {
            let paths: &ConfigPaths = stack.paths();
            Some(paths.path(level)?.parent()?.display().to_string())
        };
        let repository =
            stack.paths().dvc_dir().map(|dvc_dir| -> Result<_, crate::command_error::CommandError> {
                Ok(AboutRepository {
                    path: dvc_dir.parent().unwrap_or(dvc_dir).display().to_string(),
                    cache_dir: cache_dir(&stack, dvc_dir),
                    remotes: stack.remotes(None)?.into_iter().map(|remote| remote.name).collect(),
                })
            });
        let about = About {
            is_called_dvc: context.is_called_dvc(),
            version: env!("CARGO_PKG_VERSION"),
            dvc_version: crate::DVC_VERSION,
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            remotes_supported: ["s3", "local"],
            global_config: folder(Level::Global),
            system_config: folder(Level::System),
            repository: repository.transpose()?,
        };
        context.printer().show(about)?;
        Ok(ExitStatus::Success)
    }
}

/// Returns the folder of the cache; a broken configuration is no reason to say nothing, because this command is
/// there to find such things.
fn cache_dir(stack: &ConfigStack, dvc_dir: &Path) -> Option<String> {
    let configured = stack.config().ok()?.cache.dir.map(|dir| dir.value);
    Some(configured.unwrap_or_else(|| dvc_dir.join("cache")).display().to_string())
}
