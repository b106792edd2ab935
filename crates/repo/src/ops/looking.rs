//! Getting to know the directories of a repository that is looked into.

use std::collections::HashMap;

use futures::StreamExt;
use futures::stream;
use haul_storage::{Cache, RemoteOdb, open_remote_with};

use super::session::bad_manifest;
use crate::data_tree::DataTree;
use crate::{DirManifest, Error, Out, Project, Repo, Result};

/// Manifests that are read from remotes side by side.
const MANIFESTS_AT_ONCE: usize = 16;

/// Makes the directories known that lie at a path, below it or around it: from the cache of the repository, else from the
/// remotes of their outs. Returns what could not be had.
pub(super) async fn learn(project: &Project, tree: &mut DataTree<'_>, path: &str) -> Result<Vec<Error>> {
    learn_in(project.repo(), project.cache().as_ref(), tree, path).await
}

/// Does [`learn`] with the remotes of `repo` and a cache.
pub(super) async fn learn_in(
    repo: &Repo,
    cache: Option<&Cache>,
    tree: &mut DataTree<'_>,
    path: &str,
) -> Result<Vec<Error>> {
    let mut remotes: HashMap<Option<&str>, Result<RemoteOdb>> = HashMap::new();
    let mut wanted = Vec::new();
    for out in tree.unknown(path) {
        if let Some(manifest) = cache.map(|cache| cached(cache, out)).transpose()?.flatten() {
            add(tree, out, manifest);
            continue;
        }
        let name = out.remote.as_deref();
        remotes.entry(name).or_insert_with(|| open(repo, name));
        wanted.push(out);
    }
    let remotes = &remotes;
    let read = wanted.iter().map(|out| async move {
        let remote = remotes[&out.remote.as_deref()].as_ref();
        (*out, fetched(remote, out).await)
    });
    let read: Vec<_> = stream::iter(read).buffer_unordered(MANIFESTS_AT_ONCE).collect().await;
    let mut failed = Vec::new();
    for (out, manifest) in read {
        match manifest {
            Ok(manifest) => add(tree, out, manifest),
            Err(message) => failed.push(Error::Workspace {
                path: out.path.clone(),
                message: format!("cannot list `{}`: {message}", out.def_path),
            }),
        }
    }
    Ok(failed)
}

fn add(tree: &mut DataTree<'_>, out: &Out, manifest: DirManifest) {
    if let Some(oid) = out.oid {
        tree.add_manifest(out.layout, oid, manifest);
    }
}

fn cached(cache: &Cache, out: &Out) -> Result<Option<DirManifest>> {
    let Some(oid) = out.oid else { return Ok(None) };
    let bytes = cache.read(out.layout, &oid, RemoteOdb::MAX_MANIFEST_BYTES)?;
    bytes.map(|bytes| DirManifest::parse(&bytes).map_err(|error| bad_manifest(&oid, &error))).transpose()
}

fn open(repo: &Repo, name: Option<&str>) -> Result<RemoteOdb> {
    let remote = repo.config().remote(name)?;
    Ok(RemoteOdb::new(open_remote_with(&remote, repo.env(), repo.mfa_prompt())?))
}

async fn fetched(remote: Result<&RemoteOdb, &Error>, out: &Out) -> Result<DirManifest, String> {
    let remote = remote.map_err(ToString::to_string)?;
    let Some(oid) = out.oid else { return Err(String::from("no hash of it is recorded")) };
    let fetched = remote.fetch_object(out.layout, &oid, RemoteOdb::MAX_MANIFEST_BYTES).await;
    let Some(bytes) = fetched.map_err(|error| error.to_string())? else {
        return Err(format!(
            "its list of files `{oid}` was not found in the cache or on `{}`",
            remote.location()
        ));
    };
    DirManifest::parse(&bytes).map_err(|error| error.to_string())
}
