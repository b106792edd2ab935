//! `get --show-url`: where the data of a path is stored.

use haul_config::Env;
use haul_storage::open_remote_with;

use super::get::GetOptions;
use super::import::ImportChain;
use super::learn::learn;
use super::obtain::find;
use crate::{Error, Result};

/// Returns the URL under which the remote has, or would have, what DVC tracks at a path; for a directory that of its list of
/// files.
///
/// # Errors
///
/// [`Error::TargetNotFound`] in DVC's words for what DVC does not track.
pub async fn show_url(options: &GetOptions, env: &Env) -> Result<String> {
    let place = find(&options.location, &options.path, env, &options.cancel)?;
    let mut tree = place.project.data_tree()?;
    let around = tree.outs().find(|(path, _)| {
        place.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let Some((out_path, out)) = around else { return Err(untracked(&options.path)) };
    let below = place.path[out_path.len()..].trim_start_matches('/').to_owned();
    let out = out.clone();
    learn(&place.project, &mut tree, &place.path, &ImportChain::default()).await?;
    let entry = tree.stat(&place.path)?.and_then(|entry| entry.object);
    let repo = place.project.repo();
    let remote = repo.config().remote(out.remote.as_deref())?;
    let store = open_remote_with(&remote, repo.env(), repo.contact())?;
    let location = store.location().trim_end_matches('/').to_owned();
    if remote.is_cloud_versioned() {
        let version = match &out.files {
            Some(files) => {
                files.iter().find(|file| file.path == below).and_then(|file| file.version.as_ref())
            }
            None => out.version.as_ref(),
        };
        let id = version.and_then(|version| version.version_id.as_deref());
        let id = id.map(|id| format!("?versionId={id}")).unwrap_or_default();
        return Ok(format!("{location}/{}{id}", place.path));
    }
    let object = entry.ok_or_else(|| untracked(&options.path))?;
    Ok(format!("{location}/{}", object.layout.object_path(&object.oid)))
}

fn untracked(path: &str) -> Error {
    Error::no_target(path.to_owned(), format!("Unable to find DVC file with output '{path}'"))
}
