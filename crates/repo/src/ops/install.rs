//! `install`: make Git call this program.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::metafile::pre_commit::with_dvc_hooks;
use crate::{Error, Git, Repo, Result};

/// The hooks, in the order they are written.
const HOOKS: [&str; 3] = ["post-checkout", "pre-commit", "pre-push"];
const PRE_COMMIT_CONFIG: &str = ".pre-commit-config.yaml";

/// What Git shall call, and how it learns that.
#[derive(Debug, Clone)]
pub struct InstallOptions {
    /// The name of the program that the hooks call.
    pub program: String,
    /// Write DVC's hooks into the configuration of the pre-commit tool, instead of hooks of Git. They have this version
    /// of DVC.
    pub pre_commit_version: Option<String>,
}

/// What was installed.
#[derive(Debug, Default)]
pub struct InstallReport {
    /// Files that were written; absolute.
    pub written: Vec<PathBuf>,
    /// The directory where Git looks for hooks, if it is another one than they were written to (`core.hooksPath`).
    pub other_hooks_dir: Option<PathBuf>,
}

/// Writes a merge driver into the configuration of Git, and hooks that call the program; without Git, nothing.
///
/// Hooks that exist are never changed. Killed at any moment, a hook is there as a whole or not at all; the hooks that
/// were written have to be deleted before the same command goes on, as in DVC.
///
/// Deviation: in a work tree that `git worktree` made, the hooks go where Git looks for them; DVC fails. What is appended
/// to `.pre-commit-config.yaml` changes nothing else in it, where DVC drops quotes and indents.
///
/// # Errors
///
/// [`Error::BadOut`] in DVC's words for a hook that exists.
pub fn install(repo: &Repo, options: &InstallOptions) -> Result<InstallReport> {
    let mut report = InstallReport::default();
    let Some(git) = repo.git() else { return Ok(report) };
    let program = &options.program;
    let driver = format!("{program} git-hook merge-driver --ancestor %O --our %A --their %B ");
    git.set_merge_driver("dvc", "DVC merge driver", &driver)?;
    if let Some(version) = &options.pre_commit_version {
        report.written.extend(configure_pre_commit(git, version)?);
    } else {
        report.written = write_hooks(&git.hooks_dir(), program)?;
        report.other_hooks_dir = git.other_hooks_dir();
    }
    Ok(report)
}

fn write_hooks(directory: &Path, program: &str) -> Result<Vec<PathBuf>> {
    if let Some(hook) = HOOKS.iter().find(|hook| directory.join(hook).exists()) {
        return Err(Error::BadOut(format!(
            "Hook '{hook}' already exists. Please refer to <https://man.dvc.org/install> for more info."
        )));
    }
    let failed = |source| Error::io("cannot write a hook of Git", source);
    fs_err::create_dir_all(directory).map_err(failed)?;
    let mut written = Vec::new();
    for hook in HOOKS {
        let path = directory.join(hook);
        crate::atomic::write(
            &path,
            format!("#!{}\nexec {program} git-hook {hook} $@\n", shell()).as_bytes(),
        )?;
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).map_err(failed)?;
        written.push(path);
    }
    Ok(written)
}

/// Returns the shell that runs the hooks.
fn shell() -> &'static str {
    if Path::new("/usr/bin/sh").exists() { "/usr/bin/sh" } else { "/bin/sh" }
}

fn configure_pre_commit(git: &Git, dvc_version: &str) -> Result<Option<PathBuf>> {
    let path = git.work_dir().join(PRE_COMMIT_CONFIG);
    let text = match fs_err::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::io("cannot read the configuration of pre-commit", error)),
    };
    let edited = with_dvc_hooks(&text, dvc_version).map_err(|reason| Error::Workspace {
        message: format!("cannot edit '{PRE_COMMIT_CONFIG}': {reason}"),
        path: path.clone(),
    })?;
    let Some(edited) = edited else { return Ok(None) };
    crate::atomic::write(&path, edited.as_bytes())?;
    Ok(Some(path))
}
