//! Which program is DVC.

use std::path::{Path, PathBuf};

use haul_config::Env;
use haul_config::HAUL_DVC;

use crate::command_error::CommandError;

/// Finds DVC: the program that `HAUL_DVC` names, else the first `dvc` on PATH that is not haul itself.
///
/// # Errors
/// When `HAUL_DVC` names haul, or nothing that can be run.
pub(super) fn find(env: &Env) -> Result<Option<PathBuf>, CommandError> {
    let Some(named) = env.var_os(HAUL_DVC) else {
        return Ok(on_path("dvc".as_ref(), env).find(|program| !is_haul(program, env)));
    };
    let named = Path::new(named);
    let has_directory = named.components().count() > 1;
    let programs = if has_directory { vec![env.absolute(named)] } else { on_path(named, env).collect() };
    let mut programs = programs.into_iter().filter(|program| is_program(program)).peekable();
    let is_there = programs.peek().is_some();
    if let Some(program) = programs.find(|program| !is_haul(program, env)) {
        return Ok(Some(program));
    }
    let named = named.display();
    Err(refusal(if is_there {
        format!("HAUL_DVC names haul itself: `{named}`")
    } else {
        format!("HAUL_DVC names no program that can be run: `{named}`")
    }))
}

fn refusal(message: String) -> CommandError {
    CommandError::usage(message)
        .with_hint("set HAUL_DVC to the program of DVC, or unset it to use the one on PATH")
}

/// Lists the programs of a name, in the order of PATH.
fn on_path(name: &Path, env: &Env) -> impl Iterator<Item = PathBuf> {
    let file = if cfg!(windows) { name.with_extension("exe") } else { name.to_owned() };
    let candidates = env.search_path().into_iter().map(move |directory| directory.join(&file));
    candidates.filter(|program| is_program(program))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// Whether a program is the one that runs now, by any link.
#[cfg(unix)]
fn is_haul(path: &Path, env: &Env) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path: &Path| fs_err::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    env.program().is_some_and(|program| identity(program).is_some() && identity(program) == identity(path))
}

#[cfg(not(unix))]
fn is_haul(path: &Path, env: &Env) -> bool {
    let real = |path: &Path| fs_err::canonicalize(path).ok();
    env.program().is_some_and(|program| real(program).is_some() && real(program) == real(path))
}
