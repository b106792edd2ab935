//! Where Git would carry a secret.

use std::path::{Path, PathBuf};

use haul_config::KeyPath;
use haul_repo::git::{Git, shell_quoted};

use super::Context;

/// What Git does with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exposure {
    /// It is in the index.
    Tracked,
    /// It is not, and the next `git add` may take it in.
    NotIgnored,
}

impl Context {
    /// Warns of a secret in a file that Git tracks, or does not ignore, in whichever repository it lies: that of the data,
    /// or one for the files of a home directory. `commands` move it to the file that Git should ignore.
    pub(super) fn report_secret(&self, key: &KeyPath, path: &Path, commands: Option<&[String]>) {
        // Of a file that is a symbolic link, Git has the text where it leads to.
        let target = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let found = match exposure(&target) {
            Ok(found) => found,
            Err(error) => {
                let shown = self.display_path(path);
                self.printer().warning(&format!(
                    "`{key}` is a secret and now stands in `{shown}`, and haul cannot tell whether Git tracks that file: {error}"
                ));
                return;
            }
        };
        let Some((exposure, work_dir)) = found else { return };
        let shown = self.display_path(path);
        let is = match exposure {
            Exposure::Tracked => "which Git tracks",
            Exposure::NotIgnored => "which Git does not ignore",
        };
        self.printer().warning(&format!(
            "`{key}` is a secret and now stands in `{shown}`, {is}: everyone who can read the Git repository at `{}` will be \
             able to read it.",
            work_dir.display()
        ));
        let hint = match commands {
            Some(commands) => {
                format!("move it to the file that Git ignores:\n    {}", commands.join("\n    "))
            }
            None => format!(
                "keep the file out of Git:\n    {}",
                keep_out(exposure, &work_dir, &target).join("\n    ")
            ),
        };
        self.printer().hint(&hint);
    }
}

/// Finds out what Git does with a file; `None` if it lies in no repository or is ignored.
fn exposure(target: &Path) -> haul_repo::Result<Option<(Exposure, PathBuf)>> {
    let Some(folder) = target.parent() else { return Ok(None) };
    let Some(git) = Git::discover(folder)? else { return Ok(None) };
    let work_dir = git.work_dir().to_owned();
    if git.is_tracked(target)? {
        return Ok(Some((Exposure::Tracked, work_dir)));
    }
    let is_ignored = git.is_ignored(target, false)?;
    Ok((!is_ignored).then_some((Exposure::NotIgnored, work_dir)))
}

fn keep_out(exposure: Exposure, work_dir: &Path, target: &Path) -> Vec<String> {
    let relative = target.strip_prefix(work_dir).unwrap_or(target).display().to_string();
    let (folder, file) = (shell_quoted(&work_dir.display().to_string()), shell_quoted(&relative));
    let exclude = shell_quoted(&work_dir.join(".gitignore").display().to_string());
    let line = shell_quoted(&format!("/{relative}"));
    let mut commands = vec![format!("echo {line} >> {exclude}")];
    if exposure == Exposure::Tracked {
        commands.push(format!("git -C {folder} rm --cached -- {file}"));
    }
    commands
}
