//! `haul move`.

use clap::Args;
use haul_repo::ops::{self, MoveOptions, MoveReport};
use schemars::JsonSchema;
use serde::Serialize;

use super::git_hint::git_hint;
use super::{CommandResult, Context};
use crate::command_error::Verb;
use crate::exit::ExitStatus;
use crate::ui::{Message, Page};

/// Rename tracked files and folders, or move them into a folder
#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// The tracked file or folder
    src: String,
    /// Its new name, or the folder it goes into
    dst: String,
}

impl MoveArgs {
    pub(crate) fn run(self, context: &Context) -> CommandResult {
        let repo = context.open_repo()?;
        let operation = format!("failed to move '{}' -> '{}'", self.src, self.dst);
        let options = MoveOptions {
            from: self.src,
            to: self.dst,
            wait: context.lock_wait(),
            cancel: context.cancellation(),
        };
        let MoveReport { path, metafile, files_to_track, unstaged, is_data_missing, .. } = context
            .observe(|observer| ops::move_out(&repo, &options, observer))
            .map_err(|error| Verb::MOVE.error(error).while_trying(&operation))?;
        if is_data_missing {
            context.printer().warning(&format!(
                "there is no data at '{}': only its .dvc file was moved; `haul pull {}` gets the data",
                options.from, options.to
            ));
        }
        let hint = git_hint(&repo, &files_to_track);
        let moved = Moved {
            path: repo.display_path(&path),
            metafile: repo.display_path(&metafile),
            is_data_missing,
            hint,
        };
        context.printer().show(moved)?;
        unstaged.map_or(Ok(ExitStatus::Success), |error| Err(Verb::MOVE.error(error)))
    }
}

/// What was moved.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Moved {
    /// The new path of the data.
    path: String,
    /// The new `.dvc` file.
    metafile: String,
    /// Whether there was no data, so that only its `.dvc` file moved.
    is_data_missing: bool,
    #[serde(skip)]
    hint: String,
}

impl Message for Moved {
    fn text(&self, page: &mut Page) {
        if !self.hint.is_empty() {
            page.line(&self.hint);
        }
    }
}
