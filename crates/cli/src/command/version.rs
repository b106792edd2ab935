//! `haul version`.

use std::path::Path;

use clap::Args;
use haul_config::{ConfigPaths, ConfigStack, Level};
use serde::Serialize;

use super::{CommandResult, Context};
use crate::exit::ExitStatus;
use crate::ui::{Message, OutputFormat, Page};

/// Show the version, and what this installation sees
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct About {
    #[serde(skip)]
    is_called_dvc: bool,
    version: &'static str,
    dvc_version: &'static str,
    platform: String,
    remotes_supported: [&'static str; 2],
    global_config: Option<String>,
    system_config: Option<String>,
    #[serde(flatten)]
    repository: Option<AboutRepository>,
}

#[derive(Debug, Serialize)]
struct AboutRepository {
    root: String,
    cache_dir: Option<String>,
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
        if let Some(AboutRepository { root, cache_dir, remotes }) = &self.repository {
            if let Some(cache_dir) = cache_dir {
                page.line(format_args!("Cache directory: {cache_dir}"));
            }
            let remotes = if remotes.is_empty() { String::from("None") } else { remotes.join(", ") };
            page.line(format_args!("Remotes: {remotes}"));
            page.line(format_args!("Workspace directory: {root}"));
        }
    }
}

impl VersionArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let stack = context.config_stack()?;
        let folder = |level| {
            let paths: &ConfigPaths = stack.paths();
            Some(paths.path(level)?.parent()?.display().to_string())
        };
        let repository =
            stack.paths().dvc_dir().map(|dvc_dir| -> Result<_, crate::command_error::CommandError> {
                Ok(AboutRepository {
                    root: dvc_dir.parent().unwrap_or(dvc_dir).display().to_string(),
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
        context.printer().show(&about, OutputFormat::from_flag(self.json))?;
        Ok(ExitStatus::Success)
    }
}

/// Returns the folder of the cache; a broken configuration is no reason to say nothing, because this command is
/// there to find such things.
fn cache_dir(stack: &ConfigStack, dvc_dir: &Path) -> Option<String> {
    let configured = stack.config().ok()?.cache.dir.map(|dir| dir.value);
    Some(configured.unwrap_or_else(|| dvc_dir.join("cache")).display().to_string())
}
