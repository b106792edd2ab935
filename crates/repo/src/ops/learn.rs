//! Getting to know the directories of a repository that is looked into.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use futures::StreamExt;
use futures::stream;
use haul_config::mask_urls;
use haul_storage::hash::md5;
use haul_storage::{Cache, CancellationToken, Oid, RemoteOdb, open_remote_with};

use super::import::{ImportChain, open_import};
use super::obtain::FileSource;
use super::session::bad_manifest;
use crate::data_tree::DataTree;
use crate::metafile::dir_manifest::DirEntry;
use crate::metafile::repo_dependency::RepoDependency;
use crate::{DirManifest, Error, Out, Project, Repo, Result};

/// Manifests that are read from remotes side by side.
const MANIFESTS_AT_ONCE: usize = 16;

/// Makes the directories known that lie at a path, below it or around it: from the cache of the repository, else from the
/// remotes of their outs, and for imports from their repositories, which `chain` led to. Returns what could not be had.
///
/// # Errors
///
/// [`Error::Config`] if a remote that is needed is not there.
pub(super) async fn learn(
    project: &Project,
    tree: &mut DataTree<'_>,
    path: &str,
    chain: &ImportChain,
) -> Result<Vec<Error>> {
    let cache = project.cache();
    learn_in((project.repo(), cache.as_ref()), tree, path, chain, NoRemote::IsAnError).await
}

/// What a remote means that an out needs and the configuration does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRemote {
    IsAnError,
    /// The directories that it may have stay unknown.
    IsNothing,
}

/// Does [`learn`] with the remotes of a repository and a cache.
pub(super) async fn learn_in(
    (repo, cache): (&Repo, Option<&Cache>),
    tree: &mut DataTree<'_>,
    path: &str,
    chain: &ImportChain,
    no_remote: NoRemote,
) -> Result<Vec<Error>> {
    let mut remotes: HashMap<Option<&str>, RemoteOdb> = HashMap::new();
    let mut wanted = Vec::new();
    let mut failed = Vec::new();
    for out in tree.unknown(path) {
        if let Some(manifest) = cache.map(|cache| cached(cache, out)).transpose()?.flatten() {
            add(tree, out, manifest);
            continue;
        }
        if let Some(dependency) = tree.stage_of(out).repo_source() {
            // Another repository has it, which may have imported it as well.
            match Box::pin(imported(repo, out, dependency, chain)).await {
                Ok(manifest) => add(tree, out, manifest),
                Err(error) => failed.push(error),
            }
            continue;
        }
        let name = out.remote.as_deref();
        if let Entry::Vacant(unopened) = remotes.entry(name) {
            match open(repo, name) {
                Ok(remote) => drop(unopened.insert(remote)),
                Err(error @ Error::Config(_)) if no_remote == NoRemote::IsNothing => {
                    failed.push(error);
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        wanted.push(out);
    }
    let remotes = &remotes;
    let read =
        wanted.iter().map(|out| async move { (*out, fetched(&remotes[&out.remote.as_deref()], out).await) });
    let read: Vec<_> = stream::iter(read).buffer_unordered(MANIFESTS_AT_ONCE).collect().await;
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

/// Makes the manifest of an import of what its repository has.
async fn imported(
    repo: &Repo,
    out: &Out,
    dependency: &RepoDependency,
    chain: &ImportChain,
) -> Result<DirManifest> {
    let place = open_import(repo, dependency, &CancellationToken::new(), chain)?;
    let (part, tree) = place.part().await?;
    let mut entries = Vec::with_capacity(part.files.len());
    for file in part.files {
        let digest = match file.source {
            FileSource::Object(object) => *object.oid.digest(),
            FileSource::Tree(path) => {
                let mut bytes = Vec::new();
                tree.copy(&path, &mut bytes)?;
                md5(&bytes)
            }
        };
        entries.push(DirEntry { path: file.path.into(), digest });
    }
    let manifest = DirManifest::new(entries).map_err(|error| Error::BadOut(error.to_string()))?;
    if out.oid == Some(Oid::dir(md5(&manifest.to_bytes()))) {
        return Ok(manifest);
    }
    let message =
        format!("`{}` is not what was imported from `{}`", out.def_path, mask_urls(&dependency.url));
    Err(Error::Workspace { path: out.path.clone(), message })
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
    Ok(RemoteOdb::new(open_remote_with(&remote, repo.env(), repo.contact())?))
}

async fn fetched(remote: &RemoteOdb, out: &Out) -> Result<DirManifest, String> {
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
