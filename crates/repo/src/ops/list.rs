//! `list` and `du`: what a repository has, in its workspace or at a commit, tracked by Git or by DVC.

use haul_storage::CancellationToken;

use super::import::ImportChain;
use super::learn::learn;
use super::obtain::{find, no_such_file};
use crate::data_tree::{DataEntry, DataTree};
use crate::external::Location;
use crate::tree::join;
use crate::{Error, Project, Result};

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// The repository.
    pub location: Location,
    /// A path in it; none means its root.
    pub path: Option<String>,
    /// How many levels of directories to enter: none without `-R`, all for `None`.
    pub depth: Option<usize>,
    /// Leave out what Git tracks (`--dvc-only`).
    pub dvc_only: bool,
    /// Stops the work.
    pub cancel: CancellationToken,
}

/// A file or directory of a repository, as DVC's JSON describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEntry {
    /// The path, relative to the one that was asked for.
    pub path: String,
    /// Whether DVC tracks it.
    pub is_out: bool,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Whether the file may be executed.
    pub is_exec: bool,
    /// The size in bytes, where it is known.
    pub size_bytes: Option<u64>,
    /// The hash, of what DVC tracks.
    pub md5: Option<String>,
    /// What is in a directory that was entered, for a tree.
    pub contents: Vec<Self>,
}

/// A repository, and the path in it that was asked for.
struct Looked {
    project: Project,
    path: String,
    /// The path to the one that was asked for, as the user sees it.
    asked: String,
}

/// Lists the files at a path, those of directories that are entered under their paths. Sorted by path.
pub async fn list(options: &ListOptions, env: &haul_config::Env) -> Result<Vec<ListedEntry>> {
    let looked = look(options, env)?;
    let mut tree = looked.project.data_tree()?;
    let base = looked.path.as_str();
    let max_depth = options.depth.unwrap_or(usize::MAX);
    let deep = if max_depth > 1 {
        learn(&looked.project, &mut tree, base, &ImportChain::default()).await?
    } else {
        learn_around(&looked, &mut tree).await?
    };
    if let Some(error) = deep.into_iter().next() {
        return Err(error);
    }
    let found = tree.stat(base)?.ok_or_else(|| not_found(&looked))?;
    if !found.is_dir || max_depth == 0 {
        let name = looked.asked.rsplit('/').find(|name| !name.is_empty()).unwrap_or(".");
        return Ok(vec![listed(name.to_owned(), &found)]);
    }
    let mut entries = Vec::new();
    let skipped = if base.is_empty() { 0 } else { base.len() + 1 };
    tree.walk(base, options.dvc_only, &mut |path, entry| {
        if options.cancel.is_cancelled() {
            return Err(Error::Interrupted);
        }
        let below = &path[skipped..];
        let enters = below.matches('/').count() + 1 < max_depth;
        if !entry.is_dir || entry.is_link || !enters {
            let shown = if options.path.is_none() { looked.project.shown(path) } else { below.to_owned() };
            entries.push(listed(shown, entry));
        }
        Ok(enters)
    })?;
    entries.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(entries)
}

/// Lists a path as a tree.
pub async fn list_tree(options: &ListOptions, env: &haul_config::Env) -> Result<ListedEntry> {
    let looked = look(options, env)?;
    let mut tree = looked.project.data_tree()?;
    if let Some(error) =
        learn(&looked.project, &mut tree, &looked.path, &ImportChain::default()).await?.into_iter().next()
    {
        return Err(error);
    }
    let found = tree.stat(&looked.path)?.ok_or_else(|| not_found(&looked))?;
    let name = if looked.asked.is_empty() { "." } else { &looked.asked };
    let mut root = listed(name.to_owned(), &found);
    root.contents = contents(&tree, &looked.path, &found, options, options.depth.unwrap_or(usize::MAX))?;
    Ok(root)
}

fn contents(
    tree: &DataTree<'_>,
    path: &str,
    entry: &DataEntry,
    options: &ListOptions,
    depth: usize,
) -> Result<Vec<ListedEntry>> {
    if !entry.is_dir || entry.is_link || depth == 0 {
        return Ok(Vec::new());
    }
    let entries = tree.list(path, options.dvc_only)?;
    let below = |entry: &DataEntry| {
        let mut made = listed(entry.name.clone(), entry);
        made.contents = contents(tree, &join(path, &entry.name), entry, options, depth - 1)?;
        Ok(made)
    };
    entries.iter().map(below).collect()
}

/// Sums up the sizes in bytes of what is in a directory, entry by entry, and of the whole at the end; only of the whole with
/// `summarize`. Metafiles do not count, as in DVC.
pub async fn disk_usage(
    options: &ListOptions,
    summarize: bool,
    env: &haul_config::Env,
) -> Result<Vec<(String, u64)>> {
    let looked = look(options, env)?;
    let mut tree = looked.project.data_tree()?;
    // A directory that is tracked counts with the size that is recorded, so its files matter only to a path in it.
    learn_around(&looked, &mut tree).await?;
    let found = tree.stat(&looked.path)?.ok_or_else(|| not_found(&looked))?;
    let asked = looked.asked.trim_end_matches('/');
    if summarize || !found.is_dir {
        return Ok(vec![(asked.to_owned(), usage(&tree, &looked.path, &found)?)]);
    }
    let mut sizes = Vec::new();
    for entry in tree.list(&looked.path, false)? {
        if !entry.is_metafile() {
            let size = usage(&tree, &join(&looked.path, &entry.name), &entry)?;
            sizes.push((join(asked, &entry.name), size));
        }
    }
    let total = sizes.iter().map(|(_, size)| size).sum();
    sizes.push((asked.to_owned(), total));
    Ok(sizes)
}

fn usage(tree: &DataTree<'_>, path: &str, entry: &DataEntry) -> Result<u64> {
    if !entry.is_dir || entry.is_link {
        return Ok(entry.size_bytes.unwrap_or_default());
    }
    if let (false, Some(size_bytes)) = (entry.is_in_tree, entry.size_bytes) {
        return Ok(size_bytes);
    }
    let mut total = 0;
    for entry in tree.list(path, false)?.iter().filter(|entry| !entry.is_metafile()) {
        total += usage(tree, &join(path, &entry.name), entry)?;
    }
    Ok(total)
}

fn look(options: &ListOptions, env: &haul_config::Env) -> Result<Looked> {
    let asked = options.path.clone().unwrap_or_default();
    let location = &options.location;
    let file = env.absolute(&location.url);
    if location.revision.is_none() && asked.is_empty() && file.is_file() {
        // The path of a file, of the repository that it is in.
        let parent = file.parent().unwrap_or(&file).display().to_string();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let location = Location { url: parent.clone(), ..location.clone() };
        let place = find(&location, &format!("{parent}/{name}"), env, &options.cancel)?;
        return Ok(Looked { project: place.project, path: place.path, asked });
    }
    let place = find(location, &asked, env, &options.cancel)?;
    Ok(Looked { project: place.project, path: place.path, asked })
}

/// Makes the files of the directory known that a path lies in.
async fn learn_around(looked: &Looked, tree: &mut DataTree<'_>) -> Result<Vec<Error>> {
    if tree.outs().any(|(path, _)| path == looked.path || looked.path.starts_with(&format!("{path}/"))) {
        return learn(&looked.project, tree, &looked.path, &ImportChain::default()).await;
    }
    Ok(Vec::new())
}

fn not_found(looked: &Looked) -> Error {
    match looked.project.commit() {
        Some(_) => no_such_file(&looked.path),
        None => no_such_file(&looked.project.absolute(&looked.path).display().to_string()),
    }
}

fn listed(path: String, entry: &DataEntry) -> ListedEntry {
    ListedEntry {
        path,
        is_out: entry.is_out,
        is_dir: entry.is_dir,
        is_exec: entry.is_exec,
        size_bytes: entry.size_bytes,
        md5: entry.object.map(|object| object.oid.to_string()),
        contents: Vec::new(),
    }
}
