//! Why a target may be tracked although no metafile that was read names it.

use std::path::{Path, PathBuf};

use super::collect::{Unreadable, is_git_ignored};
use super::target::{Target, parse};
use super::unseen;
use crate::{Error, Repo, Result};

/// Adds to DVC's sentence about a target that was not found why it was not, as far as that can be told.
pub(super) fn explain(repo: &Repo, typed: &str, error: Error) -> Error {
    let Error::TargetNotFound { target, message } = error else { return error };
    let message = match why_not_found(repo, typed) {
        Ok(Some(cause)) => format!("{message}; {cause}"),
        Ok(None) => message,
        Err(error) => {
            tracing::debug!(%error, "cannot find out why a target is not there");
            message
        }
    };
    Error::TargetNotFound { target, message }
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

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".dvc");
    path.with_file_name(name)
}
