//! What DVC says about files that Git should know.

use std::path::PathBuf;

use haul_repo::Repo;
use haul_repo::git::add_command;

/// Says which files Git should know, unless there is no Git or they are staged anyway.
pub(super) fn git_hint(repo: &Repo, files: &[PathBuf]) -> String {
    if files.is_empty() || repo.git().is_none() || repo.config().core.autostage.value {
        return String::new();
    }
    let files: Vec<String> = files.iter().map(|path| repo.display_path(path)).collect();
    format!(
        "\nTo track the changes with git, run:\n\n\t{}\n\n\
         To enable auto staging, run:\n\n\thaul config core.autostage true",
        add_command(&files)
    )
}
