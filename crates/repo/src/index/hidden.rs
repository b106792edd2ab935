//! Why a target may be tracked although no metafile that was read names it.

use std::path::Path;

use haul_config::keys::nearest;

use super::collect::{Unreadable, is_git_ignored};
use super::target::{Target, parse};
use super::unseen;
use crate::paths::with_suffix;
use crate::{Error, Index, Repo, Result};

/// Adds to DVC's sentence about a target that was not found why it was not, or what may have been meant, as far as that can be
/// told.
pub(super) fn explain(repo: &Repo, index: &Index, typed: &str, error: Error) -> Error {
    let Error::TargetNotFound { target, message, hint } = error else { return error };
    match why_not_found(repo, typed) {
        Ok(Some(cause)) => Error::TargetNotFound { message: format!("{message}; {cause}"), target, hint },
        Ok(None) => Error::TargetNotFound {
            hint: hint.or_else(|| what_was_meant(repo, index, typed)),
            target,
            message,
        },
        Err(error) => {
            tracing::debug!(%error, "cannot find out why a target is not there");
            Error::TargetNotFound { target, message, hint }
        }
    }
}

fn why_not_found(repo: &Repo, typed: &str) -> Result<Option<String>> {
    let typed = match parse(typed)? {
        Target::File { file, .. } => file,
        Target::NameOrPath(path) => path,
    };
    let path = repo.target_path(typed);
    let metafile = with_suffix(&path);
    let exists = |path: &Path| fs_err::symlink_metadata(path).is_ok();
    let ignored = [(&path, path.is_dir()), (&metafile, false)].into_iter().find_map(|(path, is_dir)| {
        repo.ignore().check(path, is_dir).filter(|found| found.is_ignored).map(|found| found.rule)
    });
    match ignored {
        Some(rule) if rule.starts_with("in sub_repo") => {
            return Ok(Some("it belongs to another DVC repository; run the command there".to_owned()));
        }
        Some(rule) if exists(&path) || exists(&metafile) => {
            return Ok(Some(format!("`{rule}` ignores it; take that rule out to have it tracked")));
        }
        _ => {}
    }
    if exists(&metafile) && is_git_ignored(repo, &metafile, false, Unreadable::PassOver)? {
        return Ok(Some(format!("Git ignores `{}`, which is not read", repo.display_path(&metafile))));
    }
    // What is there was read.
    for file in unseen::find(repo, &Path::is_file, &|_| false)? {
        if file.concerns(repo, &path, &metafile)? {
            return Ok(Some(file.how_to_see(repo)));
        }
    }
    Ok(None)
}

/// Says which name in the same directory is like the one that was typed.
fn what_was_meant(repo: &Repo, index: &Index, typed: &str) -> Option<String> {
    let (directory, name) = typed.rsplit_once('/').map_or(("", typed), |(directory, name)| (directory, name));
    if name.contains(['*', '?', '[']) {
        return Some(String::from("patterns are taken with `--glob`"));
    }
    let path = repo.target_path(directory);
    let mut names: Vec<String> = Vec::new();
    for entry in fs_err::read_dir(&path).ok()?.filter_map(std::result::Result::ok) {
        let Ok(metafile) = entry.file_name().into_string() else { continue };
        if let Some(out) = metafile.strip_suffix(".dvc").filter(|out| !out.is_empty()) {
            names.push(out.to_owned());
            names.push(metafile);
        }
    }
    if directory.is_empty() {
        names.extend(index.stages.iter().filter_map(|stage| stage.name.clone()));
    }
    let outs = index.outs.iter().filter(|out| out.path.parent() == Some(&path));
    names.extend(outs.filter_map(|out| Some(out.path.file_name()?.to_str()?.to_owned())));
    let nearest = nearest(name, names.iter().map(String::as_str).filter(|known| *known != name))?;
    let meant = if directory.is_empty() { nearest.to_owned() } else { format!("{directory}/{nearest}") };
    Some(format!("did you mean `{meant}`?"))
}
